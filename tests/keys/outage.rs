//! Rotation and outage through a real socket: how soon a new key works, and what is seen meanwhile.

use std::time::{Duration, Instant};

use serde_json::json;
use stile_kit::{Fault, Issuer};

use super::{admin, asks, event, events, readiness, until};
use crate::support::{close, ground, program, world};

#[tokio::test]
async fn the_first_token_of_a_new_key_passes_at_once() {
    let world = world().await;
    assert_eq!(asks(&world, &world.job_token(json!({}))).await.status, 200);
    world.gitlab.rotate();
    let begun = Instant::now();
    let token = world.job_token(json!({}));
    let answer = asks(&world, &token).await;
    let took = begun.elapsed();
    eprintln!("first success {} ms after the rotation", took.as_millis());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(took < Duration::from_secs(2), "{took:?}");
    close(world, &[token]).await;
}

#[tokio::test]
async fn an_issuer_that_was_down_at_the_start_works_within_seconds_of_its_return() {
    let ground = ground().await;
    ground.gitlab.break_discovery(Fault::Down);
    let world = ground.serve(program()).await.unwrap();
    let job = world.job_token(json!({}));
    let answer = asks(&world, &job).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["reason"]),
        (503, &json!("idp_unavailable"))
    );
    assert!(!answer.field("retry-after").is_empty());
    // The other issuer serves.
    let person = world.person_token("ada", &["acme"]);
    assert_ne!(
        asks(&world, &person).await.json()["reason"],
        "idp_unavailable"
    );
    let keys = readiness(&world, "gitlab").await;
    assert_eq!(
        (&keys["set"], &keys["state"]),
        (&json!("none"), &json!("not_ready"))
    );
    assert_eq!(keys["fault"], "unreachable");
    assert_eq!(
        admin(&world, "/readyz").await.status,
        200,
        "one issuer is not all of them"
    );
    let told = event(&world, "keys.failed", |told| told["issuer"] == "gitlab").await;
    assert_eq!(told["fault"], "unreachable");

    world.gitlab.mend();
    let took = until(&world, &job, 200).await;
    eprintln!("first success {} ms after the outage", took.as_millis());
    assert!(took < Duration::from_secs(7), "{took:?}");
    assert_eq!(readiness(&world, "gitlab").await["set"], "fresh");
    close(world, &[job, person]).await;
}

#[tokio::test]
async fn a_hangup_fetches_all_keys_at_once_even_with_settings_that_are_refused() {
    let world = world().await;
    let before = world.job_token(json!({}));
    assert_eq!(asks(&world, &before).await.status, 200);
    // One for a key id nobody knows, so that no token can have it fetched for thirty seconds.
    let stray = stile_kit::mint::mint(&world.job(), &world.gitlab.rsa().named("stray"));
    assert_eq!(asks(&world, &stray).await.status, 401);
    world.gitlab.rotate();
    let fresh = world.job_token(json!({}));
    assert_eq!(asks(&world, &fresh).await.status, 401, "asked just now");
    world
        .stile
        .folder()
        .write("policies/rules/broken.cedar", "permit (")
        .unwrap();
    world.stile.signal("HUP").unwrap();
    let took = until(&world, &fresh, 200).await;
    eprintln!("first success {} ms after SIGHUP", took.as_millis());
    assert_eq!(
        asks(&world, &before).await.status,
        401,
        "the removed key is dead"
    );
    world
        .stile
        .waits_for("new settings are refused")
        .await
        .unwrap();
    close(world, &[before, fresh]).await;
}

