//! What this step is set to.
//!
//! In: the checked settings file. Out: values that are possible by construction.

use std::path::PathBuf;

/// Where the policies are and in which zone they read the clock.
#[derive(Clone, Debug)]
pub struct PolicySettings {
    /// The folder with directory, roles, bindings, rules, guardrails and tests.
    pub folder: PathBuf,
    /// The IANA time zone of office hours: `Europe/Berlin`.
    pub time_zone: String,
    /// Why issuers of one kind of caller may share an audience (lint P111), where that is meant.
    pub shared_audience: Option<String>,
    /// How much a refused caller is told.
    pub explain: Explain,
    /// What a missing permission leads to.
    pub mode: Mode,
}

/// How much a refused caller is told of why.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Explain {
    /// Each check of the nearest rule or of the guardrail, with the caller's own values.
    #[default]
    Checks,
    /// One sentence. The record and `stile explain` have the rest.
    Terse,
}

/// What a missing permission leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is refused.
    #[default]
    Enforce,
    /// It passes, and its record says that it would have been refused. Tokens are verified as ever,
    /// and guardrails, failing policies and what the directory does not know refuse as ever.
    Observe,
}
