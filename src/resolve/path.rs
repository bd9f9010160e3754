//! Reads a request target once, and refuses the ambiguous.
//!
//! In: path and query as received. Out: the path's segments, each decoded once, or `bad_target`.
//!
//! What is matched is what is forwarded: the bytes stay as they came, and a spelling that some
//! server might split, join or climb differently than we do never gets as far as a match. Refused
//! are dot segments, empty segments, characters that are not path characters (RFC 3986, 3.3), path
//! parameters (`;`), encodings of characters that split a target or control a terminal, bytes that
//! are not UTF-8, and everything that would become one of these when decoded once more. A plain
//! second encoding, such as `a%2520b`, passes: it reads as `a%20b`.
//!
//! Never: normalises. A trailing slash is kept, and matches nothing.
//!
//! RFC 3986, 2.1 and 3.3; RFC 3629, 3.

use std::borrow::Cow;

use crate::refusal::{Reason, Refusal};

/// A path whose segments say one thing only.
#[derive(Debug)]
pub(super) struct Path<'a> {
    segments: [Segment<'a>; SEGMENTS],
    count: usize,
    trailing_slash: bool,
    too_deep: bool,
}

/// One segment, decoded once.
#[derive(Debug, Default)]
pub(super) struct Segment<'a>(Cow<'a, str>);

