//! To an OTLP receiver: everything once when nothing happens, at least once whatever does, and each
//! answer means what the protocol says.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::{Value, json};
use stile_kit::World;
use stile_kit::upstream::{API_KEY, INGEST_KEY};

use super::receiver::{Manner, Receiver};
use super::{ask_times, leaving_for, metric, otlp, readiness, uids, until, until_all_left};
use crate::support::{self, program, whole};

#[tokio::test]
async fn in_a_quiet_run_everything_arrives_once_and_in_order_to_the_last_record() {
    let receiver = Receiver::start(Manner::Takes).await;
    let world = leaving_for(&otlp(&receiver.url())).await;
    ask_times(&world, 30).await;
    until_all_left(&world).await;
    assert_eq!(
        metric(&world.stile.admin, "stile_leave_lag_records{to=\"siem\"}").await,
        0.0
    );
    assert!(metric(&world.stile.admin, "stile_leave_sent_total{to=\"siem\"}").await > 45.0);
    assert_eq!(
        metric(&world.stile.admin, "stile_leave_failed_total{to=\"siem\"}").await,
        0.0
    );
    let (_, folder, said) = world.stile.stop().await.unwrap();
    assert_eq!(
        receiver.uids(),
        uids(&folder.path().join("journal")),
        "{said}"
    );
    whole(&folder);
}

#[tokio::test]
async fn requests_are_compressed_unless_they_are_not_to_be() {
    for (setting, coding) in [(" }", Some("gzip")), (", compress: false }", None)] {
        let receiver = Receiver::start(Manner::Takes).await;
        let world = leaving_for(&otlp(&receiver.url()).replace(" }", setting)).await;
        ask_times(&world, 3).await;
        until_all_left(&world).await;
        for came in receiver.came() {
            let said = came.headers.get("content-encoding");
            assert_eq!(said.map(|said| said.to_str().unwrap()), coding);
        }
        let (_, folder, _) = world.stile.stop().await.unwrap();
        assert_eq!(receiver.uids(), uids(&folder.path().join("journal")));
    }
}

