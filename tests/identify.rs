//! Claims about the step *identify*: each starts from a token that is accepted and changes one thing.

mod accepted;
mod addresses;
mod blocked;
mod dialects;
mod generated;
mod header;
mod hostile_issuers;
mod key_files;
mod key_sets;
mod stand;
mod storms;
mod payload;
mod serialization;
mod signature;
mod vectors;
mod weak_keys;

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value, json};
use stile::clock::Time;
use stile::identify::{
    Dialect, Examination, IssuerSettings, Principal, install_crypto, verify_with_jwks,
};
use stile::refusal::{Reason, Refusal};
use stile_kit::claims;
use stile_kit::mint::{self, Signer, SigningKey};

/// What our tokens are made for.
const US: &str = "https://stile.example.com";
const GITLAB: &str = "https://gitlab.example.com";
const OKTA: &str = "https://acme.okta.com/oauth2/default";
/// When all of it happens, in seconds since 1970.
const NOW_S: u64 = 1_800_000_000;

/// An issuer without a network: two keys, and their public halves as published.
struct Bench {
    rsa: SigningKey,
    ec: SigningKey,
    jwks: Vec<u8>,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    install_crypto();
    let (rsa, ec) = (SigningKey::rs256(), SigningKey::es256());
    let jwks = json!({ "keys": [rsa.jwk(), ec.jwk()] })
        .to_string()
        .into_bytes();
    Bench { rsa, ec, jwks }
});

fn settings(url: &str, dialect: Dialect) -> IssuerSettings {
    IssuerSettings {
        name: "issuer".to_owned(),
        url: url.to_owned(),
        dialect,
        audiences: vec![US.to_owned()],
        algorithms: vec![
            jsonwebtoken::Algorithm::RS256,
            jsonwebtoken::Algorithm::ES256,
        ],
        ca_file: None,
        keys_file: None,
        longest_lifetime_s: 24 * 3600,
        longest_age_s: 24 * 3600,
        tokens_without_key_id: false,
    }
}

fn gitlab() -> IssuerSettings {
    settings(GITLAB, Dialect::Gitlab)
}

/// The claims of a job, issued this second.
fn job() -> Map<String, Value> {
    let mut job = claims::gitlab_job(GITLAB, US);
    claims::at(&mut job, NOW_S);
    job
}

fn job_with(name: &str, value: Value) -> Map<String, Value> {
    let mut job = job();
    job.insert(name.to_owned(), value);
    job
}

fn job_without(name: &str) -> Map<String, Value> {
    let mut job = job();
    job.remove(name);
    job
}

fn signed(claims: &Map<String, Value>) -> String {
    mint::mint(claims, &BENCH.rsa)
}

/// A token of exactly this payload, with a good header and a good signature.
fn signed_text(payload: impl AsRef<[u8]>) -> String {
    let header = Value::Object(mint::header(&BENCH.rsa)).to_string();
    mint::compose(header, payload, Signer::Key(&BENCH.rsa))
}

/// The text of a job's claims with one claim written exactly so.
fn job_text_with(name: &str, text: &str) -> String {
    let rest = Value::Object(job_without(name)).to_string();
    format!("{{\"{name}\":{text},{}", rest.strip_prefix('{').unwrap())
}

fn examined(token: &str, settings: &IssuerSettings, now: Time) -> Examination {
    verify_with_jwks(token, &BENCH.jwks, settings, now)
}

fn outcome_at(token: &str, now: Time) -> Result<Arc<Principal>, Refusal> {
    examined(token, &gitlab(), now).outcome
}

fn outcome(token: &str) -> Result<Arc<Principal>, Refusal> {
    outcome_at(token, Time::from_secs(NOW_S))
}

#[track_caller]
fn assert_accepted(case: &str, token: &str) -> Arc<Principal> {
    match outcome(token) {
        Ok(principal) => principal,
        Err(refusal) => panic!("{case}: refused: {refusal:?}"),
    }
}

#[track_caller]
fn assert_refused(case: &str, token: &str, reason: Reason) {
    assert_is(case, outcome(token), reason);
}

#[track_caller]
fn assert_is(case: &str, outcome: Result<Arc<Principal>, Refusal>, reason: Reason) {
    match outcome {
        Ok(_) => panic!("{case}: accepted"),
        Err(refusal) => assert_eq!(refusal.reason(), reason, "{case}: {refusal:?}"),
    }
}
