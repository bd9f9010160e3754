//! Reads the text of a query.
//!
//! In: words and the moment it is asked at. Out: a condition, or a [`QueryError`] that names the
//! column and the likely word.
//!
//! Conditions side by side must all hold; `or` binds less than that, `not` more. Parentheses are for
//! the rest.
//!
//! Never: a query so long or so nested that reading or answering it is an attack.

use std::fmt;
use std::iter::Peekable;
use std::vec::IntoIter;

use crate::setup_error::{SetupError, nearest};

use super::tokens::{Token, tokens};
use super::{Asked, Condition, Field, Pattern};

/// What is wrong with the text of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What.
    pub fault: String,
    /// What would mend it.
    pub hint: Option<String>,
}

impl QueryError {
    pub(super) fn at(column: usize, fault: impl Into<String>) -> QueryError {
        QueryError {
            column,
            fault: fault.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> QueryError {
        self.hint = Some(hint.into());
        self
    }

    fn did_you_mean<'a>(
        self,
        wrote: &str,
        known: impl IntoIterator<Item = &'a str>,
        otherwise: impl Into<String>,
    ) -> QueryError {
        match nearest(wrote, known) {
            Some(word) => self.hint(format!("did you mean `{word}`?")),
            None => self.hint(otherwise),
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in the query, column {}: {}", self.column, self.fault)
    }
}

impl std::error::Error for QueryError {}

impl From<QueryError> for SetupError {
    fn from(error: QueryError) -> SetupError {
        let fault = SetupError::new(error.to_string());
        match error.hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    }
}

pub(super) fn parse(text: &str, asked: &Asked) -> Result<Option<Condition>, QueryError> {
    if text.len() > LONGEST_TEXT {
        let fault = format!("the query is longer than {LONGEST_TEXT} bytes");
        return Err(QueryError::at(1, fault).hint("ask in parts"));
    }
    let cut = tokens(text)?;
    let pairs = cut.iter().filter(|(_, t)| matches!(t, Token::Pair { .. }));
    if let Some((column, _)) = pairs.clone().nth(MOST_CONDITIONS) {
        let fault = format!("the query has more than {MOST_CONDITIONS} conditions");
        return Err(QueryError::at(*column, fault).hint("ask in parts"));
    }
    let mut reading = Reading {
        end: text.chars().count().saturating_add(1),
        rest: cut.into_iter().peekable(),
        asked,
    };
    if reading.rest.peek().is_none() {
        return Ok(None);
    }
    let condition = reading.any(0)?;
    match reading.rest.next() {
        None => Ok(Some(condition)),
        Some((column, _)) => {
            let fault = "a closing parenthesis without an opening one";
            Err(QueryError::at(column, fault).hint("remove it, or add a `(` before"))
        }
    }
}

struct Reading<'a> {
    rest: Peekable<IntoIter<(usize, Token)>>,
    end: usize,
    asked: &'a Asked,
}

impl Reading<'_> {
    fn any(&mut self, depth: usize) -> Result<Condition, QueryError> {
        let mut of = vec![self.all(depth)?];
        while self.takes("or") {
            of.push(self.all(depth)?);
        }
        Ok(Condition::any(of))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, QueryError> {
        let mut of = vec![self.one(depth)?];
        loop {
            let goes_on = match self.rest.peek() {
                None | Some((_, Token::Close)) => false,
                Some((_, Token::Word(word))) => !word.eq_ignore_ascii_case("or"),
                Some(_) => true,
            };
            if !goes_on {
                return Ok(Condition::all(of));
            }
            self.takes("and");
            of.push(self.one(depth)?);
        }
    }

    fn one(&mut self, depth: usize) -> Result<Condition, QueryError> {
        if depth > DEEPEST {
            let column = self.rest.peek().map_or(self.end, |(column, _)| *column);
            let fault = format!("nested more than {DEEPEST} times");
            return Err(QueryError::at(column, fault).hint("ask in parts"));
        }
        let depth = depth.saturating_add(1);
        if self.takes("not") {
            return Ok(Condition::opposite(self.one(depth)?));
        }
        let Some((column, token)) = self.rest.next() else {
            let hint = "a condition such as decision:deny belongs here";
            return Err(QueryError::at(self.end, "the query ends too early").hint(hint));
        };
        match token {
            Token::Open => {
                let inner = self.any(depth)?;
                match self.rest.next() {
                    Some((_, Token::Close)) => Ok(inner),
                    _ => {
                        let fault = "the parenthesis that begins here has no end";
                        Err(QueryError::at(column, fault).hint("add a `)`"))
                    }
                }
            }
            Token::Pair {
                field,
                written,
                pattern,
                value_column,
            } => match field.as_str() {
                "since" => Ok(Condition::Since(self.moment(&written, value_column)?)),
                "until" => Ok(Condition::Until(self.moment(&written, value_column)?)),
                _ => condition(&field, column, &written, pattern, value_column),
            },
            Token::Word(word) if is_joint(&word) => {
                let hint = "a condition such as decision:deny belongs before and after it";
                Err(QueryError::at(column, format!("`{word}` joins nothing here")).hint(hint))
            }
            Token::Word(word) => {
                let fault = format!("`{word}` is a word without a field");
                let hint = format!("say what it is: team:{word}, action:{word}, rule:{word}");
                Err(QueryError::at(column, fault).hint(hint))
            }
            Token::Close => {
                let hint = "a condition such as decision:deny belongs here";
                Err(QueryError::at(column, "nothing before the parenthesis").hint(hint))
            }
        }
    }

    /// Whether this word comes next; it is then behind us.
    fn takes(&mut self, word: &str) -> bool {
        let is_it = |(_, token): &(usize, Token)| matches!(token, Token::Word(w) if w.eq_ignore_ascii_case(word));
        self.rest.next_if(is_it).is_some()
    }

    fn moment(&self, written: &str, column: usize) -> Result<crate::clock::Time, QueryError> {
        let text = written.trim_matches('"');
        self.asked.moment(text).ok_or_else(|| {
            let hint = "write 30d, 2026-07-01, 2026-07-01T12:00:00Z or \
                        2026-07-01T12:00[Europe/Berlin]";
            QueryError::at(column, format!("`{text}` is not a moment")).hint(hint)
        })
    }
}

fn condition(
    field: &str,
    column: usize,
    written: &str,
    pattern: Pattern,
    value_column: usize,
) -> Result<Condition, QueryError> {
    let Some(found) = Field::of_word(field) else {
        let words = Field::ALL.iter().map(|f| f.word());
        let words = words.chain(["since", "until"]);
        let fault = format!("there is no field `{field}`");
        let all = words.clone().collect::<Vec<_>>().join(", ");
        let otherwise = format!("fields are {all}");
        return Err(QueryError::at(column, fault).did_you_mean(field, words, otherwise));
    };
    if found == Field::Seq && pattern == Pattern::any() {
        return Ok(Condition::Within(found, 0, u64::MAX));
    }
    if found.is_number() && pattern != Pattern::any() {
        let (from, to) = range(written).ok_or_else(|| {
            let fault = format!("`{written}` is not a number or a range");
            let hint = format!("write {field}:404, {field}:400..499 or {field}:>=500");
            QueryError::at(value_column, fault).hint(hint)
        })?;
        return Ok(Condition::Within(found, from, to));
    }
    if let (Some(values), Some(text)) = (found.values(), pattern.text())
        && !values.contains(&text)
    {
        let fault = format!("`{text}` is no {field}");
        let otherwise = format!("it is one of {}", values.join(", "));
        return Err(QueryError::at(value_column, fault).did_you_mean(text, values, otherwise));
    }
    Ok(Condition::Is(found, pattern))
}

/// Both ends are in the range; an empty range is none.
fn range(written: &str) -> Option<(u64, u64)> {
    let number = |text: &str| {
        let plain = text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<u64>().ok()).flatten()
    };
    let (from, to) = if let Some(rest) = written.strip_prefix(">=") {
        (number(rest)?, u64::MAX)
    } else if let Some(rest) = written.strip_prefix("<=") {
        (0, number(rest)?)
    } else if let Some(rest) = written.strip_prefix('>') {
        (number(rest)?.checked_add(1)?, u64::MAX)
    } else if let Some(rest) = written.strip_prefix('<') {
        (0, number(rest)?.checked_sub(1)?)
    } else if let Some((from, to)) = written.split_once("..") {
        (number(from)?, number(to)?)
    } else {
        (number(written)?, number(written)?)
    };
    (from <= to).then_some((from, to))
}

fn is_joint(word: &str) -> bool {
    ["or", "and", "not"]
        .iter()
        .any(|w| word.eq_ignore_ascii_case(w))
}

const LONGEST_TEXT: usize = 8192;
const MOST_CONDITIONS: usize = 200;
const DEEPEST: usize = 32;
