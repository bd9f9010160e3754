//! Owes one outcome for one forwarded request, and pays it however the request ends.
//!
//! In: what the forwarder saw so far. Out: one [`Outcome`], handed to the journal.
//!
//! An account that is dropped open says `client_abort`: the only way to drop it in the middle is
//! that the future or the body it lives in was dropped, and that is done by the caller's connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::body::Progress;
use super::shares::Share;
use crate::record::{End, Outcome, Pending};
use crate::refusal::Reason;

/// Who is owed the outcome.
#[derive(Debug)]
pub(crate) enum Owed {
    /// The journal.
    Journal(Pending),
    /// Nobody: what is read for a decision stands in the record of the decision.
    Nobody,
    /// A test.
    #[cfg(test)]
    Test(tokio::sync::mpsc::UnboundedSender<Outcome>),
}

/// What is known of a request on its way.
#[derive(Debug)]
pub(crate) struct Account {
    owed: Option<Owed>,
    progress: Arc<Progress>,
    place: Option<(Place, Option<Share>)>,
    at_replica: Option<Place>,
    status: Option<u16>,
    grpc: Option<u8>,
    address: Option<String>,
    attempts: u32,
    received_bytes: u64,
    first_byte_us: Option<u64>,
}

impl Account {
    /// Opens the account of a request that is committed.
    pub(crate) fn open(owed: Owed, progress: Arc<Progress>) -> Account {
        Account {
            owed: Some(owed),
            progress,
            place: None,
            at_replica: None,
            status: None,
            grpc: None,
            address: None,
            attempts: 0,
            received_bytes: 0,
            first_byte_us: None,
        }
    }

    /// Keeps the place among the requests in flight, and among the caller's own, until the account is
    /// closed.
    pub(crate) fn keep(&mut self, place: Place, share: Option<Share>) {
        self.place = Some((place, share));
    }

    /// Counts one more time that it is tried; keeps the place at the address until the account is
    /// closed or another is tried.
    pub(crate) fn attempted(&mut self, at: Option<Place>) {
        self.attempts += 1;
        self.at_replica = at;
    }

    /// Notes where the upstream was reached.
    pub(crate) fn reached(&mut self, address: String) {
        self.address = Some(address);
    }

    /// Notes the answer's head.
    pub(crate) fn answered(&mut self, status: u16) {
        self.status = Some(status);
        self.first_byte_us = Some(self.progress.elapsed_us());
    }

    /// Notes the gRPC status, which may stand in the head or after the body.
    pub(crate) fn grpc(&mut self, fields: &http::HeaderMap) {
        let said = fields
            .get("grpc-status")
            .and_then(|value| value.to_str().ok());
        self.grpc = said.and_then(|code| code.parse().ok()).or(self.grpc);
    }

    /// Counts bytes of the answer's body.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.received_bytes = self.received_bytes.saturating_add(bytes as u64);
    }

    /// How the body to the upstream fared.
    pub(crate) fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Notes how many items of a list went on and how many did not.
    pub(crate) fn listed(&mut self, kept: u64, left_out: u64) {
        if let Some(Owed::Journal(pending)) = &mut self.owed {
            pending.listed(kept, left_out);
        }
    }

    /// Closes the account; only the first call counts.
    pub(crate) fn close(&mut self, end: End, reason: Option<Reason>) {
        let Some(owed) = self.owed.take() else {
            return;
        };
        self.place = None;
        self.at_replica = None;
        self.progress.release();
        let outcome = Outcome {
            end,
            status: self.status,
            grpc: self.grpc,
            reason,
            upstream: self.address.take(),
            attempts: self.attempts,
            sent_bytes: self.progress.sent_bytes(),
            received_bytes: self.received_bytes,
            first_byte_us: self.first_byte_us,
        };
        match owed {
            Owed::Journal(pending) => pending.close(outcome),
            Owed::Nobody => {}
            #[cfg(test)]
            Owed::Test(told) => drop(told.send(outcome)),
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.close(End::ClientAbort, None);
    }
}

/// The requests in flight to one upstream, bounded.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<AtomicUsize>);

/// One place among them; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(InFlight);

impl InFlight {
    /// A place, unless all `most` are taken.
    pub(crate) fn take(&self, most: usize) -> Option<Place> {
        let place = Place(self.clone());
        // Counted first: two that race for the last place cannot both have it.
        let before = self.0.fetch_add(1, Ordering::AcqRel);
        (before < most).then_some(place)
    }

    /// How many places are taken.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}
