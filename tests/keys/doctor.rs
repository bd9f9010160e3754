//! `stile doctor`: well, not well, and not known are three answers.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use stile_kit::{Fault, Ground};

use super::run;
use crate::support::ground;

/// The findings by the name of the check, and the exit code.
async fn doctor(ground: &Ground) -> (i32, Vec<Value>) {
    let settings = ground.write().unwrap();
    let path = settings.clone();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (exit, out, err) = run(&settings, &["doctor", "--format", "json"]).await;
    let all: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    (exit, all.as_array().unwrap().clone())
}

fn of<'f>(findings: &'f [Value], check: &str) -> &'f Value {
    let found = findings.iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("no {check}: {findings:?}"))
}

fn now() -> String {
    let now = stile::clock::Clock::machine().now().as_secs();
    at(i64::try_from(now).unwrap())
}

fn at(seconds: i64) -> String {
    let at = jiff::Timestamp::from_second(seconds).unwrap();
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

async fn well() -> Ground {
    let ground = ground().await;
    ground.gitlab.set_date(&now());
    ground.okta.set_date(&now());
    ground
}

#[tokio::test]
async fn where_everything_is_well_each_check_says_so() {
    let ground = well().await;
    let (exit, findings) = doctor(&ground).await;
    assert_eq!(exit, 0, "{findings:?}");
    for check in [
        "clock",
        "settings and key files",
        "certificate of 127.0.0.1:0",
        "issuer gitlab",
        "issuer okta",
        "audience of gitlab",
        "upstream lightstep",
        "upstream telemetry",
    ] {
        assert_eq!(of(&findings, check)["held"], "yes", "{check}: {findings:?}");
    }
    // No request was made, no key was sent.
    assert!(ground.upstream.seen().is_empty());
    let settings = ground.write().unwrap();
    let (exit, out, _) = run(&settings, &["doctor"]).await;
    assert_eq!(exit, 0);
    assert!(out.lines().all(|line| line.starts_with("✓ yes ")), "{out}");
}

#[tokio::test]
async fn a_clock_that_is_off_is_a_no_with_its_fix() {
    let machine = i64::try_from(stile::clock::Clock::machine().now().as_secs()).unwrap();
    for (ahead_s, held) in [(0, "yes"), (-20, "yes"), (3600, "no"), (-90, "no")] {
        let ground = well().await;
        ground.okta.set_date(&at(machine + ahead_s));
        let (exit, findings) = doctor(&ground).await;
        let clock = of(&findings, "clock");
        assert_eq!(
            (exit, clock["held"].as_str()),
            ((held == "no").into(), Some(held)),
            "{clock}"
        );
        assert_eq!(clock["fix"].is_null(), held == "yes", "{clock}");
    }
}

#[tokio::test]
async fn an_issuer_that_answers_wrongly_is_a_no_and_one_that_does_not_answer_is_not_known() {
    for (fault, word, exit) in [
        (Fault::WrongIssuer, "wrong_issuer", 1),
        (Fault::Html, "not_a_discovery_document", 1),
        (Fault::Status(503), "bad_status", 1),
        (Fault::Down, "unreachable", 3),
    ] {
        let ground = well().await;
        ground.gitlab.break_discovery(fault);
        let (ended, findings) = doctor(&ground).await;
        let issuer = of(&findings, "issuer gitlab");
        assert!(
            issuer["found"].as_str().unwrap().starts_with(word),
            "{issuer}"
        );
        assert!(!issuer["fix"].is_null(), "{issuer}");
        assert_eq!(ended, exit, "{word}: {findings:?}");
        assert_eq!(of(&findings, "issuer okta")["held"], "yes");
    }
}

#[tokio::test]
async fn files_audiences_and_upstreams_that_are_not_well_are_told_with_their_fix() {
    let ground = well().await;
    let set = ground.gitlab.key_set().to_string();
    let file = ground.folder().write("keys.json", &set).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    let piece = "    dialect: gitlab\n";
    let more = format!("{piece}    keys_file: keys.json\n    audiences: [account]\n");
    let ground = ground.with(piece, &more);
    let (exit, findings) = doctor(&ground).await;
    assert_eq!(exit, 1);
    let files = of(&findings, "settings and key files");
    assert_eq!(files["held"], "no");
    assert!(
        files["fix"].as_str().unwrap().contains("chmod go-w"),
        "{files}"
    );
    assert_eq!(of(&findings, "audience of gitlab")["held"], "no");
    assert_eq!(of(&findings, "issuer gitlab")["held"], "yes");

    let ground = well().await;
    let ours = format!("url: {}", ground.upstream.url());
    let ground = ground.with(&ours, "url: http://127.0.0.1:1");
    let (exit, findings) = doctor(&ground).await;
    assert_eq!(exit, 3, "{findings:?}");
    assert_eq!(of(&findings, "upstream lightstep")["held"], "unknown");
}

#[tokio::test]
async fn settings_that_are_wrong_are_bad_input_and_nothing_is_looked_at() {
    let ground = well().await.with("dialect: okta", "dialect: otka");
    let settings = ground.write().unwrap();
    let (exit, out, err) = run(&settings, &["doctor"]).await;
    assert_eq!((exit, out.as_str()), (2, ""), "{err}");
    assert_eq!(ground.gitlab.fetches(), stile_kit::Fetches::default());
}
