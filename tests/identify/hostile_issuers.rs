//! Issuers that are down, slow, lying or hostile (T28 to T32): whatever they do, known keys pass, the
//! fetch ends in its word, and memory and time are bounded.

use super::stand::Stand;
use super::*;
use std::time::{Duration, Instant};
use stile::clock::Clock;
use stile::identify::{Freshness, Issuers};
use stile_kit::issuer::Flaw;
use stile_kit::{Fault, Fetches, Issuer};

fn text(text: impl Into<String>) -> Fault {
    Fault::Text(text.into())
}

/// What can go wrong with a document, and the word for it; the same for both documents but for what
/// is well-formed JSON of another kind.
fn faults() -> Vec<(Fault, &'static str)> {
    vec![
        (Fault::Down, "unreachable"),
        (Fault::Slow, "timed_out"),
        (Fault::Dribble, "timed_out"),
        (Fault::Interim, "timed_out"),
        (Fault::EndlessHead, "unreachable"),
        (Fault::Status(500), "bad_status"),
        (Fault::Status(503), "bad_status"),
        (Fault::Status(404), "bad_status"),
        (Fault::Status(401), "bad_status"),
        (Fault::Status(206), "bad_status"),
        (Fault::Status(204), "bad_status"),
        (Fault::Status(304), "redirected"),
        (Fault::Truncated, "too_large_or_cut"),
        (Fault::Endless, "too_large_or_cut"),
        (Fault::HugeLength, "too_large_or_cut"),
        (Fault::Large(10 << 20), "too_large_or_cut"),
        (Fault::Large((1 << 20) + 1), "too_large_or_cut"),
        (Fault::Gzip, "compressed"),
        (Fault::Bomb { announced: true }, "compressed"),
        (Fault::Redirect("http://127.0.0.1:1/".into()), "redirected"),
        (Fault::Redirect("file:///etc/passwd".into()), "redirected"),
        (
            Fault::Redirect("http://169.254.169.254/latest/meta-data/".into()),
            "redirected",
        ),
        (
            Fault::Redirect("https://another.example/keys".into()),
            "redirected",
        ),
        (
            Fault::Redirect("/oauth/discovery/keys".into()),
            "redirected",
        ),
    ]
}

/// What only a key set can be wrong in.
fn key_set_faults() -> Vec<(Fault, &'static str)> {
    let own = SigningKey::rs256().jwk();
    let many: Vec<&Value> = std::iter::repeat_n(&own, 129).collect();
    vec![
        (Fault::Html, "not_a_key_set"),
        (Fault::Bomb { announced: false }, "not_a_key_set"),
        (text(""), "not_a_key_set"),
        (text("{}"), "not_a_key_set"),
        (text("[]"), "not_a_key_set"),
        (text("null"), "not_a_key_set"),
        (text("{\"keys\":{}}"), "not_a_key_set"),
        (text("{\"keys\":[]}x"), "not_a_key_set"),
        (
            text(format!("\u{feff}{{\"keys\":[{own}]}}")),
            "not_a_key_set",
        ),
        (
            text(format!("{{\"keys\":[],\"keys\":[{own}]}}")),
            "not_a_key_set",
        ),
        (
            text(format!(
                "{{\"keys\":{}1{}}}",
                "[".repeat(9999),
                "]".repeat(9999)
            )),
            "not_a_key_set",
        ),
        (text(json!({ "keys": many }).to_string()), "too_many_keys"),
    ]
}

/// What only a discovery document can be wrong in.
fn discovery_faults() -> Vec<(Fault, &'static str)> {
    let elsewhere = |url: &str| Fault::KeysElsewhere(url.to_owned());
    vec![
        (Fault::Html, "not_a_discovery_document"),
        (Fault::Bomb { announced: false }, "not_a_discovery_document"),
        (text("{}"), "not_a_discovery_document"),
        (
            text("{\"issuer\":1,\"jwks_uri\":2}"),
            "not_a_discovery_document",
        ),
        (Fault::WrongIssuer, "wrong_issuer"),
        (elsewhere("http://evil.example/keys"), "unsafe_keys_url"),
        (elsewhere("http://169.254.169.254/keys"), "unsafe_keys_url"),
        (elsewhere("file:///etc/passwd"), "unsafe_keys_url"),
        (elsewhere("ftp://127.0.0.1/keys"), "unsafe_keys_url"),
        (elsewhere("http://x@127.0.0.1/keys"), "unsafe_keys_url"),
        // On another host by TLS only, even where both are the loopback.
        (elsewhere("http://localhost:1/keys"), "unsafe_keys_url"),
        (
            elsewhere("https://169.254.169.254/keys"),
            "forbidden_address",
        ),
        (elsewhere("https://[fe80::1]/keys"), "forbidden_address"),
        (
            elsewhere("https://[::ffff:169.254.169.254]/keys"),
            "forbidden_address",
        ),
        (elsewhere("https://0.0.0.0/keys"), "forbidden_address"),
        (
            elsewhere("https://no-such-name.invalid/keys"),
            "unknown_name",
        ),
        (elsewhere("https://127.0.0.1:1/keys"), "unreachable"),
    ]
}

