//! Reads what a job says of its deployment.
//!
//! In: the body of `POST /.stile/v1/deployments`. Out: an [`Announced`], or a refusal that names the
//! field.
//!
//! Only the service's name is the job's own word. Commit, version, environment and tier may be said
//! too, so that a script that is wrong about them learns it; what they are is read from the token.
//!
//! Never: a field that is not listed, a name that a line of a log or a link could break.

use serde::Deserialize;

use crate::identify::Job;
use crate::identify::strict_json;
use crate::refusal::{Reason, Refusal};

/// What a job says of its deployment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announced {
    /// The service, by the name that its telemetry has.
    pub service: String,
    /// The whole commit.
    commit: Option<String>,
    /// The commit, its first seven digits or more, or the tag.
    version: Option<String>,
    environment: Option<String>,
    tier: Option<String>,
    /// Where more is to be read.
    #[serde(default)]
    pub links: Vec<Link>,
}

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What it is.
    pub name: String,
    /// Where it is.
    pub url: String,
}

impl Announced {
    /// What a body says.
    ///
    /// # Errors
    ///
    /// `malformed_request`, with the field that is wrong.
    pub fn read(body: &[u8]) -> Result<Announced, Refusal> {
        let object = strict_json(body, DEEPEST).ok_or_else(|| {
            malformed("it is not one JSON object in UTF-8 whose every key is there once")
        })?;
        let said = serde_json::from_value(serde_json::Value::Object(object));
        let said: Announced = said.map_err(|fault| malformed(&fault.to_string()))?;
        if !is_name(&said.service) {
            return Err(malformed(
                "`service` is 1 to 128 letters, digits, `.`, `_`, `/` or `-`",
            ));
        }
        if said.links.len() > MOST_LINKS {
            return Err(malformed("`links` has more than 8 elements"));
        }
        for link in &said.links {
            let is_web = link.url.starts_with("https://") && link.url.len() <= LONGEST_URL;
            let plain = |text: &str| text.chars().all(|c| !c.is_control());
            let named = (1..=LONGEST_NAME).contains(&link.name.len()) && plain(&link.name);
            if !named || !is_web || !plain(&link.url) || link.url.contains(' ') {
                return Err(malformed(
                    "each of `links` has a `name` of 1 to 128 letters and an `url` that begins with https://",
                ));
            }
        }
        Ok(said)
    }

    /// Compares it with what the token says.
    ///
    /// # Errors
    ///
    /// `provenance_mismatch`, with the field and what the token says of it.
    pub fn agrees_with(&self, job: &Job) -> Result<(), Refusal> {
        let commit = job.sha.as_deref();
        let tag = job.git_ref.as_str();
        let is_tag = job.ref_type.as_deref() == Some("tag");
        let is_version = |said: &str| {
            let begins = |commit: &str| said.len() >= SHORTEST_SHA && commit.starts_with(said);
            commit.is_some_and(begins) || (is_tag && said == tag)
        };
        let differs = |said: &Option<String>, is: Option<&str>| {
            said.as_deref().is_some_and(|said| Some(said) != is)
        };
        let (field, is) = if differs(&self.commit, commit) {
            ("commit", commit)
        } else if self
            .version
            .as_deref()
            .is_some_and(|said| !is_version(said))
        {
            ("version", if is_tag { Some(tag) } else { commit })
        } else if differs(&self.environment, job.environment.as_deref()) {
            ("environment", job.environment.as_deref())
        } else if differs(&self.tier, job.deployment_tier.as_deref()) {
            ("tier", job.deployment_tier.as_deref())
        } else {
            return Ok(());
        };
        let is = is.map_or("says nothing of it".to_owned(), |is| format!("says `{is}`"));
        Err(Refusal::new(Reason::ProvenanceMismatch).telling(format!(
            "the deployment names another `{field}` than the job's token, which {is}; \
             leave the field out, it is read from the token"
        )))
    }
}

/// A name that telemetry, logs and links take as it is.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain)
}

fn malformed(what: &str) -> Refusal {
    Refusal::new(Reason::MalformedRequest).telling(format!(
        "the body of a deployment is `{{\"service\": \"NAME\"}}`, and this one is not: {what}"
    ))
}

const DEEPEST: usize = 4;
const LONGEST_NAME: usize = 128;
const LONGEST_URL: usize = 1_024;
const MOST_LINKS: usize = 8;
/// What Git shows of a commit, at least.
const SHORTEST_SHA: usize = 7;
