//! What is set for an upstream holds: how often it is asked, when it rests, how it is known.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use stile_kit::tls::{DevCa, ServerCertificate};
use stile_kit::upstream::{self, Script, Upstream};
use stile_kit::{Answer, Call, Ground, World};

use crate::support::{ask, close, ground, program, records_of};

const LIGHTSTEP: &str = "    operations: lightstep\n";

/// A world whose API has these settings more.
async fn with(more: &str) -> World {
    let ground = ground()
        .await
        .with(LIGHTSTEP, &format!("{LIGHTSTEP}{more}"));
    ground.serve(program()).await.unwrap()
}

fn creates(world: &World, token: &str) -> Call {
    let body = json!({"data": {"type": "stream", "attributes": {"name": "n", "query": "q"}}});
    let call = world.api("POST", "X/streams").token(token);
    call.body("application/vnd.api+json", body.to_string())
}

async fn created(world: &World, token: &str) -> Answer {
    ask(world, creates(world, token)).await
}

fn another_project(world: &World) -> String {
    world.job_token(json!({
        "project_path": "acme/shop/web", "project_id": "32",
        "job_project_path": "acme/shop/web", "job_project_id": "32",
        "sub": "project_path:acme/shop/web:ref_type:branch:ref:main",
    }))
}

async fn readiness(world: &World) -> Value {
    let answer = Call::new("GET", format!("{}/readyz", world.stile.admin))
        .send()
        .await;
    answer.unwrap().json()
}

#[tokio::test]
async fn one_project_cannot_spend_what_another_may_ask() {
    let world = with("    limits: [{ rate: 2/h, burst: 2, per: caller }]\n").await;
    let (one, other) = (world.job_token(json!({})), another_project(&world));
    for _ in 0..2 {
        assert_eq!(created(&world, &one).await.status, StatusCode::OK);
    }
    let limited = created(&world, &one).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.json()["reason"], "rate_limited");
    let wait: u32 = limited.field("retry-after").parse().unwrap();
    assert!((1_700..=1_800).contains(&wait), "{wait}");
    assert!(
        limited
            .text()
            .contains("this caller may make 2 requests in 1h")
    );
    // Another job of the same project has no quota of its own.
    let same = world.job_token(json!({"job_id": "777", "jti": "another"}));
    assert_eq!(
        created(&world, &same).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(created(&world, &other).await.status, StatusCode::OK);
    assert_eq!(world.upstream.seen().len(), 3);

    let own = records_of(&world, limited.field("stile-decision"));
    assert_eq!(own.len(), 1, "it was not forwarded");
    assert_eq!(own[0].word("decision"), "refuse");
    assert_eq!(own[0].word("reason"), "rate_limited");
    assert!(
        own[0].word("subject").contains("acme/shop/api"),
        "who hit it"
    );
    close(world, &[one, other]).await;
}

