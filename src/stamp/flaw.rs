//! Why a body cannot be stamped.
//!
//! In: what a reader of bodies came upon. Out: a [`Refusal`] that says it in one sentence.

use crate::refusal::{Reason, Refusal};

/// Why a body cannot be stamped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It can be read in several ways or in none.
    Unclear(&'static str),
    /// Its media type or coding is none that is read here.
    Media(&'static str),
    /// It is larger than its operation accepts, before or after.
    TooLarge,
    /// It names another version than the token's commit.
    OtherVersion,
    /// All memory for such bodies is taken.
    NoRoom,
}

impl From<Flaw> for Refusal {
    fn from(flaw: Flaw) -> Refusal {
        match flaw {
            Flaw::Unclear(what) => Refusal::new(Reason::UnstampableBody).telling(what),
            Flaw::Media(what) => Refusal::new(Reason::UnsupportedMedia).telling(what),
            Flaw::TooLarge => Refusal::new(Reason::BodyTooLarge),
            Flaw::OtherVersion => Refusal::new(Reason::ProvenanceMismatch),
            Flaw::NoRoom => Refusal::new(Reason::Overloaded),
        }
    }
}
