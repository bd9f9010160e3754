//! Says which commit reached which environment, in words that no script could have typed.
//!
//! In: what a job says of its deployment and what its token says of the job. Out: a [`Deployment`],
//! and the OTLP spans that tell of it and of the pipeline around it.
//!
//! All spans of one pipeline are of one trace, whoever told of them: their ids are digests of the
//! names that GitLab gave, so the job that announces its deployment and the webhook that tells of
//! the same pipeline later speak of the same spans without knowing of each other.
//!
//! Never: a fact in the job's own words but the service's name and links.

mod announced;
mod deployment;
pub mod ids;
mod span;

pub use announced::{Announced, Link};
pub use deployment::Deployment;
pub use span::{Attribute, Ended, Span, traces};
