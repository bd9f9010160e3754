//! What became of the newest request head of an HTTP/2 connection.
//!
//! In: a head went to h2; h2 handed a request over, or wants to say something else. Out: whether
//! the head is in doubt, and the reason once it is known to be rejected.
//!
//! A head is in doubt from the moment h2 has all of it. hyper begins the exchange of a good one
//! within the same poll of the connection. If none has begun when that poll is over, h2 has
//! rejected the head, and nobody else will tell.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::exchanges::Exchanges;
use super::objection::Objection;
use crate::refusal::Reason;

/// Shared by the stream under h2 and the task above it; one task, so the lock is never contended.
#[derive(Clone, Debug)]
pub(super) struct Doubt {
    exchanges: Arc<Exchanges>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The head in doubt.
    head: Option<Head>,
    /// h2 was held back and has not read since.
    is_held: bool,
    /// A head has begun and not ended.
    has_begun: bool,
}

#[derive(Debug)]
struct Head {
    /// How many exchanges had begun before it.
    begun_before: usize,
    /// h2 wanted to write something.
    wanted_to_write: bool,
    objection: Option<Objection>,
}

impl Doubt {
    pub(super) fn new(exchanges: Arc<Exchanges>) -> Doubt {
        Doubt {
            exchanges,
            state: Arc::default(),
        }
    }

    /// h2 has read on; `has_begun` when it is inside a head now.
    pub(super) fn read_on(&self, has_begun: bool) {
        let mut state = self.state();
        state.is_held = false;
        state.has_begun = has_begun;
    }

    /// h2 has all of a head now; with an objection, all that it will ever have.
    pub(super) fn begin(&self, objection: Option<Objection>) {
        let begun_before = self.exchanges.begun();
        let mut state = self.state();
        state.has_begun = false;
        state.head = Some(Head {
            begun_before,
            wanted_to_write: false,
            objection,
        });
    }

    /// Whether a head is in doubt, so that h2 must be held back.
    pub(super) fn holds(&self) -> bool {
        let mut state = self.state();
        let begun = self.exchanges.begun();
        state.head.take_if(|head| head.begun_before < begun);
        state.is_held |= state.head.is_some();
        state.head.is_some()
    }

    /// h2 wants to write, with this objection to the head in doubt among it.
    pub(super) fn wants_to_write(&self, objection: Option<Objection>) {
        if let Some(head) = &mut self.state().head {
            head.wanted_to_write = true;
            head.objection = head.objection.or(objection);
        }
    }

    /// To be asked when a poll of the connection is over: why h2 rejected the head in doubt.
    pub(super) fn rejected(&self) -> Option<Reason> {
        if !self.holds() {
            return None;
        }
        let head = self.state().head.take()?;
        Some(match head.objection {
            Some(objection) => objection.reason(),
            // Objected to behind what it could not get rid of yet.
            None if head.wanted_to_write => Reason::MalformedRequest,
            // Passed over in silence, as every stream is that comes after our farewell.
            None => Reason::Draining,
        })
    }

    /// Whether h2 was held back in the last poll and would not be now.
    pub(super) fn was_held(&self) -> bool {
        let held = self.holds();
        std::mem::take(&mut self.state().is_held) && !held
    }

    /// To be asked when the connection is over: whether it was cut inside a head.
    pub(super) fn was_cut(&self) -> bool {
        std::mem::take(&mut self.state().has_begun)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
