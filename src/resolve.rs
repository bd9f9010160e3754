//! Says what is asked.

pub mod operation;

pub use operation::{Class, Entry, Operation, Resource, Speech};

pub mod settings;
pub use settings::{CatalogueSettings, CatalogueUse};
