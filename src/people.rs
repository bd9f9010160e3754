//! Keeps what stile knows of people beyond their tokens.
//!
//! In: what providers, administrators and people themselves tell. Out: rows that every instance
//! obeys, and a [`PeopleNow`](crate::identify::PeopleNow) made from them that requests are held against.
//!
//! The rows are in a database of their own and not in the index: an index can be thrown away and made
//! anew, what is said here once is said nowhere else. Every change raises one number in the same
//! transaction; each instance looks at that number several times a second, so a change made anywhere
//! is obeyed everywhere within a second.
//!
//! Never: on the way of a request that carries a token; what a request meets is in memory.

pub mod settings;
mod tables;
mod store;
mod keeper;
pub(crate) mod endings;
pub(crate) mod notices;
mod scim;
mod random;
mod sealed;
mod keys;
mod cookies;
pub(crate) mod sessions;
mod in_use;
mod return_to;
pub mod pages;
pub mod sign_in;

pub use endings::{EndingKind, EndingRow};
pub use keeper::People;
pub(crate) use scim::Answer as ScimAnswer;
pub use scim::Scim;
pub use settings::{
    EndedBySettings, PeopleSettings, ProviderSettings, ScimSettings, SubjectAttribute,
};
pub use sign_in::SignIn;
pub(crate) use store::Store;

/// SHA-256 of these, one after the other.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    crate::record::frame::sha256(parts)
}
