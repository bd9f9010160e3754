//! Writes single values in the form of RFC 8785, whole or while they fit.
//!
//! In: strings, numbers, lists, maps. Out: their bytes, appended; whether all of it fitted.

use std::io::Write;

use serde_json::Value;

/// A string with its quotes.
pub(in crate::record) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text, usize::MAX);
    out.push(b'"');
}

/// A whole number.
pub(in crate::record) fn push_count(out: &mut Vec<u8>, count: u64) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{}", count.min(LARGEST_EXACT));
}

/// Any JSON value in the form of RFC 8785.
pub(super) fn push_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::String(text) => push_string(out, text),
        Value::Number(number) => {
            let exact = number
                .as_i64()
                .is_some_and(|n| n.unsigned_abs() <= LARGEST_EXACT);
            let quote: &[u8] = if exact { b"" } else { b"\"" };
            out.extend_from_slice(quote);
            let _ = write!(out, "{number}");
            out.extend_from_slice(quote);
        }
        Value::Array(values) => {
            push_members(out, b"[]", usize::MAX, values.iter(), push_value);
        }
        Value::Object(map) => {
            let mut members: Vec<(&str, &Value)> =
                map.iter().map(|(n, v)| (n.as_str(), v)).collect();
            sort_by_name(&mut members);
            push_map(out, &members, usize::MAX);
        }
    }
}

pub(super) fn push_map(out: &mut Vec<u8>, sorted: &[(&str, &Value)], cap: usize) -> bool {
    push_members(out, b"{}", cap, sorted.iter(), |out, (name, value)| {
        push_string(out, name);
        out.push(b':');
        push_value(out, value);
    })
}

pub(super) fn sort_by_name(members: &mut Vec<(&str, &Value)>) {
    // RFC 8785 3.2.3: by UTF-16 code units, which differs from UTF-8 beyond the basic plane.
    members.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
    members.dedup_by(|later, first| later.0 == first.0);
}

/// Writes members with commas between a pair of brackets while they fit; `false` when one did not.
pub(super) fn push_members<T>(
    out: &mut Vec<u8>,
    brackets: &[u8; 2],
    cap: usize,
    members: impl Iterator<Item = T>,
    push: impl Fn(&mut Vec<u8>, T),
) -> bool {
    let [open, close] = *brackets;
    let begin = out.len();
    let mut whole = true;
    out.push(open);
    for (index, member) in members.enumerate() {
        let before = out.len();
        if index > 0 {
            out.push(b',');
        }
        push(out, member);
        if out.len().saturating_sub(begin) >= cap {
            out.truncate(before);
            whole = false;
            break;
        }
    }
    out.push(close);
    whole
}

/// Writes text without quotes while it fits; says how many of its bytes did.
pub(super) fn push_escaped(out: &mut Vec<u8>, text: &str, cap: usize) -> usize {
    let mut left = cap;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = rest.bytes().position(must_escape).unwrap_or(rest.len());
        let fits = rest.floor_char_boundary(plain.min(left));
        out.extend_from_slice(rest.as_bytes().get(..fits).unwrap_or_default());
        at = at.saturating_add(fits);
        left = left.saturating_sub(fits);
        if fits < plain {
            break;
        }
        let Some(byte) = rest.as_bytes().get(plain) else {
            break;
        };
        let escape = escape_of(*byte);
        let escape = escape.as_slice();
        if escape.len() > left {
            break;
        }
        out.extend_from_slice(escape);
        at = at.saturating_add(1);
        left = left.saturating_sub(escape.len());
    }
    at
}

fn must_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn escape_of(byte: u8) -> Vec<u8> {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => return format!("\\u{byte:04x}").into_bytes(),
    };
    vec![b'\\', short]
}

/// The largest whole number that every reader of JSON has exactly (RFC 8259 6): 2^53 − 1.
const LARGEST_EXACT: u64 = (1 << 53) - 1;
