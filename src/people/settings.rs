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
    /// Whose word ends what issuers gave.
    pub ended_by: Vec<EndedBySettings>,
    /// Who keeps a directory here over SCIM.
    pub scim: Vec<ScimSettings>,
    /// How long a session lives that nobody uses, in ms.
    pub session_idle_ms: u64,
    /// How long a session lives at most, in ms.
    pub session_longest_ms: u64,
}

/// An issuer whose word ends what it gave, and how it says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedBySettings {
    /// The issuer, by its name: it signs the notices.
    pub issuer: String,
    /// Issuers, by name, whose tokens it ends beside its own.
    pub also: Vec<String>,
    /// Whom its logout tokens are for; none are taken without.
    pub logout_audience: Option<String>,
    /// Whom its security events are for; none are taken without.
    pub events_audience: Option<String>,
    /// The file with what its transmitter of events shows beside the signature.
    pub events_secret_file: Option<PathBuf>,
    /// The client that asks to revoke, as `sub`; nobody may without.
    pub revocation_client: Option<String>,
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
