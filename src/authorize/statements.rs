//! Cuts Cedar text into statements and measures them, before Cedar's parser sees any.
//!
//! In: the text of one file. Out: where each statement begins and ends, or what is too much.
//!
//! Cedar's parser recurses without a limit and ends the process when the stack does. So the text is
//! measured here by a loop that knows four things only: strings, comments, brackets, and the
//! semicolon that ends a statement. What it lets through is shallow and short; whether it is Cedar
//! is for the parser to say, on a thread with room to spare.
//!
//! Never: recursion. Every count only grows, so a text that fools this loop fools it towards "no".

use std::ops::Range;

/// What makes a text too much for the parser, and the byte where it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TooMuch {
    /// Byte offset in the text.
    pub(super) offset: usize,
    /// What is too much, in words.
    pub(super) fault: String,
}

/// The byte ranges of the statements of a text; what follows the last semicolon counts as one,
/// unless it is empty.
pub(super) fn statements(text: &str) -> Result<Vec<Range<usize>>, TooMuch> {
    let mut measure = Measure::default();
    let mut found = Vec::new();
    let mut start = 0;
    let mut pairs = text.char_indices().peekable();
    while let Some((offset, letter)) = pairs.next() {
        match letter {
            '"' => {
                measure.spoken = true;
                while let Some((_, inside)) = pairs.next() {
                    match inside {
                        '\\' => drop(pairs.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '/' if pairs.peek().is_some_and(|(_, next)| *next == '/') => {
                for (_, inside) in pairs.by_ref() {
                    if inside == '\n' {
                        break;
                    }
                }
            }
            ';' if measure.depth == 0 => {
                found.push(start..offset + 1);
                start = offset + 1;
                measure = Measure::default();
            }
            _ => measure.take(letter, offset)?,
        }
        if offset.saturating_sub(start) > LARGEST_STATEMENT {
            return Err(TooMuch {
                offset: start,
                fault: format!("a statement is longer than {LARGEST_STATEMENT} bytes"),
            });
        }
    }
    if measure.spoken {
        found.push(start..text.len());
    }
    Ok(found)
}

/// Line and column of a byte offset, both from 1, the column in characters.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let (before, _) = text.split_at(offset);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let (_, in_line) = before.split_at(line_start);
    (
        before.matches('\n').count() + 1,
        in_line.chars().count() + 1,
    )
}

#[derive(Default)]
struct Measure {
    depth: usize,
    operators: usize,
    conditionals: usize,
    word: String,
    spoken: bool,
}

impl Measure {
    fn take(&mut self, letter: char, offset: usize) -> Result<(), TooMuch> {
        self.spoken |= !letter.is_whitespace();
        match letter {
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
            '&' | '|' | '+' | '-' | '*' | '.' | '!' | '=' | '<' | '>' => self.operators += 1,
            _ => {}
        }
        if letter.is_alphanumeric() || letter == '_' {
            self.word.push(letter);
        } else {
            if self.word == "if" {
                self.conditionals += 1;
            }
            self.word.clear();
        }
        let too_much = |fault| Err(TooMuch { offset, fault });
        if self.depth > DEEPEST {
            return too_much(format!("brackets are nested deeper than {DEEPEST}"));
        }
        if self.conditionals > DEEPEST {
            return too_much(format!("a statement has more than {DEEPEST} conditionals"));
        }
        if self.operators > MOST_OPERATORS {
            return too_much(format!(
                "a statement has more than {MOST_OPERATORS} operators"
            ));
        }
        Ok(())
    }
}

const DEEPEST: usize = 32;
const MOST_OPERATORS: usize = 512;
const LARGEST_STATEMENT: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        let ranges = statements(text).unwrap();
        ranges
            .into_iter()
            .map(|range| text.get(range).unwrap().trim())
            .collect()
    }

    #[test]
    fn a_semicolon_ends_a_statement_but_not_in_a_string_a_comment_or_brackets() {
        assert_eq!(cut("a; b;"), ["a;", "b;"]);
        assert_eq!(cut("@x(\"a;\\\"b\") c; d"), ["@x(\"a;\\\"b\") c;", "d"]);
        assert_eq!(cut("// a; b\nc;"), ["// a; b\nc;"]);
        assert_eq!(cut("a; // the end"), ["a;"]);
        assert_eq!(cut("a (b; c);"), ["a (b; c);"]);
        assert!(cut(" \n// only words\n").is_empty());
    }

    #[test]
    fn thirty_two_brackets_pass_and_thirty_three_do_not() {
        for (open, close) in [("(", ")"), ("[", "]"), ("{", "}")] {
            let nested = |n: usize| format!("{}{};", open.repeat(n), close.repeat(n));
            assert!(statements(&nested(32)).is_ok());
            assert_eq!(statements(&nested(33)).unwrap_err().offset, 32);
        }
    }

    #[test]
    fn long_chains_and_long_statements_are_too_much() {
        assert!(statements(&"a && ".repeat(300)).is_err());
        assert!(statements(&"if a then b else ".repeat(40)).is_err());
        assert!(statements(&" a".repeat(10_000)).is_err());
    }

    #[test]
    fn places_count_from_one_and_in_characters() {
        assert_eq!(place("ab\ncd", 0), (1, 1));
        assert_eq!(place("ab\ncd", 4), (2, 2));
        assert_eq!(place("äb\näx", 6), (2, 2));
        assert_eq!(place("ab", 99), (1, 3));
    }
}
