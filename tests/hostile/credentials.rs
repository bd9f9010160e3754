//! Fields that some upstream would believe: name x spelling x place x protocol.

use serde_json::json;
use stile_kit::World;
use stile_kit::upstream::{API_KEY, INGEST_KEY};

use super::{creates, forwarded_as_decided, frames, raw};
use crate::support::{close, world};

#[tokio::test]
async fn no_spelling_of_a_credential_or_identity_crosses_over_http1() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let url = world.stile.url().to_owned();
    let (mut answered, mut allowed) = (0, 0);
    let mut callers = tokio::task::JoinSet::new();
    for lines in forged_lines() {
        let (url, request) = (url.clone(), http1(&url, &token, &lines));
        callers.spawn(async move { raw::exchange(&url, &request).await });
        if callers.len() >= 16 {
            count(callers.join_next().await, &mut answered, &mut allowed);
        }
    }
    while let Some(done) = callers.join_next().await {
        count(Some(done), &mut answered, &mut allowed);
    }
    assert!(answered > 200 && allowed > 50, "{allowed} of {answered}");
    assert_eq!(world.upstream.seen().len(), allowed);
    nothing_forged(&world, &token);
    forwarded_as_decided(&world);
    close(world, &[token]).await;
}

#[tokio::test]
async fn no_spelling_of_a_credential_or_identity_crosses_over_http2() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let url = world.stile.url().to_owned();
    let bearer = format!("Bearer {token}");
    let mut sent = 0;
    for names in NAMES.chunks(8) {
        let mut streams = Vec::new();
        for name in names
            .iter()
            .flat_map(|name| aliases(&name.to_ascii_lowercase()))
        {
            let name = name.to_ascii_lowercase();
            let fields: Vec<(&[u8], &[u8])> = vec![
                (b":method", b"POST"),
                (b":scheme", b"http"),
                (b":authority", raw::authority(&url).as_bytes()),
                (b":path", STREAMS.as_bytes()),
                (b"authorization", bearer.as_bytes()),
                (name.as_bytes(), FORGED.as_bytes()),
            ];
            streams.push(frames::headers(2 * streams.len() as u32 + 1, &fields));
        }
        sent += streams.len();
        for share in streams.chunks(60) {
            frames::exchange(&url, share).await;
        }
    }
    assert!(sent > 100 && !world.upstream.seen().is_empty(), "{sent}");
    nothing_forged(&world, &token);
    forwarded_as_decided(&world);
    close(world, &[token]).await;
}

#[tokio::test]
async fn telemetry_carries_our_ingest_key_and_no_other() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let host = raw::authority(world.stile.url()).to_owned();
    for lines in forged_lines().into_iter().step_by(5) {
        let request = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             lightstep-access-token: {token}\r\ncontent-type: application/x-protobuf\r\n\
             content-length: 2\r\n{lines}\r\n\n\0"
        );
        raw::exchange(world.stile.url(), request.as_bytes()).await;
    }
    assert!(!world.upstream.seen().is_empty());
    for seen in world.upstream.seen() {
        assert_eq!(seen.values("lightstep-access-token"), [INGEST_KEY]);
        assert!(!seen.mentions(API_KEY), "the key of another upstream");
        assert!(seen.values("authorization").is_empty());
    }
    nothing_forged(&world, &token);
    forwarded_as_decided(&world);
    close(world, &[token]).await;
}

#[tokio::test]
async fn two_credentials_are_never_one_request() {
    let world = world().await;
    let (token, other) = (world.job_token(json!({})), world.feature_token());
    for (name, value) in [
        ("authorization", format!("Bearer {other}")),
        ("Authorization", format!("Bearer {token}")),
        ("AUTHORIZATION", "Basic YTpi".to_owned()),
        ("lightstep-access-token", other.clone()),
        ("Lightstep-Access-Token", token.clone()),
        ("cookie", "a=b".to_owned()),
    ] {
        let answer = creates(&world, &token, "n").field(&name.to_lowercase(), &value);
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
        assert_eq!(answer.json()["reason"], "multiple_credentials");
    }
    assert!(world.upstream.seen().is_empty());
    close(world, &[token, other]).await;
}

