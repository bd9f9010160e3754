//! Key ids by the thousand (T27): the issuer is asked once in thirty seconds, whatever comes.

use super::stand::Stand;
use super::*;
use stile_kit::Fault;

#[tokio::test]
async fn ten_thousand_made_up_key_ids_cost_the_issuer_one_fetch_in_thirty_seconds() {
    let stand = Stand::warm().await;
    assert_eq!(stand.issuer.fetches().keys, 1);
    for n in 0..10_000_u64 {
        if n % 1000 == 0 {
            stand.assert_accepted("known keys stay").await;
        }
        // Three milliseconds apart each: 30 s in all.
        stand.clock.set(Time::from_ms(NOW_S * 1000 + n * 3));
        let stray = stand.stray(&format!("made-up-{n}"));
        stand
            .assert_refused("storm", &stray, Reason::UnknownKey)
            .await;
    }
    assert_eq!(stand.issuer.fetches().keys, 2, "one in the first 30 s");
    stand.clock.set(Time::from_secs(NOW_S + 30));
    stand
        .assert_refused("later", &stand.stray("later"), Reason::UnknownKey)
        .await;
    assert_eq!(
        stand.issuer.fetches().keys,
        3,
        "and the next one after that"
    );
}

#[tokio::test]
async fn a_thousand_callers_at_once_with_a_thousand_key_ids_share_one_fetch() {
    let stand = Stand::warm().await;
    stand.issuer.break_keys(Fault::Slow);
    let waiting: Vec<_> = (0..1000)
        .map(|n| {
            let stray = stand.stray(&format!("made-up-{n}"));
            let (issuers, now) = (stand.issuers.clone(), stand.clock.now());
            tokio::spawn(async move { issuers.verify(&stray, now).await })
        })
        .collect();
    stand
        .until("the fetch hangs", |stand| stand.issuer.fetches().keys == 2)
        .await;
    stand.assert_accepted("known keys stay").await;
    stand.issuer.mend();
    for one in waiting {
        assert_is("storm", one.await.unwrap(), Reason::UnknownKey);
    }
    assert_eq!(stand.issuer.fetches().keys, 2);
}

#[tokio::test]
async fn a_dead_key_id_that_comes_back_does_not_take_a_new_keys_turn() {
    let stand = Stand::warm().await;
    stand
        .assert_refused("dead", &stand.stray("dead"), Reason::UnknownKey)
        .await;
    stand.pass(30);
    stand
        .assert_refused("asked once more", &stand.stray("dead"), Reason::UnknownKey)
        .await;
    assert_eq!(stand.issuer.fetches().keys, 3);
    stand.pass(30);
    stand
        .assert_refused("not again yet", &stand.stray("dead"), Reason::UnknownKey)
        .await;
    assert_eq!(stand.issuer.fetches().keys, 3, "it waits a minute now");
    stand.issuer.rotate_keeping_old();
    stand.assert_accepted("the new key has its turn").await;
    assert_eq!(stand.issuer.fetches().keys, 4);
}

#[tokio::test]
async fn a_storm_in_an_outage_costs_one_attempt_in_thirty_seconds() {
    let stand = Stand::warm().await;
    stand.issuer.break_discovery(Fault::Status(500));
    let before = stand.issuer.fetches().discovery;
    for n in 0..300 {
        let stray = stand.stray(&format!("made-up-{n}"));
        stand
            .assert_refused("storm", &stray, Reason::IdpUnavailable)
            .await;
    }
    assert_eq!(stand.issuer.fetches().discovery, before + 1);
}

#[tokio::test]
async fn a_reload_in_a_storm_resets_no_cool_down() {
    let stand = Stand::warm().await;
    stand
        .assert_refused("storm", &stand.stray("x"), Reason::UnknownKey)
        .await;
    let settings = settings(stand.issuer.url(), Dialect::Gitlab);
    for n in 0..20 {
        let next = stile::identify::Issuers::build(vec![settings.clone()], stand.clock.clone());
        let next = next.unwrap();
        next.inherit(&stand.issuers);
        let stray = stand.stray(&format!("made-up-{n}"));
        let outcome = next.verify(&stray, stand.clock.now()).await;
        assert_is("storm", outcome, Reason::UnknownKey);
    }
    assert_eq!(stand.issuer.fetches().keys, 2);
}
