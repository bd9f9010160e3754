//! A blocked key is dead within a second, whatever else goes on (T42).

use std::time::Duration;

use serde_json::json;

use super::{LIST, admin, asks, blocking_ground, command, event, until};
use crate::support::{close, program};

#[tokio::test]
async fn a_key_blocked_by_command_is_dead_within_a_second_and_lives_again_when_taken_back() {
    let world = blocking_ground().await.serve(program()).await.unwrap();
    let token = world.job_token(json!({}));
    assert_eq!(
        asks(&world, &token).await.status,
        200,
        "verified, and remembered"
    );
    let kid = world.gitlab.rsa().kid;
    let (exit, out, err) = command(
        &world,
        &["keys", "block", "gitlab", &kid, "--why", "ticket 4711"],
    )
    .await;
    assert_eq!(exit, 0, "{err}");
    assert!(out.starts_with("BLOCKED ") && out.contains(&kid), "{out}");
    assert!(err.contains("obeys within 1 s"), "{err}");

    let took = until(&world, &token, 401).await;
    eprintln!("dead {} ms after the command", took.as_millis());
    assert!(took < Duration::from_secs(1), "{took:?}");
    let answer = asks(&world, &token).await;
    assert_eq!(answer.json()["reason"], "unknown_key");
    assert!(
        answer.text().contains("blocked by the operator"),
        "{}",
        answer.text()
    );
    let page = admin(&world, "/keys").await.text();
    assert!(page.contains("\"blocked\""), "{page}");
    let metrics = admin(&world, "/metrics").await.text();
    let line = "stile_keys{issuer=\"gitlab\",state=\"blocked\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    let told = event(&world, "keys.blocked", |told| told["blocked"] == 1).await;
    assert_eq!(told["keys"], format!("gitlab {kid}"));

    let list = std::fs::read_to_string(world.stile.folder().path().join(LIST)).unwrap();
    assert!(list.contains("ticket 4711"), "{list}");
    let (exit, out, _) =
        command(&world, &["keys", "block", "gitlab", &kid, "--why", "again"]).await;
    assert_eq!(exit, 0, "{out}");
    assert!(out.contains("already"), "{out}");

    let (exit, out, err) = command(&world, &["keys", "unblock", "gitlab", &kid]).await;
    assert_eq!(exit, 0, "{out}{err}");
    assert!(until(&world, &token, 200).await < Duration::from_secs(1));
    let (exit, out, _) = command(&world, &["keys", "unblock", "gitlab", &kid]).await;
    assert_eq!((exit, out.starts_with("NOT BLOCKED ")), (1, true), "{out}");
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_block_does_not_wait_for_a_reload_that_runs() {
    let world = blocking_ground().await.serve(program()).await.unwrap();
    let token = world.job_token(json!({}));
    assert_eq!(asks(&world, &token).await.status, 200);
    let kid = world.gitlab.rsa().kid;
    // Reloads, one after the other, all along; each tests the policies.
    for _ in 0..4 {
        world.stile.signal("HUP").unwrap();
    }
    let text = format!("- {{issuer: gitlab, kid: \"{kid}\", why: leaked, since: now}}\n");
    world.stile.folder().write(LIST, &text).unwrap();
    let took = until(&world, &token, 401).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    // And no reload that ends later brings the key back.
    world
        .stile
        .waits_for("new settings are in force")
        .await
        .unwrap();
    for _ in 0..30 {
        assert_eq!(asks(&world, &token).await.status, 401);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_list_that_is_broken_or_gone_leaves_the_old_one_in_force_and_is_told() {
    let world = blocking_ground().await.serve(program()).await.unwrap();
    let token = world.job_token(json!({}));
    let kid = world.gitlab.rsa().kid;
    let text = format!("- {{issuer: gitlab, kid: \"{kid}\", why: leaked, since: now}}\n");
    world.stile.folder().write(LIST, &text).unwrap();
    until(&world, &token, 401).await;
    let path = world.stile.folder().path().join(LIST);
    type Spoil = fn(&std::path::Path, &str);
    let spoils: [(&str, Spoil); 4] = [
        ("is empty", |path, _| std::fs::write(path, "").unwrap()),
        ("gitlba", |path, text| {
            std::fs::write(path, text.replace("gitlab", "gitlba")).unwrap();
        }),
        ("list of blocked keys", |path, _| {
            std::fs::write(path, "]").unwrap()
        }),
        ("is not there", |path, _| {
            std::fs::remove_file(path).unwrap()
        }),
    ];
    for (part, spoil) in spoils {
        spoil(&path, &text);
        let begun = std::time::Instant::now();
        let page = loop {
            let page = admin(&world, "/readyz").await;
            if page.text().contains(part) {
                break page;
            }
            assert!(begun.elapsed() < super::PATIENCE, "{part}: {}", page.text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(
            (page.status.as_u16(), &page.json()["state"]),
            (200, &json!("degraded"))
        );
        assert_eq!(asks(&world, &token).await.status, 401, "{part}");
    }
    std::fs::write(&path, "[]\n").unwrap();
    until(&world, &token, 200).await;
    let page = admin(&world, "/readyz").await.json();
    assert_eq!(page["state"], "ready", "{page}");
    close(world, &[token]).await;
}
