//! Key sets over the network: cold, hanging, lying, rotating, stormed (T14, T25 to T33, T44).

use super::stand::{Stand, once};
use super::*;
use std::time::{Duration, Instant};
use stile::clock::Clock;
use stile::identify::{Freshness, Issuers};
use stile_kit::{Fault, Fetches, Issuer};

#[tokio::test]
async fn building_asks_nobody_and_the_first_token_asks_once() {
    let stand = Stand::new().await;
    assert_eq!(stand.issuer.fetches(), Fetches::default());
    assert_eq!(stand.freshness(), Freshness::None);
    for _ in 0..20 {
        stand.assert_accepted("job").await;
    }
    let elliptic = stand.issuer.mint_es256(&stand.job());
    assert!(stand.outcome(&elliptic).await.is_ok());
    assert_eq!(stand.issuer.fetches(), once());
    let state = &stand.issuers.states()[0];
    assert_eq!(
        (state.keys, state.age_s, state.last_fault),
        (2, Some(0), None)
    );
    assert_eq!(state.freshness, Freshness::Fresh);
}

#[tokio::test]
async fn a_hundred_callers_at_once_share_one_fetch() {
    let stand = Stand::new().await;
    stand.issuer.break_keys(Fault::Slow);
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let (issuers, token, now) = (stand.issuers.clone(), stand.token(), stand.clock.now());
            tokio::spawn(async move { issuers.verify(&token, now).await.is_ok() })
        })
        .collect();
    stand
        .until("the fetch begins", |stand| stand.issuer.fetches().keys == 1)
        .await;
    stand.issuer.mend();
    for one in waiting {
        assert!(one.await.unwrap());
    }
    assert_eq!(stand.issuer.fetches(), once());
}

#[tokio::test]
async fn a_storm_of_made_up_key_ids_asks_once_in_thirty_seconds() {
    let stand = Stand::warm().await;
    for n in 0..500 {
        let stray = stand.stray(&format!("made-up-{n}"));
        stand
            .assert_refused("storm", &stray, Reason::UnknownKey)
            .await;
    }
    assert_eq!(stand.issuer.fetches().keys, 2);
    stand.pass(29);
    stand
        .assert_refused("too soon", &stand.stray("later"), Reason::UnknownKey)
        .await;
    assert_eq!(stand.issuer.fetches().keys, 2);
    stand.pass(1);
    for n in 0..50 {
        let stray = stand.stray(&format!("later-{n}"));
        stand
            .assert_refused("again", &stray, Reason::UnknownKey)
            .await;
    }
    assert_eq!(stand.issuer.fetches().keys, 3);
    stand.assert_accepted("known keys stay").await;
}

#[tokio::test]
async fn a_rotated_key_is_found_at_once_and_the_old_one_is_dead() {
    let stand = Stand::warm().await;
    let before = stand.token();
    assert!(stand.outcome(&before).await.is_ok());
    stand.issuer.rotate();
    stand.assert_accepted("the new key").await;
    // Verified before and remembered, but its key is gone.
    stand.pass(30);
    stand
        .assert_refused("the old key", &before, Reason::UnknownKey)
        .await;
}

#[tokio::test]
async fn a_rotation_that_keeps_the_old_key_keeps_its_tokens() {
    let stand = Stand::warm().await;
    let before = stand.token();
    stand.issuer.rotate_keeping_old();
    stand.assert_accepted("the new key").await;
    assert!(stand.outcome(&before).await.is_ok());
}

#[tokio::test]
async fn a_key_replaced_under_one_id_dies_with_the_next_refresh() {
    let stand = Stand::warm().await;
    let before = stand.token();
    assert!(stand.outcome(&before).await.is_ok());
    let current = stand.issuer.rsa();
    let replaced = SigningKey::rs256_unlike(&current).named(&current.kid);
    stand.issuer.replace_rsa(replaced);
    stand.issuers.refresh().await;
    stand
        .assert_refused("remembered", &before, Reason::BadSignature)
        .await;
    stand.assert_accepted("replaced").await;
}

