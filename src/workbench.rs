//! Shows what a policy set does before anybody meets it.
//!
//! In: a loaded set, its names, and where a question needs one the journal. Out: who may do what,
//! what a change would change, why a decision was made and what would change it.
//!
//! Every answer comes from the judge that `serve` obeys, asked about representatives: the judge is
//! never described, copied or guessed at.
//!
//! Never: changes a policy, a binding or a record; what is proposed is printed, and a person and git
//! put it in force.

pub mod classes;
pub mod difference;
pub mod proposal;
pub mod prove;
pub mod replay;
pub mod usage;
pub mod who;

pub use classes::{Ask, Caller, Classes};
pub use difference::{Difference, difference};
pub use proposal::{Deed, Proposal, propose};
pub use replay::{Change, Replayed, replay};
pub use usage::Usage;
pub use who::{Matrix, Wanted};
