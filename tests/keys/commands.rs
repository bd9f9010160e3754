//! `stile keys` against a running stile, against issuers, and against nobody.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use stile_kit::Fault;

use super::{LIST, asks, blocking_ground, command, run, until};
use crate::support::{close, ground, program, world};

fn rows(text: &str) -> Vec<Value> {
    let rows: Value = serde_json::from_str(text).unwrap();
    rows.as_array().unwrap().clone()
}

#[tokio::test]
async fn the_keys_of_a_running_stile_are_listed_with_their_age_source_and_state() {
    let ground = ground().await;
    let weak = json!({"kty": "RSA", "kid": "weak-1", "n": "AQAB", "e": "AQAB"});
    ground.gitlab.publish(weak);
    let world = ground.serve(program()).await.unwrap();
    asks(&world, &world.job_token(json!({}))).await;
    asks(&world, &world.person_token("ada", &["acme"])).await;
    let at = world.stile.admin.clone();
    let (exit, out, err) = command(&world, &["keys", "--admin", &at]).await;
    assert_eq!(exit, 0, "{out}{err}");
    let kid = world.gitlab.rsa().kid;
    assert!(out.starts_with("ISSUER") && out.contains(&kid), "{out}");
    let (exit, out, _) = command(&world, &["keys", "--admin", &at, "--format", "json"]).await;
    assert_eq!(exit, 0);
    let all = rows(&out);
    let of = |kid: &str| all.iter().find(|row| row["key"] == kid).unwrap().clone();
    let used = of(&kid);
    assert_eq!(
        (
            &used["issuer"],
            &used["set"],
            &used["state"],
            &used["kind"],
            &used["bits"]
        ),
        (
            &json!("gitlab"),
            &json!("fresh"),
            &json!("used"),
            &json!("RSA"),
            &json!(2048)
        )
    );
    assert_eq!(used["algorithm"], "RS256");
    assert!(used["age_s"].as_u64().unwrap() < 60, "{used}");
    assert!(
        used["source"]
            .as_str()
            .unwrap()
            .ends_with("/oauth/discovery/keys")
    );
    let refused = of("weak-1");
    assert_eq!(refused["state"], "refused");
    assert!(
        refused["why"].as_str().unwrap().contains("2048"),
        "{refused}"
    );

    // The settings let the system choose the port, which nobody can know.
    let (exit, _, err) = command(&world, &["keys"]).await;
    assert_eq!(exit, 2, "{err}");
    assert!(err.contains("--admin"), "{err}");
    close(world, &[]).await;
}

#[tokio::test]
async fn an_issuer_without_keys_is_a_correct_no_and_nobody_to_ask_is_not_known() {
    let ground = ground().await;
    ground.okta.break_discovery(Fault::Html);
    let world = ground.serve(program()).await.unwrap();
    asks(&world, &world.job_token(json!({}))).await;
    asks(&world, &world.person_token("ada", &["acme"])).await;
    let at = world.stile.admin.clone();
    let (exit, out, err) = command(&world, &["keys", "--admin", &at]).await;
    assert_eq!(exit, 1, "{out}{err}");
    assert!(
        err.contains("not_a_discovery_document") && err.contains("`okta`"),
        "{err}"
    );
    let (exit, out, err) = command(&world, &["keys", "--fetch"]).await;
    assert_eq!(exit, 3, "{out}{err}");
    world.okta.mend();
    let (exit, out, err) = command(&world, &["keys", "--fetch"]).await;
    assert_eq!((exit, err.as_str()), (0, ""), "{out}");
    for (url, exit) in [
        ("http://127.0.0.1:1", 3),
        ("http://127.0.0.1:1/x", 2),
        ("https://127.0.0.1:1", 2),
        ("127.0.0.1:1", 2),
        (world.stile.url(), 3),
    ] {
        let (ended, out, err) = command(&world, &["keys", "--admin", url]).await;
        assert_eq!(ended, exit, "{url}: {out}{err}");
        assert!(
            out.is_empty() && err.contains("error: ") && err.contains("   = "),
            "{err}"
        );
    }
    close(world, &[]).await;
}