fn all() -> Vec<(bool, Fault, &'static str)> {
    let of_keys = |(fault, word)| (true, fault, word);
    let of_discovery = |(fault, word)| (false, fault, word);
    let keys = faults().into_iter().chain(key_set_faults()).map(of_keys);
    let discovery = faults().into_iter().chain(discovery_faults());
    keys.chain(discovery.map(of_discovery)).collect()
}

fn spoil(issuer: &Issuer, of_keys: bool, fault: &Fault) {
    match of_keys {
        true => issuer.break_keys(fault.clone()),
        false => issuer.break_discovery(fault.clone()),
    }
}

/// All cases: those that take their five seconds at the same time, the others one after another, so
/// that a machine with much to do does not make them take as long.
async fn each<F: Future<Output = ()> + Send + 'static>(
    case: impl Fn(bool, Fault, &'static str) -> F,
) {
    let all = all();
    assert!(all.len() >= 70, "{}", all.len());
    let (slow, quick): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.2 == "timed_out");
    let running: Vec<_> = (slow.into_iter())
        .map(|(of_keys, fault, word)| tokio::spawn(case(of_keys, fault, word)))
        .collect();
    for one in running {
        one.await.unwrap();
    }
    for (of_keys, fault, word) in quick {
        case(of_keys, fault, word).await;
    }
}

#[tokio::test]
async fn every_fault_of_an_issuer_has_its_word_and_gives_no_keys() {
    each(|of_keys, fault, word| async move {
        let case = format!("{fault:?}, of the keys: {of_keys}");
        let stand = Stand::new().await;
        spoil(&stand.issuer, of_keys, &fault);
        let begun = Instant::now();
        stand
            .assert_refused(&case, &stand.token(), Reason::IdpUnavailable)
            .await;
        assert!(begun.elapsed() < Duration::from_secs(9), "{case}");
        assert_eq!(stand.last_fault(), Some(word), "{case}");
        assert_eq!(stand.freshness(), Freshness::None, "{case}");
        let state = &stand.issuers.states()[0];
        assert_eq!(
            state.fetches.get(word),
            Some(&1),
            "{case}: {:?}",
            state.fetches
        );
        assert!(
            state.advice.is_some() && state.fault_url.is_some(),
            "{case}"
        );
        stand.issuer.mend();
        stand.pass(5);
        stand.assert_accepted(&case).await;
    })
    .await;
}

