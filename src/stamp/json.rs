//! Stamps a message in JSON.
//!
//! In: the text of an export, and the facts. Out: the same without what is stripped and with what is
//! set. Numbers, strings and unknown members stay as they were written; only white space between
//! them goes.
//!
//! Refused, because receivers read it differently: a member that occurs twice, by any spelling; a
//! known name in other letters; anything but UTF-8; nesting beyond a bound.
//!
//! RFC 8259; OTLP 1.x, "JSON Protobuf Encoding".

use std::collections::HashSet;

use super::facts::Provenance;
use super::flaw::Flaw;
use super::message::Output;
use super::shape::{Kind, LeadsTo, Line, Shape};

mod scan;

use scan::{Scan, decoded};

/// Writes the stamped message.
pub(super) fn rewrite(
    bytes: &[u8],
    shape: &'static Shape,
    provenance: &Provenance,
    out: &mut Output<'_>,
) -> Result<(), Flaw> {
    let mut rewriting = Rewriting {
        scan: Scan::of(bytes)?,
        provenance,
        out,
    };
    rewriting.object(shape)?;
    rewriting.scan.end()
}

struct Rewriting<'a, 'o, 'r> {
    scan: Scan<'a>,
    provenance: &'a Provenance,
    out: &'o mut Output<'r>,
}

impl Rewriting<'_, '_, '_> {
    fn object(&mut self, shape: &'static Shape) -> Result<(), Flaw> {
        self.scan
            .expect(b'{', "a part of the message is not an object")?;
        self.out.copy(b"{");
        let (mut names, mut seen, mut first) = (HashSet::new(), 0u32, true);
        while let Some(key) = self.scan.member(&mut names)? {
            if !std::mem::take(&mut first) {
                self.out.copy(b",");
            }
            self.out.copy(key.raw);
            self.out.copy(b":");
            let Some((at, line)) = known(shape, &key.name)? else {
                let value = self.scan.value()?;
                self.out.copy(value);
                continue;
            };
            // By number, so that one field under two names counts as twice.
            let bit = 1u32 << first_of(shape, line.number).unwrap_or(at);
            if seen & bit != 0 {
                return Err(Flaw::Unclear("a member occurs under two names"));
            }
            seen |= bit;
            self.member(shape, line)?;
        }
        self.set(shape, seen, first)?;
        self.out.copy(b"}");
        Ok(())
    }

    fn member(&mut self, shape: &Shape, line: &'static Line) -> Result<(), Flaw> {
        let set = shape.kind == Kind::Resource;
        if self.scan.null() {
            // Null is an absent field; the facts, if there are any, belong where it stands.
            return match line.leads_to {
                _ if self.provenance.json().is_empty() => {
                    self.out.copy(b"null");
                    Ok(())
                }
                LeadsTo::One(inner) if inner.kind == Kind::Resource => {
                    self.out.copy(b"{");
                    self.set(inner, 0, true)?;
                    self.out.copy(b"}");
                    Ok(())
                }
                LeadsTo::Attributes if set => {
                    self.out.copy(b"[");
                    self.out.add(self.provenance.json().as_bytes())?;
                    self.out.copy(b"]");
                    Ok(())
                }
                _ => {
                    self.out.copy(b"null");
                    Ok(())
                }
            };
        }
        match line.leads_to {
            LeadsTo::One(inner) => self.object(inner),
            LeadsTo::Many(inner) => self.list(inner),
            LeadsTo::Attributes => self.attributes(set),
        }
    }

    fn list(&mut self, inner: &'static Shape) -> Result<(), Flaw> {
        self.scan.expect(b'[', "a list of the message is not one")?;
        self.out.copy(b"[");
        let mut first = true;
        while self.scan.element(first)? {
            if !std::mem::take(&mut first) {
                self.out.copy(b",");
            }
            self.object(inner)?;
        }
        self.out.copy(b"]");
        Ok(())
    }

    /// A list of attributes without those that go, and with the facts where they are set.
    fn attributes(&mut self, set: bool) -> Result<(), Flaw> {
        self.scan.expect(b'[', "a list of attributes is not one")?;
        self.out.copy(b"[");
        let (mut first, mut first_kept) = (true, true);
        while self.scan.element(first)? {
            first = false;
            let (strips, raw) = self.attribute()?;
            if strips {
                continue;
            }
            if !std::mem::take(&mut first_kept) {
                self.out.copy(b",");
            }
            self.out.copy(raw);
        }
        let facts = self.provenance.json();
        if set && !facts.is_empty() {
            if !first_kept {
                self.out.copy(b",");
            }
            self.out.add(facts.as_bytes())?;
        }
        self.out.copy(b"]");
        Ok(())
    }
}

impl<'a> Rewriting<'a, '_, '_> {
    /// Whether the attribute that comes next goes, and its text.
    fn attribute(&mut self) -> Result<(bool, &'a [u8]), Flaw> {
        let start = self.scan.at();
        self.scan.expect(b'{', "an attribute is not an object")?;
        let mut names = HashSet::new();
        let (mut key, mut value) = (None, None);
        while let Some(member) = self.scan.member(&mut names)? {
            let said = self.scan.value()?;
            match spelled(&member.name, "key", "key")? {
                true => key = Some(decoded(said).ok_or(Flaw::Unclear("a key is not a text"))?),
                false if spelled(&member.name, "value", "value")? => value = Some(said),
                false => {}
            }
        }
        let key = key.unwrap_or_default();
        let strips = self.provenance.strips(&key, |commit| {
            value.is_some_and(|value| is_text(value, commit))
        })?;
        Ok((strips, self.scan.since(start)))
    }

    /// Adds the facts where the message has no place for them yet.
    fn set(&mut self, shape: &Shape, seen: u32, first: bool) -> Result<(), Flaw> {
        let facts = self.provenance.json();
        let (open, close) = match shape.kind {
            Kind::Block => ("\"resource\":{\"attributes\":[", "]}"),
            Kind::Resource => ("\"attributes\":[", "]"),
            Kind::Plain => return Ok(()),
        };
        // The first line of either is where they belong.
        if seen & 1 != 0 || facts.is_empty() {
            return Ok(());
        }
        let comma = if first { "" } else { "," };
        self.out
            .add([comma, open, facts, close].concat().as_bytes())
    }
}

/// The line that a name leads to, with its place.
fn known(shape: &'static Shape, name: &str) -> Result<Option<(usize, &'static Line)>, Flaw> {
    for (at, line) in shape.lines.iter().enumerate() {
        if spelled(name, line.camel, line.snake)? {
            return Ok(Some((at, line)));
        }
    }
    Ok(None)
}

fn first_of(shape: &Shape, number: u32) -> Option<usize> {
    shape.lines.iter().position(|line| line.number == number)
}

/// Whether a name is this one; the same letters in another case are neither.
fn spelled(name: &str, camel: &str, snake: &str) -> Result<bool, Flaw> {
    if name == camel || name == snake {
        return Ok(true);
    }
    let letters = |text: &str| text.replace('_', "").to_lowercase();
    if letters(name) == letters(camel) {
        return Err(Flaw::Unclear("a name of OTLP is written in other letters"));
    }
    Ok(false)
}

/// Whether a value is this text and nothing else.
fn is_text(value: &[u8], text: &str) -> bool {
    let value = serde_json::from_slice::<serde_json::Value>(value).ok();
    value.is_some_and(|value| {
        value == serde_json::json!({"stringValue": text})
            || value == serde_json::json!({"string_value": text})
    })
}