#[tokio::test]
async fn what_is_denied_spends_nothing() {
    let world = with("    limits: [{ rate: 1/h, burst: 1 }]\n").await;
    let denied = world.feature_token();
    for _ in 0..5 {
        assert_eq!(created(&world, &denied).await.status, StatusCode::FORBIDDEN);
    }
    let token = world.job_token(json!({}));
    assert_eq!(created(&world, &token).await.status, StatusCode::OK);
    assert_eq!(
        created(&world, &token).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(created(&world, &denied).await.status, StatusCode::FORBIDDEN);
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_limit_of_some_actions_leaves_the_others_alone() {
    let world = with("    limits: [{ rate: 1/h, burst: 1, actions: [streams.create] }]\n").await;
    let token = world.job_token(json!({}));
    assert_eq!(created(&world, &token).await.status, StatusCode::OK);
    assert_eq!(
        created(&world, &token).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    for _ in 0..3 {
        let call = world.api("POST", "X/metric_dashboards").token(&token);
        let answer = ask(&world, call.body("application/json", "{}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_reload_gives_nobody_a_new_quota_and_another_limit_does() {
    let world = with("    limits: [{ rate: 1/h, burst: 1 }]\n").await;
    let token = world.job_token(json!({}));
    assert_eq!(created(&world, &token).await.status, StatusCode::OK);
    let file = world.stile.folder().path().join("stile.yaml");
    let reload = async |from: &str, to: &str| {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from));
        let told = world
            .stile
            .said()
            .matches("new settings are in force")
            .count();
        std::fs::write(&file, text.replace(from, to)).unwrap();
        world.stile.signal("HUP").unwrap();
        for _ in 0..500 {
            if world
                .stile
                .said()
                .matches("new settings are in force")
                .count()
                > told
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no reload:\n{}", world.stile.said());
    };
    reload(
        "    deployments: true\n",
        "    deployments: true\n    requests: 100\n",
    )
    .await;
    assert_eq!(
        created(&world, &token).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    reload("rate: 1/h, burst: 1", "rate: 1/h, burst: 2").await;
    assert_eq!(created(&world, &token).await.status, StatusCode::OK);
    close(world, &[token]).await;
}

#[tokio::test]
async fn telemetry_and_grpc_are_told_in_their_own_words() {
    let telemetry = "    deployments: true\n";
    let limit = "    limits: [{ rate: 1/h, burst: 1 }]\n";
    let ground = ground()
        .await
        .with(telemetry, &format!("{telemetry}{limit}"));
    let world = ground.serve(program()).await.unwrap();
    let token = world.job_token(json!({}));
    let export = |kind: &str, path: &str| {
        let call = Call::new("POST", format!("{}{path}", world.stile.url())).token(&token);
        call.body(kind, "")
    };
    let first = ask(&world, export("application/x-protobuf", "/v1/traces")).await;
    assert_eq!(first.status, StatusCode::OK);
    let limited = ask(&world, export("application/x-protobuf", "/v1/traces")).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.field("content-type"), "application/x-protobuf");
    assert!(!limited.field("retry-after").is_empty());
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let limited = ask(&world, export("application/grpc", path).http2()).await;
    assert_eq!(limited.field("grpc-status"), "8", "RESOURCE_EXHAUSTED");
    close(world, &[token]).await;
}

#[tokio::test]
async fn an_action_that_no_catalogue_has_is_told_before_anything_starts() {
    let ground = ground().await.with(
        LIGHTSTEP,
        &format!("{LIGHTSTEP}    limits: [{{ rate: 1/s, actions: [stream.create] }}]\n"),
    );
    let fault = ground.serve(program()).await.unwrap_err().to_string();
    assert!(
        fault.contains("`limits[0]` of upstream `lightstep`"),
        "{fault}"
    );
    assert!(fault.contains("`streams.create`"), "{fault}");
}

#[tokio::test]
async fn an_upstream_that_is_down_is_left_alone_and_found_again() {
    let world = with("    rest: { failures: 3, pause: 1s }\n").await;
    let token = world.job_token(json!({}));
    world.upstream.script(Script::Refuse).await;
    for _ in 0..3 {
        assert_eq!(
            created(&world, &token).await.json()["reason"],
            "upstream_unreachable"
        );
    }
    let resting = created(&world, &token).await;
    assert_eq!(resting.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(resting.json()["reason"], "upstream_resting");
    assert_eq!(resting.field("retry-after"), "1");
    let own = records_of(&world, resting.field("stile-decision"));
    assert_eq!(own[1].word("end"), "not_forwarded");
    let ready = readiness(&world).await;
    let lightstep = &ready["upstreams"][0];
    assert_eq!(lightstep["resting"], true, "{ready}");
    assert_eq!(lightstep["set_aside"], json!(["127.0.0.1"]), "{ready}");

    world.upstream.script(Script::Well).await;
    let mut passed = 0;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        passed = u32::from(created(&world, &token).await.status == StatusCode::OK);
        if passed > 0 {
            break;
        }
    }
    assert_eq!(passed, 1, "it is found again");
    for _ in 0..5 {
        assert_eq!(created(&world, &token).await.status, StatusCode::OK);
    }
    let ready = readiness(&world).await;
    let lightstep = &ready["upstreams"][0];
    assert_eq!(lightstep["resting"], false);
    assert_eq!(lightstep["addresses"], json!(["127.0.0.1"]), "{ready}");
    assert!(lightstep.get("set_aside").is_none(), "{ready}");
    close(world, &[token]).await;
}

#[tokio::test]
async fn answers_of_any_status_and_callers_that_leave_are_no_failures() {
    let world = with("    rest: { failures: 2, pause: 30s }\n    head_timeout: 1s\n").await;
    let token = world.job_token(json!({}));
    let failing = b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n".to_vec();
    for _ in 0..5 {
        world.upstream.script(Script::Raw(failing.clone())).await;
        let answer = created(&world, &token).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
    world
        .upstream
        .script(Script::SlowHead(Duration::from_millis(800)))
        .await;
    for _ in 0..3 {
        let gone = tokio::time::timeout(Duration::from_millis(200), creates(&world, &token).send());
        assert!(gone.await.is_err());
    }
    world.upstream.script(Script::Well).await;
    assert_eq!(created(&world, &token).await.status, StatusCode::OK);
    // Until the answers came that nobody waits for any more.
    tokio::time::sleep(Duration::from_secs(1)).await;
    close(world, &[token]).await;
}

#[tokio::test]
async fn after_a_429_nothing_is_sent_for_as_long_as_the_upstream_asks() {
    let world = with("    hold_on_429: 60s\n").await;
    let token = world.job_token(json!({}));
    assert_eq!(created(&world, &token).await.status, StatusCode::OK);
    let slow_down = upstream::Answer::status(429).field("retry-after", "2");
    let slow_down = slow_down.field("x-ratelimit-remaining", "0");
    world.upstream.script(Script::Say(slow_down)).await;
    let told = created(&world, &token).await;
    assert_eq!(told.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(told.field("retry-after"), "2", "as the upstream said it");
    assert_eq!(told.field("x-ratelimit-remaining"), "0");
    world.upstream.script(Script::Well).await;
    let sent = world.upstream.seen().len();
    let held = created(&world, &another_project(&world)).await;
    assert_eq!(held.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(held.json()["reason"], "rate_limited");
    let wait: u64 = held.field("retry-after").parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    assert_eq!(world.upstream.seen().len(), sent, "nothing was sent");
    let own = records_of(&world, held.field("stile-decision"));
    assert_eq!(own[1].word("end"), "not_forwarded");
    assert_eq!(own[1].word("reason"), "rate_limited");
    let ready = readiness(&world).await;
    assert!(ready["upstreams"][0]["held_s"].is_u64(), "{ready}");

    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert_eq!(created(&world, &token).await.status, StatusCode::OK);
    close(world, &[token]).await;
}

#[tokio::test]
async fn without_the_setting_or_a_time_a_429_holds_nothing() {
    for (more, asked) in [("", "60"), ("    hold_on_429: 60s\n", "soon")] {
        let world = with(more).await;
        let token = world.job_token(json!({}));
        let slow_down = upstream::Answer::status(429).field("retry-after", asked);
        world.upstream.script(Script::Say(slow_down)).await;
        let told = created(&world, &token).await;
        assert_eq!(told.status, StatusCode::TOO_MANY_REQUESTS);
        world.upstream.script(Script::Well).await;
        assert_eq!(created(&world, &token).await.status, StatusCode::OK);
        close(world, &[token]).await;
    }
}

#[tokio::test]
async fn a_caller_does_not_learn_the_key_that_an_upstream_says_in_its_body() {
    let key = upstream::API_KEY;
    let said = upstream::Answer::status(200).body(format!("{{\"sent\":\"bearer {key}\"}}"));
    let world = with("    scrub_bodies: true\n").await;
    let token = world.job_token(json!({}));
    world.upstream.script(Script::Say(said.clone())).await;
    let told = created(&world, &token).await;
    assert_eq!(told.status, StatusCode::OK);
    let blot = "*".repeat(key.len());
    assert_eq!(told.text(), format!("{{\"sent\":\"bearer {blot}\"}}"));
    let own = records_of(&world, told.field("stile-decision"));
    assert_eq!(own[1].word("end"), "complete");
    close(world, &[token]).await;
}

/// A world whose API is behind TLS with this certificate, and trusts our CA.
async fn secure(
    upstream: Upstream,
    ca: &DevCa,
    more: &str,
    lay: impl FnOnce(&Path),
) -> (World, Upstream) {
    let ground = ground().await;
    let folder = ground.folder().path().to_owned();
    std::fs::write(folder.join("upstream-ca.pem"), ca.certificate_pem()).unwrap();
    lay(&folder);
    let url = ground.upstream.url();
    let before = format!("    url: {url}\n{LIGHTSTEP}");
    let after = format!(
        "    url: {}\n{LIGHTSTEP}    ca_file: upstream-ca.pem\n{more}",
        upstream.url()
    );
    let world = ground.with(&before, &after).serve(program()).await.unwrap();
    (world, upstream)
}

async fn reason(world: &World) -> String {
    let token = world.job_token(json!({}));
    let answer = created(world, &token).await;
    match answer.status {
        StatusCode::OK => "none".to_owned(),
        _ => answer.json()["reason"].as_str().unwrap().to_owned(),
    }
}

#[tokio::test]
async fn only_a_key_that_is_pinned_gets_ours() {
    let ca = DevCa::new();
    let (good, other) = (ca.server(&["localhost"]), ca.server(&["localhost"]));
    let cases = [(good.pin(), "none"), (other.pin(), "upstream_tls_error")];
    for (pin, expected) in cases {
        let upstream = Upstream::start_tls_with(&good).await;
        let more = format!("    pins: [\"{pin}\"]\n");
        let (world, upstream) = secure(upstream, &ca, &more, |_| ()).await;
        assert_eq!(reason(&world).await, expected);
        let reached = usize::from(expected == "none");
        assert_eq!(upstream.seen().len(), reached, "{expected}");
        close(world, &[]).await;
    }
    // During a change of keys both are there.
    let upstream = Upstream::start_tls_with(&other).await;
    let more = format!("    pins: [\"{}\", \"{}\"]\n", good.pin(), other.pin());
    let (world, _upstream) = secure(upstream, &ca, &more, |_| ()).await;
    assert_eq!(reason(&world).await, "none");
    close(world, &[]).await;
}

#[tokio::test]
async fn a_pin_makes_no_other_fault_good() {
    let ca = DevCa::new();
    for certificate in [
        ca.server(&["other.example"]),
        ca.expired(&["localhost"]),
        DevCa::new().server(&["localhost"]),
    ] {
        let upstream = Upstream::start_tls_with(&certificate).await;
        let more = format!("    pins: [\"{}\"]\n", certificate.pin());
        let (world, upstream) = secure(upstream, &ca, &more, |_| ()).await;
        assert_eq!(reason(&world).await, "upstream_tls_error");
        assert!(upstream.seen().is_empty());
        close(world, &[]).await;
    }
}

#[tokio::test]
async fn the_name_that_is_set_is_the_one_that_counts() {
    let ca = DevCa::new();
    for (name, expected) in [
        ("api.internal", "none"),
        ("localhost", "upstream_tls_error"),
    ] {
        let upstream = Upstream::start_tls_with(&ca.server(&["api.internal"])).await;
        let more = format!("    server_name: {name}\n");
        let (world, upstream) = secure(upstream, &ca, &more, |_| ()).await;
        assert_eq!(reason(&world).await, expected, "{name}");
        if let Some(seen) = upstream.seen().first() {
            let authority = seen.authority.as_deref().unwrap_or("");
            assert!(
                authority.starts_with("localhost:"),
                "the request says where it goes"
            );
        }
        close(world, &[]).await;
    }
}

fn lay_client(folder: &Path, own: &ServerCertificate) {
    let (_, key) = own.write_to(folder, "own");
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn an_upstream_that_asks_for_our_certificate_gets_it_and_a_new_one_after_a_reload() {
    let (ca, clients, foreign) = (DevCa::new(), DevCa::new(), DevCa::new());
    let certificate = ca.server(&["localhost"]);
    let own = "    certificate: own.pem\n    key: own.key\n";
    for (more, shown, expected) in [
        (own, Some(clients.client("stile")), "none"),
        ("", None, "upstream_tls_error"),
        (own, Some(foreign.client("stile")), "upstream_tls_error"),
    ] {
        let upstream = Upstream::start_tls_asking(&certificate, &clients).await;
        let lay = |folder: &Path| {
            if let Some(shown) = &shown {
                lay_client(folder, shown);
            }
        };
        let (world, upstream) = secure(upstream, &ca, more, lay).await;
        let met = reason(&world).await;
        // With TLS 1.3 a refused certificate shows when the request is about to go or under way.
        let later = ["upstream_bad_response", "upstream_unreachable"];
        let is_it = met == expected || (expected != "none" && later.contains(&met.as_str()));
        assert!(is_it, "{more:?}: {met}");
        assert_eq!(upstream.seen().is_empty(), expected != "none", "{more:?}");
        if expected != "none" && shown.is_some() {
            lay_client(world.stile.folder().path(), &clients.client("stile"));
            world.stile.signal("HUP").unwrap();
            world
                .stile
                .waits_for("new settings are in force")
                .await
                .unwrap();
            assert_eq!(reason(&world).await, "none", "renewed without a restart");
        }
        close(world, &[]).await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_upstreams_settings_is_told_at_its_line() {
    let cases = [
        ("    limits: [{ rate: 5 }]\n", "found the number `5`"),
        ("    limits: [{ per: caller }]\n", "rate"),
        ("    limits: [{ rate: 1/s, per: team }]\n", "team"),
        (
            "    limits: [{ rate: 1/s, burst: 99999999999 }]\n",
            "too large",
        ),
        (
            "    limits: [{ rate: 1/s, actions: [read, read] }]\n",
            "two actions",
        ),
        ("    rest: { failures: -1 }\n", "failures"),
        ("    rest: { pause: 0s }\n", "pause"),
        ("    hold_on_429: true\n", "hold_on_429"),
        ("    hold_on_429: 0s\n", "hold_on_429"),
        ("    pins: [abc]\n", "clear text"),
        ("    server_name: api.internal\n", "clear text"),
        ("    certificate: own.pem\n", "own.pem"),
    ];
    for (more, word) in cases {
        let ground: Ground = ground()
            .await
            .with(LIGHTSTEP, &format!("{LIGHTSTEP}{more}"));
        let fault = ground.serve(program()).await.unwrap_err().to_string();
        assert!(fault.contains(word), "{more}{fault}");
        assert!(fault.contains("stile.yaml:"), "{more}{fault}");
    }
    let url = "https://localhost:1";
    for (more, word) in [
        ("    pins: [abc]\n", "is no pin"),
        ("    pins: [sha256/AAAA]\n", "is no pin"),
        ("    server_name: \"a b\"\n", "is no name"),
        (
            "    key: secrets/lightstep.key\n",
            "no `certificate` beside it",
        ),
    ] {
        let ground = ground().await;
        let before = format!("    url: {}\n{LIGHTSTEP}", ground.upstream.url());
        let after = format!("    url: {url}\n{LIGHTSTEP}{more}");
        let fault = ground.with(&before, &after).serve(program()).await;
        let fault = fault.unwrap_err().to_string();
        assert!(fault.contains(word), "{more}{fault}");
    }
}
