//! Gathers what became of a caller's requests.
//!
//! In: who asks, the index, the policies in force. Out: a [`Report`]: how many requests there were,
//! and each that did not come through, with the reason and what would help.
//!
//! A job is told of all requests of that job, anybody else of the own requests of the last day. Why
//! a policy said no is asked again of the policies that are in force now: the record has what it was
//! decided from, and the help of today is worth more than that of then.

use serde_json::Value;

use super::{Form, Indexed, Look, Shown};
use crate::authorize::Policies;
use crate::clock::Time;
use crate::identify::Who;
use crate::index::{Condition, Field, Index, IndexError, Order, Pattern, Query, Row};

mod line;
mod written;

pub use line::Line;

/// What became of a caller's requests.
#[derive(Debug)]
pub struct Report {
    /// Whose requests: `this job`.
    pub whose: &'static str,
    /// None where they cannot be looked up, with the reason.
    pub found: Result<Found, String>,
}

/// Requests, and those that did not come through.
#[derive(Debug, Default)]
pub struct Found {
    /// How many there were.
    pub requests: u64,
    /// How many did not come through.
    pub troubles: u64,
    /// The first of them.
    pub lines: Vec<Line>,
    /// Whether the index was behind.
    pub is_behind: bool,
}

impl Report {
    /// Looks them up.
    pub fn of(look: &Look, policies: &Policies, index: Option<&Indexed>) -> Report {
        let found = match index {
            None => Err("this proxy keeps no index of its journal".to_owned()),
            Some(index) => gather(look, policies, index)
                .map_err(|_| "the index of the journal cannot be read at the moment".to_owned()),
        };
        let whose = match &look.principal.facts().who {
            Who::Job(_) => "this job",
            Who::Person(_) | Who::Agent(_) => "you since yesterday",
        };
        Report { whose, found }
    }

    /// The page.
    pub(super) fn show(&self, form: Form, site_url: &str) -> Shown {
        written::written(self, form, site_url)
    }
}

fn gather(look: &Look, policies: &Policies, indexed: &Indexed) -> Result<Found, IndexError> {
    let all = query(look);
    let bad_ends = ENDS.iter().map(|end| Condition::is(Field::End, end));
    // What stile answers itself is not forwarded either; only what was kept back has a reason.
    let kept_back = Condition::all(vec![
        Condition::is(Field::End, "not_forwarded"),
        Condition::Is(Field::Reason, Pattern::any()),
    ]);
    let bad_ends = bad_ends.chain([kept_back]);
    let trouble = Condition::any(
        std::iter::once(Condition::opposite(Condition::is(Field::Decision, "allow")))
            .chain(bad_ends)
            .collect(),
    );
    let mut index = Index::open(&indexed.settings)?;
    let requests = index.find(&all)?.count();
    let found = index.find(&all.and(trouble))?;
    let troubles = found.count();
    let rows = found.rows(Order::Oldest).take(MOST_LINES);
    let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
    Ok(Found {
        requests,
        troubles,
        lines: rows
            .iter()
            .filter_map(|row| Line::of(row, policies))
            .collect(),
        is_behind: indexed.upkeep.state().next_seq <= look.seq,
    })
}

/// The requests that this caller made, without its looks at pages like this one.
fn query(look: &Look) -> Query {
    let principal = &look.principal;
    let own = |field, text: &str| Condition::is(field, text);
    let mut of = vec![
        own(Field::Record, "request"),
        own(Field::Issuer, principal.issuer_url()),
        Condition::opposite(own(Field::Decision, "own")),
        Condition::opposite(own(Field::Class, "look")),
    ];
    match &principal.facts().who {
        Who::Job(job) => {
            of.push(own(Field::Job, &job.job_id));
            of.push(own(Field::Project, &job.repository));
        }
        Who::Person(_) | Who::Agent(_) => {
            of.push(own(Field::Subject, &principal.facts().subject));
            let since = look.time.as_ms().saturating_sub(DAY_MS);
            of.push(Condition::Since(Time::from_ms(since)));
        }
    }
    Query::of(Condition::all(of))
}

/// A text of a record, or nothing.
fn text<'v>(record: &'v Value, member: &str) -> &'v str {
    record.get(member).and_then(Value::as_str).unwrap_or("")
}

/// Troubles beyond these are counted only.
const MOST_LINES: usize = 50;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// How a request ends that did not come through although it was allowed. That its caller went away
/// is no trouble to tell the caller of.
const ENDS: &[&str] = &["timeout", "truncated", "upstream_error"];
