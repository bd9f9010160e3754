//! The section about people: where what is known of them is kept, and how they sign in.
//!
//! In: as all of `stile.yaml`. Out: located values.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::located::Located;
use crate::config::words::Duration;

/// What is kept of people beyond their tokens: sessions, who was ended, the directory.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct People {
    /// The SQLite file. Default: `people.sqlite` in the journal's folder.
    pub(in crate::config) file: Located<PathBuf>,
    /// A file with the URL of a PostgreSQL database, one line, in the place of the SQLite file; not
    /// readable by group or others. All instances that know the same people share it.
    pub(in crate::config) postgres_url_file: Located<PathBuf>,
    /// A CA certificate (PEM) to trust beside the machine's when connecting to that database.
    pub(in crate::config) ca_file: Located<PathBuf>,
    /// Providers that people sign in with in a browser.
    pub(in crate::config) sign_in: Located<Vec<Located<SignIn>>>,
    /// Whose word ends sessions and tokens: what providers push.
    pub(in crate::config) ended_by: Located<Vec<Located<EndedBy>>>,
    /// Providers that keep their users and groups here over SCIM.
    pub(in crate::config) scim: Located<Vec<Located<Scim>>>,
    /// How long a session lives that nobody uses.
    pub(in crate::config) session_idle: Located<Duration>,
    /// How long a session lives at most.
    pub(in crate::config) session_longest: Located<Duration>,
}

/// An issuer whose word ends sessions and tokens.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["issuer"]))]
pub(in crate::config) struct EndedBy {
    /// Who signs the notices: the name of one of `issuers`.
    pub(in crate::config) issuer: Located<String>,
    /// Other `issuers` whose tokens it ends beside its own, by name, such as an Okta authorization
    /// server of the same organization.
    pub(in crate::config) also: Located<Vec<Located<String>>>,
    /// Whom logout tokens must be for, at /.stile/backchannel-logout: the client's id at the provider.
    /// None are taken without.
    pub(in crate::config) logout_audience: Located<String>,
    /// Whom security events must be for, at /.stile/events. None are taken without.
    pub(in crate::config) events_audience: Located<String>,
    /// A file with what the transmitter of events shows as `authorization: Bearer`, beside the signature;
    /// not readable by group or others.
    pub(in crate::config) events_secret_file: Located<PathBuf>,
    /// The client's id that requests at /.stile/global-token-revocation must have as `sub`. None are
    /// taken without.
    pub(in crate::config) revocation_client: Located<String>,
}

/// A provider that people sign in with.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["issuer", "client_id", "client_secret_file"]))]
pub(in crate::config) struct SignIn {
    /// The provider: the name of one of `issuers`.
    pub(in crate::config) issuer: Located<String>,
    /// What people read on the button. Default: the issuer's name.
    pub(in crate::config) label: Located<String>,
    /// The id that the provider gave to this proxy.
    pub(in crate::config) client_id: Located<String>,
    /// The file with the secret that it gave; not readable by group or others.
    pub(in crate::config) client_secret_file: Located<PathBuf>,
    /// What is asked for beside `openid`.
    pub(in crate::config) scopes: Located<Vec<Located<String>>>,
    /// The claim of the ID token with a name to show.
    pub(in crate::config) name: Located<String>,
    /// The claim of the ID token with the list of groups.
    pub(in crate::config) groups: Located<String>,
}

impl Default for People {
    fn default() -> People {
        People {
            file: Located::absent(),
            postgres_url_file: Located::absent(),
            ca_file: Located::absent(),
            sign_in: Located::preset(Vec::new()),
            ended_by: Located::preset(Vec::new()),
            scim: Located::preset(Vec::new()),
            session_idle: Located::preset(Duration::from_ms(30 * 60_000)),
            session_longest: Located::preset(Duration::from_ms(12 * 3_600_000)),
        }
    }
}

impl Default for EndedBy {
    fn default() -> EndedBy {
        EndedBy {
            issuer: Located::absent(),
            also: Located::preset(Vec::new()),
            logout_audience: Located::absent(),
            events_audience: Located::absent(),
            events_secret_file: Located::absent(),
            revocation_client: Located::absent(),
        }
    }
}

impl Default for SignIn {
    fn default() -> SignIn {
        let scopes = ["profile", "email", "groups"].map(|word| Located::preset(word.to_owned()));
        SignIn {
            issuer: Located::absent(),
            label: Located::absent(),
            client_id: Located::absent(),
            client_secret_file: Located::absent(),
            scopes: Located::preset(scopes.into()),
            name: Located::preset("preferred_username".to_owned()),
            groups: Located::preset("groups".to_owned()),
        }
    }
}

/// A provider that keeps its users and groups here.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["issuer", "token_file"]))]
pub(in crate::config) struct Scim {
    /// The provider: the name of one of `issuers`.
    pub(in crate::config) issuer: Located<String>,
    /// The file with the bearer token that it shows; not readable by group or others.
    pub(in crate::config) token_file: Located<PathBuf>,
    /// Another file with a token that counts as well, while the token is changed.
    pub(in crate::config) next_token_file: Located<PathBuf>,
    /// The attributes that its tokens name people by in `sub`: `externalId`, `userName`, `id`. Default:
    /// `externalId`; of Okta `userName` as well, which is what its access tokens say.
    pub(in crate::config) subject: Located<Vec<Located<String>>>,
    /// What becomes of people whom it does not know: `keep` (their token is believed) or `refuse`.
    pub(in crate::config) unknown: Located<String>,
}

impl Default for Scim {
    fn default() -> Scim {
        Scim {
            issuer: Located::absent(),
            token_file: Located::absent(),
            next_token_file: Located::absent(),
            subject: Located::absent(),
            unknown: Located::preset("keep".to_owned()),
        }
    }
}
