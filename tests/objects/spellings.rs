//! Every way to write a request for another team's dashboard ends here.

use serde_json::json;
use stile_kit::Call;

use super::{changes, dashboard, made, mira, of};
use crate::support::{ask, records_of, world};

/// Bodies that mean to take a dashboard over while they look like one's own.
fn bodies(id: &str) -> Vec<(String, Vec<u8>, &'static str)> {
    let own = dashboard(of("payments"), "n");
    let json = "application/json";
    let mut all: Vec<(String, Vec<u8>, &'static str)> = Vec::new();
    let mut say = |kind: &str, body: Vec<u8>, reason| all.push((kind.to_owned(), body, reason));
    say(json, own.clone().into_bytes(), "policy_denied");
    say(
        "application/vnd.api+json",
        own.clone().into_bytes(),
        "policy_denied",
    );
    say(
        json,
        own.replace("labels", r"\u006cabels").into_bytes(),
        "policy_denied",
    );
    for (from, to) in [
        (r#""labels":"#, r#""labels":[],"labels":"#),
        (r#""labels":"#, r#""\u006cabels":[],"labels":"#),
        (r#""labels":"#, r#""LABELS":"#),
        (r#""labels":"#, r#""Labels":[],"labels":"#),
        (r#""data":"#, r#""data":{},"data":"#),
        (r#"{"data""#, "\u{feff}{\"data\""),
        (r#""type""#, r#""id":"some-other","type""#),
    ] {
        assert!(own.contains(from), "{own} has no {from}");
        say(json, own.replace(from, to).into_bytes(), "unclear_body");
    }
    say(json, format!("{own}{own}").into_bytes(), "unclear_body");
    say(
        json,
        own.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        "unclear_body",
    );
    say(json, Vec::new(), "policy_denied");
    for kind in [
        "text/plain",
        "multipart/form-data; boundary=b",
        "application/json; charset=utf-16",
        "application/json-patch+json",
        "application/x-www-form-urlencoded",
    ] {
        say(kind, own.clone().into_bytes(), "unclear_body");
    }
    let same = own.replace(r#""type""#, &format!(r#""id":"{id}","type""#));
    say(json, same.into_bytes(), "policy_denied");
    let huge = dashboard(json!([]), &"x".repeat(1024 * 1024));
    say(json, huge.into_bytes(), "body_too_large");
    all
}

/// The id of a dashboard as a path may spell it.
fn spelled(id: &str) -> Vec<String> {
    let once: String = id.bytes().map(|b| format!("%{b:02x}")).collect();
    let twice = once.replace('%', "%25");
    let thrice = twice.replace('%', "%25");
    let mut all = vec![id.to_owned(), once, twice, thrice];
    all.push(id.to_uppercase());
    all.push(format!("{id}/"));
    all.push(format!("{id};x=y"));
    all.push(format!("./{id}"));
    all.push(format!("own/../{id}"));
    all.push(format!("own%2f..%2f{id}"));
    all.push(format!("{id}%00"));
    all.push(format!("{id}%2e"));
    all.push(format!("{id}?id=own"));
    all
}

#[tokio::test]
async fn no_spelling_of_a_body_takes_a_dashboard_over() {
    let world = world().await;
    let theirs = made(&world, of("search")).await;
    let before = world.upstream.seen().len();
    for (kind, body, reason) in bodies(&theirs) {
        for http2 in [false, true] {
            let call = world.api("PUT", &format!("X/metric_dashboards/{theirs}"));
            let call = call.token(&mira(&world)).body(&kind, body.clone());
            let call = if http2 { call.http2() } else { call };
            let answer = ask(&world, call).await;
            let shown = String::from_utf8_lossy(&body);
            let shown: String = shown.chars().take(200).collect();
            assert_eq!(
                answer.json()["reason"],
                reason,
                "{kind} {shown}: {}",
                answer.text()
            );
            let records = records_of(&world, answer.field("stile-decision"));
            assert_eq!(records[0].word("reason"), reason, "{kind} {shown}");
        }
    }
    assert_eq!(changes(&world, before), [""; 0]);
}

#[tokio::test]
async fn no_encoding_of_a_body_takes_a_dashboard_over() {
    let world = world().await;
    let own = made(&world, of("payments")).await;
    let before = world.upstream.seen().len();
    for encoding in ["gzip", "identity", "br", "deflate, gzip"] {
        let call = world.api("PUT", &format!("X/metric_dashboards/{own}"));
        let call = call
            .token(&mira(&world))
            .field("content-encoding", encoding);
        let call = call.body("application/json", dashboard(of("payments"), "n"));
        let answer = ask(&world, call).await;
        assert_eq!(answer.json()["reason"], "unclear_body", "{encoding}");
    }
    assert_eq!(changes(&world, before), [""; 0]);
}

#[tokio::test]
async fn no_spelling_of_a_path_reaches_another_teams_dashboard() {
    let world = world().await;
    let theirs = made(&world, of("search")).await;
    let before = world.upstream.seen().len();
    for path in spelled(&theirs) {
        for method in ["PUT", "DELETE", "POST", "PATCH"] {
            for http2 in [false, true] {
                let url = format!(
                    "{}/public/v0.2/acme/projects/X/metric_dashboards/{path}",
                    world.stile.url()
                );
                let call = Call::new(method, url).token(&mira(&world));
                let call = call.body("application/json", dashboard(of("payments"), "n"));
                let call = if http2 { call.http2() } else { call };
                let Ok(answer) = call.send().await else {
                    continue; // what this client cannot spell
                };
                let status = answer.status.as_u16();
                assert!((400..500).contains(&status), "{method} {path}: {status}");
            }
        }
    }
    assert_eq!(changes(&world, before), [""; 0]);
}
