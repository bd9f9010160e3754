//! Which key a request is sent with, and how one takes another one's place, with the real program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use stile_kit::upstream::{INGEST_KEY, Seen};
use stile_kit::{Call, Ground, World};

use crate::support::{ask, close, ground, program, records_of};

const FIELD: &str = "lightstep-access-token";
const NEXT_KEY: &str = "ls-ingest-key-the-next-one-5d1c0ffee5d1c0ffee";
const SHOP_KEY: &str = "ls-ingest-key-of-shop-0123456789abcdef012345";
const PAYMENTS_KEY: &str = "ls-ingest-key-of-payments-0123456789abcdef01";

/// A world whose telemetry header has these lines.
async fn with(lines: &str, files: &[(&str, &str)]) -> Ground {
    let ground = ground().await;
    for (name, key) in files {
        ground.folder().write_secret(name, key).unwrap();
    }
    let header = "key_file: secrets/ingest.key }";
    ground.with(header, &format!("{lines} }}"))
}

fn export(world: &World, token: &str) -> Call {
    Call::new("POST", format!("{}/v1/traces", world.stile.url()))
        .token(token)
        .body("application/json", r#"{"resourceSpans":[]}"#)
}

fn key_of(seen: &Seen) -> String {
    seen.values(FIELD).concat()
}

#[tokio::test]
async fn a_key_is_chosen_by_where_its_caller_belongs() {
    let keys =
        "keys_by_project: { acme/shop: secrets/shop.key, acme/payments: secrets/payments.key }";
    let files = [
        ("secrets/shop.key", SHOP_KEY),
        ("secrets/payments.key", PAYMENTS_KEY),
    ];
    for usual in [true, false] {
        let lines = match usual {
            true => format!("key_file: secrets/ingest.key, {keys}"),
            false => keys.to_owned(),
        };
        let world = with(&lines, &files).await.serve(program()).await.unwrap();
        world
            .upstream
            .take_ingest_keys(&[INGEST_KEY, SHOP_KEY, PAYMENTS_KEY]);
        let job_of =
            |path: &str| world.job_token(json!({"project_path": path, "job_project_path": path}));
        for (path, key) in [
            ("acme/shop/api", SHOP_KEY),
            ("acme/shop/deep/er", SHOP_KEY),
            ("acme/payments/api", PAYMENTS_KEY),
            // Not by the beginning of a name.
            ("acme/shopping", INGEST_KEY),
            ("acme/tools", INGEST_KEY),
        ] {
            let before = world.upstream.seen().len();
            // What a caller writes about itself chooses nothing.
            let call = export(&world, &job_of(path))
                .field("x-project", "acme/payments")
                .field("lightstep-access-token-project", "acme/payments");
            let answer = ask(&world, call).await;
            let seen = world.upstream.seen_since(before);
            if usual || key != INGEST_KEY {
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                assert_eq!(key_of(&seen[0]), key, "{path}");
            } else {
                assert_eq!(answer.status, 403, "{path}");
                assert!(
                    answer.text().contains("no key of the upstream"),
                    "{}",
                    answer.text()
                );
                assert!(seen.is_empty(), "{path}");
                let records = records_of(&world, answer.field("stile-decision"));
                let reason = |r: &crate::support::Recorded| r.word("reason") == "no_upstream_key";
                assert!(records.iter().any(reason), "{records:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_person_has_the_key_of_their_team_and_none_where_teams_differ() {
    let lines =
        "keys_by_project: { team:payments: secrets/payments.key, team:search: secrets/shop.key }";
    let files = [
        ("secrets/shop.key", SHOP_KEY),
        ("secrets/payments.key", PAYMENTS_KEY),
    ];
    let ground = with(lines, &files)
        .await
        .with("policies:\n", "mode: observe\npolicies:\n");
    let world = ground.serve(program()).await.unwrap();
    world.upstream.take_ingest_keys(&[SHOP_KEY, PAYMENTS_KEY]);
    let of = |groups: &[&str]| world.person_token("ada", groups);
    let answer = ask(&world, export(&world, &of(&["lightstep-payments"]))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(key_of(&world.upstream.seen()[0]), PAYMENTS_KEY);
    for groups in [
        &["lightstep-payments", "lightstep-search"][..],
        &["lightstep-auditors"],
    ] {
        let answer = ask(&world, export(&world, &of(groups))).await;
        assert_eq!(answer.status, 403, "{groups:?}");
    }
    assert_eq!(world.upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_401_that_is_not_about_the_key_passes_and_nothing_is_sent_twice() {
    let world = ground().await.serve(program()).await.unwrap();
    world.upstream.take_ingest_keys(&[NEXT_KEY]);
    let answer = ask(&world, export(&world, &world.job_token(json!({})))).await;
    assert_eq!(answer.status, 401);
    assert_eq!(world.upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_body_that_cannot_be_sent_again_is_not() {
    let lines = "key_file: secrets/ingest.key, next_key_file: secrets/next.key";
    let ground = with(lines, &[("secrets/next.key", NEXT_KEY)]).await;
    let world = ground.serve(program()).await.unwrap();
    world.upstream.take_ingest_keys(&[NEXT_KEY]);
    let token = world.job_token(json!({}));
    let large = Call::new("POST", format!("{}/v1/traces", world.stile.url()))
        .token(&token)
        .body("application/json", vec![b' '; 100_000]);
    assert_eq!(ask(&world, large).await.status, 401);
    assert_eq!(world.upstream.seen().len(), 1);
    // A small one is, with the same bytes, and from then on the next key is the one in use.
    assert_eq!(ask(&world, export(&world, &token)).await.status, 200);
    let seen = world.upstream.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(
        (key_of(&seen[1]), key_of(&seen[2])),
        (INGEST_KEY.into(), NEXT_KEY.into())
    );
    assert_eq!(seen[1].body, seen[2].body);
    assert_eq!(ask(&world, export(&world, &token)).await.status, 200);
    assert_eq!(world.upstream.seen().len(), 4);
}

/// A world whose telemetry key is printed by a program that reads `given.key`, and that file.
async fn printed(key: &str) -> (Ground, std::path::PathBuf) {
    let ground = ground().await;
    let file = ground.folder().path().join("given.key");
    std::fs::write(&file, key).unwrap();
    let command = format!(
        "key_command: [/bin/cat, {}], key_refresh: 1s",
        file.display()
    );
    let ground = ground.with("key_file: secrets/ingest.key }", &format!("{command} }}"));
    (ground, file)
}

async fn key_fault(world: &World) -> Option<String> {
    let answer = Call::new("GET", format!("{}/readyz", world.stile.admin));
    let ready = answer.send().await.unwrap().json();
    let upstreams = ready["upstreams"].as_array().unwrap();
    let faults = upstreams.iter().filter_map(|one| one["key_fault"].as_str());
    faults.map(str::to_owned).next()
}

#[tokio::test]
async fn a_key_that_a_program_prints_is_followed_without_a_reload() {
    let (ground, file) = printed(INGEST_KEY).await;
    let world = ground.serve(program()).await.unwrap();
    let token = world.job_token(json!({}));
    assert_eq!(ask(&world, export(&world, &token)).await.status, 200);
    assert_eq!(key_of(&world.upstream.seen()[0]), INGEST_KEY);
    std::fs::write(&file, NEXT_KEY).unwrap();
    world.upstream.take_ingest_keys(&[INGEST_KEY, NEXT_KEY]);
    for _ in 0..200 {
        assert_eq!(ask(&world, export(&world, &token)).await.status, 200);
        if key_of(world.upstream.seen().last().unwrap()) == NEXT_KEY {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the new key is not used");
}

#[tokio::test]
async fn while_the_program_fails_the_key_in_use_stays_and_readiness_says_why() {
    let (ground, file) = printed(INGEST_KEY).await;
    let world = ground.serve(program()).await.unwrap();
    let token = world.job_token(json!({}));
    assert_eq!(key_fault(&world).await, None);
    for (breaks, words) in [(None, "No such file"), (Some("two words"), "one line")] {
        match breaks {
            None => std::fs::remove_file(&file).unwrap(),
            Some(text) => std::fs::write(&file, text).unwrap(),
        }
        let mut fault = None;
        for _ in 0..200 {
            fault = key_fault(&world).await;
            if fault.as_ref().is_some_and(|fault| fault.contains(words)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let fault = fault.unwrap();
        assert!(fault.contains(words), "{fault}");
        assert!(
            !fault.contains("two words"),
            "what it printed is not shown: {fault}"
        );
        assert_eq!(ask(&world, export(&world, &token)).await.status, 200);
        assert_eq!(key_of(world.upstream.seen().last().unwrap()), INGEST_KEY);
    }
    std::fs::write(&file, INGEST_KEY).unwrap();
    for _ in 0..200 {
        if key_fault(&world).await.is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the fault stays");
}

#[tokio::test]
async fn without_a_key_of_its_program_nothing_starts() {
    let (ground, file) = printed(INGEST_KEY).await;
    std::fs::remove_file(file).unwrap();
    let fault = ground.serve(program()).await.unwrap_err().to_string();
    assert!(fault.contains("`key_command` `/bin/cat`"), "{fault}");
    assert!(fault.contains("No such file"), "{fault}");
}

#[tokio::test]
async fn what_is_wrong_with_a_program_is_told_at_its_line() {
    for (lines, words) in [
        (
            "key_file: secrets/ingest.key, key_command: [/bin/cat, x]",
            "from a file already",
        ),
        ("key_command: [cat, x]", "whole path"),
        ("key_command: []", "whole path"),
        ("key_command: /bin/cat", "key_command"),
        ("key_command: [/bin/cat, x], key_refresh: 0s", "key_refresh"),
        (
            "key_file: secrets/ingest.key, key_refresh: 5m",
            "no program",
        ),
        (
            "key_command: [/bin/cat, x], next_key_file: secrets/ingest.key",
            "follows none",
        ),
    ] {
        let fault = with(lines, &[]).await.serve(program()).await;
        let fault = fault.unwrap_err().to_string();
        assert!(fault.contains(words), "{lines}: {fault}");
        assert!(fault.contains("stile.yaml:"), "{lines}: {fault}");
    }
}

#[tokio::test]
async fn keys_rotate_under_load_and_no_request_fails() {
    let lines = "key_file: secrets/ingest.key, next_key_file: secrets/next.key";
    let ground = with(lines, &[("secrets/next.key", NEXT_KEY)]).await;
    let world = ground.serve(program()).await.unwrap();
    let token = world.job_token(json!({}));
    let (over, sent, failed) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let (over, sent, failed) = (over.clone(), sent.clone(), failed.clone());
            let call = export(&world, &token);
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let answer = call.clone().send().await;
                    sent.fetch_add(1, Ordering::Relaxed);
                    if answer.is_ok_and(|answer| answer.status == 200) {
                        continue;
                    }
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let began = Instant::now();
    let until = |count: usize| {
        let sent = sent.clone();
        async move {
            for _ in 0..3_000 {
                if sent.load(Ordering::Relaxed) >= count {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("no load");
        }
    };
    until(300).await;
    // The vendor ends the old key with no warning: the next one is there.
    world.upstream.take_ingest_keys(&[NEXT_KEY]);
    until(1_000).await;
    // Then somebody writes a third into the file of the first, before the vendor takes only it.
    let folder = world.stile.folder();
    folder.write_secret("secrets/ingest.key", SHOP_KEY).unwrap();
    world.upstream.take_ingest_keys(&[SHOP_KEY]);
    until(2_000).await;
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    let count = sent.load(Ordering::Relaxed);
    println!("{count} requests in {:?}", began.elapsed());
    assert_eq!(failed.load(Ordering::Relaxed), 0, "of {count}");
    let keys: Vec<String> = world.upstream.seen().iter().map(key_of).collect();
    for key in [INGEST_KEY, NEXT_KEY, SHOP_KEY] {
        assert!(keys.iter().any(|used| used == key), "{key}");
    }
}

#[tokio::test]
async fn a_key_that_is_due_is_told_and_ends_readiness_where_that_is_asked() {
    for (lines, status, state, due) in [
        ("", 200, "ready", 0),
        ("    rotate_after: 1ms\n", 200, "degraded", 1),
        (
            "    rotate_after: 1ms\n    rotate_strictly: true\n",
            503,
            "not_ready",
            1,
        ),
    ] {
        let deployments = "    deployments: true\n";
        let ground = ground()
            .await
            .with(deployments, &format!("{deployments}{lines}"));
        let world = ground.serve(program()).await.unwrap();
        // By then the issuers' keys are there, without which nothing is ready.
        let sent = ask(&world, export(&world, &world.job_token(json!({})))).await;
        assert_eq!(sent.status, 200, "a key that is due still serves");
        let admin = |path: &str| Call::new("GET", format!("{}{path}", world.stile.admin)).send();
        let ready = admin("/readyz").await.unwrap();
        assert_eq!(ready.status.as_u16(), status, "{}", ready.text());
        let page = ready.json();
        let upstreams = page["upstreams"].as_array().unwrap();
        let telemetry = upstreams
            .iter()
            .find(|one| one["upstream"] == "telemetry")
            .unwrap();
        assert_eq!(telemetry["state"], state, "{telemetry}");
        assert!(
            telemetry["key_age_s"].as_u64().unwrap() < 600,
            "{telemetry}"
        );
        let metrics = admin("/metrics").await.unwrap().text();
        let line = format!("stile_upstream_key_due{{upstream=\"telemetry\"}} {due}");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[tokio::test]
async fn stile_keys_upstreams_tells_each_keys_age_and_last_use_and_never_the_key() {
    let lines = "key_file: secrets/ingest.key, keys_by_project: { acme/shop: secrets/shop.key }";
    let world = with(lines, &[("secrets/shop.key", SHOP_KEY)]).await;
    let world = world.serve(program()).await.unwrap();
    world.upstream.take_ingest_keys(&[INGEST_KEY, SHOP_KEY]);
    let listed = || async {
        let config = world.stile.folder().path().join("stile.yaml");
        let output = tokio::process::Command::new(program())
            .args(["keys", "upstreams", "--format", "json", "--config"])
            .arg(config)
            .env(
                "STILE_ADMIN__ADDRESS",
                world.stile.admin.replace("http://", ""),
            )
            .output()
            .await
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let rows: Vec<serde_json::Value> = serde_json::from_str(&said).unwrap_or_else(|_| {
            panic!("{said}: {}", String::from_utf8_lossy(&output.stderr));
        });
        (output.status.code(), said, rows)
    };
    let row = |rows: &[serde_json::Value], whose: &str| {
        let is = |one: &&serde_json::Value| one["upstream"] == "telemetry" && one["whose"] == whose;
        rows.iter().find(is).unwrap().clone()
    };
    let (code, _, rows) = listed().await;
    assert_eq!((code, rows.len()), (Some(0), 3), "{rows:?}");
    assert!(row(&rows, "acme/shop")["used_s"].is_null(), "{rows:?}");
    let token = world.job_token(json!({}));
    assert_eq!(ask(&world, export(&world, &token)).await.status, 200);
    world.stile.signal("HUP").unwrap();
    world
        .stile
        .waits_for("new settings are in force")
        .await
        .unwrap();
    let (_, said, rows) = listed().await;
    let shop = row(&rows, "acme/shop");
    assert_eq!(shop["state"], "used");
    assert!(shop["used_s"].as_u64().unwrap() < 600 && shop["age_s"].as_u64().unwrap() < 600);
    assert!(row(&rows, "")["used_s"].is_null(), "{rows:?}");
    for key in [INGEST_KEY, SHOP_KEY] {
        assert!(!said.contains(key));
    }
    // A key that is older than it should be makes the answer a no.
    let file = world.stile.folder().path().join("secrets/shop.key");
    let now = std::fs::metadata(&file).unwrap().modified().unwrap();
    let old = now - Duration::from_secs(40 * 86_400);
    let opened = std::fs::File::options().append(true).open(&file).unwrap();
    opened.set_modified(old).unwrap();
    world.stile.signal("HUP").unwrap();
    crate::hostile::framing::eventually("it is read again", || {
        world
            .stile
            .said()
            .matches("new settings are in force")
            .count()
            == 2
    })
    .await;
    let (code, _, rows) = listed().await;
    assert_eq!(code, Some(1), "{rows:?}");
    assert_eq!(row(&rows, "acme/shop")["state"], "due");
    close(world, &[token]).await;
}
