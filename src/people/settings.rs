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
    /// Who keeps a directory here over SCIM.
    pub scim: Vec<ScimSettings>,
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

/// A provider that keeps its users and groups here over SCIM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScimSettings {
    /// The issuer whose people they are.
    pub issuer: IssuerSettings,
    /// The files with the bearer tokens that it shows: one, or two during a rotation.
    pub token_files: Vec<PathBuf>,
    /// Which attributes its tokens name people by; never none.
    pub subject: Vec<SubjectAttribute>,
    /// Whether people of that issuer whom it does not know are refused.
    pub refuses_unknown: bool,
}

/// The attribute of a SCIM user that is the subject of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectAttribute {
    /// `externalId`: what the provider itself calls the user.
    ExternalId,
    /// `userName`, without regard to case.
    UserName,
    /// `id`: what the user is called here.
    Id,
}