#[tokio::test]
async fn a_set_is_fetched_again_when_its_issuer_says_so_within_bounds() {
    for (cache_control, fresh_s) in [
        ("max-age=600", 600),
        ("public, max-age=600, must-revalidate", 600),
        ("max-age=1", 300),
        ("no-cache", 300),
        ("no-store, max-age=9999", 300),
        ("max-age=999999999", 86_400),
        ("max-age=x", 3600),
        ("", 3600),
        ("MAX-AGE=\"700\"", 700),
    ] {
        let stand = Stand::new().await;
        stand.issuer.set_cache_control(cache_control);
        stand.assert_accepted(cache_control).await;
        stand.pass(fresh_s - 1);
        stand.assert_accepted(cache_control).await;
        assert_eq!(stand.freshness(), Freshness::Fresh, "{cache_control}");
        assert_eq!(stand.issuer.fetches().keys, 1, "{cache_control}");
        stand.pass(1);
        assert_eq!(stand.freshness(), Freshness::Stale, "{cache_control}");
        stand.assert_accepted(cache_control).await;
        stand
            .until("fetched again", |stand| {
                stand.freshness() == Freshness::Fresh
            })
            .await;
        assert_eq!(stand.issuer.fetches().keys, 2, "{cache_control}");
    }
}

#[tokio::test]
async fn keys_serve_a_day_without_their_issuer_and_then_no_more() {
    let stand = Stand::warm().await;
    stand.issuer.break_discovery(Fault::Down);
    for hours in 1..=24 {
        stand.pass(3600);
        stand.assert_accepted(&format!("{hours} h")).await;
    }
    stand
        .until("a fault is known", |stand| stand.last_fault().is_some())
        .await;
    let remembered = stand.token();
    assert!(stand.outcome(&remembered).await.is_ok());
    stand.pass(1);
    stand
        .assert_refused("fresh", &stand.token(), Reason::IdpUnavailable)
        .await;
    stand
        .assert_refused("remembered", &remembered, Reason::IdpUnavailable)
        .await;
    assert_eq!(stand.freshness(), Freshness::None);
    stand.issuer.mend();
    stand.pass(5);
    stand.assert_accepted("mended").await;
    assert_eq!(stand.last_fault(), None);
}

#[tokio::test]
async fn an_issuer_that_is_down_at_the_start_harms_no_other_and_comes_back() {
    install_crypto();
    let (down, up) = (Issuer::start().await, Issuer::start().await);
    down.break_discovery(Fault::Down);
    let clock = Clock::fixed(Time::from_secs(NOW_S));
    let mut first = settings(down.url(), Dialect::Gitlab);
    first.name = "down".to_owned();
    let second = settings(up.url(), Dialect::Gitlab);
    let issuers = Issuers::build(vec![first, second], clock.clone()).unwrap();
    let token_of = |issuer: &Issuer| {
        let mut job = claims::gitlab_job(issuer.url(), US);
        claims::at(&mut job, NOW_S);
        issuer.mint(&job)
    };
    let now = clock.now();
    for _ in 0..20 {
        let outcome = issuers.verify(&token_of(&down), now).await;
        assert_is("down", outcome, Reason::IdpUnavailable);
        assert!(issuers.verify(&token_of(&up), now).await.is_ok());
    }
    assert_eq!(down.fetches().discovery, 1, "cooling down");
    down.mend();
    clock.set(now.plus_ms(5_000));
    assert!(issuers.verify(&token_of(&down), clock.now()).await.is_ok());
}

#[tokio::test]
async fn a_fetch_that_hangs_holds_up_nobody_whose_key_is_known() {
    let stand = Stand::warm().await;
    stand.issuer.break_keys(Fault::Slow);
    let (issuers, stray, now) = (stand.issuers.clone(), stand.stray("x"), stand.clock.now());
    let waiting = tokio::spawn(async move { issuers.verify(&stray, now).await });
    stand
        .until("the fetch hangs", |stand| stand.issuer.fetches().keys == 2)
        .await;
    let begun = Instant::now();
    for _ in 0..50 {
        stand.assert_accepted("known").await;
    }
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    assert!(!waiting.is_finished());
    stand.issuer.mend();
    assert_is("stray", waiting.await.unwrap(), Reason::UnknownKey);
}

