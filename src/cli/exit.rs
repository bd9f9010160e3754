//! The exit codes: five answers that scripts can tell apart.
//!
//! In: how a command went. Out: a number for the shell.

use std::process::ExitCode;

/// How a command went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// Yes: done, allowed, verified.
    Yes = 0,
    /// A correct no: denied, a test failed, a journal was changed.
    No = 1,
    /// The input is wrong: arguments, settings, policies.
    Input = 2,
    /// Could not find out: a file or the network did not answer.
    Unknown = 3,
    /// A fault in stile itself.
    Fault = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
