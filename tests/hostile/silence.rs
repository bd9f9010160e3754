//! What is written and said: one line each, nothing a terminal obeys, no secret anywhere.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};
use stile_kit::Call;
use stile_kit::upstream::{API_KEY, INGEST_KEY, Script};

use super::{creates, frames, has_control, page, raw};
use crate::support::{close, ground, program, records, world};

/// Text that ends lines, obeys terminals, turns text around, ends strings, or calls out.
const HOSTILE: [&str; 12] = [
    "a\nb",
    "a\r\n{\"kind\":\"decision\",\"decision\":\"allow\"}",
    "\u{1b}[2J\u{1b}[31mred",
    "\u{1b}]8;;http://evil.example\u{7}link\u{1b}]8;;\u{7}",
    "a\u{202e}gpj.exe",
    "a\u{2066}b\u{2069}",
    "line\u{2028}separator\u{2029}",
    "\"},{\"decision\":\"allow\"",
    "${jndi:ldap://evil.example/a}",
    "%s%n%x",
    "nul\0nul",
    "\u{7f}\u{9b}31m\u{85}",
];

#[tokio::test]
async fn no_text_of_a_caller_ends_a_line_or_moves_a_terminal() {
    let ground = ground().await;
    let loud = loud(&ground);
    let world = ground.serve(&loud).await.unwrap();
    let url = world.stile.url().to_owned();
    let host = raw::authority(&url).to_owned();
    let mut kept = 0;
    for text in HOSTILE {
        // Claims carry any text at all; it is kept exactly.
        for claim in [
            "project_path",
            "ref",
            "user_login",
            "environment",
            "jti",
            "sub",
        ] {
            let token = world.job_token(json!({claim: text}));
            let answer = creates(&world, &token, "n").send().await.unwrap();
            assert!(!has_control(&answer.text()), "{claim}: {}", answer.text());
            for (name, value) in &answer.headers {
                assert!(
                    value.to_str().is_ok_and(|v| !has_control(v)),
                    "{name}: {value:?}"
                );
            }
        }
        let escaped: String = text.bytes().map(|b| format!("%{b:02x}")).collect();
        for request in [
            format!("GET /{text} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"),
            format!("GET /{escaped} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"),
            format!("GET /?{text} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"),
            format!(
                "GET /x HTTP/1.1\r\nhost: {host}\r\nuser-agent: {text}\r\nconnection: close\r\n\r\n"
            ),
            format!("GET /x HTTP/1.1\r\nhost: {text}\r\nconnection: close\r\n\r\n"),
            format!("{text} /x HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"),
            format!(
                "GET /x HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {text}\r\nconnection: close\r\n\r\n"
            ),
        ] {
            for answer in raw::exchange(&url, request.as_bytes()).await {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                assert!(!has_control(&body), "{request:?}: {body:?}");
            }
        }
        let agent: Vec<(&[u8], &[u8])> = vec![
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b":authority", host.as_bytes()),
            (b":path", b"/x"),
            (b"user-agent", text.as_bytes()),
        ];
        frames::exchange(&url, &[frames::headers(1, &agent)]).await;
        kept += records(&world.stile.journal())
            .iter()
            .filter(|r| r.json.to_string().contains(&json!(text).to_string()[1..]))
            .count();
    }
    assert!(kept >= HOSTILE.len(), "claims are kept to the letter");
    for record in stile::record::read(&world.stile.journal()).unwrap() {
        let payload = record.unwrap().whole().into_owned();
        assert!(
            payload.iter().all(|byte| *byte >= 0x20),
            "{}",
            String::from_utf8_lossy(&payload)
        );
        let read: Value = serde_json::from_slice(&payload).unwrap();
        assert!(read.is_object());
    }
    for line in world.stile.said().lines() {
        assert!(!has_control(line), "{line:?}");
        let read: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(read.is_object());
    }
    assert!(!has_control(
        &page(&world, "/metrics").await.text().replace('\t', " ")
    ));
    close(world, &[]).await;
}

