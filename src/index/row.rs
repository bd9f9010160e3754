//! One answer to a query: a request with its outcome, or an event.
//!
//! In: records of one journal, in their order. Out: [`Row`]s.
//!
//! A decision to allow and its outcome are two records and one row, so that a query can ask for both
//! at once. An outcome belongs to the last decision with its id that has none yet.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::clock::Time;
use crate::record::frame::Kind;

use super::facts::{Facts, Standing};
use super::field::Field;

/// A request with its outcome, or an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The journal's name.
    pub origin: Arc<str>,
    /// The place of the decision or event in that journal.
    pub seq: u64,
    /// When it arrived or happened.
    pub time: Time,
    /// The decision or event, whole.
    pub record: String,
    /// Where the outcome is and what it says; none while it is owed, and where none is.
    pub outcome: Option<(u64, String)>,
}

impl Row {
    /// What is known of it; nothing where its record is none.
    pub fn facts(&self) -> Option<Facts> {
        let of = |seq: u64, text: &str| {
            let members: Value = serde_json::from_str(text).ok()?;
            let kind = match members.get("kind")?.as_str()? {
                "decision" => Kind::Decision,
                "outcome" => Kind::Outcome,
                "event" => Kind::Event,
                _ => return None,
            };
            Facts::of(seq, kind, text.as_bytes()).map(|(facts, _)| facts)
        };
        let mut facts = of(self.seq, &self.record)?;
        if let Some((seq, outcome)) = &self.outcome {
            facts.take(of(*seq, outcome)?);
        }
        Some(facts)
    }

    /// How many answers it tells of: more than one where refusals share a record.
    pub fn answers(&self) -> u64 {
        let facts = self.facts();
        let count = facts.and_then(|facts| facts.values(Field::Count).next()?.parse().ok());
        count.unwrap_or(1)
    }
}

/// Which rows come first. Within one journal its own order counts, between journals the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The last first.
    #[default]
    Newest,
    /// The first first.
    Oldest,
}

/// Brings decisions and outcomes together.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    open: HashMap<String, u64>,
}

/// What a record is to the rows.
#[derive(Debug)]
pub(super) enum Part {
    /// A row of its own; with an id when an outcome will follow.
    Begins(Facts, Option<String>),
    /// More about the row at this place, which had this id.
    Completes(u64, String, Facts),
    /// Nothing that a row is made of.
    Nothing,
}

impl Pairing {
    /// With these decisions waiting for their outcomes.
    pub(super) fn with(open: HashMap<String, u64>) -> Pairing {
        Pairing { open }
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, seq: u64, kind: Kind, whole: &[u8]) -> Part {
        match Facts::of(seq, kind, whole) {
            None => Part::Nothing,
            Some((facts, Standing::Alone)) => Part::Begins(facts, None),
            Some((facts, Standing::Awaits(id))) => {
                self.open.insert(id.clone(), seq);
                Part::Begins(facts, Some(id))
            }
            Some((facts, Standing::Answers(id))) => match self.open.remove(&id) {
                Some(seq) => Part::Completes(seq, id, facts),
                None => Part::Nothing,
            },
        }
    }
}

/// The text of a record, whatever bytes it is made of.
pub(super) fn text_of(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
}
