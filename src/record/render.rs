//! Writes one line of JSON whose bytes are the same for the same values.
//!
//! In: names in ascending order, each with its value. Out: one object in the form of RFC 8785,
//! appended straight to a buffer.
//!
//! Names come sorted from the call sites and are checked in debug builds; maps that come from
//! outside are sorted here by UTF-16 code units. Strings escape what RFC 8785 escapes and nothing
//! else: the quote, the backslash and U+0000 to U+001F. So the object is one line, whatever a
//! caller sends. Numbers are integers; any other number of a claim is written as a string of its
//! digits, because RFC 8785 would have it pass through a binary float.
//!
//! A value over its cap, counted in rendered bytes, is cut: a string at a UTF-8 boundary, a list or
//! map between its members. The member `cut` then keeps its untruncated size and SHA-256: of a
//! string its UTF-8 bytes, of a list or map its untruncated RFC 8785 form.
//!
//! RFC 8785 3.2; RFC 8259.

use std::fmt::Display;
use std::io::Write;

use serde_json::Value;

use super::frame::{digits, hex, sha256};

mod values;

pub(super) use values::{push_count, push_string};
use values::{push_escaped, push_map, push_members, sort_by_name};

/// One object being written.
#[derive(Debug)]
pub(super) struct Line<'a> {
    out: &'a mut Vec<u8>,
    before: &'static str,
    cut_at: Option<usize>,
    cuts: Vec<Cut>,
}

#[derive(Debug)]
struct Cut {
    name: &'static str,
    size: usize,
    sha256: String,
}

impl<'a> Line<'a> {
    /// Begins an object in an empty buffer.
    pub(super) fn begin(out: &'a mut Vec<u8>) -> Line<'a> {
        out.clear();
        Line::behind(out)
    }

    /// Begins an object behind what the buffer holds.
    pub(super) fn behind(out: &'a mut Vec<u8>) -> Line<'a> {
        out.push(b'{');
        Line {
            out,
            before: "",
            cut_at: None,
            cuts: Vec::new(),
        }
    }

    /// A string of at most `cap` rendered bytes.
    pub(super) fn text(&mut self, name: &'static str, text: &str, cap: usize) {
        self.name(name);
        self.out.push(b'"');
        let kept = push_escaped(self.out, text, cap);
        self.out.push(b'"');
        if kept < text.len() {
            self.note_cut(name, text.as_bytes());
        }
    }

    /// A string, where there is one.
    pub(super) fn text_if(&mut self, name: &'static str, text: Option<&str>, cap: usize) {
        if let Some(text) = text {
            self.text(name, text, cap);
        }
    }

    /// A string of a value whose text needs no escape and no cap, such as an address or an id.
    pub(super) fn plain(&mut self, name: &'static str, value: impl Display) {
        self.name(name);
        // Writing to a Vec cannot fail.
        let _ = write!(self.out, "\"{value}\"");
    }

    /// A string of lower-case hexadecimal digits for at most `cap` rendered bytes.
    pub(super) fn hex(&mut self, name: &'static str, bytes: &[u8], cap: usize) {
        self.name(name);
        self.out.push(b'"');
        let kept = bytes.get(..cap / 2).unwrap_or(bytes);
        self.out.extend(kept.iter().flat_map(|byte| digits(*byte)));
        self.out.push(b'"');
        if kept.len() < bytes.len() {
            self.note_cut(name, bytes);
        }
    }

    /// A value that is rendered already.
    pub(super) fn rendered(&mut self, name: &'static str, json: &[u8]) {
        self.name(name);
        self.out.extend_from_slice(json);
    }

    /// A whole number.
    pub(super) fn count(&mut self, name: &'static str, count: u64) {
        self.name(name);
        push_count(self.out, count);
    }

    /// A whole number, where there is one.
    pub(super) fn count_if(&mut self, name: &'static str, count: Option<u64>) {
        if let Some(count) = count {
            self.count(name, count);
        }
    }

    /// A list of strings of at most `cap` rendered bytes.
    pub(super) fn texts<'t, I>(&mut self, name: &'static str, texts: I, cap: usize)
    where
        I: Iterator<Item = &'t str> + Clone,
    {
        self.texts_or_nulls(name, texts.map(Some), cap);
    }

    /// A list of strings and nulls of at most `cap` rendered bytes.
    pub(super) fn texts_or_nulls<'t, I>(&mut self, name: &'static str, texts: I, cap: usize)
    where
        I: Iterator<Item = Option<&'t str>> + Clone,
    {
        let push = |out: &mut Vec<u8>, text: Option<&str>| match text {
            Some(text) => push_string(out, text),
            None => out.extend_from_slice(b"null"),
        };
        self.name(name);
        if !push_members(self.out, b"[]", cap, texts.clone(), push) {
            let mut untruncated = Vec::new();
            push_members(&mut untruncated, b"[]", usize::MAX, texts, push);
            self.note_cut(name, &untruncated);
        }
    }

