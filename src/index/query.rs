//! Says which requests and events somebody asks for: the one query object.
//!
//! In: a text and what "now" is, or conditions put together by a program. Out: a [`Query`], which
//! has one text, and says of any [`Facts`] whether they are meant.
//!
//! Pages, commands and exports carry this object and nothing beside it, so that what is counted on
//! one is what is written by the other. Its text has absolute times only: printed and read again at
//! any moment it is the same query.
//!
//! Never: a condition that silently matches everything; an unknown field or word is an error.

use std::fmt;

use crate::clock::Time;

use super::facts::Facts;
use super::field::Field;
use super::pattern::Pattern;

mod moment;
mod parse;
mod teams;
mod tokens;

pub use moment::{Asked, shown_in};
pub use parse::QueryError;
pub use teams::{Teams, UnknownTeam};

/// Which requests and events somebody asks for. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    condition: Option<Condition>,
}

/// One condition. Made by its functions, which leave nothing nested that need not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Each of at least two.
    All(Vec<Condition>),
    /// Any of at least two.
    Any(Vec<Condition>),
    /// The opposite of one that is no opposite itself.
    Not(Box<Condition>),
    /// One of the field's values fits.
    Is(Field, Pattern),
    /// The field's number lies between both, which are in it.
    Within(Field, u64, u64),
    /// At that moment or after it.
    Since(Time),
    /// Before that moment.
    Until(Time),
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    ///
    /// The column, what is wrong there, and what was meant.
    pub fn parse(text: &str, asked: &Asked) -> Result<Query, QueryError> {
        parse::parse(text, asked).map(|condition| Query { condition })
    }

    /// Everything for which this holds.
    pub fn of(condition: Condition) -> Query {
        Query {
            condition: Some(condition),
        }
    }

    /// Its condition; none when everything is meant.
    pub fn condition(&self) -> Option<&Condition> {
        self.condition.as_ref()
    }

    /// The same query, of which only that is meant for which this holds, too.
    #[must_use]
    pub fn and(self, condition: Condition) -> Query {
        Query::of(match self.condition {
            Some(before) => Condition::all(vec![before, condition]),
            None => condition,
        })
    }

    /// The same query within a span of time: the first moment is in it, the second is not.
    #[must_use]
    pub fn between(self, since: Time, until: Time) -> Query {
        self.and(Condition::Since(since))
            .and(Condition::Until(until))
    }

    /// The same query, in which every team is the groups that make it up.
    ///
    /// # Errors
    ///
    /// The first team that the directory does not know.
    pub fn with_teams(&self, teams: &Teams) -> Result<Query, UnknownTeam> {
        let condition = self.condition.as_ref();
        let condition = condition.map(|c| teams.expand(c)).transpose()?;
        Ok(Query { condition })
    }

    /// Whether it asks for a team.
    pub fn names_teams(&self) -> bool {
        self.condition.as_ref().is_some_and(Condition::names_teams)
    }

    /// Whether these facts are meant. Teams must have been put in before.
    pub fn means(&self, facts: &Facts) -> bool {
        self.condition.as_ref().is_none_or(|c| c.holds(facts))
    }
}

impl Condition {
    /// Each of these holds; flat, and itself where there is one only.
    pub fn all(of: Vec<Condition>) -> Condition {
        let flat = of.into_iter().flat_map(|c| match c {
            Condition::All(inner) => inner,
            other => vec![other],
        });
        one_or(flat.collect(), Condition::All)
    }

    /// Any of these holds; flat, and itself where there is one only.
    pub fn any(of: Vec<Condition>) -> Condition {
        let flat = of.into_iter().flat_map(|c| match c {
            Condition::Any(inner) => inner,
            other => vec![other],
        });
        one_or(flat.collect(), Condition::Any)
    }

    /// The opposite.
    pub fn opposite(of: Condition) -> Condition {
        match of {
            Condition::Not(inner) => *inner,
            other => Condition::Not(Box::new(other)),
        }
    }

    /// One of the field's values is exactly this.
    pub fn is(field: Field, text: &str) -> Condition {
        match text.parse() {
            Ok(number) if field.is_number() => Condition::Within(field, number, number),
            _ => Condition::Is(field, Pattern::exactly(text)),
        }
    }

    fn holds(&self, facts: &Facts) -> bool {
        match self {
            Condition::All(of) => of.iter().all(|c| c.holds(facts)),
            Condition::Any(of) => of.iter().any(|c| c.holds(facts)),
            Condition::Not(of) => !of.holds(facts),
            Condition::Is(field, pattern) => facts.values(*field).any(|v| pattern.fits(v)),
            Condition::Within(Field::Seq, from, to) => (*from..=*to).contains(&facts.seq),
            Condition::Within(field, from, to) => {
                let numbers = facts.values(*field).filter_map(|v| v.parse::<u64>().ok());
                numbers.into_iter().any(|n| (*from..=*to).contains(&n))
            }
            Condition::Since(time) => facts.time >= *time,
            Condition::Until(time) => facts.time < *time,
        }
    }

    fn names_teams(&self) -> bool {
        match self {
            Condition::All(of) | Condition::Any(of) => of.iter().any(Condition::names_teams),
            Condition::Not(of) => of.names_teams(),
            Condition::Is(field, _) => *field == Field::Team,
            Condition::Within(..) | Condition::Since(_) | Condition::Until(_) => false,
        }
    }

    fn is_nested(&self) -> bool {
        matches!(self, Condition::All(_) | Condition::Any(_))
    }
}

fn one_or(mut of: Vec<Condition>, more: fn(Vec<Condition>) -> Condition) -> Condition {
    match (of.len(), of.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            of.push(last);
            more(of)
        }
        (_, None) => more(of),
    }
}

/// The one text of the query; empty when everything is meant.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.condition {
            Some(condition) => condition.fmt(f),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::All(of) => joined(f, of, " ", |c| matches!(c, Condition::Any(_))),
            Condition::Any(of) => joined(f, of, " or ", |_| false),
            Condition::Not(of) => {
                f.write_str("not ")?;
                enclosed(f, of, of.is_nested())
            }
            Condition::Is(field, pattern) => write!(f, "{}:{pattern}", field.word()),
            Condition::Within(field, from, to) => {
                write!(f, "{}:", field.word())?;
                match (*from, *to) {
                    (from, to) if from == to => write!(f, "{from}"),
                    (from, u64::MAX) => write!(f, ">={from}"),
                    (0, to) => write!(f, "<={to}"),
                    (from, to) => write!(f, "{from}..{to}"),
                }
            }
            Condition::Since(time) => write!(f, "since:{}", moment::canonical(*time)),
            Condition::Until(time) => write!(f, "until:{}", moment::canonical(*time)),
        }
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    of: &[Condition],
    between: &str,
    nested: impl Fn(&Condition) -> bool,
) -> fmt::Result {
    of.iter().enumerate().try_for_each(|(index, c)| {
        if index > 0 {
            f.write_str(between)?;
        }
        enclosed(f, c, nested(c))
    })
}

fn enclosed(f: &mut fmt::Formatter<'_>, c: &Condition, nested: bool) -> fmt::Result {
    match nested {
        true => write!(f, "({c})"),
        false => write!(f, "{c}"),
    }
}
