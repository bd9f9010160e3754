//! `stile.yaml` as written.
//!
//! In: the tree of the file with the environment laid over it. Out: a [`File`] of located values.
//!
//! These structs are the one list of keys: reading, unknown keys, defaults, the JSON Schema and
//! `config show` all come from them. Their comments are the documentation that editors show.
//!
//! Never: checked for meaning here; `config/check` makes the settings of each step from them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dialects::Dialect;
use super::located::Located;
use super::mode::Mode;
use super::words::{Address, Algorithm, Count, Duration};
use crate::{authorize, listen};

mod hook;
mod kept;
mod people;
mod upstream;

pub(super) use hook::Hook;
pub(super) use kept::{Anchor, Destination, Index, Journal};
pub(super) use people::{EndedBy, People, Scim, SignIn};
pub(super) use upstream::{Header, Limit, Upstream};

/// Settings of stile. Relative paths start at the folder of this file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["site", "listen", "admin", "issuers", "upstreams", "policies", "journal"]))]
pub(super) struct File {
    /// What callers see of this proxy.
    pub(super) site: Located<Site>,
    /// Where it listens for requests; at least one address.
    pub(super) listen: Located<Vec<Located<Listener>>>,
    /// Where it answers about itself.
    pub(super) admin: Located<Admin>,
    /// Whose tokens it trusts; at least one.
    pub(super) issuers: Located<Vec<Located<Issuer>>>,
    /// Programs that show a client certificate in the place of a token.
    pub(super) workloads: Located<Vec<Located<Workload>>>,
    /// What is done with the issuers' keys.
    pub(super) keys: Located<Keys>,
    /// The APIs behind it; at least one.
    pub(super) upstreams: Located<Vec<Located<Upstream>>>,
    /// Who may do what.
    pub(super) policies: Located<Policies>,
    /// What a missing permission leads to. With `observe` everybody with a valid token passes unless a
    /// guardrail forbids it: for finding out which rules are missing, and not for long.
    pub(super) mode: Located<Mode>,
    /// What is kept of every decision.
    pub(super) journal: Located<Journal>,
    /// Where records are searched.
    pub(super) index: Located<Index>,
    /// What is kept of people beyond their tokens; nothing without.
    pub(super) people: Located<People>,
    /// Whether there is a console: pages under `/.stile/console` for people whom policies let look.
    pub(super) console: Located<bool>,
    /// Whose webhooks are taken, so that pipelines and deployments are known here.
    pub(super) hooks: Located<Vec<Located<Hook>>>,
    /// Where else records go, such as a SIEM; each gets all of them.
    pub(super) leave: Located<Vec<Located<Destination>>>,
    /// Sizes, deadlines and counts.
    pub(super) limits: Located<Limits>,
}

/// What callers see of this proxy.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub(super) struct Site {
    /// What callers type: `https://stile.example.com`, without a path. The default audience of
    /// tokens, and the base of links.
    pub(super) url: Located<String>,
}

/// One address to listen on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["address"]))]
pub(super) struct Listener {
    /// IP address and port; port 0 takes a free one.
    pub(super) address: Located<Address>,
    /// Certificate and key; clear text without.
    pub(super) tls: Located<Tls>,
    /// Must be `true` for clear text on an address that other machines reach: it says that a proxy
    /// in front ends TLS. Loopback needs no word.
    pub(super) clear_text: Located<bool>,
    /// Networks of balancers whose every connection begins with a PROXY header, version 2.
    pub(super) proxy_protocol: Located<Vec<Located<String>>>,
    /// Networks of proxies that say in a field of each request who sent it.
    pub(super) trusted_hops: Located<Vec<Located<String>>>,
    /// The field in which these say so; the other one is never looked at.
    pub(super) hop_field: Located<listen::HopField>,
}

/// Server certificates and their keys, all PEM.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["certificate", "key"]))]
pub(super) struct Tls {
    /// The file with the chain, leaf first. Callers who name no host see this one.
    pub(super) certificate: Located<PathBuf>,
    /// The file with the leaf's private key; not readable by group or others.
    pub(super) key: Located<PathBuf>,
    /// A file with what the issuer's OCSP responder says of the leaf (DER), shown with it until it is
    /// too old.
    pub(super) staple: Located<PathBuf>,
    /// Certificates for other names, each shown to callers who ask for one of its names.
    pub(super) more: Located<Vec<Located<Pair>>>,
    /// What is done with a caller who asks for a name that no certificate is for.
    pub(super) unknown_names: Located<listen::UnknownNames>,
    /// A file with the CA certificates (PEM) of client certificates, for tokens that are bound to
    /// one. Callers may still connect without.
    pub(super) client_ca: Located<PathBuf>,
}

