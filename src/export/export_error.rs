//! Says why something could not be handed out.
//!
//! In: what stood in the way. Out: the same as a [`SetupError`].

use std::io;
use std::path::Path;

use crate::index::IndexError;
use crate::record::JournalError;
use crate::setup_error::SetupError;

/// Why something could not be handed out.
#[derive(Debug)]
pub struct ExportError(SetupError);

impl ExportError {
    /// A fault with what would mend it.
    pub(super) fn new(fault: impl Into<String>, hint: impl Into<String>) -> ExportError {
        ExportError(SetupError::new(fault).hint(hint))
    }

    /// What the machine said of a file.
    pub(super) fn io(path: &Path, doing: &str, fault: &io::Error) -> ExportError {
        ExportError(SetupError::in_file(
            path,
            format!("it cannot be {doing}: {fault}"),
        ))
    }
}

impl From<JournalError> for ExportError {
    fn from(error: JournalError) -> ExportError {
        ExportError(error.to_setup_error())
    }
}

impl From<IndexError> for ExportError {
    fn from(error: IndexError) -> ExportError {
        ExportError(error.into())
    }
}

impl From<ExportError> for SetupError {
    fn from(error: ExportError) -> SetupError {
        error.0
    }
}
