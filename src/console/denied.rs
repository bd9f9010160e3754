//! Denied: what did not come through, grouped by why, by rule, by who, by action.
//!
//! In: the fields of the form. Out: groups with their numbers, the largest first; and for the newest
//! that a policy denied, the check that fails today, with what would help.

use std::collections::BTreeMap;

use askama::Template;
use serde::Serialize;

use super::asked::{FIELDS, Wanted};
use super::bars::{Bar, drawn};
use super::frame::{Frame, Link, Made};
use super::requests::{Form, over_time};
use super::texts::{grouped, quoted, shown};
use super::view::{View, unread};
use crate::authorize::Verdict;
use crate::index::{Condition, Field, Order, Row};
use crate::own::malformed;
use crate::record::PastDecision;
use crate::refusal::Refusal;

/// The page.
#[derive(Template, Serialize)]
#[template(path = "denied.html")]
struct Denied {
    #[serde(skip)]
    frame: Frame,
    #[serde(skip)]
    form: Form,
    query: String,
    rows: u64,
    answers: u64,
    by: &'static str,
    #[serde(skip)]
    bys: Vec<Link>,
    groups: Vec<Group>,
    left_out: usize,
    is_cut: bool,
    checks: Vec<Checked>,
    /// Of how many the checks were asked.
    asked_again: usize,
    bars: Vec<Bar>,
    #[serde(skip)]
    drawing: String,
    #[serde(skip)]
    export: Option<String>,
}

/// Requests that have something in common.
#[derive(Serialize)]
struct Group {
    name: String,
    rows: u64,
    /// Of a hundred units of a bar.
    #[serde(skip)]
    width: u64,
    #[serde(skip)]
    href: String,
}

/// A check that fails.
#[derive(Serialize)]
struct Checked {
    check: String,
    rows: u64,
    fix: String,
    #[serde(skip)]
    width: u64,
    #[serde(skip)]
    href: String,
}

pub(super) fn page(view: &View<'_>) -> Result<Made, Refusal> {
    let fields: Vec<&str> = FIELDS.iter().chain(&["by"]).copied().collect();
    view.pairs().only(&fields)?;
    let by = view.pairs().get("by").unwrap_or("reason");
    let Some((by, _, field)) = BYS.iter().find(|(word, _, _)| *word == by) else {
        return Err(malformed(
            "`by` is one of reason, rule, person, project, action",
        ));
    };
    let mut wanted = Wanted::read(view)?;
    let came = Condition::is(Field::Decision, "allow");
    wanted.query = wanted.query.and(Condition::opposite(came));
    let text = match wanted.text.is_empty() {
        true => "not decision:allow".to_owned(),
        false => format!("{} not decision:allow", wanted.text),
    };
    let mut index = view.index()?;
    let mut found = index.find(&wanted.query).map_err(unread)?;
    let (rows, answers) = (found.count(), found.answers());
    let tally = found.tally(*field).map_err(unread)?;
    let bars = over_time(view, &wanted, &mut found)?;
    let (checks, asked_again) = checks(view, &mut index, &wanted)?;

    let most = tally.values.first().map_or(1, |(_, rows)| *rows).max(1);
    let left_out = tally.values.len().saturating_sub(MOST_GROUPS);
    let groups = tally.values.iter().take(MOST_GROUPS).map(|(name, rows)| {
        let query = format!("{}:{} not decision:allow", field.word(), quoted(name));
        let query = match wanted.typed.is_empty() {
            true => query,
            false => format!("({}) {query}", wanted.typed),
        };
        let href = view.href("/requests", &[("q", &query), ("last", wanted.last)]);
        Group {
            name: shown(name, 120),
            rows: *rows,
            width: (rows.saturating_mul(100) / most).max(1),
            href,
        }
    });
    let bys = BYS.iter().map(|(word, words, _)| Link {
        words: (*words).to_owned(),
        href: view.same("/denied", "by", word),
        is_here: word == by,
    });
    let groups: Vec<Group> = groups.collect();
    let form = Form::of(&wanted, "/denied");
    let typed = match wanted.typed.is_empty() {
        true => "not decision:allow".to_owned(),
        false => format!("({}) not decision:allow", wanted.typed),
    };
    let export = [
        ("q", typed.as_str()),
        ("decision", wanted.decision),
        ("last", wanted.last),
    ];
    let may = view.may("console.export", view.scope);
    let page = Denied {
        frame: Frame::of(view, "Denied"),
        form,
        query: shown(&text, 4096),
        rows,
        answers,
        by,
        bys: bys.collect(),
        groups,
        left_out,
        is_cut: tally.is_cut,
        checks,
        asked_again,
        drawing: drawn(&bars),
        bars,
        export: may.then(|| view.href("/export", &export)),
    };
    Made::of(view, &page)
}

