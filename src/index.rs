//! Finds what somebody asks for in the journal.
//!
//! In: a journal and a [`Query`]. Out: how many rows it means, and the rows: whole records, each with
//! its place in the journal, from which a proof can be made.
//!
//! The journal is the truth. The index is derived from it, in the background, and can be thrown away
//! at any time; without one, [`scan()`] gives the same answer slowly. Both ask the same [`Facts`].
//!
//! Never: on the way of a request; a reason not to serve.

pub mod field;
pub mod pattern;
pub mod query;
pub mod facts;
pub mod row;
pub mod cells;
pub mod scan;
pub mod following;
pub mod index_error;
mod places;
mod chunk;
mod store;
mod fill;
pub mod answer;
pub mod upkeep;

pub use answer::{Counted, Found, Index, Indexed, Rows, Tally};
pub use cells::{COLUMNS, cells, document};
pub use facts::Facts;
pub use field::Field;
pub use following::Following;
pub use index_error::IndexError;
pub use pattern::Pattern;
pub use query::{Asked, Condition, Query, QueryError, Teams, shown_in};
pub use row::{Order, Row};
pub use scan::{Scanned, scan};
pub use upkeep::{Fill, Upkeep, UpkeepState, fill};
