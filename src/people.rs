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
pub mod sign_in;
mod cookies;
mod in_use;
mod keeper;
mod keys;
pub mod pages;
mod random;
mod return_to;
mod scim;
mod sealed;
mod sessions;
mod store;
mod tables;

pub use keeper::People;
pub(crate) use scim::Answer as ScimAnswer;
pub use scim::Scim;
pub use settings::{PeopleSettings, ProviderSettings, ScimSettings, SubjectAttribute};
pub use sign_in::SignIn;
pub(crate) use store::Store;

/// SHA-256 of these, one after the other.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    crate::record::frame::sha256(parts)
}
