//! `bindings.yaml` as written.
//!
//! In: the text of the file. Out: lines with their places, whose form is right and nothing more.
//!
//! Their comments are what editors show.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::authorize::directory::OneOrMore;

/// `bindings.yaml` as written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct BindingsFile {
    pub(super) bindings: Vec<BindingLines>,
}

/// One binding: who has which role where.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BindingLines {
    /// What the record calls it; made from the other lines when absent.
    #[schemars(with = "Option<String>")]
    pub(super) name: Option<Spanned<String>>,
    /// The people of a team.
    #[schemars(with = "Option<String>")]
    pub(super) team: Option<Spanned<String>>,
    /// The jobs of a repository (`acme/shop/api`) or of a group with all below it (`acme/*`), on
    /// protected refs, not of forks or merge requests.
    #[schemars(with = "Option<String>")]
    pub(super) ci: Option<Spanned<String>>,
    /// The agents that act for a team's people, or `all`.
    #[schemars(with = "Option<String>")]
    pub(super) agent: Option<Spanned<String>>,
    /// A role of `roles.yaml`.
    #[schemars(with = "String")]
    pub(super) role: Spanned<String>,
    /// A project, a list of projects, or `all`.
    #[schemars(with = "OneOrMore")]
    pub(super) on: Spanned<OneOrMore>,
    /// Only what the team owns.
    #[schemars(with = "Option<bool>")]
    pub(super) own: Option<Spanned<bool>>,
    /// The last day it holds: `2026-12-31`.
    #[schemars(with = "Option<String>")]
    pub(super) until: Option<Spanned<String>>,
    /// Only people who proved more than a password.
    #[schemars(with = "Option<bool>")]
    pub(super) mfa: Option<Spanned<bool>>,
    /// Only jobs of this environment, which must be protected.
    #[schemars(with = "Option<String>")]
    pub(super) env: Option<Spanned<String>>,
    /// Only at these hours: `mon-fri 09:00-18:00 Europe/Berlin`; without a zone in that of stile.yaml.
    #[schemars(with = "Option<String>")]
    pub(super) hours: Option<Spanned<String>>,
    /// Only tried: records say what it would change, and it changes nothing.
    #[schemars(with = "Option<bool>")]
    pub(super) observe: Option<Spanned<bool>>,
    /// What `stile check` finds dangerous and is meant: lint → why.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub(super) accept: Option<Spanned<BTreeMap<String, String>>>,
}
