//! Says whether they may.
//!
//! In: a verified [`Principal`](crate::identify::Principal), an
//! [`Operation`](crate::resolve::Operation) and the time. Out: a [`Permit`], or a [`Denied`] that
//! says which check failed and what would help.
//!
//! A folder of text decides: YAML binds teams, jobs and agents to roles, Cedar adds rules that may
//! allow and guardrails that forbid. [`Policies`] loads it whole or not at all: measured, parsed,
//! validated against a schema of everything that exists, and tested by its own cases. One function,
//! [`Policies::decide`], answers for serve, explain and test alike.
//!
//! Never: an allow that no policy stands behind; an allow past a policy that failed to evaluate; a
//! policy set that is half old and half new.
//!
//! What cannot be decided is `policy_error`, and denied.

pub mod decision;
pub mod past_question;
pub mod permit;
pub mod listed;
mod settings;
pub mod literals;
pub mod policies;
pub mod posed;
pub mod world;
pub mod testing;
pub mod schema;

mod folder;
mod acceptance;
mod yaml;
mod spread;
mod statements;
mod lineage;
mod directory;
mod roles;
mod invariants;
mod region;
mod possible;
mod provable;
pub mod moment;
mod hours;
mod bindings;
mod written;
mod entities;
mod head;
mod index;
mod kept;
mod judge;
mod observe;
pub mod reads;
mod checks;
mod words;
mod nearest;
mod because;
mod tokens;
mod cases;
mod lint;
pub mod permitted;
mod matrix;
mod shown;
mod assemble;

pub use because::Audience;
pub use bindings::BindingsFile;
pub use cases::CasesFile;
pub use decision::{Decision, Observed, Verdict};
pub use directory::{DirectoryFile, team_groups};
pub(crate) use invariants::Claim;
pub use invariants::{Invariant, InvariantsFile};
pub use lint::Finding;
pub use listed::{Bound, ListedPolicy};
pub use literals::Literals;
pub use moment::Moment;
pub use past_question::PastQuestion;
pub use permit::Permit;
pub use permitted::Permitted;
pub use policies::{Denied, Policies, Reading};
pub use posed::{Answer, Posed};
pub use possible::{InProject, Vouching};
pub(crate) use provable::Provable;
pub use reads::{MomentClass, Reads};
pub(crate) use region::Region;
pub use roles::RolesFile;
pub use schema::{OWN_ACTIONS, kind_of};
pub use settings::{Explain, Mode, PolicySettings};
pub use shown::Shown;
pub use testing::{CaseOutcome, PolicyPlace, Report, Untried};
pub use world::{Doable, World};