/// One more server certificate and its key, both PEM.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["certificate", "key"]))]
pub(super) struct Pair {
    /// The file with the chain, leaf first; it must have a DNS name.
    pub(super) certificate: Located<PathBuf>,
    /// The file with the leaf's private key; not readable by group or others.
    pub(super) key: Located<PathBuf>,
    /// A file with what the issuer's OCSP responder says of the leaf (DER).
    pub(super) staple: Located<PathBuf>,
}

/// Where it answers about itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["address"]))]
pub(super) struct Admin {
    /// IP address and port for /healthz, /readyz, /metrics and /keys. Keep it from callers.
    pub(super) address: Located<Address>,
}

/// One trusted issuer of tokens.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "url", "dialect"]))]
pub(super) struct Issuer {
    /// Its name in records and metrics: lower case letters, digits, `-` and `_`.
    pub(super) name: Located<String>,
    /// Its URL exactly as its tokens say it in `iss`, with or without the last slash.
    pub(super) url: Located<String>,
    /// How it words its claims.
    pub(super) dialect: Located<Dialect>,
    /// Whom its tokens must be made for. Default: the URL of the site.
    pub(super) audiences: Located<Vec<Located<String>>>,
    /// Signature algorithms accepted from it.
    pub(super) algorithms: Located<Vec<Located<Algorithm>>>,
    /// The longest time from a token's issue to its end.
    pub(super) longest_lifetime: Located<Duration>,
    /// The longest time since a token's issue at which it is accepted. Default: `longest_lifetime`.
    pub(super) longest_age: Located<Duration>,
    /// Whether a token that names no key is tried with the one key of its issuer that fits its
    /// algorithm; with several such keys it is refused all the same.
    pub(super) tokens_without_key_id: Located<bool>,
    /// A CA certificate (PEM) to trust beside the machine's when fetching its keys.
    pub(super) ca_file: Located<PathBuf>,
    /// A file with its keys (a JWK set), for sites without a network; nobody is asked for them.
    pub(super) keys_file: Located<PathBuf>,
    /// Which of its claims mean what: all with dialect `openid`, `groups` alone with `keycloak` and
    /// `auth0`; the others know theirs.
    pub(super) claims: Located<Claims>,
}

/// Which claims mean what.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Claims {
    /// Whether its tokens are of programs and not of people.
    pub(super) agents: Located<bool>,
    /// The claim with a name to show.
    pub(super) name: Located<String>,
    /// The claim with the list of groups.
    pub(super) groups: Located<String>,
    /// The `typ` its tokens must carry, where one is demanded: `at+jwt` (RFC 9068).
    pub(super) typ: Located<String>,
}

/// Programs that show a client certificate in the place of a token.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "ca_file"]))]
pub(super) struct Workload {
    /// Their name in policies, records and metrics, as issuers have one: lower case letters, digits, `-`
    /// and `_`.
    pub(super) name: Located<String>,
    /// The CA certificates (PEM) that alone vouch for them. The `client_ca` of an address must have them,
    /// too.
    pub(super) ca_file: Located<PathBuf>,
    /// The SPIFFE trust domain that their ids are of: `acme.example`. The id is the one URI of a
    /// certificate. Either this or `dns_below`.
    pub(super) trust_domain: Located<String>,
    /// The domain that their names are below: `jobs.acme.example`. The name is the one DNS name of a
    /// certificate.
    pub(super) dns_below: Located<String>,
    /// The longest span of validity of a certificate: one that lives for years is a static key.
    pub(super) longest_lifetime: Located<Duration>,
}

/// What is done with the issuers' keys.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Keys {
    /// The list of keys that verify no token, whatever their issuer says: a YAML list of `issuer`,
    /// `kid`, `why` and `since`. Obeyed within a second; `stile keys block` writes it.
    pub(super) blocked_file: Located<PathBuf>,
}

/// Who may do what.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["folder"]))]
pub(super) struct Policies {
    /// The folder with directory, roles, bindings, rules, guardrails, operations and tests.
    pub(super) folder: Located<PathBuf>,
    /// The IANA time zone in which policies read the clock: `Europe/Berlin`.
    pub(super) time_zone: Located<String>,
    /// What `stile check` finds dangerous in this file and is meant: `P111` → why.
    pub(super) accept: Located<BTreeMap<String, Located<String>>>,
    /// How much a refused caller is told: each check with its own value, or one sentence (`terse`).
    pub(super) explain: Located<authorize::Explain>,
}

