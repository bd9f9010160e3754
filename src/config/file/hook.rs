//! The section about webhooks.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::located::Located;

/// A GitLab whose webhooks are taken at `/.stile/hooks/gitlab`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["issuer", "groups"]))]
pub(in crate::config) struct Hook {
    /// The issuer whose jobs these are: the name of one of `issuers`, of dialect `gitlab`.
    pub(in crate::config) issuer: Located<String>,
    /// Groups and projects that it may speak of, by their full paths: `acme`, `acme/shop/api`.
    pub(in crate::config) groups: Located<Vec<Located<String>>>,
    /// A file with the signing token of the webhook, `whsec_…`. Where it is set, webhooks must be
    /// signed.
    pub(in crate::config) signing_key_file: Located<PathBuf>,
    /// A second one, while the first is being replaced.
    pub(in crate::config) next_signing_key_file: Located<PathBuf>,
    /// A file with the secret token of the webhook, for a GitLab that cannot sign.
    pub(in crate::config) secret_file: Located<PathBuf>,
    /// A second one, while the first is being replaced.
    pub(in crate::config) next_secret_file: Located<PathBuf>,
    /// The service that a project's deployments are of, where the telemetry has another name for it
    /// than the last part of the project's path.
    pub(in crate::config) services: Located<BTreeMap<String, Located<String>>>,
    /// Words in the co-author lines of commits that mean a machine.
    pub(in crate::config) machines: Located<Vec<Located<String>>>,
}

impl Default for Hook {
    fn default() -> Hook {
        let machines = MACHINES
            .iter()
            .map(|word| Located::preset((*word).to_owned()));
        Hook {
            issuer: Located::absent(),
            groups: Located::absent(),
            signing_key_file: Located::absent(),
            next_signing_key_file: Located::absent(),
            secret_file: Located::absent(),
            next_secret_file: Located::absent(),
            services: Located::preset(BTreeMap::new()),
            machines: Located::preset(machines.collect()),
        }
    }
}

/// What coding agents sign with.
const MACHINES: &[&str] = &[
    "claude", "codex", "copilot", "cursor", "devin", "duo", "gemini", "[bot]",
];
