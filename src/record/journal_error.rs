//! Says why a journal cannot be opened or closed, and what to do about it.
//!
//! In: what stood in the way. Out: a [`JournalError`], its exit code, and the same as a
//! [`SetupError`].

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::setup_error::SetupError;

/// Why a journal cannot be opened or closed.
#[derive(Debug)]
pub enum JournalError {
    /// Another process has it.
    Locked {
        /// The lock file.
        path: PathBuf,
        /// What the owner wrote about itself: `pid 4711, since ...`.
        owner: String,
    },
    /// What is there cannot be continued without a decision of the operator.
    Refused {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
        /// What would mend it.
        hint: Option<String>,
    },
    /// The disk did not do what was asked.
    Io {
        /// What was asked: `open`, `write`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What it answered.
        fault: io::Error,
    },
    /// The journal stopped taking records while it ran.
    Poisoned {
        /// Why.
        fault: String,
    },
}

impl JournalError {
    /// The exit code of sysexits(3): 75 try again later, 78 settings or journal need the operator,
    /// 74 the disk.
    pub fn exit_code(&self) -> u8 {
        match self {
            JournalError::Locked { .. } => 75,
            JournalError::Refused { .. } => 78,
            JournalError::Io { .. } | JournalError::Poisoned { .. } => 74,
        }
    }

    pub(super) fn io(doing: &'static str, path: &Path, fault: io::Error) -> JournalError {
        JournalError::Io {
            doing,
            path: path.to_owned(),
            fault,
        }
    }

    pub(super) fn refused(path: &Path, fault: impl Into<String>) -> JournalError {
        JournalError::Refused {
            path: path.to_owned(),
            fault: fault.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, text: impl Into<String>) -> JournalError {
        if let JournalError::Refused { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }
}

impl JournalError {
    /// The same as the operator is told it: what, where, what would mend it.
    pub fn to_setup_error(&self) -> SetupError {
        match self {
            JournalError::Locked { path, owner } => {
                SetupError::in_file(path, format!("the journal is in use by `{owner}`"))
                    .hint("stop that process first, or give this one a journal of its own")
            }
            JournalError::Refused { path, fault, hint } => {
                let error = SetupError::in_file(path, fault.as_str());
                match hint {
                    Some(hint) => error.hint(hint.as_str()),
                    None => error,
                }
            }
            JournalError::Io { doing, path, fault } => {
                SetupError::in_file(path, format!("cannot {doing} it: {fault}"))
            }
            JournalError::Poisoned { fault } => {
                SetupError::new(format!("the journal can no longer be written: {fault}"))
                    .hint("see to the disk, then start again: recovery reads what it really holds")
            }
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::Locked { path, owner } => {
                write!(f, "the journal is in use by `{owner}`: {}", path.display())
            }
            JournalError::Refused { path, fault, .. } => write!(f, "{fault}: {}", path.display()),
            JournalError::Io { doing, path, fault } => {
                write!(f, "cannot {doing} {}: {fault}", path.display())
            }
            JournalError::Poisoned { fault } => {
                write!(f, "the journal can no longer be written: {fault}")
            }
        }
    }
}

impl std::error::Error for JournalError {}
