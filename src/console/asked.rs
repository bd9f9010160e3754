//! Which rows a page is about.
//!
//! In: the fields of its form. Out: a [`Wanted`]: the one query that page, twin and file share, and its
//! text, which can be asked again anywhere.
//!
//! Never: a row outside of the scope: [`View::narrowed`] puts that in last.

use super::view::View;
use crate::clock::Time;
use crate::index::{Condition, Field, Query};
use crate::own::malformed;
use crate::refusal::Refusal;

/// Which rows.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// What was typed.
    pub(super) typed: &'a str,
    /// The decision that was chosen.
    pub(super) decision: &'a str,
    /// The stretch of time that was chosen: `24h`.
    pub(super) last: &'a str,
    /// Whether looks at pages like these are among them.
    pub(super) looks: bool,
    /// The query, without the scope.
    pub(super) text: String,
    /// The query that is asked.
    pub(super) query: Query,
    /// Where the stretch of time begins; none where it is the typed query's matter.
    pub(super) since: Option<Time>,
}

/// The fields that a page with rows has.
pub(super) const FIELDS: &[&str] = &["q", "decision", "last", "looks", "tz"];

/// Each with the words for it.
pub(super) const DECISIONS: &[(&str, &str)] = &[
    ("", "any decision"),
    ("allow", "allow"),
    ("deny", "deny"),
    ("refuse", "refuse"),
    ("error", "error"),
];

/// Each with the words for it, and its length in ms.
pub(super) const SPANS: &[(&str, &str, u64)] = &[
    ("15m", "last 15 minutes", 15 * 60_000),
    ("1h", "last hour", 3_600_000),
    ("24h", "last 24 hours", 24 * 3_600_000),
    ("7d", "last 7 days", 7 * 24 * 3_600_000),
    ("30d", "last 30 days", 30 * 24 * 3_600_000),
    ("90d", "last 90 days", 90 * 24 * 3_600_000),
    ("all", "all time", 0),
];

impl<'a> Wanted<'a> {
    /// Reads the fields.
    ///
    /// # Errors
    ///
    /// `malformed_request`, with what is wrong and where.
    pub(super) fn read(view: &View<'a>) -> Result<Wanted<'a>, Refusal> {
        let pairs = view.pairs();
        let typed = pairs.get("q").unwrap_or("");
        let query = Query::parse(typed, &view.asked()).map_err(|error| {
            let hint = error
                .hint
                .map_or_else(String::new, |hint| format!("; {hint}"));
            malformed(&format!(
                "in `q`, column {}: {}{hint}",
                error.column, error.fault
            ))
        })?;
        let says_when = query.condition().is_some_and(says_when);
        let last = match pairs.get("last") {
            Some(last) => last,
            None if says_when => "all",
            None => "24h",
        };
        let span = SPANS.iter().find(|(word, _, _)| *word == last);
        let Some((last, _, ms)) = span else {
            let known: Vec<&str> = SPANS.iter().map(|(word, _, _)| *word).collect();
            return Err(malformed(&format!("`last` is one of {}", known.join(", "))));
        };
        let decision = pairs.get("decision").unwrap_or("");
        if !DECISIONS.iter().any(|(word, _)| *word == decision) {
            return Err(malformed("`decision` is one of allow, deny, refuse, error"));
        }
        let looks = match pairs.get("looks") {
            None => false,
            Some("yes") => true,
            Some(_) => return Err(malformed("`looks` is `yes` or left out")),
        };
        let since = (*ms > 0).then(|| Time::from_ms(view.now().as_ms().saturating_sub(*ms)));
        let mut query = query.and(Condition::is(Field::Record, "request"));
        if !decision.is_empty() {
            query = query.and(Condition::is(Field::Decision, decision));
        }
        if !looks {
            let ours = ["own", "public"].map(|word| Condition::is(Field::Decision, word));
            let look = Condition::is(Field::Class, "look");
            let ours = Condition::any(ours.into_iter().chain([look]).collect());
            query = query.and(Condition::opposite(ours));
        }
        if let Some(since) = since {
            query = query.and(Condition::Since(since));
        }
        Ok(Wanted {
            typed,
            decision,
            last,
            looks,
            text: query.to_string(),
            query: view.narrowed(query)?,
            since,
        })
    }

    /// The fields again, for addresses of other pages about the same rows.
    pub(super) fn fields(&self) -> Vec<(&'static str, &str)> {
        let looks = if self.looks { "yes" } else { "" };
        vec![
            ("q", self.typed),
            ("decision", self.decision),
            ("last", self.last),
            ("looks", looks),
        ]
    }
}

/// Whether a condition speaks of moments.
fn says_when(condition: &Condition) -> bool {
    match condition {
        Condition::All(of) | Condition::Any(of) => of.iter().any(says_when),
        Condition::Not(of) => says_when(of),
        Condition::Since(_) | Condition::Until(_) => true,
        Condition::Is(..) | Condition::Within(..) => false,
    }
}
