//! Records what stile itself answers: public documents, and what it tells callers about themselves.
//!
//! In: a request that nothing is forwarded for. Out: its record, stored before the answer is sent.

use serde_json::Value;

use super::{Claim, Journal};
use crate::identify::Principal;
use crate::listen::Sighting;
use crate::record::audit_record::{DecisionRecord, EventRecord, Note};
use crate::record::frame::Kind;
use crate::record::settings::Level;
use crate::refusal::Refusal;

impl Journal {
    /// Stores that a public document of ours is handed out; it may be sent when this returns.
    ///
    /// # Errors
    ///
    /// `audit_backpressure` or `audit_unavailable`, to be sent in its place.
    pub async fn publish(&self, sighting: Sighting<'_>) -> Result<u64, Refusal> {
        let rendered = self.rendered(&DecisionRecord::of_publication(sighting))?;
        let (kind, level) = (Kind::Decision, Level::Write);
        let stored = self.store(kind, rendered, level, None, Claim::Stranger);
        stored.await.map(|stored| stored.seq)
    }

    /// Stores that a caller is told about itself; it may be told when this returns.
    ///
    /// # Errors
    ///
    /// `audit_backpressure` or `audit_unavailable`, to be sent in its place.
    pub async fn tell(
        &self,
        sighting: Sighting<'_>,
        principal: &Principal,
    ) -> Result<u64, Refusal> {
        let record = DecisionRecord::of_own(sighting, principal, &self.key);
        let (kind, level) = (Kind::Decision, Level::Write);
        let stored = self.store(kind, self.rendered(&record)?, level, None, Claim::Known);
        stored.await.map(|stored| stored.seq)
    }

    /// Stores what somebody who proved who it is told us; it may be answered when this returns.
    ///
    /// # Errors
    ///
    /// `audit_backpressure` or `audit_unavailable`, to be sent in its place.
    pub async fn take_note(&self, note: Note, detail: &[(&str, Value)]) -> Result<u64, Refusal> {
        let clock = &self.intake.shared.clock;
        let mut payload = Vec::new();
        EventRecord {
            note,
            detail,
            time: clock.now(),
            mono_ns: clock.mono_ns(),
        }
        .render(&self.constants(), &mut payload);
        let (kind, level) = (Kind::Event, Level::Sync);
        let stored = self.store(kind, payload.into(), level, None, Claim::Known);
        stored.await.map(|stored| stored.seq)
    }
}
