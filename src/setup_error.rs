//! Tells what is wrong with a file that stile was started or reloaded with.
//!
//! In: what a loader found. Out: one [`SetupError`] per fault: file, line, column, what, hint.
//!
//! The grammar of messages: lower case, no full stop, what the user wrote in back-ticks, the hint
//! apart from the fault. These errors end a start-up or refuse a reload; the end of a request is a
//! [`Refusal`](crate::refusal::Refusal). The two never mix.

use std::fmt;
use std::path::{Path, PathBuf};

/// One fault in what the operator wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupError {
    /// The file with the fault, where there is one.
    pub file: Option<PathBuf>,
    /// Line in that file, from 1.
    pub line: Option<usize>,
    /// Column in that line, from 1, in characters.
    pub column: Option<usize>,
    /// What is wrong: lower case, no full stop, user's words in back-ticks.
    pub fault: String,
    /// What would mend it.
    pub hint: Option<String>,
}

impl SetupError {
    /// A fault that no file carries, such as a port in use.
    pub fn new(fault: impl Into<String>) -> SetupError {
        SetupError {
            file: None,
            line: None,
            column: None,
            fault: fault.into(),
            hint: None,
        }
    }

    /// A fault in a file.
    pub fn in_file(file: &Path, fault: impl Into<String>) -> SetupError {
        SetupError {
            file: Some(file.to_owned()),
            ..SetupError::new(fault)
        }
    }

    /// Says where in the file, from 1.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> SetupError {
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// Says what would mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> SetupError {
        self.hint = Some(hint.into());
        self
    }

    /// Hints at the nearest of the known words, if one is near enough to be meant.
    #[must_use]
    pub fn did_you_mean<'a>(
        self,
        wrote: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> SetupError {
        match nearest(wrote, known) {
            Some(word) => self.hint(format!("did you mean `{word}`?")),
            None => self,
        }
    }
}

/// The known word that `wrote` most probably stands for.
pub fn nearest<'a>(wrote: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(wrote, word), word))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault)?;
        if let Some(file) = &self.file {
            write!(f, "\n  --> {}", file.display())?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
                if let Some(column) = self.column {
                    write!(f, ":{column}")?;
                }
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n   = {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SetupError {}