#[tokio::test]
async fn an_issuer_nobody_set_is_never_asked() {
    let stand = Stand::warm().await;
    let stranger = Issuer::start().await;
    let mut job = claims::gitlab_job(stranger.url(), US);
    claims::at(&mut job, NOW_S);
    let token = stranger.mint(&job);
    stand
        .assert_refused("stranger", &token, Reason::UnknownIssuer)
        .await;
    let mut header = mint::header(&stranger.rsa());
    for name in ["jku", "x5u"] {
        header.insert(
            name.to_owned(),
            json!(format!("{}/oauth/discovery/keys", stranger.url())),
        );
        let token = stranger.mint_with(&header, &stand.job(), &stranger.rsa());
        stand.assert_refused(name, &token, Reason::UnknownKey).await;
    }
    assert_eq!(stranger.fetches(), Fetches::default());
    assert_eq!(stand.issuer.fetches(), once());
}

#[tokio::test]
async fn a_token_remembered_is_checked_against_the_time_again() {
    let stand = Stand::warm().await;
    let token = stand.token();
    assert!(stand.outcome(&token).await.is_ok());
    stand.pass(3600 + 29);
    assert!(stand.outcome(&token).await.is_ok());
    stand.pass(1);
    stand.assert_refused("over", &token, Reason::Expired).await;
    stand.clock.set(Time::from_secs(NOW_S - 31));
    stand
        .assert_refused("not begun", &token, Reason::NotYetValid)
        .await;
    stand.clock.set(Time::from_secs(NOW_S));
    let (first, second) = (stand.outcome(&token).await, stand.outcome(&token).await);
    assert!(Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
}

#[tokio::test]
async fn a_remembered_token_vouches_for_no_other_bytes() {
    let stand = Stand::warm().await;
    let token = stand.issuer.mint_es256(&stand.job());
    assert!(stand.outcome(&token).await.is_ok());
    let (message, signature) = token.rsplit_once('.').unwrap();
    for place in 0..signature.len() - 1 {
        let mut changed = signature.as_bytes().to_vec();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = format!("{message}.{}", String::from_utf8(changed).unwrap());
        stand
            .assert_refused("signature", &changed, Reason::BadSignature)
            .await;
    }
    stand
        .assert_refused("longer", &format!("{token}A"), Reason::BadSignature)
        .await;
}

#[tokio::test]
async fn two_issuers_with_one_key_id_or_one_key_stay_two() {
    install_crypto();
    let (first, second) = (Issuer::start().await, Issuer::start().await);
    second.replace_rsa(first.rsa());
    let shared_id = SigningKey::es256().named(&first.ec().kid);
    second.publish(shared_id.jwk());
    let clock = Clock::fixed(Time::from_secs(NOW_S));
    let mut one = settings(first.url(), Dialect::Gitlab);
    one.name = "first".to_owned();
    let two = settings(second.url(), Dialect::Gitlab);
    let issuers = Issuers::build(vec![one, two], clock.clone()).unwrap();
    let job_of = |issuer: &Issuer| {
        let mut job = claims::gitlab_job(issuer.url(), US);
        claims::at(&mut job, NOW_S);
        job
    };
    // Signed by the second's key, in the first's name.
    let crossed = mint::mint(&job_of(&first), &shared_id);
    assert_is(
        "crossed",
        issuers.verify(&crossed, clock.now()).await,
        Reason::BadSignature,
    );
    let own = issuers
        .verify(&mint::mint(&job_of(&second), &shared_id), clock.now())
        .await;
    assert_eq!(own.unwrap().facts().issuer, "issuer");
    let by_shared_key = issuers
        .verify(&second.mint(&job_of(&second)), clock.now())
        .await;
    assert_eq!(by_shared_key.unwrap().issuer_url(), second.url());
}

#[tokio::test]
async fn keys_pass_to_the_next_generation_without_a_fetch() {
    let stand = Stand::warm().await;
    let settings = settings(stand.issuer.url(), Dialect::Gitlab);
    let next = Issuers::build(vec![settings], stand.clock.clone()).unwrap();
    next.inherit(&stand.issuers);
    stand.issuer.break_discovery(Fault::Down);
    assert!(next.verify(&stand.token(), stand.clock.now()).await.is_ok());
    assert_eq!(stand.issuer.fetches(), once());
}

#[tokio::test]
async fn starting_fetches_without_being_asked() {
    let stand = Stand::new().await;
    stand.issuers.start();
    stand
        .until("fetched", |stand| stand.freshness() == Freshness::Fresh)
        .await;
    assert_eq!(stand.issuer.fetches(), once());
}

#[tokio::test]
async fn an_issuer_behind_tls_is_believed_by_its_authority_only() {
    install_crypto();
    let (issuer, stranger) = (Issuer::start_tls().await, Issuer::start_tls().await);
    let clock = Clock::fixed(Time::from_secs(NOW_S));
    let mut job = claims::gitlab_job(issuer.url(), US);
    claims::at(&mut job, NOW_S);
    let token = issuer.mint(&job);
    let folder = tempfile::tempdir().unwrap();
    for (case, authority, accepted) in [
        ("its own", issuer.authority_pem(), true),
        ("a stranger's", stranger.authority_pem(), false),
        ("the machine's", None, false),
    ] {
        let mut settings = settings(issuer.url(), Dialect::Gitlab);
        settings.ca_file = authority.map(|pem| {
            let file = folder.path().join(case);
            std::fs::write(&file, pem).unwrap();
            file
        });
        let issuers = Issuers::build(vec![settings], clock.clone()).unwrap();
        let outcome = issuers.verify(&token, clock.now()).await;
        match accepted {
            true => assert!(outcome.is_ok(), "{case}: {outcome:?}"),
            false => assert_is(case, outcome, Reason::IdpUnavailable),
        }
    }
    // What came over TLS sends nobody anywhere without it.
    issuer.break_discovery(Fault::KeysElsewhere("http://127.0.0.1:1/keys".to_owned()));
    let mut settings = settings(issuer.url(), Dialect::Gitlab);
    settings.ca_file = Some(folder.path().join("its own"));
    let issuers = Issuers::build(vec![settings], clock.clone()).unwrap();
    let outcome = issuers.verify(&token, clock.now()).await;
    assert_is("downgraded", outcome, Reason::IdpUnavailable);
    assert_eq!(issuers.states()[0].last_fault, Some("unsafe_keys_url"));
}

#[test]
fn an_issuer_that_cannot_be_trusted_is_refused_at_the_start() {
    let build = |settings: Vec<IssuerSettings>| {
        Issuers::build(settings, Clock::machine())
            .map(drop)
            .map_err(|error| error.to_string())
    };
    assert_eq!(build(vec![gitlab()]), Ok(()));
    let changed = |change: fn(&mut IssuerSettings)| {
        let mut settings = gitlab();
        change(&mut settings);
        build(vec![settings]).unwrap_err()
    };
    type Change = fn(&mut IssuerSettings);
    let cases: [(&str, Change); 15] = [
        ("https://", |one| {
            one.url = "http://gitlab.example.com".to_owned()
        }),
        ("not an issuer's URL", |one| {
            one.url = "gitlab.example.com".to_owned()
        }),
        ("not an issuer's URL", |one| {
            one.url = "https://u:p@gitlab.example.com".to_owned()
        }),
        ("query", |one| {
            one.url = "https://gitlab.example.com?x".to_owned()
        }),
        ("fragment", |one| {
            one.url = "https://gitlab.example.com#x".to_owned()
        }),
        ("not an issuer's URL", |one| one.url = String::new()),
        ("audience", |one| one.audiences.clear()),
        ("audience", |one| one.audiences.push(String::new())),
        ("is the issuer itself", |one| {
            one.audiences.push(GITLAB.to_owned())
        }),
        ("is the issuer itself", |one| {
            one.audiences.push(format!("{GITLAB}/"))
        }),
        ("algorithm", |one| one.algorithms.clear()),
        ("both sides", |one| {
            one.algorithms.push(jsonwebtoken::Algorithm::HS256)
        }),
        ("0 seconds", |one| one.longest_lifetime_s = 0),
        ("0 seconds old", |one| one.longest_age_s = 0),
        ("org authorization server", |one| {
            one.url = "https://acme.okta.com".to_owned();
            one.dialect = Dialect::Okta;
        }),
    ];
    for (word, change) in cases {
        let told = changed(change);
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(
        build(vec![gitlab(), gitlab()])
            .unwrap_err()
            .contains("one URL")
    );
    let mut other = gitlab();
    other.url = "https://other.example.com".to_owned();
    assert!(
        build(vec![gitlab(), other])
            .unwrap_err()
            .contains("two issuers are named")
    );
    let told = changed(|one| one.ca_file = Some("/nonexistent/ca.pem".into()));
    assert!(told.contains("/nonexistent/ca.pem"), "{told}");
}

#[tokio::test]
async fn a_token_without_a_key_id_asks_for_keys_only_when_there_are_none() {
    install_crypto();
    let issuer = Issuer::start().await;
    let clock = Clock::fixed(Time::from_secs(NOW_S));
    let mut settings = settings(issuer.url(), Dialect::Gitlab);
    settings.tokens_without_key_id = true;
    let issuers = Issuers::build(vec![settings], clock.clone()).unwrap();
    let mut job = claims::gitlab_job(issuer.url(), US);
    claims::at(&mut job, NOW_S);
    let mut header = mint::header(&issuer.ec());
    header.remove("kid");
    let token = mint::mint_with(&header, &job, &issuer.ec());
    let outcome = issuers.verify(&token, clock.now()).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    let fetched = issuer.fetches();
    for _ in 0..50 {
        claims::put(&mut job, json!({ "jti": mint::fresh_uuid() }));
        let stray = mint::mint_with(&header, &job, &SigningKey::es256());
        let outcome = issuers.verify(&stray, clock.now()).await;
        assert_is("signed by nobody", outcome, Reason::BadSignature);
    }
    assert_eq!(issuer.fetches(), fetched);
}

#[tokio::test]
async fn a_remembered_token_is_too_old_when_its_time_comes() {
    install_crypto();
    let issuer = Issuer::start().await;
    let clock = Clock::fixed(Time::from_secs(NOW_S));
    let mut settings = settings(issuer.url(), Dialect::Gitlab);
    settings.longest_age_s = 600;
    let issuers = Issuers::build(vec![settings], clock.clone()).unwrap();
    let mut job = claims::gitlab_job(issuer.url(), US);
    claims::at(&mut job, NOW_S);
    let token = issuer.mint(&job);
    for (age_s, accepted) in [(0, true), (630, true), (631, false), (0, true)] {
        let outcome = issuers.verify(&token, Time::from_secs(NOW_S + age_s)).await;
        match accepted {
            true => assert!(outcome.is_ok(), "{age_s}: {outcome:?}"),
            false => assert_is("old", outcome, Reason::Expired),
        }
    }
}

#[tokio::test]
async fn a_remembered_token_with_any_bit_of_its_signature_flipped_is_another_token() {
    let stand = Stand::warm().await;
    for key in [stand.issuer.rsa(), stand.issuer.ec()] {
        let token = mint::mint(&stand.job(), &key);
        let (message, _) = token.rsplit_once('.').unwrap();
        let signature = {
            use base64::Engine;
            let encoded = token.rsplit_once('.').unwrap().1;
            let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
            engine.decode(encoded).unwrap()
        };
        assert!(stand.outcome(&token).await.is_ok());
        for bit in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let forged = format!("{message}.{}", mint::b64(flipped));
            stand
                .assert_refused("flipped", &forged, Reason::BadSignature)
                .await;
        }
        assert!(stand.outcome(&token).await.is_ok());
    }
}
