//! Says why a database did not do what was asked.
//!
//! In: what stood in the way. Out: a [`DatabaseError`], which whoever keeps rows there makes their own.
//!
//! Never: the address of a database, which may have a password in it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a database did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseError {
    /// The tables, or the file they would be in, are not there.
    Missing {
        /// The file, where it would be one.
        file: Option<PathBuf>,
    },
    /// What is there makes no sense.
    Damaged {
        /// What is wrong.
        fault: String,
    },
    /// It does not answer, or did not do what was asked.
    Failed {
        /// What was asked: `open`, `write`.
        doing: &'static str,
        /// What it answered.
        fault: String,
    },
}

impl DatabaseError {
    /// There is nothing to read from yet.
    pub(crate) fn missing(file: Option<&Path>) -> DatabaseError {
        DatabaseError::Missing {
            file: file.map(Path::to_owned),
        }
    }

    /// What was read makes no sense.
    pub(crate) fn damaged(fault: impl fmt::Display) -> DatabaseError {
        DatabaseError::Damaged {
            fault: fault.to_string(),
        }
    }

    /// It did not do this.
    pub(crate) fn failed(doing: &'static str, fault: impl fmt::Display) -> DatabaseError {
        DatabaseError::Failed {
            doing,
            fault: fault.to_string(),
        }
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatabaseError::Missing { file: Some(file) } => {
                write!(f, "there is no database `{}`", file.display())
            }
            DatabaseError::Missing { file: None } => f.write_str("the tables are not there yet"),
            DatabaseError::Damaged { fault } => write!(f, "the database is damaged: {fault}"),
            DatabaseError::Failed { doing, fault } => {
                write!(f, "the database cannot be used: {doing}: {fault}")
            }
        }
    }
}

impl std::error::Error for DatabaseError {}
