//! Keys from a file, for sites without a network.

use super::*;
use std::path::Path;
use stile::clock::Clock;
use stile::identify::{Freshness, Issuers};
use stile_kit::{Fetches, Issuer};

fn with_file(url: &str, file: &Path) -> IssuerSettings {
    IssuerSettings {
        keys_file: Some(file.to_owned()),
        ..settings(url, Dialect::Gitlab)
    }
}

#[tokio::test]
async fn keys_of_a_file_verify_for_ever_and_nobody_is_asked() {
    install_crypto();
    let issuer = Issuer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, issuer.key_set().to_string()).unwrap();
    let clock = Clock::fixed(Time::from_secs(NOW_S));
    let issuers = Issuers::build(vec![with_file(issuer.url(), &file)], clock.clone()).unwrap();
    issuers.start();
    for days in [0, 1, 2, 400] {
        clock.set(Time::from_secs(NOW_S + days * 86_400));
        let mut job = claims::gitlab_job(issuer.url(), US);
        claims::at(&mut job, clock.now().as_secs());
        let outcome = issuers.verify(&issuer.mint(&job), clock.now()).await;
        assert!(outcome.is_ok(), "{days} d: {outcome:?}");
        let stray = mint::mint(&job, &issuer.ec().named("stray"));
        let outcome = issuers.verify(&stray, clock.now()).await;
        assert_is("stray", outcome, Reason::UnknownKey);
    }
    issuers.refresh().await;
    let state = &issuers.states()[0];
    assert_eq!(state.freshness, Freshness::File);
    assert_eq!(state.source, file.display().to_string());
    assert_eq!(
        (state.keys, state.usable_s, state.last_fault),
        (2, None, None)
    );
    assert_eq!(issuer.fetches(), Fetches::default());
}

#[test]
fn a_file_without_a_usable_key_is_refused_with_what_is_in_it() {
    install_crypto();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let told = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let built = Issuers::build(vec![with_file(GITLAB, &file)], Clock::machine());
        let told = built.map(drop).unwrap_err().to_string();
        assert!(
            told.contains("keys.json") && told.contains("jwks_uri"),
            "{told}"
        );
        told
    };
    let weak = json!({"kty": "RSA", "kid": "w\u{1b}", "n": "AQAB", "e": "AQAB"});
    for (text, part) in [
        (String::new(), "not a JWK set"),
        ("<!doctype html>".to_owned(), "not a JWK set"),
        ("{\"issuer\":\"x\"}".to_owned(), "not a JWK set"),
        ("{\"keys\":[]}".to_owned(), "no key"),
        (
            json!({ "keys": [weak] }).to_string(),
            "key `w\\u{1b}`: its modulus",
        ),
        (" ".repeat((1 << 20) + 1), "over 1 MiB"),
    ] {
        let told = told(&text);
        assert!(told.contains(part), "{part}: {told}");
    }
    std::fs::remove_file(&file).unwrap();
    let built = Issuers::build(vec![with_file(GITLAB, &file)], Clock::machine());
    let told = built.map(drop).unwrap_err().to_string();
    assert!(
        told.contains("cannot be read") && told.contains("keys.json"),
        "{told}"
    );
}

#[tokio::test]
async fn keys_fetched_before_are_not_taken_over_by_a_file_nor_the_other_way() {
    install_crypto();
    let issuer = Issuer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let in_file = SigningKey::es256().named("in-file");
    std::fs::write(&file, json!({ "keys": [in_file.jwk()] }).to_string()).unwrap();
    let clock = Clock::fixed(Time::from_secs(NOW_S));
    let build = |settings| Issuers::build(vec![settings], clock.clone()).unwrap();
    let fetched = build(settings(issuer.url(), Dialect::Gitlab));
    let mut job = claims::gitlab_job(issuer.url(), US);
    claims::at(&mut job, NOW_S);
    let by_issuer = issuer.mint(&job);
    let by_file = mint::mint(&job, &in_file);
    assert!(fetched.verify(&by_issuer, clock.now()).await.is_ok());

    let from_file = build(with_file(issuer.url(), &file));
    from_file.inherit(&fetched);
    assert!(from_file.verify(&by_file, clock.now()).await.is_ok());
    let outcome = from_file.verify(&by_issuer, clock.now()).await;
    assert_is("fetched before", outcome, Reason::UnknownKey);

    let again = build(settings(issuer.url(), Dialect::Gitlab));
    again.inherit(&from_file);
    assert!(again.verify(&by_issuer, clock.now()).await.is_ok());
    assert_is(
        "from a file before",
        again.verify(&by_file, clock.now()).await,
        Reason::UnknownKey,
    );
}
