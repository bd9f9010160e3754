//! Writes it down before it happens.
//!
//! In: a [`Permit`](crate::authorize::Permit) or a [`Refusal`](crate::refusal::Refusal). Out: a
//! [`Committed`], without which nothing can be forwarded; or the sequence number with which a
//! refusal may be sent.
//!
//! The promises, each tested word for word in `tests/journal`:
//!
//! 1. No byte of a request goes to an upstream before the record of its decision is stored.
//! 2. Every request gets one decision record; a refusal is sent after its record is stored. Answers
//!    without a record are `audit_unavailable` and `audit_backpressure` only, and their number is
//!    recorded when the journal is back.
//! 3. Every allow has exactly one outcome; after a crash at the latest when the journal is opened.
//! 4. A record cannot be changed, removed, reordered or inserted without [`verify()`] saying so.
//! 5. No credential is in the journal.
//!
//! Never: goes on after a failed write or sync. The journal is then poisoned, everything is refused
//! and the process should end; the next start believes the disk and nothing else.

pub mod committed;
pub mod outcome;
pub mod frame;
mod packed;
pub mod segment;
mod source;
pub mod scan;
pub mod gist;
mod render;
mod rendered;
pub mod ranges;
mod whole;
pub mod merkle;
pub mod signed_note;
pub mod checkpoint;
pub mod tiles;
pub mod epoch;
mod tree;
mod anchor;
pub mod audit_record;
pub mod disk;
pub mod sealed;
pub mod journal_error;
mod fingerprint;
mod spent;
mod flood;
mod lock;
mod writer;
pub mod hold;
pub mod erasure;
pub mod prune;
pub mod retention;
pub mod recover;
pub mod mandate;
pub mod journal;
pub mod read;
pub mod follow;
pub mod prove;
mod rebuild;
pub mod reconcile;
pub mod past;
pub mod verify;

pub use audit_record::Note;
pub use committed::Committed;
pub use erasure::{
    Erased, Eraser, Erasure, Lifting, disclosed_among, disclosed_and_free, disclosed_before,
};
pub use follow::Follower;
pub use hold::{Hold, holds};
pub use journal::{Identity, Journal, Opened};
pub use journal_error::JournalError;
pub use lock::{holder, is_in_use};
pub use mandate::Mandate;
pub use outcome::{End, Outcome, Pending};
pub use past::{Gap, LeftOut, PastAsked, PastDecision};
pub use prune::{Prunable, Pruned, Pruning};
pub use read::{Record, Records, extent, read};
pub use rebuild::rebuild_tiles;
pub use recover::RecoveryReport;
pub use rendered::Rendered;
pub use retention::RetentionSettings;
pub use verify::{Evidence, Progress, Verdict, Verification, verify, verify_with};
pub use whole::rejoined;
pub use writer::JournalState;

pub mod settings;
pub use settings::{AnchorPlace, AnchorSettings, JournalSettings, Level, Levels, TreeSettings};
pub use signed_note::{KeyKind, Vkey};
pub use tree::board::{AnchorState, TreeState};
