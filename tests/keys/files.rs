//! Key files of sites without a network, through the real program.

use std::time::Duration;

use serde_json::json;
use stile_kit::mint::{self, SigningKey};
use stile_kit::{Fetches, Ground};

use super::{admin, asks, readiness, until};
use crate::support::{close, ground, program};

/// A ground whose GitLab gives its keys by file.
async fn offline() -> Ground {
    let ground = ground().await;
    ground
        .folder()
        .write("gitlab-keys.json", &ground.gitlab.key_set().to_string())
        .unwrap();
    let piece = "    dialect: gitlab\n";
    ground.with(piece, &format!("{piece}    keys_file: gitlab-keys.json\n"))
}

#[tokio::test]
async fn keys_of_a_file_serve_and_a_changed_file_is_taken_over() {
    let world = offline().await.serve(program()).await.unwrap();
    let token = world.job_token(json!({}));
    assert_eq!(asks(&world, &token).await.status, 200);
    let keys = readiness(&world, "gitlab").await;
    assert_eq!(
        (&keys["set"], &keys["state"]),
        (&json!("file"), &json!("ready"))
    );
    assert!(keys.get("usable_s").is_none(), "it does not age: {keys}");

    let file = world.stile.folder().path().join("gitlab-keys.json");
    std::fs::write(&file, "{}").unwrap();
    world
        .stile
        .waits_for("new settings are refused")
        .await
        .unwrap();
    let page = admin(&world, "/readyz").await;
    assert_eq!(page.json()["state"], "degraded");
    assert!(page.text().contains("gitlab-keys.json"), "{}", page.text());
    assert_eq!(
        asks(&world, &token).await.status,
        200,
        "the old set is kept"
    );

    let next = SigningKey::es256().named("next");
    let by_next = mint::mint(&world.job(), &next);
    let set = json!({"keys": [next.jwk()]}).to_string();
    std::fs::write(&file, set).unwrap();
    // ES256 is not set for this issuer: known now, and not allowed.
    let begun = std::time::Instant::now();
    loop {
        let answer = asks(&world, &token).await;
        if answer.json()["reason"] == "unknown_key" {
            break;
        }
        assert!(begun.elapsed() < super::PATIENCE, "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        asks(&world, &by_next).await.json()["reason"],
        "alg_not_allowed"
    );
    std::fs::write(&file, world.gitlab.key_set().to_string()).unwrap();
    until(&world, &token, 200).await;
    world.stile.signal("HUP").unwrap();
    world
        .stile
        .waits_for("keys are as their issuer has them")
        .await
        .unwrap();
    assert_eq!(
        world.gitlab.fetches(),
        Fetches::default(),
        "nobody was asked"
    );
    close(world, &[token, by_next]).await;
}

#[tokio::test]
async fn a_key_file_beside_a_ca_file_is_refused() {
    let ground = offline().await;
    let authority = ground.ca.certificate_pem();
    ground.folder().write("ca.pem", &authority).unwrap();
    let piece = "    keys_file: gitlab-keys.json\n";
    let ground = ground.with(piece, &format!("{piece}    ca_file: ca.pem\n"));
    let settings = ground.write().unwrap();
    let (exit, _, err) = super::run(&settings, &["check"]).await;
    assert_eq!(exit, 2, "{err}");
    assert!(
        err.contains("no CA is needed") && err.contains("stile.yaml:"),
        "{err}"
    );
}
