//! Says whether they may.

pub mod decision;
pub mod permit;

pub use decision::{Decision, Verdict};
pub use permit::Permit;

pub mod settings;
pub use settings::PolicySettings;