fn count(
    done: Option<Result<Vec<raw::RawAnswer>, tokio::task::JoinError>>,
    answered: &mut usize,
    allowed: &mut usize,
) {
    let answers = done.unwrap().unwrap();
    *answered += answers.len();
    *allowed += answers.iter().filter(|a| a.status.is_success()).count();
}

/// No field of the caller's is among those that say who asks, in any reading of its name.
fn nothing_forged(world: &World, token: &str) {
    for seen in world.upstream.seen() {
        assert!(!seen.mentions(FORGED), "forged: {seen:?}");
        assert!(!seen.mentions(token), "the caller's token: {seen:?}");
        for (name, value) in seen.fields.iter().chain(&seen.trailers) {
            let alike = name.to_ascii_lowercase().replace(['_', '.'], "-");
            let claims = NAMES.iter().any(|claim| claim.eq_ignore_ascii_case(&alike));
            let ours = [
                "authorization",
                "x-lightstep-org",
                "lightstep-access-token",
                "stile-decision",
            ];
            assert!(
                !claims || ours.contains(&name.to_ascii_lowercase().as_str()),
                "{name}: {value:?}"
            );
        }
    }
}

/// Lines of a head, or of trailers after the mark.
fn forged_lines() -> Vec<String> {
    let mut all = Vec::new();
    for name in NAMES {
        for alias in aliases(name) {
            all.push(format!("{alias}: {FORGED}\r\n"));
        }
        all.push(format!("{name}: {FORGED}\r\n{name}: {FORGED}\r\n"));
        all.push(format!("connection: {name}\r\n"));
        all.push(format!("connection: close, {name}\r\n{name}: {FORGED}\r\n"));
        all.push(format!("trailer: {name}\r\n{TRAILERS}{name}: {FORGED}\r\n"));
    }
    all
}

fn aliases(name: &str) -> Vec<String> {
    let title: String = name
        .split('-')
        .map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]))
        .collect::<Vec<_>>()
        .join("-");
    vec![
        title,
        name.to_ascii_uppercase(),
        name.replace('-', "_"),
        name.replace('-', "."),
        name.replacen('-', "_", 1),
        format!("{name}_"),
        format!("_{name}"),
        format!("{name}-"),
        format!("x-{name}"),
        format!("x_{name}"),
    ]
}

fn http1(url: &str, token: &str, lines: &str) -> Vec<u8> {
    let host = raw::authority(url);
    let (lines, body) = match lines.split_once(TRAILERS) {
        Some((lines, trailers)) => (
            format!("{lines}transfer-encoding: chunked\r\n"),
            format!("2\r\n{{}}\r\n0\r\n{trailers}\r\n"),
        ),
        None => (format!("{lines}content-length: 2\r\n"), "{}".to_owned()),
    };
    let close = if lines.contains("connection") {
        ""
    } else {
        "connection: close\r\n"
    };
    let quick = if close.is_empty() {
        "POST /closes HTTP/1.0\r\nhost: a\r\n\r\n"
    } else {
        ""
    };
    format!(
        "POST {STREAMS} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n{close}{lines}\r\n{body}{quick}"
    )
    .into_bytes()
}

const FORGED: &str = "forged-7c0ffee7";
const TRAILERS: &str = "<trailers>";
const STREAMS: &str = "/public/v0.2/acme/projects/X/streams";

/// Names that an upstream, or a proxy before it, may take for a credential, an identity, a tenant,
/// another target or another method.
const NAMES: [&str; 28] = [
    "authorization",
    "lightstep-access-token",
    "x-lightstep-org",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-access-token",
    "x-auth-token",
    "private-token",
    "job-token",
    "x-vault-token",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-uri",
    "x-forwarded-proto",
    "forwarded",
    "x-real-ip",
    "x-remote-user",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "x-method-override",
    "x-envoy-original-path",
    "stile-decision",
    "x-stile-subject",
];
