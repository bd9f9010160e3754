//! One request in a table, a decision's page, a live stream.
//!
//! In: a row of the index. Out: a [`Line`]: texts that are fit to be seen, and words with signs beside
//! each colour.

use serde::Serialize;
use serde_json::Value;

use super::frame::Stamp;
use super::texts::{quoted, shown};
use super::view::View;
use crate::index::{Field, Row, cells};

/// One request.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub(super) time: Stamp,
    /// `ALLOW +`.
    pub(super) decision: &'static str,
    #[serde(skip)]
    pub(super) class: &'static str,
    pub(super) who: String,
    pub(super) what: String,
    pub(super) on: String,
    pub(super) why: String,
    /// What the upstream answered, or how it ended.
    pub(super) status: String,
    pub(super) id: String,
    pub(super) answers: u64,
    #[serde(skip)]
    pub(super) href: String,
    /// The same page, of this one's action only.
    #[serde(skip)]
    pub(super) more: Option<String>,
}

impl Line {
    /// With what a script needs to draw it.
    pub(super) fn live(&self) -> Value {
        let mut line = serde_json::to_value(self).unwrap_or_default();
        if let Some(members) = line.as_object_mut() {
            members.insert("class".to_owned(), self.class.into());
            members.insert("href".to_owned(), self.href.as_str().into());
        }
        line
    }

    pub(super) fn of(view: &View<'_>, row: &Row) -> Line {
        let cells = cells(row, &view.zone);
        let text = |at: usize| match cells.get(at) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        let record: Option<Value> = serde_json::from_str(&row.record).ok();
        let member = |name: &str| {
            let record = record.as_ref();
            record
                .and_then(|record| record.get(name))
                .and_then(Value::as_str)
        };
        let (decision, class) = match member("would") {
            Some("deny" | "error") if text(1) == "allow" => ("WOULD DENY !", "odd"),
            _ => worded(&text(1)),
        };
        let on = match (text(4), text(5)) {
            (on, project) if project.is_empty() => on,
            (on, project) => format!("{on} in {project}"),
        };
        let id = member("id").unwrap_or_default();
        let more = member("op").map(|action| {
            let query = format!("{}:{}", Field::Action.word(), quoted(action));
            view.href("/requests", &[("q", &query)])
        });
        Line {
            time: Stamp::of(view, row.time),
            decision,
            class,
            who: shown(&text(2), NAME),
            what: shown(&text(3), NAME),
            on: shown(&on, NAME),
            why: shown(&text(6), NAME),
            status: shown(&text(7), 20),
            id: shown(id, 40),
            answers: row.answers(),
            href: view.href("/decision", &[("id", id)]),
            more,
        }
    }
}

/// The word with its sign, and the colour that says the same.
pub(super) fn worded(decision: &str) -> (&'static str, &'static str) {
    match decision {
        "allow" => ("ALLOW +", "good"),
        "deny" => ("DENY x", "bad"),
        "refuse" => ("REFUSE x", "bad"),
        "error" => ("ERROR !", "odd"),
        "own" => ("OWN", "calm"),
        "public" => ("PUBLIC", "calm"),
        _ => ("?", "odd"),
    }
}

/// Characters of a cell; the decision's page has everything.
const NAME: usize = 120;
