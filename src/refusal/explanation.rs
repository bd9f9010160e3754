//! The checks behind a decision and what would change it, as the caller may read them.
//!
//! In: what the judge found. Out: plain values that answers, records and `explain` print alike.
//!
//! Never: facts about anybody but the caller.

use serde::Serialize;

/// Why the answer is what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Who asked, in words: `job acme/shop/api on feat/x`.
    pub who: String,
    /// The action asked for, such as `streams.create`.
    pub action: String,
    /// What it was asked on, in words: `project X`, `dashboard abc in project X`.
    pub on: String,
    /// The guardrail that forbade it, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forbidden_by: Option<String>,
    /// The rule that came nearest to allowing it, where one may be named to the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest_rule: Option<String>,
    /// The checks of that guardrail or rule, in its order.
    pub checks: Vec<Check>,
    /// What the caller can do about it: a sentence without a full stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The digest of the policy set that decided.
    pub policy_set: String,
}

/// One condition, and whether it held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Whether it held.
    pub ok: bool,
    /// The condition in words: `branch is protected`.
    pub check: String,
    /// The caller's own value: `ref_protected=false (feat/x)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yours: Option<String>,
}