#[tokio::test]
async fn a_known_key_passes_at_once_whatever_its_issuer_does() {
    each(|of_keys, fault, word| async move {
        let case = format!("{fault:?}, of the keys: {of_keys}");
        let stand = Stand::warm().await;
        spoil(&stand.issuer, of_keys, &fault);
        let issuers = stand.issuers.clone();
        let fetch = tokio::spawn(async move { issuers.refresh().await });
        while !fetch.is_finished() {
            let begun = Instant::now();
            // A token that was not seen before, so that its signature is verified.
            let mut job = stand.job();
            job.insert("jti".into(), mint::fresh_uuid().into());
            let token = stand.issuer.mint_es256(&job);
            let outcome = stand.outcome(&token).await;
            assert!(outcome.is_ok(), "{case}: {outcome:?}");
            assert!(begun.elapsed() < Duration::from_secs(3), "{case}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        fetch.await.unwrap();
        assert_eq!(stand.last_fault(), Some(word), "{case}");
        stand.assert_accepted(&case).await;
        stand.pass(3 * 3600);
        stand.assert_accepted(&format!("{case}, after 3 h")).await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_end_is_not_taken_in() {
    for fault in [Fault::Endless, Fault::EndlessHead, Fault::HugeLength] {
        let stand = Stand::warm().await;
        spoil(&stand.issuer, true, &fault);
        stand.issuers.refresh().await;
        // What lies in the sockets' buffers was sent, too.
        let poured = stand.issuer.poured_bytes();
        assert!(poured < 16 << 20, "{fault:?}: {poured} bytes");
        stand.assert_accepted("the last good set").await;
    }
}

#[tokio::test]
async fn an_outage_of_three_hours_is_noticed_by_nobody_with_a_known_key() {
    let stand = Stand::warm().await;
    stand.issuer.set_cache_control("max-age=300");
    stand.issuers.refresh().await;
    stand.issuer.break_discovery(Fault::Down);
    for minute in 1..=180 {
        stand.pass(60);
        stand.assert_accepted(&format!("minute {minute}")).await;
    }
    stand
        .until("the failures are counted", |stand| {
            let state = &stand.issuers.states()[0];
            state.freshness == Freshness::Stale && state.fetches.contains_key("unreachable")
        })
        .await;
    let state = &stand.issuers.states()[0];
    assert_eq!((state.age_s, state.usable_s), (Some(10_800), Some(75_600)));
    stand
        .assert_refused(
            "a key of whom nobody knows",
            &stand.stray("x"),
            Reason::IdpUnavailable,
        )
        .await;
    stand.issuer.mend();
    stand.issuers.refresh().await;
    assert_eq!(
        (stand.freshness(), stand.last_fault()),
        (Freshness::Fresh, None)
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed_anywhere() {
    let elsewhere = Issuer::start().await;
    let stand = Stand::warm().await;
    let target = format!("{}/oauth/discovery/keys", elsewhere.url());
    stand.issuer.break_keys(Fault::Redirect(target.clone()));
    stand.issuers.refresh().await;
    stand.issuer.mend();
    stand.issuer.break_discovery(Fault::Redirect(target));
    stand.issuers.refresh().await;
    assert_eq!(elsewhere.fetches(), Fetches::default());
    stand.assert_accepted("the last good set").await;
}

#[tokio::test]
async fn an_issuer_with_flawed_tls_gives_no_keys() {
    install_crypto();
    let folder = tempfile::tempdir().unwrap();
    for flaw in [
        None,
        Some(Flaw::Expired),
        Some(Flaw::Future),
        Some(Flaw::OtherName),
        Some(Flaw::SelfSigned),
        Some(Flaw::ClearText),
    ] {
        let issuer = Issuer::start_tls_as(&["localhost"], flaw).await;
        let clock = Clock::fixed(Time::from_secs(NOW_S));
        let mut settings = settings(issuer.url(), Dialect::Gitlab);
        let authority = folder.path().join("ca.pem");
        std::fs::write(&authority, issuer.authority_pem().unwrap()).unwrap();
        settings.ca_file = Some(authority);
        let issuers = Issuers::build(vec![settings], clock.clone()).unwrap();
        let mut job = claims::gitlab_job(issuer.url(), US);
        claims::at(&mut job, NOW_S);
        let outcome = issuers.verify(&issuer.mint(&job), clock.now()).await;
        match flaw {
            None => assert!(outcome.is_ok(), "{outcome:?}"),
            Some(_) => {
                assert_is(&format!("{flaw:?}"), outcome, Reason::IdpUnavailable);
                assert_eq!(
                    issuers.states()[0].last_fault,
                    Some("tls_failed"),
                    "{flaw:?}"
                );
                assert_eq!(issuer.fetches(), Fetches::default(), "{flaw:?}");
            }
        }
    }
}

#[tokio::test]
async fn keys_on_another_host_are_fetched_by_tls() {
    install_crypto();
    let (issuer, host) = (Issuer::start_tls().await, Issuer::start_tls().await);
    let folder = tempfile::tempdir().unwrap();
    let authorities = folder.path().join("ca.pem");
    let both = [
        issuer.authority_pem().unwrap(),
        host.authority_pem().unwrap(),
    ]
    .concat();
    std::fs::write(&authorities, both).unwrap();
    let mut settings = settings(issuer.url(), Dialect::Gitlab);
    settings.ca_file = Some(authorities);
    issuer.break_discovery(Fault::KeysElsewhere(format!(
        "{}/oauth/discovery/keys",
        host.url()
    )));
    let clock = Clock::fixed(Time::from_secs(NOW_S));
    let issuers = Issuers::build(vec![settings], clock.clone()).unwrap();
    let mut job = claims::gitlab_job(issuer.url(), US);
    claims::at(&mut job, NOW_S);
    let outcome = issuers.verify(&host.mint(&job), clock.now()).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!((issuer.fetches().keys, host.fetches().keys), (0, 1));
}
