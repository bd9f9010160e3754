//! Makes texts of records fit to be looked at.
//!
//! In: a text of a caller, a record, an upstream. Out: the same with everything visible that would turn,
//! hide or break what stands beside it, and cut. That it is not markup is the template's work.

use crate::refusal::is_invisible;

/// The text, at most so many characters of it; what cannot be seen stands as `\u{202e}`.
pub(super) fn shown(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most.saturating_mul(4)));
    for (at, c) in text.chars().enumerate() {
        if at >= most {
            shown.push('…');
            break;
        }
        match c.is_control() || is_invisible(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    shown
}

/// A whole text, on its lines.
pub(super) fn lines(text: &str) -> String {
    let mut shown_lines = String::with_capacity(text.len());
    for (at, line) in text.lines().enumerate() {
        if at > 0 {
            shown_lines.push('\n');
        }
        shown_lines.push_str(&shown(line, usize::MAX));
    }
    shown_lines
}

/// A number with its thousands apart: `1,204,331`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 request`, `7 requests`.
pub(super) fn counted(number: u64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        many => format!("{} {one}s", grouped(many)),
    }
}

/// How long ago, or for how long, in the largest unit that fits: `12 s`, `6 h`, `61 d`.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A text in the query of an address.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' => {
                escaped.push(char::from(byte));
            }
            b' ' => escaped.push('+'),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// A value as a query of the index spells it.
pub(super) fn quoted(value: &str) -> String {
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(c.escape_unicode()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(shown("a\u{202e}b\u{0}", 10), "a\\u{202e}b\\u{0}");
        assert_eq!(shown("<b>\"&", 10), "<b>\"&");
        assert_eq!(shown(&"é".repeat(9), 4), "éééé…");
        assert_eq!(lines("a\n\u{1b}[0m"), "a\n\\u{1b}[0m");
    }

    #[test]
    fn numbers_and_spans_read_as_people_write_them() {
        assert_eq!(grouped(1_204_331), "1,204,331");
        assert_eq!((grouped(0), grouped(999)), ("0".into(), "999".into()));
        assert_eq!((span(12), span(7_200)), ("12 s".into(), "2 h".into()));
        assert_eq!(counted(1, "row"), "1 row");
    }

    #[test]
    fn an_address_keeps_what_was_put_in() {
        assert_eq!(escaped("a b&c=\"é\""), "a+b%26c%3D%22%C3%A9%22");
    }
}
