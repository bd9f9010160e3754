//! Says why the index cannot be asked or filled, and what to do about it.
//!
//! In: what stood in the way. Out: an [`IndexError`], and the same as a [`SetupError`].
//!
//! Never: the address of a database, which may have a password in it.

use std::fmt;
use std::path::PathBuf;

use crate::database::DatabaseError;
use crate::record::JournalError;
use crate::setup_error::SetupError;

/// Why the index cannot be asked or filled.
#[derive(Debug)]
pub enum IndexError {
    /// There is none yet.
    Missing {
        /// The file, where it would be one.
        file: Option<PathBuf>,
    },
    /// What is there is no index, or none that this version made; it is to be made anew.
    Damaged {
        /// What is wrong.
        fault: String,
    },
    /// Another process has filled it meanwhile.
    Moved,
    /// The database does not answer, or did not do what was asked.
    Database {
        /// What was asked: `open`, `write`.
        doing: &'static str,
        /// What it answered.
        fault: String,
    },
    /// The journal cannot be read.
    Journal(JournalError),
}

impl IndexError {
    pub(super) fn damaged(fault: impl Into<String>) -> IndexError {
        IndexError::Damaged {
            fault: fault.into(),
        }
    }

    pub(super) fn damaged_by(cause: impl fmt::Display) -> IndexError {
        IndexError::damaged(cause.to_string())
    }

    pub(super) fn database(doing: &'static str, fault: impl fmt::Display) -> IndexError {
        IndexError::Database {
            doing,
            fault: fault.to_string(),
        }
    }
}

impl From<DatabaseError> for IndexError {
    fn from(error: DatabaseError) -> IndexError {
        match error {
            DatabaseError::Missing { file } => IndexError::Missing { file },
            DatabaseError::Damaged { fault } => IndexError::Damaged { fault },
            DatabaseError::Failed { doing, fault } => IndexError::Database { doing, fault },
        }
    }
}

impl From<JournalError> for IndexError {
    fn from(error: JournalError) -> IndexError {
        IndexError::Journal(error)
    }
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IndexError::Missing { file: Some(file) } => {
                write!(f, "there is no index `{}`", file.display())
            }
            IndexError::Missing { file: None } => f.write_str("the database has no index yet"),
            IndexError::Damaged { fault } => write!(f, "the index is damaged: {fault}"),
            IndexError::Moved => f.write_str("another process is filling the index"),
            IndexError::Database { doing, fault } => {
                write!(f, "the index cannot be used: {doing}: {fault}")
            }
            IndexError::Journal(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for IndexError {}

impl From<IndexError> for SetupError {
    fn from(error: IndexError) -> SetupError {
        let fault = SetupError::new(error.to_string());
        match error {
            IndexError::Missing { .. } => fault.hint(
                "`stile audit index` makes it, `stile serve` keeps it; `--scan` reads the journal \
                 itself, slowly",
            ),
            IndexError::Damaged { .. } => {
                fault.hint("`stile audit index --rebuild` makes it anew from the journal")
            }
            IndexError::Moved => fault.hint("try again when it is done"),
            IndexError::Database { .. } => {
                fault.hint("`--scan` reads the journal itself, slowly, and needs no database")
            }
            IndexError::Journal(error) => error.to_setup_error(),
        }
    }
}
