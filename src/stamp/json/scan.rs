//! Walks through a JSON text, token by token.
//!
//! In: a text that was found well-formed. Out: members and elements with the place they lie at.
//!
//! No object has a member twice, escapes undone, and nesting is bounded; both hold for the parts that
//! are only walked over, too.
//!
//! RFC 8259.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::IgnoredAny;

use crate::stamp::flaw::Flaw;

/// Where the reading of a text stands.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    /// Whether the next member of the object that was just opened is its first.
    opened: bool,
}

/// The name of a member, as it was written and as it is meant.
#[derive(Debug)]
pub(super) struct Key<'a> {
    pub(super) raw: &'a [u8],
    pub(super) name: Cow<'a, str>,
}

impl<'a> Scan<'a> {
    /// From the beginning, once the whole is known to be JSON in UTF-8 without a mark before it.
    pub(super) fn of(text: &'a [u8]) -> Result<Scan<'a>, Flaw> {
        let valid =
            std::str::from_utf8(text).map_err(|_| Flaw::Unclear("the body is not UTF-8"))?;
        serde_json::from_str::<IgnoredAny>(valid)
            .map_err(|_| Flaw::Unclear("the body is not well-formed JSON"))?;
        Ok(Scan {
            text,
            at: 0,
            opened: false,
        })
    }

    /// Where the next token begins.
    pub(super) fn at(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// The text from there to here.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Takes the opening of an object or a list.
    pub(super) fn expect(&mut self, opening: u8, otherwise: &'static str) -> Result<(), Flaw> {
        if self.peek() != Some(opening) {
            return Err(Flaw::Unclear(otherwise));
        }
        self.at += 1;
        self.opened = true;
        Ok(())
    }

    /// The name of the next member of an object, its colon taken; none at its end.
    pub(super) fn member(
        &mut self,
        names: &mut HashSet<Cow<'a, str>>,
    ) -> Result<Option<Key<'a>>, Flaw> {
        let first = std::mem::take(&mut self.opened);
        if !self.element_before(first, b'}') {
            return Ok(None);
        }
        let start = self.at();
        self.string();
        let raw = self.since(start);
        let name = decoded(raw).ok_or(Flaw::Unclear("a name is not a text"))?;
        if !names.insert(name.clone()) {
            return Err(Flaw::Unclear("an object has a member twice"));
        }
        self.peek();
        self.at += 1; // the colon
        Ok(Some(Key { raw, name }))
    }

    /// Whether a list has one more element.
    pub(super) fn element(&mut self, first: bool) -> Result<bool, Flaw> {
        self.opened = false;
        Ok(self.element_before(first, b']'))
    }

    /// Takes a null, if it comes next.
    pub(super) fn null(&mut self) -> bool {
        let null = self.peek() == Some(b'n');
        if null {
            self.at += 4;
        }
        null
    }

    /// Takes a whole value.
    pub(super) fn value(&mut self) -> Result<&'a [u8], Flaw> {
        let start = self.at();
        self.skip(0)?;
        Ok(self.since(start))
    }

    /// Nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<(), Flaw> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Flaw::Unclear("something follows the message")),
        }
    }

    fn skip(&mut self, depth: usize) -> Result<(), Flaw> {
        if depth > DEEPEST {
            return Err(Flaw::Unclear("the message is nested too deep"));
        }
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                self.opened = true;
                let mut names = HashSet::new();
                while self.member(&mut names)?.is_some() {
                    self.skip(depth + 1)?;
                }
            }
            Some(b'[') => {
                self.at += 1;
                let mut first = true;
                while self.element(first)? {
                    first = false;
                    self.skip(depth + 1)?;
                }
            }
            Some(b'"') => self.string(),
            _ => {
                let rest = self.text.get(self.at..).unwrap_or_default();
                let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                self.at += rest.iter().take_while(|byte| plain(byte)).count();
            }
        }
        Ok(())
    }

    /// Takes the comma before an element, or the end.
    fn element_before(&mut self, first: bool, end: u8) -> bool {
        let next = self.peek();
        let more = next.is_some() && next != Some(end);
        if !more || !first {
            self.at += 1;
        }
        more
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.text.get(self.at) {
            self.at += match byte {
                b'\\' => 2,
                _ => 1,
            };
            if *byte == b'"' {
                break;
            }
        }
    }

    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.text.get(self.at) {
            if !b" \t\r\n".contains(byte) {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }
}

/// The text that a string means.
pub(super) fn decoded(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if !inner.contains(&b'\\') {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(raw).ok().map(Cow::Owned)
}

/// Nesting of values, as other readers of Protobuf's JSON bound it.
const DEEPEST: usize = 100;
