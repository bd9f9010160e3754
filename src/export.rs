//! Hands out what a query means, for people who have neither stile nor its journal.
//!
//! In: rows, and the journals they are of. Out: a file of them, or a bundle of evidence that anybody
//! can check alone.
//!
//! A file is written under another name until it is whole; an export that ends early leaves nothing
//! that could be taken for a whole one.
//!
//! Never: a row more or less than the query means; a cell that a spreadsheet would run.

pub mod export_error;
pub mod csv;
pub mod ocsf;
pub mod form;
pub mod span;
mod partial;
pub mod source;
pub mod file;
pub mod bundle;

pub use export_error::ExportError;
pub use file::{Written, write_file};
pub use form::Form;
pub use source::{Progress, Source};