#[tokio::test]
async fn no_secret_is_anywhere_even_when_it_says_everything() {
    let ground = ground().await;
    let loud = loud(&ground);
    let world = ground.serve(&loud).await.unwrap();
    let canary = |n: u32| format!("canary{n:04}secret{n:04}");
    let token = world.job_token(json!({}));
    let person = world.person_token("mira@acme.example", &["lightstep-payments"]);
    let bad = format!("{}x", world.feature_token());
    let url = world.stile.url();
    let mut answers = Vec::new();
    let query = format!(
        "{url}/public/v0.2/acme/projects/X/streams?key={}&access_token={}",
        canary(1),
        canary(2)
    );
    let calls = [
        creates(&world, &token, &canary(3)),
        creates(&world, &bad, &canary(3)),
        world
            .api("GET", "X/metric_dashboards/checkout-latency")
            .token(&person),
        Call::new("GET", query.clone()).token(&person),
        Call::new("GET", query.clone()),
        Call::new("GET", query.split("&acc").next().unwrap()).token(&person),
        world
            .api("GET", "X/streams")
            .field("cookie", &format!("session={}", canary(4))),
        world
            .api("GET", "X/streams")
            .field("authorization", &format!("Basic {}", canary(5))),
        world
            .api("GET", "X/streams")
            .field("authorization", &format!("Bearer {}", canary(6))),
        world
            .api("GET", "X/streams")
            .token(&token)
            .field("lightstep-access-token", &canary(7)),
        world
            .api("GET", "X/streams")
            .field("referer", &format!("http://a/?t={}", canary(8))),
        world.api("GET", "X/streams").field("x-api-key", &canary(9)),
        Call::new("POST", format!("{url}/.stile/v1/deployments"))
            .token(&token)
            .body(
                "application/json",
                format!("{{\"service\":1,\"{}\":2}}", canary(10)),
            ),
        Call::new("POST", format!("{url}/v1/traces"))
            .field("lightstep-access-token", &token)
            .body("application/json", format!("{{\"x\":\"{}\"}}", canary(11))),
    ];
    for script in [
        Script::Well,
        Script::EchoHeaders,
        Script::SetCookie,
        Script::Raw(b"HTTP/1.1 200 OK\r\nbroken\r\n\r\n".to_vec()),
        Script::CloseBeforeHead,
        Script::Refuse,
    ] {
        world.upstream.script(script).await;
        for (n, call) in calls.iter().enumerate() {
            let call = if n % 2 == 0 {
                call.clone()
            } else {
                call.clone().http2()
            };
            answers.push(call.send().await.unwrap());
        }
    }
    let host = raw::authority(url).to_owned();
    let end = "connection: close\r\n\r\n";
    for request in [
        format!(
            "GET http://{}@{host}/ HTTP/1.1\r\nhost: {host}\r\n{end}",
            canary(12)
        ),
        format!(
            "GET http://a:{}@{host}/ HTTP/1.1\r\nhost: {host}\r\n{end}",
            canary(12)
        ),
        format!(
            "GET {}@{host} HTTP/1.1\r\nhost: {host}\r\n{end}",
            canary(12)
        ),
        format!("GET /x HTTP/1.1\r\nhost: a:{}@{host}\r\n{end}", canary(13)),
        format!("GET /x#{} HTTP/1.1\r\nhost: {host}\r\n{end}", canary(14)),
        format!("GET /x\"?{} HTTP/1.1\r\nhost: {host}\r\n{end}", canary(15)),
    ] {
        raw::exchange(url, request.as_bytes()).await;
    }
    let authority = format!("a:{}@{host}", canary(13));
    let stream = frames::request(1, "GET", &format!("/x?{}", canary(15)), &authority, "a.b.c");
    frames::exchange(url, &[stream]).await;
    world.stile.signal("HUP").unwrap();
    world
        .stile
        .waits_for("new settings are in force")
        .await
        .unwrap();

    let parts =
        |token: &str| -> Vec<String> { token.split('.').skip(1).map(str::to_owned).collect() };
    let mut secrets = vec![API_KEY.to_owned(), INGEST_KEY.to_owned()];
    secrets.extend([&token, &person, &bad].into_iter().flat_map(|t| parts(t)));
    secrets.extend((1..=15).map(canary));
    let pages = [
        page(&world, "/metrics").await,
        page(&world, "/readyz").await,
    ];
    let pages: String = pages.iter().map(|page| page.text()).collect();
    let written: String = records(&world.stile.journal())
        .iter()
        .map(|r| r.json.to_string() + "\n")
        .collect();
    for secret in &secrets {
        let line = written.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(line, None, "{secret} is in the journal");
    }
    for secret in &secrets {
        assert!(!pages.contains(secret), "{secret} is on a page");
        assert!(!world.stile.said().contains(secret), "{secret} was said");
        for answer in &answers {
            let own = answer.headers.contains_key("cache-control") && !answer.status.is_success();
            let shown = format!("{:?}", answer.headers);
            let echoes = secret.starts_with("canary") && !own;
            assert!(echoes || !shown.contains(secret), "{secret} in {shown}");
            let echoed = secret.starts_with("canary") && answer.status.is_success();
            assert!(
                echoed || !answer.text().contains(secret),
                "{secret} in {}",
                answer.text()
            );
        }
    }
    assert!(world.stile.said().contains("DEBUG"), "it said everything");
    close(world, &secrets).await;
}

#[tokio::test]
async fn a_flood_of_strangers_is_recorded_each() {
    let world = world().await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..200 {
        callers.spawn(world.api("GET", "X/streams").send());
    }
    let mut decisions = Vec::new();
    while let Some(answer) = callers.join_next().await {
        decisions.push(answer.unwrap().unwrap().field("stile-decision").to_owned());
    }
    decisions.sort();
    decisions.dedup();
    assert_eq!(decisions.len(), 200, "each has its own decision");
    let all = records(&world.stile.journal());
    for decision in &decisions {
        assert!(all.iter().any(|r| r.word("id") == decision), "{decision}");
    }
    close(world, &[]).await;
}

/// The program, told to say everything.
fn loud(ground: &stile_kit::Ground) -> PathBuf {
    let text = format!(
        "#!/bin/sh\nexec '{}' \"$@\" --log-level debug\n",
        program().display()
    );
    let path = ground.folder().write("loud", &text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}
