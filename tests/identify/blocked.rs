//! Keys that the operator blocks (T42), and the list they stand in.

use super::stand::Stand;
use super::*;
use stile::clock::Clock;
use stile::identify::{BlockedKey, BlockedKeys, Issuers};
use stile_kit::{Fetches, Issuer};

fn key(issuer: &str, kid: &str) -> BlockedKey {
    BlockedKey {
        issuer: issuer.to_owned(),
        kid: kid.to_owned(),
        why: "leaked".to_owned(),
        since: "2026-11-25T00:00:00Z".to_owned(),
    }
}

fn list(keys: &[(&str, &str)]) -> BlockedKeys {
    let mut list = BlockedKeys::default();
    for (issuer, kid) in keys {
        assert!(list.add(key(issuer, kid)));
    }
    list
}

#[tokio::test]
async fn a_blocked_key_verifies_nothing_at_once_not_even_what_it_verified_before() {
    let stand = Stand::warm().await;
    let token = stand.token();
    assert!(stand.outcome(&token).await.is_ok());
    let kid = stand.issuer.rsa().kid;
    stand.issuers.block(&list(&[("issuer", &kid)]));
    for (case, token) in [("remembered", &token), ("new", &stand.token())] {
        let refusal = stand.outcome(token).await.unwrap_err();
        assert_eq!(refusal.reason(), Reason::UnknownKey, "{case}");
        assert!(refusal.told().contains("blocked by the operator"), "{case}");
    }
    let other = stand.issuer.mint_es256(&stand.job());
    assert!(stand.outcome(&other).await.is_ok(), "another key");
    // Nobody is asked for a key that was blocked.
    assert_eq!(stand.issuer.fetches().keys, 1);
    let state = &stand.issuers.states()[0];
    assert_eq!(state.keys, 1);
    let blocked = state.listed.iter().find(|key| key.id == kid).unwrap();
    assert_eq!(blocked.state, "blocked");

    stand.issuers.block(&BlockedKeys::default());
    assert!(
        stand.outcome(&token).await.is_ok(),
        "the block is taken back"
    );
}

#[tokio::test]
async fn a_block_outlasts_refreshes_reloads_and_the_issuers_own_rotation() {
    let stand = Stand::warm().await;
    let (token, kid) = (stand.token(), stand.issuer.rsa().kid);
    let blocked = list(&[("issuer", &kid)]);
    stand.issuers.block(&blocked);
    stand.issuers.refresh().await;
    stand
        .assert_refused("refreshed", &token, Reason::UnknownKey)
        .await;
    stand.issuer.rotate_keeping_old();
    stand.assert_accepted("the new key").await;
    stand
        .assert_refused("rotated", &token, Reason::UnknownKey)
        .await;
    let settings = settings(stand.issuer.url(), Dialect::Gitlab);
    let next = Issuers::build(vec![settings], stand.clock.clone()).unwrap();
    next.block(&blocked);
    next.inherit(&stand.issuers);
    assert_is(
        "reloaded",
        next.verify(&token, stand.clock.now()).await,
        Reason::UnknownKey,
    );
}

#[tokio::test]
async fn a_key_that_is_not_published_is_blocked_before_anybody_is_asked() {
    let stand = Stand::new().await;
    stand.issuers.block(&list(&[("issuer", "elsewhere")]));
    stand.assert_accepted("warming").await;
    stand
        .assert_refused("stray", &stand.stray("elsewhere"), Reason::UnknownKey)
        .await;
    assert_eq!(stand.issuer.fetches(), super::stand::once());
}

