//! Stores what the refusals of a flood share, and when the flood began and ended.
//!
//! In: refusals of strangers. Out: each one's own record or the shared one's number.
//!
//! A task of its own sees a flood through, from the event that it begins to the one that it is over.
//! A stop of the journal ends it as well, without that event.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use uuid::{NoContext, Timestamp, Uuid};

use super::{Claim, Journal, Untaken};
use crate::clock::Time;
use crate::record::audit_record::{EventRecord, Note, SharedRefusals};
use crate::record::flood::{Flood, Met, Share, Shared};
use crate::record::frame::Kind;
use crate::record::settings::Level;
use crate::refusal::{Reason, Refusal};

impl Journal {
    /// Whether refusals of requests without a verified identity share records now.
    pub fn is_flooded(&self) -> bool {
        self.flood.is_declared()
    }

    /// The number of the record that a refusal of a stranger shares; none where it gets its own.
    pub(super) async fn share(
        &self,
        reason: Reason,
        peer: IpAddr,
        time: Time,
        mono_ns: u64,
    ) -> Option<Result<u64, Refusal>> {
        let waiter = match self.flood.meet(reason, peer, time, mono_ns) {
            Met::Own => return None,
            Met::Full => {
                let noted = "more refusals than the flood's record can count at once";
                return Some(Err(self.unrecorded(Reason::AuditBackpressure, noted)));
            }
            Met::Shared(waiter) => waiter,
            Met::Begins(waiter) => {
                tokio::spawn(self.clone().see_through());
                waiter
            }
        };
        Some(self.heard(waiter).await)
    }

    async fn heard(&self, waiter: oneshot::Receiver<Shared>) -> Result<u64, Refusal> {
        let shared = waiter.await.unwrap_or(Err(Reason::AuditUnavailable));
        shared.map_err(|reason| self.unrecorded(reason, "the shared record was not stored"))
    }

    /// From the first refusal of a flood to its end.
    async fn see_through(self) {
        let flood = Arc::clone(&self.flood);
        // However this task ends, nobody is left waiting for it, and another flood can begin.
        let mut unended = GivenUp(Some(&flood));
        let mut begun = false;
        loop {
            tokio::time::sleep(SHARE_EVERY).await;
            let state = self.state();
            if state.closed || state.poisoned {
                return;
            }
            if !begun {
                let threshold = ("per_second", Value::from(self.flood.threshold()));
                begun = self.flood_note(Note::FloodBegin, threshold).await.is_ok();
            }
            let turn = self.flood.turn(self.intake.shared.clock.mono_ns());
            for share in turn.shares {
                let stored = match begun {
                    true => self.store_share(&share).await,
                    // No record is shared before the event that says so.
                    false => Err(Reason::AuditUnavailable),
                };
                for waiter in share.waiters {
                    let _ = waiter.send(stored);
                }
            }
            if let Some(answered) = turn.over {
                // The next flood may begin before this one's end is stored.
                unended.0 = None;
                let answered = ("answered", Value::from(answered));
                let _ = self.flood_note(Note::FloodEnd, answered).await;
                return;
            }
        }
    }

    async fn store_share(&self, share: &Share) -> Shared {
        let clock = &self.intake.shared.clock;
        let now = clock.now();
        let (networks, others) = share.most();
        let networks: Vec<(String, Value)> = networks
            .into_iter()
            .map(|(network, count)| (network, Value::from(count)))
            .collect();
        let mut payload = Vec::new();
        SharedRefusals {
            id: id_at(now),
            reason: share.reason,
            count: share.count,
            first: share.first,
            last: share.last,
            networks: &networks,
            others,
            time: now,
            mono_ns: clock.mono_ns(),
        }
        .render(&self.constants(), &mut payload);
        // One at a time, and it answers for many: it comes before those who answer for themselves.
        let stored = self.try_store(
            Kind::Decision,
            payload.into(),
            Level::Sync,
            None,
            Claim::Known,
        );
        let stored = stored.await.map_err(|Untaken(reason, _)| reason)?;
        self.intake.shared.shared(share.count);
        Ok(stored.seq)
    }

    async fn flood_note(&self, note: Note, detail: (&str, Value)) -> Result<(), Untaken> {
        let clock = &self.intake.shared.clock;
        let mut payload = Vec::new();
        EventRecord {
            note,
            detail: &[detail],
            time: clock.now(),
            mono_ns: clock.mono_ns(),
        }
        .render(&self.constants(), &mut payload);
        let stored = self.try_store(Kind::Event, payload.into(), Level::Sync, None, Claim::Known);
        stored.await.map(|_| ())
    }
}

/// Gives a flood up when it is dropped.
struct GivenUp<'f>(Option<&'f Flood>);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        if let Some(flood) = self.0 {
            flood.give_up();
        }
    }
}

fn id_at(now: Time) -> Uuid {
    let nanos = u32::try_from(now.as_ms() % 1000).unwrap_or(0) * 1_000_000;
    Uuid::new_v7(Timestamp::from_unix(NoContext, now.as_secs(), nanos))
}

/// How long those who share a record wait for each other.
const SHARE_EVERY: Duration = Duration::from_millis(250);
