//! Says who is asking.

pub mod facts;
pub mod principal;

pub use facts::{Agent, Facts, Job, Person, Who};
pub use principal::{Principal, TokenFacts};

pub mod settings;
pub use settings::{ClaimNames, Dialect, IssuerSettings};
