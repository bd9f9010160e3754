//! Writes it down before it happens.

pub mod committed;
pub mod outcome;

pub use committed::Committed;
pub use outcome::{End, Outcome, Pending};

pub mod settings;
pub use settings::{JournalSettings, Level, Levels};