#[tokio::test]
async fn what_leaves_has_no_secret_in_it_and_the_key_of_its_file_before_it() {
    let ground = support::ground().await;
    let certificate = ground.ca.server(&["127.0.0.1"]);
    let receiver = Receiver::secure(&certificate).await;
    ground.ca.write_to(ground.folder().path());
    let key = ground
        .folder()
        .write_secret("secrets/siem.key", "first-key-of-the-siem\n");
    let key = key.unwrap();
    let destination = format!(
        "  - name: siem\n    kind: otlp\n    url: {}/v1/logs\n    ca_file: ca.pem\n    headers:\n      \
         - {{ name: authorization, value: \"Bearer {{key}}\", key_file: secrets/siem.key }}\n",
        receiver.url()
    );
    let ground = super::with_destination(ground, &destination);
    let world = ground.serve(program()).await.unwrap();
    let token = world.job_token(json!({}));
    ask_times(&world, 6).await;
    until_all_left(&world).await;
    std::fs::write(&key, "second-key-of-the-siem\n").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    ask_times(&world, 2).await;
    until_all_left(&world).await;
    let came = receiver.came();
    let sent = |at: usize| {
        came[at].headers["authorization"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(sent(0), "Bearer first-key-of-the-siem");
    assert_eq!(sent(came.len() - 1), "Bearer second-key-of-the-siem");
    let (_, folder, said) = world.stile.stop().await.unwrap();
    assert!(!said.contains("key-of-the-siem"), "{said}");
    let signature = token.rsplit('.').next().unwrap();
    for secret in [API_KEY, INGEST_KEY, "key-of-the-siem", signature] {
        for came in receiver.came() {
            let found = came
                .body
                .windows(secret.len())
                .any(|w| w == secret.as_bytes());
            assert!(!found, "a secret left");
        }
    }
    whole(&folder);
}

#[tokio::test]
async fn a_receiver_that_nobody_vouches_for_gets_nothing() {
    let ground = support::ground().await;
    let stranger = stile_kit::tls::DevCa::new();
    let receiver = Receiver::secure(&stranger.server(&["127.0.0.1"])).await;
    ground.ca.write_to(ground.folder().path());
    let destination = otlp(&receiver.url()).replace("timeout: 2s", "ca_file: ca.pem");
    let ground = super::with_destination(ground, &destination);
    let world = ground.serve(program()).await.unwrap();
    ask_times(&world, 2).await;
    until("the fault is told", async || {
        let fault = readiness(&world).await["fault"].to_string();
        fault.contains("TLS") && fault.contains("certificate")
    })
    .await;
    assert!(receiver.came().is_empty());
    // The operator trusts it after all: nothing needs a restart.
    let ca_file = world.stile.folder().path().join("ca.pem");
    std::fs::write(ca_file, stranger.certificate_pem()).unwrap();
    until_all_left(&world).await;
    assert_eq!(receiver.uids(), uids(&world.stile.journal()));
}

#[tokio::test]
async fn what_passes_is_waited_for_and_nothing_is_left_out() {
    for manner in [
        Manner::Answers(503, None),
        Manner::Answers(500, None),
        Manner::Answers(401, None),
        Manner::Answers(404, None),
        Manner::Answers(307, None),
    ] {
        let receiver = Receiver::start(manner).await;
        let world = leaving_for(&otlp(&receiver.url())).await;
        ask_times(&world, 2).await;
        until("it was tried twice", async || receiver.came().len() >= 2).await;
        let state = readiness(&world).await;
        assert_eq!(state["state"], "degraded", "{state}");
        assert!(state["behind"].as_u64().unwrap() >= 4, "{state}");
        receiver.be(Manner::Takes);
        until_all_left(&world).await;
        let (_, folder, _) = world.stile.stop().await.unwrap();
        let all = uids(&folder.path().join("journal"));
        assert_eq!(receiver.uids(), all, "{manner:?}");
        assert!(
            !folder
                .path()
                .join("journal/leave/siem.refused.jsonl")
                .exists()
        );
    }
}

#[tokio::test]
async fn a_receiver_says_how_long_to_wait_and_is_obeyed() {
    let receiver = Receiver::start(Manner::Answers(429, Some("3"))).await;
    let world = leaving_for(&otlp(&receiver.url())).await;
    until("it was asked", async || !receiver.came().is_empty()).await;
    receiver.be(Manner::Takes);
    until("it was asked again", async || receiver.came().len() >= 2).await;
    let came = receiver.came();
    let waited = came[1].at.duration_since(came[0].at);
    assert!((2_900..4_500).contains(&waited.as_millis()), "{waited:?}");
    until_all_left(&world).await;
}

#[tokio::test]
async fn a_slow_receiver_delays_nobody_and_a_silent_one_is_given_up() {
    let receiver = Receiver::start(Manner::Slowly(Duration::from_millis(700))).await;
    let world = leaving_for(&otlp(&receiver.url())).await;
    let begun = std::time::Instant::now();
    ask_times(&world, 10).await;
    let took = begun.elapsed();
    until_all_left(&world).await;
    receiver.be(Manner::Never);
    ask_times(&world, 4).await;
    until("the silence is told", async || {
        let fault = readiness(&world).await["fault"].to_string();
        fault.contains("no answer within 2000 ms")
    })
    .await;
    receiver.be(Manner::Takes);
    until_all_left(&world).await;
    let (_, folder, _) = world.stile.stop().await.unwrap();
    // What it was silent about it may well have taken: there are doubles, and nothing is missing.
    let arrived: BTreeSet<String> = receiver.uids().into_iter().collect();
    let all: BTreeSet<String> = uids(&folder.path().join("journal")).into_iter().collect();
    assert_eq!(arrived, all);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn one_record_that_is_refused_for_ever_holds_nobody_up_and_is_kept() {
    let receiver = Receiver::start(Manner::Answers(503, None)).await;
    let world = leaving_for(&otlp(&receiver.url())).await;
    ask_times(&world, 20).await;
    let stranger = world.job_token(json!({"ref": "feat/unloved", "ref_protected": "false"}));
    let call = world.api("GET", "X/streams").token(&stranger);
    let answer = call.send().await.unwrap();
    ask_times(&world, 20).await;
    receiver.be(Manner::Dislikes("feat/unloved"));
    until_all_left(&world).await;
    let state = readiness(&world).await;
    assert_eq!(
        (&state["refused"], &state["state"]),
        (&json!(1), &json!("degraded")),
        "{state}"
    );
    let refused = "stile_leave_refused_total{to=\"siem\"}";
    assert_eq!(metric(&world.stile.admin, refused).await, 1.0);
    let (_, folder, _) = world.stile.stop().await.unwrap();
    let journal = folder.path().join("journal");
    let kept = std::fs::read_to_string(journal.join("leave/siem.refused.jsonl")).unwrap();
    let kept: Vec<Value> = kept
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["record"]["id"], answer.field("stile-decision"));
    assert_eq!(kept[0]["why"], "it answered 400");
    let origin = kept[0]["record"]["log"].as_str().unwrap();
    let unloved = format!("{origin}/{}", kept[0]["seq"]);
    let expected: Vec<String> = uids(&journal)
        .into_iter()
        .filter(|u| *u != unloved)
        .collect();
    assert_eq!(receiver.uids(), expected);
}

#[tokio::test]
async fn a_partial_success_is_counted_kept_and_not_sent_again() {
    let receiver = Receiver::start(Manner::Answers(503, None)).await;
    let world = leaving_for(&otlp(&receiver.url())).await;
    ask_times(&world, 4).await;
    receiver.be(Manner::TakesAllBut(2));
    until("it was told", async || {
        readiness(&world).await["refused"].as_u64() >= Some(2)
    })
    .await;
    receiver.be(Manner::Takes);
    until_all_left(&world).await;
    let (_, folder, said) = world.stile.stop().await.unwrap();
    let journal = folder.path().join("journal");
    assert_eq!(receiver.uids(), uids(&journal), "{said}");
    let kept = std::fs::read_to_string(journal.join("leave/siem.refused.jsonl")).unwrap();
    assert!(kept.lines().count() >= 2, "{kept}");
    assert!(
        kept.contains("2 of ") && kept.contains("it does not say which: sorry"),
        "{kept}"
    );
}

#[tokio::test]
async fn a_position_that_is_behind_leads_to_doubles_and_one_of_another_past_to_all_of_it() {
    let receiver = Receiver::start(Manner::Takes).await;
    let World {
        stile,
        upstream: _upstream,
        gitlab: _gitlab,
        okta: _okta,
        ..
    } = {
        let world = leaving_for(&otlp(&receiver.url())).await;
        ask_times(&world, 4).await;
        until_all_left(&world).await;
        world
    };
    let (_, folder, _) = stile.stop().await.unwrap();
    let journal = folder.path().join("journal");
    let file = journal.join("leave/siem.position");
    let mut position: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let before = receiver.uids().len();
    for mark in position["marks"].as_array_mut().unwrap() {
        mark["digest"] = "00".into();
    }
    std::fs::write(&file, position.to_string()).unwrap();
    let stile = folder.serve(program()).await.unwrap();
    stile
        .waits_for("the journal has another past")
        .await
        .unwrap();
    let (_, folder, _) = stile.stop().await.unwrap();
    let all = uids(&folder.path().join("journal"));
    assert_eq!(receiver.uids()[before..], all);

    std::fs::write(&file, "7 is no position").unwrap();
    let stile = folder.serve(program()).await.unwrap();
    stile.waits_for("is no position of ours").await.unwrap();
    std::fs::remove_file(&file).unwrap();
    let enough = before + all.len() + all.len();
    until("it begins anew", async || receiver.uids().len() >= enough).await;
    stile.stop().await.unwrap();
}
