//! What this step is set to.
//!
//! In: the checked settings file. Out: values that are possible by construction.

use std::path::PathBuf;

/// One trusted issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// Its name in records and metrics.
    pub name: String,
    /// Its exact URL: what its tokens say in `iss`, compared byte by byte.
    pub url: String,
    /// How it words its claims.
    pub dialect: Dialect,
    /// Whom its tokens must be made for; a token must name one of these and no other.
    pub audiences: Vec<String>,
    /// Signature algorithms accepted from it, such as `RS256`; never empty.
    pub algorithms: Vec<jsonwebtoken::Algorithm>,
    /// A CA certificate (PEM) to trust beside the machine's when fetching its keys.
    pub ca_file: Option<PathBuf>,
    /// Its keys, a JWK set; with this, nobody is asked for them.
    pub keys_file: Option<PathBuf>,
    /// The longest `exp - iat` accepted, in seconds.
    pub longest_lifetime_s: u64,
    /// The longest time since `iat` at which a token is accepted, in seconds.
    pub longest_age_s: u64,
    /// Whether a token that names no key is tried with the one key of its issuer that fits its
    /// algorithm.
    pub tokens_without_key_id: bool,
}

/// Programs that show a client certificate in the place of a token.
#[derive(Clone, Debug)]
pub struct WorkloadSettings {
    /// Its name in policies, records and metrics, as issuers have one.
    pub name: String,
    /// The CA certificates (PEM) that alone vouch for them.
    pub ca_file: PathBuf,
    /// How certificates name them.
    pub names: WorkloadNames,
    /// The longest span of validity accepted, in ms.
    pub longest_lifetime_ms: u64,
}

/// Which name of a certificate is the workload's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkloadNames {
    /// The one URI, a SPIFFE id of this trust domain.
    Spiffe {
        /// Such as `acme.example`.
        trust_domain: String,
    },
    /// The one DNS name, below this domain.
    Dns {
        /// Such as `jobs.acme.example`.
        below: String,
    },
}

/// How one kind of issuer words its claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// GitLab CI `id_tokens`; GitLab's own login tokens are refused.
    Gitlab,
    /// GitHub Actions: tokens of jobs.
    Github,
    /// Okta custom authorization servers: access tokens.
    Okta,
    /// Keycloak realms: access tokens.
    Keycloak {
        /// The claim that a group membership mapper writes.
        groups: String,
    },
    /// Auth0 tenants: access tokens for an API, of both profiles.
    Auth0 {
        /// The claim that an action writes groups into.
        groups: String,
    },
    /// Entra ID tenants: access tokens of version 2.
    Entra,
    /// Google accounts: ID tokens.
    Google,
    /// Any OpenID provider, by a mapping.
    Openid(ClaimNames),
}

/// Which claims of a plain OpenID provider mean what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// Whether its tokens are of agents (programs) and not of people.
    pub agents: bool,
    /// The claim with a name to show.
    pub name: String,
    /// The claim with the list of groups.
    pub groups: String,
    /// The `typ` its tokens must carry, where one is demanded: `at+jwt` (RFC 9068).
    pub typ: Option<String>,
}
