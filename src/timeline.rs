//! Says what reached which environment, when, who says so, and what changed around it.
//!
//! In: the index of the journal and a stretch of time. Out: a [`Timeline`] of deployments.
//!
//! Everything on it is in the journal: what jobs announced here with their tokens, what GitLab told
//! by its webhooks, and what the same pipelines did to the API. A deployment of which both tell is one
//! line, and says so; one that only a webhook tells of says that, too.
//!
//! Never: a fact that is not in a record; a name of a person but that of a record where it can be
//! erased.

mod deploy;
mod gathered;
mod commits;
mod around;
mod reading;
pub mod blame;
pub mod written;
pub mod page;

pub use blame::Blame;
pub use deploy::{Deploy, Status, Teller};
pub use reading::{Timeline, Wanted};
