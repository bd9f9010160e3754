//! Makes a catalogue of an API's own description.
//!
//! In: the text of an OpenAPI 3.0 or 3.1 file. Out: [`Imported`], which is written as a catalogue or
//! compared with one; or everything in the description that cannot become one.
//!
//! A description says how an API is spelled and seldom what it means. What is told from it is marked
//! for a reader; what cannot be told is `power`, which no role of everyday work contains. The order of
//! everything is that of paths and methods, so the same description gives the same bytes.
//!
//! Never: fetches what a `$ref` names elsewhere, guesses a class that is weaker than what may be meant.

mod document;
mod requests;
mod words;
mod naming;
mod schema;
mod class;
mod shapes;
mod imported;
mod write;
mod compare;

pub use compare::{Change, Difference};
pub use imported::{Imported, Wishes};