impl<'a> Path<'a> {
    /// Reads path and query as received.
    pub(super) fn read(path: &'a str, query: Option<&str>) -> Result<Path<'a>, Refusal> {
        if !query.unwrap_or_default().bytes().all(is_query_byte) {
            return Err(bad("the query has characters that must be encoded"));
        }
        let Some(rest) = path.strip_prefix('/') else {
            return Err(bad("the path does not begin with a slash"));
        };
        let mut read = Path {
            segments: Default::default(),
            count: 0,
            trailing_slash: false,
            too_deep: false,
        };
        for raw in rest.split('/') {
            if read.trailing_slash {
                return Err(bad("the path has an empty segment"));
            }
            if raw.is_empty() {
                read.trailing_slash = true; // unless another segment follows
                continue;
            }
            read.push(Segment::read(raw)?);
        }
        Ok(read)
    }

    /// The segments, where this path can match a template at all.
    pub(super) fn matchable(&self) -> Option<&[Segment<'a>]> {
        (!self.trailing_slash && !self.too_deep).then(|| self.segments())
    }

    /// The segments in front of a trailing slash, at most [`SEGMENTS`].
    pub(super) fn segments(&self) -> &[Segment<'a>] {
        self.segments.get(..self.count).unwrap_or_default()
    }

    fn push(&mut self, segment: Segment<'a>) {
        match self.segments.get_mut(self.count) {
            Some(free) => {
                *free = segment;
                self.count += 1;
            }
            None => self.too_deep = true,
        }
    }
}

impl<'a> Segment<'a> {
    fn read(raw: &'a str) -> Result<Segment<'a>, Refusal> {
        if !raw.bytes().all(is_path_byte) {
            return Err(bad("the path has characters that must be encoded"));
        }
        if has_stray_percent(raw) {
            return Err(bad("the path has a `%` without two hexadecimal digits"));
        }
        let once = decode(raw)?;
        check(&once)?;
        if has_triplet(&once) {
            let twice = decode(&once)?;
            check(&twice)?;
            if has_triplet(&twice) {
                return Err(bad("the path is encoded more than twice"));
            }
        }
        Ok(Segment(once))
    }

    /// The segment, decoded once.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Whether it came with anything encoded.
    pub(super) fn was_encoded(&self) -> bool {
        matches!(self.0, Cow::Owned(_))
    }

    /// The segment, decoded a second time, for upstreams that do the same.
    pub(super) fn decoded_again(&self) -> Result<Cow<'_, str>, Refusal> {
        if has_stray_percent(&self.0) {
            return Err(bad("the path has a `%` that cannot be decoded twice"));
        }
        decode(&self.0) // what it decodes to was checked when the path was read
    }
}

/// Refuses text that is a dot segment or that some server would split.
fn check(text: &str) -> Result<(), Refusal> {
    if text.bytes().all(|b| b == b'.') {
        return Err(bad("the path has a dot segment"));
    }
    if text.contains(SPLITTING) {
        return Err(bad("the path has an encoded delimiter"));
    }
    if text.contains(char::is_control) {
        return Err(bad("the path has an encoded control character"));
    }
    Ok(())
}

/// Decodes every triplet, once. A `%` without two digits stays, so that what a lenient server would
/// make of it can be checked.
fn decode(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match triplet(rest) {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    // Refuses overlong forms, surrogates and truncated sequences (RFC 3629, 3).
    let text = String::from_utf8(bytes).map_err(|_| bad("the path does not decode to UTF-8"))?;
    Ok(Cow::Owned(text))
}

fn has_triplet(text: &str) -> bool {
    tails_at_percent(text).any(|tail| triplet(tail).is_some())
}

fn has_stray_percent(text: &str) -> bool {
    tails_at_percent(text).any(|tail| triplet(tail).is_none())
}

fn tails_at_percent(text: &str) -> impl Iterator<Item = &[u8]> {
    let bytes = text.as_bytes();
    let places = bytes.iter().enumerate().filter(|(_, b)| **b == b'%');
    places.filter_map(|(at, _)| bytes.get(at..))
}

/// The byte that a leading `%XX` stands for, and what follows it (RFC 3986, 2.1).
fn triplet(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, rest @ ..] = bytes else {
        return None;
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
    Some((byte, rest))
}

/// `pchar` without `;`, with `%` to be looked at later (RFC 3986, 3.3).
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@%".contains(&byte)
}

/// Visible ASCII but `#`, which begins what never belongs to a request (RFC 9112, 3.2).
fn is_query_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

fn bad(told: &'static str) -> Refusal {
    Refusal::new(Reason::BadTarget).telling(told)
}

/// The most segments that a template may have; longer paths match nothing.
pub(super) const SEGMENTS: usize = 24;

/// Where servers cut a target, some of them after decoding it.
const SPLITTING: [char; 5] = ['/', '\\', ';', '?', '#'];

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &str) -> Vec<String> {
        let path = Path::read(path, None).unwrap();
        path.segments()
            .iter()
            .map(|s| s.text().to_owned())
            .collect()
    }

    #[test]
    fn segments_are_decoded_once() {
        assert_eq!(texts("/a/b%20c/%C3%A9"), ["a", "b c", "é"]);
        assert_eq!(texts("/a%2520b"), ["a%20b"]);
        assert_eq!(texts("/100%25"), ["100%"]);
        assert_eq!(texts("/a:b@c!$&'()*+,=~-._"), ["a:b@c!$&'()*+,=~-._"]);
    }

    #[test]
    fn a_second_decoding_is_there_for_those_who_ask() {
        let path = Path::read("/a%2520b/a%20b/100%25", None).unwrap();
        let again: Vec<_> = path.segments().iter().map(Segment::decoded_again).collect();
        assert_eq!(again[0].as_deref().unwrap(), "a b");
        assert_eq!(again[1].as_deref().unwrap(), "a b");
        assert_eq!(again[2].as_ref().unwrap_err().reason(), Reason::BadTarget);
    }

    #[test]
    fn a_trailing_slash_and_a_deep_path_match_nothing() {
        for path in ["/", "/a/", "/a/b/", &"/a".repeat(SEGMENTS + 1)] {
            assert!(
                Path::read(path, None).unwrap().matchable().is_none(),
                "{path}"
            );
        }
        assert!(
            Path::read(&"/a".repeat(SEGMENTS), None)
                .unwrap()
                .matchable()
                .is_some()
        );
    }

    #[test]
    fn the_ambiguous_is_refused() {
        for path in [
            "",
            "a",
            "*",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/a/../b",
            "/...",
            "/%2e",
            "/%2E%2e/a",
            "/.%2e",
            "/%252e%252e",
            "/%25252e",
            "/a;b",
            "/..;/a",
            "/a%3bb",
            "/a%3Fb",
            "/a%23b",
            "/a#b",
            "/a\\b",
            "/a%5cb",
            "/a%2fb",
            "/a%252fb",
            "/a%255Cb",
            "/%00",
            "/a%0ab",
            "/%7f",
            "/%c2%85",
            "/%",
            "/%2",
            "/%zz",
            "/%+1",
            "/%25zz%252f",
            "/%c0%af",
            "/%ed%a0%80",
            "/%ff",
            "/%25c0%25af",
            "/é",
            "/a b",
            "/a\"b",
            "/{a}",
            "/a|b",
            "/[a]",
            "/a^b",
            "/`",
            "/<",
        ] {
            let refusal = Path::read(path, None)
                .err()
                .unwrap_or_else(|| panic!("{path} passed"));
            assert_eq!(refusal.reason(), Reason::BadTarget, "{path}");
        }
    }

    #[test]
    fn a_query_is_visible_ascii() {
        assert!(Path::read("/a", Some("x=%2e%2e/&y=//")).is_ok());
        for query in ["a b", "a#b", "\u{7f}", "é", "\t"] {
            assert!(Path::read("/a", Some(query)).is_err(), "{query:?}");
        }
    }
}
