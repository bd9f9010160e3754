//! Cuts a query into words.
//!
//! In: its text. Out: words, each with the column it begins at, in characters from 1.
//!
//! A word ends at a blank or a parenthesis. Its value is what stands after the first colon: bare
//! text, `*`, and texts in quotes, one after the other. In quotes a backslash takes the next quote
//! or backslash for itself, and `\u{1b}` is a character by its number.

use crate::index::pattern::{Pattern, is_bare};

use super::QueryError;

/// A piece of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    /// A word without a colon: `or`, `not`.
    Word(String),
    /// `field:value`, the value as written and as a pattern.
    Pair {
        field: String,
        written: String,
        pattern: Pattern,
        value_column: usize,
    },
}

/// Cuts the text.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, QueryError> {
    let mut rest = Rest {
        chars: text.chars().collect(),
        at: 0,
    };
    let mut found = Vec::new();
    loop {
        while rest.peek().is_some_and(char::is_whitespace) {
            rest.at = rest.at.saturating_add(1);
        }
        let column = rest.column();
        match rest.peek() {
            None => return Ok(found),
            Some('(') => found.push((column, rest.single(Token::Open))),
            Some(')') => found.push((column, rest.single(Token::Close))),
            Some(_) => found.push((column, rest.word()?)),
        }
    }
}

struct Rest {
    chars: Vec<char>,
    at: usize,
}

impl Rest {
    fn column(&self) -> usize {
        self.at.saturating_add(1)
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at = self.at.saturating_add(1);
        Some(next)
    }

    fn single(&mut self, token: Token) -> Token {
        self.at = self.at.saturating_add(1);
        token
    }

    fn word(&mut self) -> Result<Token, QueryError> {
        let mut field = String::new();
        loop {
            match self.peek() {
                Some(':') => break,
                Some(c) if is_bare(c) => field.push(c),
                Some('"' | '*' | '\\') => {
                    let hint = "say which field: resource:\"a b\", action:*.delete";
                    return Err(QueryError::at(self.column(), "a value without a field").hint(hint));
                }
                _ => return Ok(Token::Word(field)),
            }
            self.at = self.at.saturating_add(1);
        }
        self.at = self.at.saturating_add(1);
        let (value_column, begin) = (self.column(), self.at);
        let pattern = self.value()?;
        let written = self.chars.get(begin..self.at).unwrap_or_default();
        if written.is_empty() {
            let fault = format!("`{field}:` has no value");
            let hint = format!("write {field}:* for any value, {field}:\"\" for an empty one");
            return Err(QueryError::at(value_column, fault).hint(hint));
        }
        Ok(Token::Pair {
            field,
            written: written.iter().collect(),
            pattern,
            value_column,
        })
    }

    fn value(&mut self) -> Result<Pattern, QueryError> {
        let mut pattern = Pattern::empty();
        let mut bare = String::new();
        loop {
            match self.peek() {
                Some(c) if is_bare(c) => bare.push(c),
                Some('*') => {
                    pattern.push_text(&std::mem::take(&mut bare));
                    pattern.push_star();
                }
                Some('"') => {
                    let quoted = self.quoted()?;
                    bare.push_str(&quoted);
                    continue;
                }
                Some('\\') => {
                    let hint = "put the value in quotes: \"a\\\\b\"";
                    let fault = "a backslash outside of quotes";
                    return Err(QueryError::at(self.column(), fault).hint(hint));
                }
                _ => break,
            }
            self.at = self.at.saturating_add(1);
        }
        pattern.push_text(&bare);
        Ok(pattern)
    }

    fn quoted(&mut self) -> Result<String, QueryError> {
        let begin = self.column();
        self.next();
        let mut text = String::new();
        loop {
            let column = self.column();
            match self.next() {
                None => {
                    let fault = "the quote that begins here has no end";
                    return Err(QueryError::at(begin, fault).hint("add a `\"`"));
                }
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escaped(column)?),
                Some(c) => text.push(c),
            }
        }
    }

    fn escaped(&mut self, column: usize) -> Result<char, QueryError> {
        match self.next() {
            Some(c @ ('"' | '\\')) => return Ok(c),
            Some('u') if self.next() == Some('{') => {
                let mut digits = String::new();
                while let Some(c) = self.next().filter(|c| *c != '}') {
                    digits.push(c);
                }
                let number = u32::from_str_radix(&digits, 16).ok();
                if let Some(c) = number.and_then(char::from_u32) {
                    return Ok(c);
                }
            }
            _ => {}
        }
        let hint = "in quotes there are \\\", \\\\ and \\u{1b}";
        Err(QueryError::at(column, "an unknown escape").hint(hint))
    }
}