/// Sizes, deadlines and counts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    /// Largest request head, in bytes.
    pub(super) head_bytes: Located<Count>,
    /// Longest request target, in bytes.
    pub(super) target_bytes: Located<Count>,
    /// For a TLS handshake and for a head to arrive; also how long an idle connection stays.
    pub(super) head_timeout: Located<Duration>,
    /// Longest silence inside a request body.
    pub(super) body_idle_timeout: Located<Duration>,
    /// Open connections over all addresses.
    pub(super) connections: Located<Count>,
    /// Requests in flight over all connections.
    pub(super) requests: Located<Count>,
    /// Memory of all bodies that are being stamped or on their way stamped, in bytes.
    pub(super) stamped_bytes: Located<Count>,
    /// HTTP/2 streams of one connection.
    pub(super) streams: Located<Count>,
    /// How long a shutdown waits for what runs.
    pub(super) drain_timeout: Located<Duration>,
}

impl Default for File {
    fn default() -> File {
        File {
            site: Located::absent(),
            listen: Located::absent(),
            admin: Located::absent(),
            issuers: Located::absent(),
            workloads: Located::preset(Vec::new()),
            keys: Located::preset(Keys::default()),
            upstreams: Located::absent(),
            policies: Located::absent(),
            mode: Located::preset(Mode(authorize::Mode::Enforce)),
            journal: Located::absent(),
            index: Located::preset(Index::default()),
            people: Located::absent(),
            console: Located::preset(false),
            hooks: Located::preset(Vec::new()),
            leave: Located::preset(Vec::new()),
            limits: Located::preset(Limits::default()),
        }
    }
}

impl Default for Listener {
    fn default() -> Listener {
        Listener {
            address: Located::absent(),
            tls: Located::absent(),
            clear_text: Located::absent(),
            proxy_protocol: Located::preset(Vec::new()),
            trusted_hops: Located::preset(Vec::new()),
            hop_field: Located::preset(listen::HopField::default()),
        }
    }
}

impl Default for Tls {
    fn default() -> Tls {
        Tls {
            certificate: Located::absent(),
            key: Located::absent(),
            staple: Located::absent(),
            more: Located::preset(Vec::new()),
            unknown_names: Located::preset(listen::UnknownNames::default()),
            client_ca: Located::absent(),
        }
    }
}

impl Default for Workload {
    fn default() -> Workload {
        Workload {
            name: Located::absent(),
            ca_file: Located::absent(),
            trust_domain: Located::absent(),
            dns_below: Located::absent(),
            longest_lifetime: Located::preset(Duration::from_ms(24 * 60 * 60 * 1000)),
        }
    }
}

impl Default for Issuer {
    fn default() -> Issuer {
        let rs256 = Located::preset(Algorithm(jsonwebtoken::Algorithm::RS256));
        Issuer {
            name: Located::absent(),
            url: Located::absent(),
            dialect: Located::absent(),
            audiences: Located::absent(),
            algorithms: Located::preset(vec![rs256]),
            longest_lifetime: Located::preset(Duration::from_ms(24 * 3_600_000)),
            longest_age: Located::absent(),
            tokens_without_key_id: Located::preset(false),
            ca_file: Located::absent(),
            keys_file: Located::absent(),
            claims: Located::absent(),
        }
    }
}

impl Default for Claims {
    fn default() -> Claims {
        Claims {
            agents: Located::preset(false),
            name: Located::preset("sub".into()),
            groups: Located::preset("groups".into()),
            typ: Located::absent(),
        }
    }
}

impl Default for Policies {
    fn default() -> Policies {
        Policies {
            folder: Located::absent(),
            time_zone: Located::preset("UTC".into()),
            accept: Located::preset(BTreeMap::new()),
            explain: Located::preset(authorize::Explain::default()),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        let limits = listen::Limits::default();
        let count =
            |number: usize| Located::preset(Count::new(number.try_into().unwrap_or(u64::MAX)));
        let span = |ms| Located::preset(Duration::from_ms(ms));
        Limits {
            head_bytes: count(limits.head_bytes),
            target_bytes: count(limits.target_bytes),
            head_timeout: span(limits.head_ms),
            body_idle_timeout: span(limits.body_idle_ms),
            connections: count(limits.connections),
            requests: count(limits.requests),
            stamped_bytes: Located::preset(Count::new(256 * 1024 * 1024)),
            streams: Located::preset(Count::new(limits.streams.into())),
            drain_timeout: span(limits.drain_ms),
        }
    }
}
