//! What is set of people.
//!
//! In: the checked settings file. Out: values that are possible by construction.

use std::path::PathBuf;

use crate::database::DatabaseSettings;
use crate::identify::IssuerSettings;

/// Where it is kept, and who may tell of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeopleSettings {
    /// Where the rows are.
    pub database: DatabaseSettings,
    /// Whom people sign in with.
    pub providers: Vec<ProviderSettings>,
    /// How long a session lives that nobody uses, in ms.
    pub session_idle_ms: u64,
    /// How long a session lives at most, in ms.
    pub session_longest_ms: u64,
}

/// A provider that people sign in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderSettings {
    /// The issuer that it is.
    pub issuer: IssuerSettings,
    /// What people read on the button.
    pub label: String,
    /// The id that it gave to this proxy.
    pub client_id: String,
    /// The file with the secret that it gave.
    pub secret_file: PathBuf,
    /// What is asked for, `openid` first.
    pub scopes: Vec<String>,
    /// The claim with a name to show.
    pub name_claim: String,
    /// The claim with the list of groups.
    pub groups_claim: String,
}
