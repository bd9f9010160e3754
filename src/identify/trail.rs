//! Remembers which checks a token passed, for `stile token explain`.
//!
//! In: the name of each check as it begins, what the caller may read of it when it held. Out: an
//! [`Examination`].
//!
//! Verification runs through the same lines whether anyone looks or not; without an onlooker a
//! [`Trail`] remembers the name of the running check and nothing else.
//!
//! Never: shows a claim before the signature held.

use std::sync::Arc;

use super::principal::Principal;
use crate::refusal::{Check, Refusal};

/// What was checked of one token, in order, and how it ended.
#[derive(Debug)]
pub struct Examination {
    /// The checks that were made; only the last can have failed.
    pub checks: Vec<Check>,
    /// What a request with this token would have come to.
    pub outcome: Result<Arc<Principal>, Refusal>,
}

/// The checks so far.
#[derive(Debug)]
pub(super) struct Trail {
    running: &'static str,
    seen: Option<Vec<Check>>,
}

impl Trail {
    /// Remembers nothing.
    pub(super) fn unseen() -> Trail {
        Trail {
            running: "",
            seen: None,
        }
    }

    /// Remembers every check.
    pub(super) fn seen() -> Trail {
        Trail {
            running: "",
            seen: Some(Vec::new()),
        }
    }

    /// A check begins.
    pub(super) fn begin(&mut self, check: &'static str) {
        self.running = check;
    }

    /// The running check held; `yours` says what the token has there.
    pub(super) fn held(&mut self, yours: impl FnOnce() -> Option<String>) {
        if let Some(seen) = &mut self.seen {
            seen.push(Check {
                ok: true,
                check: self.running.to_owned(),
                yours: yours(),
            });
        }
    }

    /// All checks, with the running one failed when the token was refused.
    pub(super) fn end(self, outcome: Result<Arc<Principal>, Refusal>) -> Examination {
        let mut checks = self.seen.unwrap_or_default();
        if let Err(refusal) = &outcome {
            checks.push(Check {
                ok: false,
                check: self.running.to_owned(),
                yours: Some(refusal.told().to_owned()),
            });
        }
        Examination { checks, outcome }
    }
}