#[tokio::test]
async fn readiness_metrics_and_journal_tell_of_an_outage_and_nobody_notices_else() {
    let world = world().await;
    let token = world.job_token(json!({}));
    assert_eq!(asks(&world, &token).await.status, 200);
    let metrics = admin(&world, "/metrics").await.text();
    for line in [
        "stile_key_set_age_seconds{issuer=\"gitlab\"} ",
        "stile_key_set_state{issuer=\"gitlab\",state=\"fresh\"} 1",
        "stile_key_set_state{issuer=\"gitlab\",state=\"none\"} 0",
        "stile_key_set_last_success_timestamp_seconds{issuer=\"okta\"} ",
        "stile_key_fetches_total{issuer=\"gitlab\",outcome=\"ok\"} 1",
        "stile_keys{issuer=\"gitlab\",state=\"used\"} 2",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    world.gitlab.break_keys(Fault::Status(500));
    world.stile.signal("HUP").unwrap();
    let told = event(&world, "keys.failed", |told| told["issuer"] == "gitlab").await;
    assert_eq!(told["fault"], "bad_status");
    let url = told["url"].as_str().unwrap();
    assert!(
        url.ends_with("/oauth/discovery/keys"),
        "what was asked: {url}"
    );
    let keys = readiness(&world, "gitlab").await;
    assert_eq!(
        (&keys["set"], &keys["fault"]),
        (&json!("fresh"), &json!("bad_status"))
    );
    assert!(keys["advice"].as_str().unwrap().contains("200"), "{keys}");
    assert_eq!(asks(&world, &token).await.status, 200);
    let metrics = admin(&world, "/metrics").await.text();
    let line = "stile_key_fetches_total{issuer=\"gitlab\",outcome=\"bad_status\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_weak_key_that_is_published_is_refused_and_written_down() {
    let ground = ground().await;
    let weak = json!({"kty": "RSA", "kid": "weak-1", "n": "AQAB", "e": "AQAB"});
    ground.gitlab.publish(weak);
    let world = ground.serve(program()).await.unwrap();
    assert_eq!(asks(&world, &world.job_token(json!({}))).await.status, 200);
    let told = event(&world, "keys.changed", |told| told["issuer"] == "gitlab").await;
    assert_eq!(told["used"], 2);
    let refused = told["refused"].as_str().unwrap();
    assert!(
        refused.contains("weak-1") && refused.contains("2048 bits"),
        "{refused}"
    );
    let begun = Instant::now();
    let header = json!({"alg": "RS256", "kid": "weak-1"});
    let token = world.gitlab.mint_with(
        header.as_object().unwrap(),
        &world.job(),
        &world.gitlab.rsa(),
    );
    let answer = asks(&world, &token).await;
    assert_eq!(answer.json()["reason"], "weak_key", "{}", answer.text());
    assert!(begun.elapsed() < Duration::from_secs(1));
    event(&world, "keys.changed", |told| told["issuer"] == "okta").await;
    assert_eq!(
        events(&world, "keys.changed").len(),
        2,
        "one per issuer, and no more"
    );
    close(world, &[]).await;
}

#[tokio::test]
async fn an_issuer_that_names_another_is_not_believed() {
    let ground = ground().await;
    ground.gitlab.break_discovery(Fault::WrongIssuer);
    let world = ground.serve(program()).await.unwrap();
    let token = world.job_token(json!({}));
    assert_eq!(
        asks(&world, &token).await.json()["reason"],
        "idp_unavailable"
    );
    let keys = readiness(&world, "gitlab").await;
    assert_eq!(
        (&keys["set"], &keys["fault"]),
        (&json!("none"), &json!("wrong_issuer"))
    );
    event(&world, "keys.failed", |told| {
        told["fault"] == "wrong_issuer"
    })
    .await;
    close(world, &[token]).await;
}

#[tokio::test]
async fn an_issuer_taken_out_of_the_settings_takes_its_metrics_along() {
    let ground = ground().await;
    let third = Issuer::start().await;
    let more = format!(
        "  - name: third\n    url: {}\n    dialect: gitlab\nupstreams:",
        third.url()
    );
    let world = ground
        .with("upstreams:", &more)
        .serve(program())
        .await
        .unwrap();
    let page = admin(&world, "/metrics").await.text();
    assert!(page.contains("issuer=\"third\""), "{page}");
    let file = world.stile.folder().path().join("stile.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&more, "upstreams:")).unwrap();
    world.stile.signal("HUP").unwrap();
    world
        .stile
        .waits_for("new settings are in force")
        .await
        .unwrap();
    let page = admin(&world, "/metrics").await.text();
    assert!(!page.contains("issuer=\"third\""), "{page}");
    close(world, &[]).await;
}
