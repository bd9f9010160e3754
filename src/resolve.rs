//! Says what is asked.
//!
//! In: an [`Arrival`](crate::listen::Arrival). Out: an [`Operation`], or a
//! [`Refusal`](crate::refusal::Refusal).
//!
//! The [`Catalogue`] is closed: what it does not list cannot be asked for. Path and method decide,
//! segment by segment and byte by byte; the bytes that were matched are the bytes that are
//! forwarded.
//!
//! Never: normalises for the caller, guesses between two operations, lets a query decide.
//!
//! When a target can be read in two ways, the answer is `bad_target`; when it names nothing,
//! `no_operation`.

pub mod operation;
pub mod object;
pub mod list;
pub mod settings;
pub mod catalogue;
pub mod scope;
mod load;
mod written;
mod template;
mod path;
mod trie;
mod near;

pub use catalogue::Catalogue;
pub use list::{Item, List, ListShape};
pub use object::{BodyMeans, ObjectShape, Seen};
pub use operation::{Class, Entry, Operation, Resource, Speech};
pub use scope::{RECORDS, Scope};
pub use settings::{CatalogueSettings, CatalogueUse};
pub use template::Template;
pub use written::{CONSOLE, OWN};
