//! What is asked: one entry of the catalogue, and the values that its template took from the path.
//!
//! In: a match of the catalogue, or a case of a policy test. Out: an [`Operation`].

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::list::ListShape;
use super::object::{ObjectShape, Seen};

/// What a request asks for.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The entry of the catalogue that it matched.
    pub entry: Arc<Entry>,
    /// What it is done to.
    pub resource: Resource,
    /// Every value that the template took from the path, decoded once, by name.
    pub parameters: Vec<(Arc<str>, String)>,
    /// What was seen of the object before the decision, where its policies ask whose it is.
    pub seen: Option<Arc<Seen>>,
}

/// One operation of an upstream's API.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the whole catalogue; caches use it as a key.
    pub index: usize,
    /// The upstream it goes to, by its name in `stile.yaml`.
    pub upstream: Arc<str>,
    /// The action's name in policies and records: `dashboards.create`.
    pub action: String,
    /// What it does, by meaning and not by method.
    pub class: Class,
    /// The resource's type in policies: `Dashboard`.
    pub resource_type: String,
    /// Whether the template names one resource (`true`) or a collection (`false`).
    pub names_one: bool,
    /// Whether the template names the upstream's project that the resource lies in.
    pub names_project: bool,
    /// The method.
    pub method: http::Method,
    /// The path template as written: `/public/v0.2/{organization}/projects/{project}`.
    pub template: String,
    /// How its callers want refusals spelled.
    pub speech: Speech,
    /// The largest request body, in bytes.
    pub body_bytes: u64,
    /// Whether a token does this once and never again.
    pub once: bool,
    /// Where its answer has items that not every caller may read.
    pub list: Option<Arc<ListShape>>,
    /// How what it is done to says whose it is, where it does.
    pub object: Option<Arc<ObjectShape>>,
}

/// What an operation does to the upstream's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Reads only, whatever its method.
    Read,
    /// Creates or changes.
    Write,
    /// Removes.
    Delete,
    /// Hands out secrets or rights.
    Power,
    /// Looks at what others did here: the console's pages, and nothing of an upstream.
    #[serde(skip)]
    Look,
}

impl Class {
    /// Every class.
    pub const ALL: &[Class] = &[
        Class::Read,
        Class::Write,
        Class::Delete,
        Class::Power,
        Class::Look,
    ];

    /// The word in catalogues, policies and records.
    pub fn word(self) -> &'static str {
        match self {
            Class::Read => "read",
            Class::Write => "write",
            Class::Delete => "delete",
            Class::Power => "power",
            Class::Look => "look",
        }
    }
}

/// How an API's callers want refusals spelled, where they do not say so themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Speech {
    /// Problem details (RFC 9457).
    Problem,
    /// `google.rpc.Status` in the request's media type, as OTLP asks.
    Otlp,
}

/// What an action is done to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Its type in policies: `Dashboard`.
    pub kind: String,
    /// Its id at the upstream; absent for a collection.
    pub id: Option<String>,
    /// The upstream's project it lies in, where it lies in one.
    pub project: Option<String>,
}
