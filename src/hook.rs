//! Takes GitLab's webhooks: is it GitLab who says so, and what does it say?
//!
//! In: the fields and the body of `POST /.stile/hooks/gitlab`. Out: a [`Told`] of a project that may
//! tell us something, for the journal; and, from what the journal has, the spans of pipelines.
//!
//! A webhook is believed for its secret or its signature, and never for its address. What is kept of
//! it is what a timeline and a trace need. People's names and e-mail addresses are left out: whoever
//! started a job is in the records of what the job did here, where it can be erased.
//!
//! GitLab documentation: "Webhooks", "Webhook events". Standard Webhooks 1.0: signatures.

mod settings;
mod proof;
mod delivery;
mod event;
mod spans;

pub use delivery::Deliveries;
pub use event::{Kind, Told, is_bot, read};
pub use proof::{Proven, prove};
pub use settings::{HookSettings, Hooks};
pub use spans::{Known, end_in, jobs_in, spans_of};
