//! Keeps account of what records must say about each other.
//!
//! In: records in order. Out: what is missing or double: each allow has exactly one outcome, and what
//! was erased beside a record was announced.
//!
//! Memory grows with the allows that are open at one time and with erasures, see [`Erased`].

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::erased::Erased;
use super::verification::{ClockStepSeen, Ending, Pruned, Started, Verification};
use crate::record::audit_record::Note;
use crate::record::frame::{Frame, Kind, is_hex_of};
use crate::record::gist::Gist;

/// The account.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    open: HashMap<Uuid, u64>,
    /// Records before this one are not here, so their outcomes may be.
    begins_at: u64,
    ended: Ending,
    erased: Erased,
}

/// The one number that an event's detail is read for.
#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    by_ms: i64,
    #[serde(default)]
    audit_backpressure: u64,
    #[serde(default)]
    audit_unavailable: u64,
}

/// What an event says of records that are taken away.
#[derive(Deserialize)]
struct Pruning {
    before: u64,
    reason: String,
    authority: String,
}

impl Ledger {
    /// Where the records begin.
    pub(super) fn begins_at(&mut self, seq: u64) {
        self.begins_at = seq;
    }

    /// Takes one record in; says what is wrong with it beside those before it.
    pub(super) fn enter(
        &mut self,
        frame: &Frame<'_>,
        gist: &Gist<'_>,
        found: &mut Verification,
    ) -> Option<&'static str> {
        self.ended = Ending::Open;
        match frame.kind {
            Kind::Decision => {
                found.counts.decisions = found.counts.decisions.saturating_add(1);
                let id = gist.allow()?;
                found.counts.allows = found.counts.allows.saturating_add(1);
                let double = self.open.insert(id, frame.seq).is_some();
                double.then_some("the decision was recorded twice")
            }
            Kind::Outcome => {
                found.counts.outcomes = found.counts.outcomes.saturating_add(1);
                let owed = gist.of.and_then(|of| self.open.remove(&of)).is_some();
                if !owed && self.begins_at > 0 {
                    found.outcomes_from_before = found.outcomes_from_before.saturating_add(1);
                    return None;
                }
                (!owed).then_some("the outcome is of no open allow")
            }
            Kind::Session => {
                found.counts.sessions = found.counts.sessions.saturating_add(1);
                None
            }
            Kind::Event => {
                found.counts.events = found.counts.events.saturating_add(1);
                self.event(frame.seq, gist, found)
            }
        }
    }

    fn event(
        &mut self,
        seq: u64,
        gist: &Gist<'_>,
        found: &mut Verification,
    ) -> Option<&'static str> {
        let word = gist.event.unwrap_or_default();
        let detail = gist
            .detail
            .and_then(|raw| serde_json::from_str::<Detail>(raw.get()).ok());
        if word == Note::Start.word() {
            found.add_start(Started {
                seq,
                time: gist.time,
                boot: gist.boot.to_owned(),
            });
        } else if word == Note::Stop.word() {
            self.ended = Ending::Closed;
        } else if word == Note::ClockStep.word() {
            let by_ms = detail.map_or(0, |d| d.by_ms);
            found.add_clock_step(ClockStepSeen { seq, by_ms });
        } else if word == Note::Unrecorded.word()
            && let Some(detail) = detail
        {
            found.unrecorded = found
                .unrecorded
                .saturating_add(detail.audit_backpressure)
                .saturating_add(detail.audit_unavailable);
        } else if word == Note::Prune.word() {
            let said = gist.detail.map(RawValue::get);
            let said = said.and_then(|json| serde_json::from_str::<Pruning>(json).ok());
            let Some(said) = said else {
                return Some("the event does not say what was to be pruned");
            };
            found.pruned = Some(Pruned {
                seq,
                time: gist.time,
                before: said.before,
                reason: said.reason,
                authority: said.authority,
            });
        } else if word == Note::Redaction.word() {
            let is_read = self.erased.announced(gist.detail.map(RawValue::get));
            return (!is_read).then_some("the event does not say what is to be erased");
        }
        None
    }

    /// Takes in what lies beside a leaf; says what is wrong with it.
    pub(super) fn beside(
        &mut self,
        frame: &Frame<'_>,
        gist: &Gist<'_>,
        found: &mut Verification,
    ) -> Option<&'static str> {
        let Some(disclosure) = frame.disclosure else {
            let missing = "its personal members are not here";
            return gist.personal.is_some().then_some(missing);
        };
        let Some(digest) = gist.personal else {
            return Some("personal members lie beside it that it does not name");
        };
        if disclosure.is_erased() {
            found.erased = found.erased.saturating_add(1);
            self.erased.enter(frame.seq);
            return None;
        }
        found.disclosed = found.disclosed.saturating_add(1);
        let fits = is_hex_of(digest, &disclosure.digest());
        (!fits).then_some("its personal members are not those that were recorded")
    }

    /// Records that were erased without a record of it.
    pub(super) fn unannounced(&self) -> impl Iterator<Item = u64> {
        self.erased.unannounced()
    }

    /// Everything was read.
    pub(super) fn close(self, found: &mut Verification) {
        found.ending = self.ended;
        found.open_count = u64::try_from(self.open.len()).unwrap_or(u64::MAX);
        let mut open: Vec<(u64, Uuid)> = self.open.into_iter().map(|(id, seq)| (seq, id)).collect();
        open.sort_unstable();
        found.open = open
            .into_iter()
            .take(Verification::MOST_LISTED)
            .map(|(_, id)| id.to_string())
            .collect();
    }
}
