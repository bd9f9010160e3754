//! Proof that the decision to allow is in the journal; made only by this step.
//!
//! In: an [`Arrival`], a [`Permit`] and the journal's word. Out: a [`Committed`], which is all that
//! the forwarder accepts.
//!
//! Every field is there and rightly typed in this forgery; only privacy stops it:
//!
//! ```compile_fail,E0451
//! # use stile::{authorize::Permit, listen::Arrival, record::{Committed, Pending}};
//! fn forge(arrival: Arrival, permit: Permit, seq: u64, pending: Pending) -> Committed {
//!     Committed { arrival, permit, seq, pending }
//! }
//! ```

use crate::authorize::Permit;
use crate::listen::Arrival;

use super::outcome::Pending;

/// A request that may go to the upstream now.
#[derive(Debug)]
pub struct Committed {
    pub(super) arrival: Arrival,
    pub(super) permit: Permit,
    pub(super) seq: u64,
    pub(super) pending: Pending,
}

impl Committed {
    /// The request as it came.
    pub fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// What was allowed.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The sequence number of the decision record.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Takes it apart for the way to the upstream.
    pub fn into_parts(self) -> (Arrival, Permit, Pending) {
        (self.arrival, self.permit, self.pending)
    }
}