#[tokio::test]
async fn refresh_reaches_the_running_stile_and_nobody_else() {
    let world = world().await;
    assert_eq!(asks(&world, &world.job_token(json!({}))).await.status, 200);
    let stray = stile_kit::mint::mint(&world.job(), &world.gitlab.rsa().named("stray"));
    assert_eq!(asks(&world, &stray).await.status, 401);
    world.gitlab.rotate();
    let token = world.job_token(json!({}));
    assert_eq!(asks(&world, &token).await.status, 401, "asked just now");
    let (exit, out, err) = command(&world, &["keys", "refresh"]).await;
    assert_eq!(exit, 0, "{err}");
    assert!(out.starts_with("ASKED ") && out.contains(&world.stile.pid().unwrap().to_string()));
    until(&world, &token, 200).await;

    let folder = world.stile.stop().await.unwrap().1;
    let settings = folder.path().join("stile.yaml");
    let (exit, out, err) = run(&settings, &["keys", "refresh"]).await;
    assert_eq!((exit, out.as_str()), (3, ""), "{err}");
    assert!(err.contains("no stile that can be signalled"), "{err}");
    // A number left in the lock by somebody, with the lock held by another: nobody is signalled.
    let lock = folder.path().join("journal/LOCK");
    std::fs::write(
        &lock,
        format!("pid {}, stile 0, since 0 ms\n", std::process::id()),
    )
    .unwrap();
    let held = std::fs::File::open(&lock).unwrap();
    held.lock().unwrap();
    drop(std::fs::File::open(&lock));
    std::fs::write(&lock, "pid 1, stile 0, since 0 ms\n").unwrap();
    let (exit, _, err) = run(&settings, &["keys", "refresh"]).await;
    assert_eq!(exit, 3, "{err}");
}

#[tokio::test]
async fn the_list_is_changed_as_a_whole_and_slips_are_told() {
    let ground = blocking_ground().await;
    let settings = ground.write().unwrap();
    let block = |issuer: &'static str, kid: &'static str, why: &'static str| {
        let settings = settings.clone();
        async move { run(&settings, &["keys", "block", issuer, kid, "--why", why]).await }
    };
    let list = ground.folder().path().join(LIST);
    let text = || std::fs::read_to_string(&list).unwrap();
    let (exit, _, err) = block("gitlba", "k", "w").await;
    assert_eq!(exit, 2, "{err}");
    assert!(err.contains("did you mean `gitlab`"), "{err}");
    let (exit, _, _) = block("gitlab", "", "w").await;
    assert_eq!(exit, 2);
    assert_eq!(text(), "[]\n", "nothing changed");

    // Ten at once: none undoes another.
    let kids = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let running: Vec<_> = (kids.into_iter())
        .map(|kid| tokio::spawn(block("gitlab", kid, "many at once")))
        .collect();
    for one in running {
        let (exit, out, err) = one.await.unwrap();
        assert_eq!(exit, 0, "{out}{err}");
        assert!(
            err.contains("no stile of these settings runs here"),
            "{err}"
        );
    }
    let read = stile::identify::BlockedKeys::read(&list, ["gitlab"]).unwrap();
    assert_eq!(read.list().len(), 10, "{}", text());
    let left: Vec<_> = std::fs::read_dir(ground.folder().path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().contains(".new"))
        .collect();
    assert!(left.is_empty(), "{left:?}");

    // Its mode stays, and where the name is a link, the file behind it is the list.
    let behind = ground.folder().path().join("behind.yaml");
    std::fs::rename(&list, &behind).unwrap();
    std::fs::set_permissions(&behind, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("behind.yaml", &list).unwrap();
    let (exit, _, err) = block("gitlab", "linked", "w").await;
    assert_eq!(exit, 0, "{err}");
    assert!(list.is_symlink() && text().contains("linked"), "{}", text());
    let mode = std::fs::metadata(&behind).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o640);

    // A broken list is not written over, and one that is not there is begun.
    std::fs::write(&list, "broken").unwrap();
    let (exit, _, err) = block("gitlab", "k", "w").await;
    assert_eq!((exit, text().as_str()), (2, "broken"), "{err}");
    std::fs::remove_file(&list).unwrap();
    let (exit, _, err) = run(&settings, &["check"]).await;
    assert_eq!(exit, 2, "a list that is gone takes no block back: {err}");
    let (exit, _, err) = block("gitlab", "k", "w").await;
    assert_eq!(exit, 0, "{err}");
    let (exit, out, err) = run(&settings, &["check"]).await;
    assert_eq!(exit, 0, "{out}{err}");
}

#[tokio::test]
async fn without_a_list_in_the_settings_blocking_says_how_to_have_one() {
    let ground = ground().await;
    let settings = ground.write().unwrap();
    let (exit, _, err) = run(&settings, &["keys", "block", "gitlab", "k", "--why", "w"]).await;
    assert_eq!(exit, 2);
    assert!(err.contains("blocked_file"), "{err}");
}
