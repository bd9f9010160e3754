//! Says whether a value is one that a query means.
//!
//! In: pieces of text and stars. Out: whether a value fits; where its values begin.
//!
//! A star stands for any text, also none. Everything else stands for itself, letter by letter.
//! Values are compared by their first [`LONGEST`] bytes, in the scan and in the index alike.

use std::fmt;

/// What a value should look like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Piece {
    Text(String),
    Star,
}

impl Pattern {
    /// Exactly this text.
    pub fn exactly(text: &str) -> Pattern {
        let mut pattern = Pattern(Vec::new());
        pattern.push_text(text);
        pattern
    }

    /// Any value at all.
    pub fn any() -> Pattern {
        Pattern(vec![Piece::Star])
    }

    pub(super) fn empty() -> Pattern {
        Pattern(Vec::new())
    }

    /// Adds text at the end.
    pub fn push_text(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(before)) => before.push_str(text),
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }

    /// Adds a star at the end; two are one.
    pub fn push_star(&mut self) {
        if self.0.last() != Some(&Piece::Star) {
            self.0.push(Piece::Star);
        }
    }

    /// The one text that fits, where there is no star.
    pub fn text(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(cut(text)),
            _ => None,
        }
    }

    /// What every value that fits begins with.
    pub(super) fn beginning(&self) -> &str {
        match self.0.first() {
            Some(Piece::Text(text)) => cut(text),
            _ => "",
        }
    }

    /// Whether a value fits.
    pub fn fits(&self, value: &str) -> bool {
        if let Some(text) = self.text() {
            return text == cut(value);
        }
        let mut rest = cut(value);
        let last = self.0.len().saturating_sub(1);
        let mut free = false;
        for (index, piece) in self.0.iter().enumerate() {
            let Piece::Text(text) = piece else {
                free = true;
                continue;
            };
            // The last text must end the value; any other may take the first place it finds.
            let after = match (free, index == last) {
                (true, true) => rest.ends_with(text.as_str()).then_some(""),
                (true, false) => rest.split_once(text.as_str()).map(|(_, after)| after),
                (false, _) => rest.strip_prefix(text.as_str()),
            };
            match after {
                Some(after) => rest = after,
                None => return false,
            }
            free = false;
        }
        free || rest.is_empty()
    }
}

/// As a query says it: bare where that is plain, else in quotes.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("\"\"");
        }
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Star => f.write_str("*"),
            Piece::Text(text) if text.chars().all(is_bare) => f.write_str(text),
            Piece::Text(text) => {
                f.write_str("\"")?;
                text.chars().try_for_each(|c| match c {
                    '"' | '\\' => write!(f, "\\{c}"),
                    c if c.is_control() => write!(f, "{}", c.escape_unicode()),
                    c => write!(f, "{c}"),
                })?;
                f.write_str("\"")
            }
        })
    }
}

/// Whether a character stands for itself outside quotes.
pub(super) fn is_bare(c: char) -> bool {
    !(c.is_whitespace() || c.is_control() || matches!(c, '"' | '(' | ')' | '*' | '\\'))
}

/// The part of a value that counts.
pub(super) fn cut(value: &str) -> &str {
    let mut end = value.len().min(LONGEST);
    while !value.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    value.get(..end).unwrap_or(value)
}

/// Bytes of a value that are compared.
pub const LONGEST: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        let mut pattern = Pattern::empty();
        for (index, part) in text.split('*').enumerate() {
            if index > 0 {
                pattern.push_star();
            }
            pattern.push_text(part);
        }
        pattern
    }

    #[test]
    fn a_star_stands_for_any_text_and_the_rest_for_itself() {
        for (text, value) in [
            ("*.delete", "streams.delete"),
            ("streams.*", "streams."),
            ("a*b*c", "abbc"),
            ("a*b*c", "aXbYc"),
            ("*", ""),
            ("ab*b", "abb"),
        ] {
            assert!(pattern(text).fits(value), "{text} {value}");
        }
        for (text, value) in [
            ("*.delete", "streams.deleted"),
            ("streams.*", "stream"),
            ("a*b*c", "ac"),
            ("ab*b", "ab"),
            ("a", "A"),
            ("", "a"),
        ] {
            assert!(!pattern(text).fits(value), "{text} {value}");
        }
    }

    #[test]
    fn long_values_are_compared_by_their_beginning() {
        let long = "ü".repeat(400);
        assert!(Pattern::exactly(&long).fits(&"ü".repeat(300)));
        assert!(!Pattern::exactly(&long).fits(&"ü".repeat(249)));
    }
}