#[tokio::test]
async fn a_block_is_one_issuers_and_not_another_ones_with_that_key_id() {
    install_crypto();
    let (first, second) = (Issuer::start().await, Issuer::start().await);
    let shared = SigningKey::es256().named("shared");
    first.publish(shared.jwk());
    second.publish(shared.jwk());
    let clock = Clock::fixed(Time::from_secs(NOW_S));
    let mut one = settings(first.url(), Dialect::Gitlab);
    one.name = "first".to_owned();
    let issuers = Issuers::build(
        vec![one, settings(second.url(), Dialect::Gitlab)],
        clock.clone(),
    )
    .unwrap();
    issuers.block(&list(&[("first", "shared")]));
    let token_of = |issuer: &Issuer| {
        let mut job = claims::gitlab_job(issuer.url(), US);
        claims::at(&mut job, NOW_S);
        mint::mint(&job, &shared)
    };
    let outcome = issuers.verify(&token_of(&first), clock.now()).await;
    assert_is("blocked", outcome, Reason::UnknownKey);
    assert!(
        issuers
            .verify(&token_of(&second), clock.now())
            .await
            .is_ok()
    );
    assert_eq!(
        second.fetches(),
        Fetches {
            discovery: 1,
            keys: 1,
            other: 0
        }
    );
}

#[test]
fn the_list_reads_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("blocked.yaml");
    for kids in [
        &[][..],
        &["plain"],
        &["0123", "1e5", "true", "null", "~", "2026-11-25"],
        &[
            "a: b", "- c", "#d", "'e'", "\"f\"", "{g}", "[h]", "&i", "*j", "!k", "| l", "> m",
        ],
        &[
            "\u{1b}[2J",
            "line\nbreak",
            "tab\t",
            "\\",
            " spaces ",
            "ümläut",
            "\u{202e}",
            "😀",
        ],
    ] {
        let keys: Vec<_> = kids.iter().map(|kid| ("issuer", *kid)).collect();
        let written = list(&keys);
        std::fs::write(&file, written.to_yaml()).unwrap();
        let read = BlockedKeys::read(&file, ["issuer"]).unwrap();
        assert_eq!(read, written, "{}", written.to_yaml());
    }
}

#[test]
fn what_is_wrong_with_a_list_is_told_where_it_stands_and_nothing_is_taken_for_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("blocked.yaml");
    let fault = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let read = BlockedKeys::read(&file, ["gitlab", "okta"]);
        let fault = read.expect_err(text).to_string();
        assert!(fault.contains("blocked.yaml"), "{fault}");
        fault
    };
    let good = "- issuer: gitlab\n  kid: k\n  why: w\n  since: s\n";
    std::fs::write(&file, good).unwrap();
    assert_eq!(
        BlockedKeys::read(&file, ["gitlab"]).unwrap().list().len(),
        1
    );
    std::fs::write(&file, good.replace("kid: k", "kid: 0123")).unwrap();
    let read = BlockedKeys::read(&file, ["gitlab"]).unwrap();
    assert_eq!(read.list()[0].kid, "0123", "a text as it was written");
    std::fs::write(&file, "[]\n").unwrap();
    assert_eq!(
        BlockedKeys::read(&file, ["gitlab"]).unwrap().list().len(),
        0
    );
    for (text, parts) in [
        ("", &["is empty", "write `[]`"][..]),
        ("# only a comment\n", &["is empty"]),
        ("{}", &["list of blocked keys"]),
        ("- gitlab", &["list of blocked keys", "each entry has"]),
        (&good.replace("  why: w\n", ""), &["why"]),
        (
            &good.replace("kid: k", "kid: ''"),
            &["key id is empty", ":1:"],
        ),
        (&good.replace("kid", "key"), &["key"]),
        (
            &format!("{good}{}", good.replace("gitlab", "gitlba")),
            &["gitlba", "did you mean `gitlab`", ":5:"],
        ),
        ("- {issuer: gitlab", &["list of blocked keys"]),
        (
            "- &a {issuer: gitlab, kid: k, why: w, since: s}\n- *a\n",
            &["list of blocked keys"],
        ),
    ] {
        let told = fault(text);
        for part in parts {
            assert!(told.contains(part), "`{part}` of `{text}`: {told}");
        }
    }
    std::fs::remove_file(&file).unwrap();
    let told = BlockedKeys::read(&file, ["gitlab"])
        .unwrap_err()
        .to_string();
    assert!(
        told.contains("is not there") && told.contains("took every block back"),
        "{told}"
    );
}
