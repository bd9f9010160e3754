//! One decision: what was asked, what was decided, why, and what would help now.
//!
//! In: its id. Out: the record as the journal has it, its outcome, and each check as the policies of now
//! answer it. An id outside of the scope is answered as one that does not exist.

use askama::Template;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::frame::{Frame, Made, Stamp};
use super::row::{Line, worded};
use super::texts::{lines, shown};
use super::view::{View, unread};
use crate::authorize::{Decision, Verdict};
use crate::index::{Condition, Field, Order, Query, Row, document};
use crate::own::malformed;
use crate::record::PastDecision;
use crate::refusal::{Reason, Refusal};

/// The page.
#[derive(Template, Serialize)]
#[template(path = "decision.html")]
struct Told {
    #[serde(skip)]
    frame: Frame,
    /// None where there is no such decision here.
    line: Option<Line>,
    facts: Vec<(&'static str, String)>,
    sentence: String,
    again: Option<Again>,
    origin: String,
    seq: u64,
    document: Value,
    #[serde(skip)]
    written: String,
}

/// What the policies of now say of the same question.
#[derive(Serialize)]
struct Again {
    decision: &'static str,
    #[serde(skip)]
    class: &'static str,
    policies: Vec<String>,
    policy_set: String,
    is_same_set: bool,
    checks: Vec<Check>,
    nearest: Option<String>,
    fix: Option<String>,
}

/// One check.
#[derive(Serialize)]
struct Check {
    ok: bool,
    check: String,
    yours: String,
}

pub(super) fn page(view: &View<'_>) -> Result<Made, Refusal> {
    view.pairs().only(&["id", "tz"])?;
    let id = view.pairs().get("id").unwrap_or("");
    let id = Uuid::try_parse(id).map_err(|_| malformed("`id` is the id of a decision"))?;
    let id = id.hyphenated().to_string();
    let of = Condition::all(vec![
        Condition::is(Field::Record, "request"),
        Condition::is(Field::Id, &id),
    ]);
    let query = view.narrowed(Query::of(of))?;
    let mut index = view.index()?;
    let mut rows = index.find(&query).map_err(unread)?.rows(Order::Newest);
    let row = rows.next().transpose().map_err(unread)?;
    let page = match &row {
        Some(row) => told(view, row),
        None => Told {
            frame: Frame::of(view, "Decision"),
            line: None,
            facts: Vec::new(),
            sentence: String::new(),
            again: None,
            origin: String::new(),
            seq: 0,
            document: Value::Null,
            written: String::new(),
        },
    };
    Made::of(view, &page)
}

fn told(view: &View<'_>, row: &Row) -> Told {
    let document = document(row);
    let record = document.get("record");
    let text = |name: &str| {
        let member = record.and_then(|record| record.get(name));
        member.and_then(Value::as_str).unwrap_or("")
    };
    let facts = FACTS.iter().filter_map(|(words, member)| {
        let value = text(member);
        (!value.is_empty()).then(|| (*words, shown(value, LONG)))
    });
    let reason = text("reason");
    let known = Reason::ALL.iter().find(|one| one.word() == reason);
    Told {
        frame: Frame::of(view, "Decision"),
        facts: facts.collect(),
        sentence: known.map_or_else(String::new, |one| one.sentence().to_owned()),
        again: again(view, row),
        origin: shown(&row.origin, LONG),
        seq: row.seq,
        written: lines(&serde_json::to_string_pretty(&document).unwrap_or_default()),
        line: Some(Line::of(view, row)),
        document,
    }
}

/// Asks the policies of now what was asked then; nothing where no policy was asked, or the record does
/// not have every input any more.
fn again(view: &View<'_>, row: &Row) -> Option<Again> {
    let past = PastDecision::read(row.record.as_bytes()).ok()?;
    let asked = past.asked().ok()?;
    let policies = view.policies();
    let Decision {
        verdict,
        policies: deciding,
        explanation,
        ..
    } = policies.decide_again(&asked.question).ok()?;
    let (decision, class) = worded(match verdict {
        Verdict::Allow => "allow",
        Verdict::Deny => "deny",
        Verdict::Error => "error",
    });
    let explanation = explanation.as_ref();
    let checks = explanation.map_or(&[][..], |told| &told.checks).iter();
    Some(Again {
        decision,
        class,
        policies: deciding,
        policy_set: policies.short_digest().to_owned(),
        is_same_set: past.policy_set == Some(policies.digest()),
        checks: checks
            .map(|check| Check {
                ok: check.ok,
                check: shown(&check.check, LONG),
                yours: shown(check.yours.as_deref().unwrap_or(""), LONG),
            })
            .collect(),
        nearest: explanation
            .and_then(|told| told.forbidden_by.clone().or(told.nearest_rule.clone())),
        fix: explanation.and_then(|told| told.fix.as_deref().map(|fix| shown(fix, LONG))),
    })
}

impl Told {
    fn stamp(&self) -> Option<&Stamp> {
        self.line.as_ref().map(|line| &line.time)
    }
}

/// What a reader looks for first, by the members of the record.
const FACTS: &[(&str, &str)] = &[
    ("Reason", "reason"),
    ("Method", "method"),
    ("Path", "path"),
    ("Host", "host"),
    ("Class", "activity"),
    ("Kind of caller", "subject_kind"),
    ("Subject", "subject"),
    ("Issuer", "issuer"),
    ("Address", "src_ip"),
    ("Upstream", "service"),
    ("Policies", "policy_set"),
    ("Commit level", "level"),
];

/// Characters of a value.
const LONG: usize = 600;
