//! How a forwarded request ended.
//!
//! In: what the forwarder saw. Out: one [`Outcome`] per allow, handed to the journal when the
//! [`Pending`] guard is closed or dropped.

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
    /// Body bytes sent to the upstream.
    pub sent_bytes: u64,
    /// Body bytes received from it.
    pub received_bytes: u64,
    /// Microseconds from commit to the upstream's head.
    pub first_byte_us: Option<u64>,
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
    pub(super) hand_in: Option<OutcomeSink>,
}

/// Takes the outcome to the journal's writer.
pub(super) type OutcomeSink = Box<dyn FnOnceSend>;

/// A boxed function called once with the outcome.
pub(super) trait FnOnceSend: Send + std::fmt::Debug {
    fn hand_in(self: Box<Self>, outcome: Outcome);
}

impl Pending {
    /// Closes the guard with what happened.
    pub fn close(mut self, outcome: Outcome) {
        if let Some(sink) = self.hand_in.take() {
            sink.hand_in(outcome);
        }
    }
}
