//! Says where a value of the settings came from.
//!
//! In: a line of the file, or the name of an environment variable. Out: a [`Place`] that every
//! value carries from reading to the message about it.
//!
//! A place knows how to complain: [`Place::fault`] makes a [`SetupError`] that points at the line
//! and column, or names the variable, so no check has to remember where its value was written.
//!
//! Never: holds the value itself.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::setup_error::SetupError;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A line and column of a file, both from 1.
    File {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1, in characters.
        column: usize,
    },
    /// An environment variable, by name.
    Environment(String),
    /// Written nowhere.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { file, line, .. } => write!(f, "{}:{line}", file.display()),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// A value's path in the settings, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The keys that lead to it: `issuers[0].url`. Empty for the whole file.
    pub path: String,
    /// Where it was written.
    pub origin: Origin,
}

impl Place {
    /// The place of what nobody wrote.
    pub fn nowhere() -> Place {
        Place {
            path: String::new(),
            origin: Origin::Default,
        }
    }

    /// The same origin under one more key.
    #[must_use]
    pub fn key(&self, key: &str) -> Place {
        let dot = if self.path.is_empty() { "" } else { "." };
        Place {
            path: format!("{}{dot}{key}", self.path),
            origin: self.origin.clone(),
        }
    }

    /// The same origin at one position of a list, from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Place {
        Place {
            path: format!("{}[{index}]", self.path),
            origin: self.origin.clone(),
        }
    }

    /// A fault at this place; `what` is lower case, without full stop, user's words in back-ticks.
    pub fn fault(&self, what: impl fmt::Display) -> SetupError {
        match &self.origin {
            Origin::File { file, line, column } => {
                SetupError::in_file(file, what.to_string()).at(*line, *column)
            }
            Origin::Environment(name) => SetupError::new(format!("environment `{name}`: {what}")),
            Origin::Default => SetupError::new(what.to_string()),
        }
    }
}