    /// A map of JSON values of at most `cap` rendered bytes. Of two members with one name the first
    /// is kept.
    pub(super) fn map<'v, I>(&mut self, name: &'static str, members: I, cap: usize)
    where
        I: Iterator<Item = (&'v str, &'v Value)>,
    {
        let mut members: Vec<(&str, &Value)> = members.collect();
        sort_by_name(&mut members);
        self.name(name);
        let whole = push_map(self.out, &members, cap);
        if !whole {
            let mut untruncated = Vec::new();
            push_map(&mut untruncated, &members, usize::MAX);
            self.note_cut(name, &untruncated);
        }
    }

    /// The place of the member `cut` in the order of names.
    pub(super) fn cut_goes_here(&mut self) {
        self.cut_at = Some(self.out.len());
    }

    /// Ends the object.
    pub(super) fn finish(self) {
        self.out.push(b'}');
        let Some(at) = self.cut_at.filter(|_| !self.cuts.is_empty()) else {
            return;
        };
        // A comma before it, or behind where it is the first.
        let is_first = at.checked_sub(1).and_then(|before| self.out.get(before)) == Some(&b'{');
        let begin: &[u8] = if is_first {
            b"\"cut\":{"
        } else {
            b",\"cut\":{"
        };
        let mut member = Vec::from(begin);
        for (index, cut) in self.cuts.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(
                member,
                "{comma}\"{}\":[{},\"{}\"]",
                cut.name, cut.size, cut.sha256
            );
        }
        member.push(b'}');
        let is_last = self.out.get(at) == Some(&b'}');
        if is_first && !is_last {
            member.push(b',');
        }
        self.out.splice(at..at, member);
    }

    fn name(&mut self, name: &'static str) {
        debug_assert!(self.before < name, "`{name}` after `{}`", self.before);
        if !self.before.is_empty() {
            self.out.push(b',');
        }
        self.before = name;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn note_cut(&mut self, name: &'static str, untruncated: &[u8]) {
        self.cuts.push(Cut {
            name,
            size: untruncated.len(),
            sha256: hex(&sha256(&[untruncated])),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::values::push_value;
    use super::*;

    fn one(text: &str, cap: usize) -> String {
        let mut out = Vec::new();
        let mut line = Line::begin(&mut out);
        line.text("a", text, cap);
        line.cut_goes_here();
        line.finish();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_what_rfc_8785_escapes_is_escaped() {
        let all: String = (0..0x3000).filter_map(char::from_u32).collect();
        let line = one(&all, usize::MAX);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["a"], all);
        assert!(line.bytes().all(|b| b >= 0x20), "one line");
        assert!(line.starts_with(r#"{"a":"\u0000\u0001"#));
        assert!(line.contains(r#"\u0007\b\t\n\u000b\f\r\u000e"#));
        assert!(line.contains('\u{2028}') && line.contains('\u{7f}'));
    }

    #[test]
    fn a_long_string_is_cut_between_characters_and_says_so() {
        let line = one("ääää", 5);
        let digest = hex(&sha256(&["ääää".as_bytes()]));
        assert_eq!(
            line,
            format!(r#"{{"a":"ää","cut":{{"a":[8,"{digest}"]}}}}"#)
        );
    }

    #[test]
    fn what_was_cut_may_be_named_first() {
        let mut out = Vec::new();
        let mut line = Line::begin(&mut out);
        line.cut_goes_here();
        line.text("ua", "long", 2);
        line.finish();
        let digest = hex(&sha256(&[b"long"]));
        let expected = format!(r#"{{"cut":{{"ua":[4,"{digest}"]}},"ua":"lo"}}"#);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn an_escape_is_never_cut_in_two() {
        for cap in 0..13 {
            let line = one("\u{1}\u{2}", cap);
            let read: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(read["a"].as_str().unwrap().len(), cap / 6, "{cap}");
        }
    }

    #[test]
    fn maps_are_sorted_by_utf_16_and_floats_are_text() {
        let value: Value = serde_json::from_str(
            r#"{"\ufb33":1,"😀":1.5,"a":18446744073709551615,"b":[null,true]}"#,
        )
        .unwrap();
        let mut out = Vec::new();
        push_value(&mut out, &value);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"a\":\"18446744073709551615\",\"b\":[null,true],\"😀\":\"1.5\",\"\u{fb33}\":1}"
        );
    }

    #[test]
    fn a_list_over_its_cap_keeps_whole_members() {
        let mut out = Vec::new();
        let mut line = Line::begin(&mut out);
        line.texts("a", ["one", "two", "three"].into_iter(), 13);
        line.cut_goes_here();
        line.finish();
        let read: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(read["a"], serde_json::json!(["one", "two"]));
        assert_eq!(read["cut"]["a"][0], 21);
    }
}
