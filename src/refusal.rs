//! Ends a request that is not forwarded: the closed list of reasons, and what each one means.
//!
//! In: a [`Reason`] and what the refusing step knows. Out: a [`Refusal`].
//!
//! The words are spelled here once and are the same in code, body, header, record, metric and
//! documentation. Every `match` on [`Reason`] names each word, so a new one forces every surface
//! to answer. A refusal holds two texts: `told` is for the caller and speaks of the caller's own
//! request only; `noted` is for the operator's log and never leaves the machine.
//!
//! Never: a token, a key, another team's name, or a word of the upstream in `told`.

use std::borrow::Cow;

mod reason;
pub mod explanation;
pub mod answer;
mod challenge;
mod problem;
mod otlp;
mod grpc;
mod page;
mod sentence;

pub use answer::{Asked, Site, answer, wants_page};
pub use challenge::protected_resource_metadata;
pub use explanation::{Check, Explanation};
pub use page::{PageBody, framed_page};
pub use reason::{Effect, Reason};
pub(crate) use sentence::{is_invisible, plain};

/// Why a request ends here.
#[derive(Clone, Debug)]
pub struct Refusal {
    reason: Reason,
    told: Cow<'static, str>,
    noted: Option<String>,
    explanation: Option<Box<Explanation>>,
    retry_after_s: Option<u32>,
}

impl Refusal {
    /// A refusal that tells the caller the reason's own sentence.
    pub fn new(reason: Reason) -> Refusal {
        Refusal {
            reason,
            told: Cow::Borrowed(reason.sentence()),
            noted: None,
            explanation: None,
            retry_after_s: reason.retry_after_s(),
        }
    }

    /// Replaces the sentence told to the caller: lower case, no full stop, no secrets.
    #[must_use]
    pub fn telling(mut self, told: impl Into<Cow<'static, str>>) -> Refusal {
        self.told = told.into();
        self
    }

    /// Adds what only the operator may read.
    #[must_use]
    pub fn noting(mut self, noted: impl Into<String>) -> Refusal {
        self.noted = Some(noted.into());
        self
    }

    /// Adds the checks behind a decision.
    #[must_use]
    pub fn explained(mut self, explanation: Explanation) -> Refusal {
        self.explanation = Some(Box::new(explanation));
        self
    }

    /// Says after how many seconds trying again makes sense, where that is known better than from the
    /// reason alone.
    #[must_use]
    pub fn retrying_after(mut self, seconds: u32) -> Refusal {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The word for it.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// What the caller is told.
    pub fn told(&self) -> &str {
        &self.told
    }

    /// What the operator's log adds.
    pub fn noted(&self) -> Option<&str> {
        self.noted.as_deref()
    }

    /// Seconds after which trying again makes sense, where it does.
    pub fn retry_after_s(&self) -> Option<u32> {
        self.retry_after_s
    }

    /// The checks behind a decision, where one was made.
    pub fn explanation(&self) -> Option<&Explanation> {
        self.explanation.as_deref()
    }
}
