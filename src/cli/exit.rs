//! The exit codes: five answers that scripts can tell apart, and three of `serve` for supervisors.
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
    /// The journal could not be written (EX_IOERR of sysexits(3)): the next start recovers it.
    JournalLost = 74,
    /// Another process holds the journal (EX_TEMPFAIL): try again later.
    JournalHeld = 75,
    /// The journal on the disk needs a person to look (EX_CONFIG).
    JournalRefused = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
