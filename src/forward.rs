//! Passes it on, with our key.

pub mod settings;
pub use settings::{InjectedHeader, UpstreamSettings};
