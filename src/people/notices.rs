//! Reads what providers tell us of people: who was ended, disabled or enabled again.
//!
//! In: a [`Notice`](crate::identify::Notice) whose signature held, or the body of a request whose caller
//! proved who it is. Out: a [`Heard`]: what happened, and whom or what it is about.
//!
//! What is well-formed and says something that nobody here understands is heard as that: it is
//! acknowledged and written down, because a sender that is refused stops sending.
//!
//! Never: a subject out of half of what was said, another person out of an unknown way to name one.

pub(crate) mod events;
pub(crate) mod logout;
pub(crate) mod revocation;
mod subject;

use crate::identify::What;
use crate::refusal::{Reason, Refusal};

/// What a notice says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// What happened, in the notice's own word.
    pub(crate) event: String,
    /// What follows.
    pub(crate) effect: Effect,
    /// Whom or what it is about; nothing where nothing follows.
    pub(crate) about: Vec<About>,
}

/// What follows from a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// What was issued before is ended.
    End,
    /// Nothing is taken until that is lifted.
    Disable,
    /// That is lifted.
    Enable,
    /// Nothing, and why.
    Nothing(&'static str),
}

/// Whom or what a notice is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) what: What,
    /// The issuer whose name it is; the sender, and those it speaks for, where it does not say.
    pub(crate) issuer_url: Option<String>,
    pub(crate) value: String,
}

/// What was said is not well-formed.
fn malformed(why: impl Into<String>) -> Refusal {
    let why = why.into();
    Refusal::new(Reason::MalformedToken)
        .telling(why.clone())
        .noting(why)
}