/// The first check that fails in each of the newest that a policy denied, as the policies of now see it.
fn checks(
    view: &View<'_>,
    index: &mut crate::index::Index,
    wanted: &Wanted<'_>,
) -> Result<(Vec<Checked>, usize), Refusal> {
    let denied = Condition::is(Field::Reason, "policy_denied");
    let query = wanted.query.clone().and(denied);
    let found = index.find(&query).map_err(unread)?;
    let rows: Result<Vec<Row>, _> = found.rows(Order::Newest).take(MOST_ASKED).collect();
    let rows = rows.map_err(unread)?;
    // With what helped the newest of them, and its id.
    let mut counted: BTreeMap<String, (u64, String, String)> = BTreeMap::new();
    for row in &rows {
        let (check, fix, id) = failing(view, row);
        let entry = counted.entry(check).or_insert((0, fix, id));
        entry.0 += 1;
    }
    let most = counted
        .values()
        .map(|(rows, ..)| *rows)
        .max()
        .unwrap_or(1)
        .max(1);
    let mut checks: Vec<Checked> = counted
        .into_iter()
        .map(|(check, (rows, fix, id))| Checked {
            check,
            fix,
            rows,
            width: (rows * 100 / most).max(1),
            href: view.href("/decision", &[("id", &id)]),
        })
        .collect();
    checks.sort_by_key(|check| std::cmp::Reverse(check.rows));
    checks.truncate(MOST_GROUPS);
    Ok((checks, rows.len()))
}

/// The check, what would help, and the decision's id.
fn failing(view: &View<'_>, row: &Row) -> (String, String, String) {
    let past = PastDecision::read(row.record.as_bytes()).ok();
    let id = past
        .as_ref()
        .map_or_else(String::new, |past| past.id.to_owned());
    let asked = past.and_then(|past| past.asked().ok());
    let now = asked.and_then(|asked| view.policies().decide_again(&asked.question).ok());
    let told = match now {
        Some(now) if now.verdict == Verdict::Allow => None,
        Some(now) => now.explanation,
        None => return (UNKNOWN.to_owned(), String::new(), id),
    };
    let Some(told) = told else {
        return (
            "allowed by the policies of now".to_owned(),
            String::new(),
            id,
        );
    };
    let failing = told.checks.iter().find(|check| !check.ok);
    let check = failing.map(|check| shown(&check.check, 160));
    let check = check
        .or(told.forbidden_by)
        .unwrap_or_else(|| NOTHING.to_owned());
    (check, shown(told.fix.as_deref().unwrap_or(""), 240), id)
}

impl Denied {
    /// A number as people write it.
    fn grouped(&self, number: &u64) -> String {
        grouped(*number)
    }
}

/// Words of the address, words for people, field.
const BYS: &[(&str, &str, Field)] = &[
    ("reason", "reason", Field::Reason),
    ("rule", "rule", Field::Rule),
    ("person", "person", Field::Person),
    ("project", "project", Field::Project),
    ("action", "action", Field::Action),
];

const MOST_GROUPS: usize = 25;

/// Each is a question to the policies with its explanation.
const MOST_ASKED: usize = 100;

const UNKNOWN: &str = "cannot be asked again";
const NOTHING: &str = "no rule comes near it";
