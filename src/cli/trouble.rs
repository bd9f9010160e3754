//! Why a command could not answer.
//!
//! In: faults of input, of the machine, of the output. Out: an exit code and what to print.
//!
//! Never: printed anywhere but in `terminal.rs`, so that every message has one shape.

use std::io;

use super::exit::Exit;
use crate::record::JournalError;
use crate::setup_error::SetupError;

/// Why a command could not answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What the user wrote is wrong, in one or several places.
    Input(Vec<SetupError>),
    /// A file or the network did not answer.
    Unknown(SetupError),
    /// The journal cannot be opened.
    Journal(JournalError),
    /// stile contradicts itself.
    Fault(SetupError),
    /// Standard output does not take what we print.
    Output(io::Error),
}

impl Trouble {
    /// One fault of what the user wrote.
    pub(super) fn input(fault: SetupError) -> Trouble {
        Trouble::Input(vec![fault])
    }

    /// The exit code. A reader that has seen enough, such as `head`, is no trouble.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Trouble::Input(_) => Exit::Input,
            Trouble::Unknown(_) => Exit::Unknown,
            Trouble::Journal(error) => match error {
                JournalError::Locked { .. } => Exit::JournalHeld,
                JournalError::Refused { .. } => Exit::JournalRefused,
                JournalError::Io { .. } | JournalError::Poisoned { .. } => Exit::JournalLost,
            },
            Trouble::Fault(_) => Exit::Fault,
            Trouble::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Yes,
            Trouble::Output(_) => Exit::Unknown,
        }
    }

    /// The faults to print, in order.
    pub(super) fn faults(&self) -> Vec<SetupError> {
        match self {
            Trouble::Input(faults) => faults.clone(),
            Trouble::Unknown(fault) | Trouble::Fault(fault) => vec![fault.clone()],
            Trouble::Journal(error) => vec![error.to_setup_error()],
            Trouble::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Vec::new(),
            Trouble::Output(error) => {
                let said = error.to_string().to_lowercase();
                vec![SetupError::new(format!(
                    "standard output cannot be written: {said}"
                ))]
            }
        }
    }
}

impl From<Vec<SetupError>> for Trouble {
    fn from(faults: Vec<SetupError>) -> Trouble {
        Trouble::Input(faults)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Output(error)
    }
}
