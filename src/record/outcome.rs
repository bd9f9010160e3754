//! How a forwarded request ended.
//!
//! In: what the forwarder saw. Out: one [`Outcome`] per allow, handed to the journal when the
//! [`Pending`] guard is closed or dropped.
//!
//! The debt begins the moment the writer has stored the allow, not when the request hears of it: a
//! request that is gone by then leaves `not_forwarded` behind. From then on a [`Pending`] passes
//! from hand to hand, and whichever way it ends, one outcome is handed in, without waiting.

use std::mem;
use std::sync::Arc;

use uuid::Uuid;

use super::audit_record::OutcomeRecord;
use super::frame::Kind;
use super::writer::{Entry, Intake};

/// How a forwarded request ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// In which way.
    pub end: End,
    /// The upstream's status, where it answered.
    pub status: Option<u16>,
    /// The gRPC status, where the answer carried one.
    pub grpc: Option<u8>,
    /// The reason's word, where we answered in the upstream's place.
    pub reason: Option<crate::refusal::Reason>,
    /// The address the upstream resolved to, where it was reached.
    pub upstream: Option<String>,
    /// How often it was tried, at whichever address.
    pub attempts: u32,
    /// Body bytes sent to the upstream.
    pub sent_bytes: u64,
    /// Body bytes received from it.
    pub received_bytes: u64,
    /// Microseconds from commit to the upstream's head.
    pub first_byte_us: Option<u64>,
}

impl Outcome {
    /// An end of which nothing more is known.
    pub fn of(end: End) -> Outcome {
        Outcome {
            end,
            status: None,
            grpc: None,
            reason: None,
            upstream: None,
            attempts: 0,
            sent_bytes: 0,
            received_bytes: 0,
            first_byte_us: None,
        }
    }
}

/// The ways to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// To the last byte.
    Complete,
    /// The upstream's answer broke off.
    Truncated,
    /// The caller went away or sent too little.
    ClientAbort,
    /// The upstream could not be reached or spoke badly.
    UpstreamError,
    /// The upstream did not answer in time.
    Timeout,
    /// Committed, then not sent.
    NotForwarded,
    /// Nobody can say: written by recovery, or when the guard was dropped unclosed.
    Unknown,
}

impl End {
    /// The word in records.
    pub fn word(self) -> &'static str {
        match self {
            End::Complete => "complete",
            End::Truncated => "truncated",
            End::ClientAbort => "client_abort",
            End::UpstreamError => "upstream_error",
            End::Timeout => "timeout",
            End::NotForwarded => "not_forwarded",
            End::Unknown => "unknown",
        }
    }
}

/// Owes the journal one outcome. Dropping it unclosed writes `unknown`.
#[derive(Debug)]
pub struct Pending {
    pub(super) owed: Owed,
}

impl Pending {
    /// Notes the digest of the message that goes on in the place of the caller's.
    pub fn stamped(&mut self, digest: [u8; 32]) {
        self.owed.stamped = Some(Box::new(digest));
    }

    /// Notes how many items of a list went on and how many were left out.
    pub fn listed(&mut self, kept: u64, left_out: u64) {
        self.owed.listed = Some(Box::new((kept, left_out)));
    }

    /// Closes the guard with what happened.
    pub fn close(mut self, outcome: Outcome) {
        self.owed.pay(&outcome);
    }
}

/// The debt of one outcome, from the moment its allow is stored.
#[derive(Debug)]
pub(super) struct Owed {
    intake: Arc<Intake>,
    decision: Uuid,
    /// What to write when it is dropped; nothing before the allow is stored and after it is paid.
    when_dropped: Option<End>,
    /// The decision's own buffer, used again.
    pub(super) buffer: Vec<u8>,
    asked_ns: u64,
    committed_ns: Option<u64>,
    /// Apart, for hardly any request has one.
    stamped: Option<Box<[u8; 32]>>,
    /// The same.
    listed: Option<Box<(u64, u64)>>,
}

impl Owed {
    /// No debt yet.
    pub(super) fn not_yet(intake: Arc<Intake>, decision: Uuid) -> Owed {
        Owed {
            asked_ns: intake.shared.clock.mono_ns(),
            intake,
            decision,
            when_dropped: None,
            buffer: Vec::new(),
            committed_ns: None,
            stamped: None,
            listed: None,
        }
    }

    /// The allow is stored; nobody has heard of it yet.
    pub(super) fn stored(&mut self) {
        self.intake.shared.owes_one_more();
        self.when_dropped = Some(End::NotForwarded);
    }

    /// The request has heard of it and may be forwarded.
    pub(super) fn released(mut self) -> Pending {
        self.committed_ns = Some(self.intake.shared.clock.mono_ns());
        self.when_dropped = Some(End::Unknown);
        Pending { owed: self }
    }

    fn pay(&mut self, outcome: &Outcome) {
        if self.when_dropped.take().is_none() {
            return;
        }
        let shared = &self.intake.shared;
        let mono_ns = shared.clock.mono_ns();
        let us_between = |from: u64, to: u64| to.saturating_sub(from) / 1000;
        let record = OutcomeRecord {
            decision: self.decision,
            outcome,
            time: shared.clock.now(),
            mono_ns,
            commit_us: self.committed_ns.map(|at| us_between(self.asked_ns, at)),
            total_us: self.committed_ns.map(|at| us_between(at, mono_ns)),
            stamped: self.stamped.as_deref().copied(),
            listed: self.listed.as_deref().copied(),
        };
        let mut payload = mem::take(&mut self.buffer);
        record.render(&shared.constants.load(), &mut payload);
        self.intake
            .hand_in_outcome(Entry::owing_nobody(Kind::Outcome, payload));
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Some(end) = self.when_dropped {
            self.pay(&Outcome::of(end));
        }
    }
}
