//! One request that did not come through.
//!
//! In: its row in the index, the policies in force. Out: a [`Line`] with the reason and the help.

use serde_json::Value;

use super::text;
use crate::authorize::{Policies, Verdict};
use crate::clock::Time;
use crate::index::Row;
use crate::record::PastDecision;
use crate::refusal::{Explanation, Reason, plain};

/// One request that did not come through, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it arrived.
    pub time: Time,
    /// `DENIED`, `REFUSED`, `ERROR`, or `FAILED` after it was allowed.
    pub verdict: &'static str,
    /// `POST streams.create in X`, or method and path where the catalogue knows none.
    pub what: String,
    /// The word for why.
    pub reason: String,
    /// Why, in words.
    pub why: String,
    /// What would help.
    pub fix: Option<String>,
    /// The decision's id.
    pub id: String,
}

impl Line {
    /// Nothing where the row is no decision.
    pub(super) fn of(row: &Row, policies: &Policies) -> Option<Line> {
        let record: Value = serde_json::from_str(&row.record).ok()?;
        let outcome = row.outcome.as_ref();
        let outcome: Option<Value> = outcome.and_then(|(_, text)| serde_json::from_str(text).ok());
        let verdict = match text(&record, "decision") {
            "allow" => "FAILED",
            "deny" => "DENIED",
            "refuse" => "REFUSED",
            _ => "ERROR",
        };
        let reason = match (verdict, &outcome) {
            ("FAILED", Some(outcome)) => text(outcome, "reason"),
            _ => text(&record, "reason"),
        };
        let (why, fix) = told(row, reason, policies);
        Some(Line {
            time: row.time,
            verdict,
            what: what(&record),
            reason: reason.to_owned(),
            why: plain(&why, LONG),
            fix: fix.map(|fix| plain(&fix, LONG)),
            id: text(&record, "id").to_owned(),
        })
    }
}

/// Why, and what would help.
fn told(row: &Row, reason: &str, policies: &Policies) -> (String, Option<String>) {
    let known = Reason::ALL.iter().find(|one| one.word() == reason);
    let sentence = known.map_or("it did not come through", |one| one.sentence());
    if reason != Reason::PolicyDenied.word() {
        return (sentence.to_owned(), None);
    }
    let past = PastDecision::read(row.record.as_bytes()).ok();
    let asked = past.and_then(|past| past.asked().ok());
    let now = asked.and_then(|asked| policies.decide_again(&asked.question).ok());
    match now {
        Some(now) if now.verdict == Verdict::Allow => (
            "the policies of now would allow it: try again".to_owned(),
            None,
        ),
        Some(now) => match now.explanation {
            Some(explanation) => (failed(&explanation), explanation.fix),
            None => (sentence.to_owned(), None),
        },
        None => (sentence.to_owned(), None),
    }
}

/// The checks that failed, each with the caller's own value.
fn failed(explanation: &Explanation) -> String {
    let failed = explanation.checks.iter().filter(|check| !check.ok);
    let failed: Vec<String> = failed
        .map(|check| match &check.yours {
            Some(yours) => format!("not {}: {yours}", check.check),
            None => format!("not {}", check.check),
        })
        .collect();
    match failed.is_empty() {
        true => Reason::PolicyDenied.sentence().to_owned(),
        false => failed.join("; "),
    }
}

fn what(record: &Value) -> String {
    let (method, action) = (text(record, "method"), text(record, "op"));
    let part = |index: usize| record.get("resource")?.get(index)?.as_str();
    let shown = match (action, part(2)) {
        ("", _) => format!("{method} {}", text(record, "path")),
        (action, Some(project)) => format!("{method} {action} in {project}"),
        (action, None) => format!("{method} {action}"),
    };
    plain(&shown, WHAT)
}

/// The longest sentence and the longest request on a line, in bytes.
const LONG: usize = 400;
const WHAT: usize = 160;
