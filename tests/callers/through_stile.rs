//! The callers, through stile, with the shipped policies.
//!
//! What each program needs in order to work unchanged, and what it makes of a refusal.

use serde_json::{Value, json};
use stile_kit::issuer::Fault;
use stile_kit::upstream::{API_KEY, INGEST_KEY};
use stile_kit::{Call, World};

use super::{Called, ForeignIssuer, curl_job, node_otlp, python_otlp, terraform_like};
use crate::support;

/// stile in clear text on the loopback.
pub(super) fn clear(world: &World, token: &str) -> Called {
    Called {
        address: world.stile.urls[0].clone(),
        token: token.to_owned(),
        ca_file: None,
    }
}

/// stile over TLS, with the CA that signed its certificate.
pub(super) fn tls(world: &World, token: &str) -> Called {
    Called {
        address: world.stile.urls[1].clone(),
        token: token.to_owned(),
        ca_file: Some(world.ca.write_to(world.stile.folder().path())),
    }
}

/// The one request that reached the upstream since `before` carried our key and no token.
pub(super) fn arrived_with(world: &World, before: usize, key: &str, token: &str) {
    let seen = world.upstream.seen_since(before);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen[0].mentions(key), "without our key: {seen:?}");
    assert!(
        !seen[0].mentions(token),
        "with the caller's token: {seen:?}"
    );
}

#[tokio::test]
async fn spans_of_python_arrive_with_our_key_over_http_and_grpc() {
    let world = support::world().await;
    let token = world.job_token(json!({}));
    let cases: [&[&str]; 5] = [
        &["--compression", "gzip"],
        &["--compression", "none"],
        &["--credential", "lightstep-access-token"],
        &["--path", "/traces/otlp/v0.9"],
        &["--protocol", "grpc"],
    ];
    for flags in cases {
        for called in [clear(&world, &token), tls(&world, &token)] {
            let before = world.upstream.seen().len();
            let Some(said) = python_otlp(&called, flags).await else {
                return;
            };
            assert_eq!(
                said["exported"], true,
                "{flags:?} {}: {said}",
                called.address
            );
            arrived_with(&world, before, INGEST_KEY, &token);
        }
    }
    support::close(world, &[token]).await;
}

#[tokio::test]
async fn spans_of_node_arrive_with_our_key_as_json_and_as_protobuf() {
    let world = support::world().await;
    let token = world.job_token(json!({}));
    let cases: [&[&str]; 4] = [
        &["--exporter", "json", "--compression", "gzip"],
        &["--exporter", "json", "--compression", "none"],
        &["--exporter", "proto", "--compression", "gzip"],
        &["--credential", "lightstep-access-token"],
    ];
    for flags in cases {
        for called in [clear(&world, &token), tls(&world, &token)] {
            let before = world.upstream.seen().len();
            let Some(said) = node_otlp(&called, flags).await else {
                return;
            };
            assert_eq!(
                said["exported"], true,
                "{flags:?} {}: {said}",
                called.address
            );
            arrived_with(&world, before, INGEST_KEY, &token);
        }
    }
    support::close(world, &[token]).await;
}

#[tokio::test]
async fn a_refused_export_is_not_repeated() {
    let world = support::world().await;
    let token = world.job_token(json!({"aud": "https://elsewhere.example.com"}));
    for credential in ["authorization", "lightstep-access-token"] {
        let flags = ["--credential", credential];
        let Some(said) = python_otlp(&clear(&world, &token), &flags).await else {
            return;
        };
        assert_eq!(
            (&said["exported"], &said["statuses"]),
            (&json!(false), &json!([401])),
            "{said}"
        );
        let said = node_otlp(&clear(&world, &token), &flags)
            .await
            .expect("installed");
        assert_eq!(
            (&said["exported"], &said["status"]),
            (&json!(false), &json!(401)),
            "{said}"
        );
    }
    let flags = ["--protocol", "grpc"];
    let said = python_otlp(&clear(&world, &token), &flags)
        .await
        .expect("installed");
    assert_eq!(said["exported"], false, "{said}");
    assert!(
        said["errors"].to_string().contains("UNAUTHENTICATED"),
        "{said}"
    );
    assert!(world.upstream.seen().is_empty());
    support::close(world, &[token]).await;
}

#[tokio::test]
async fn a_refused_curl_stops_the_job_and_says_why() {
    let world = support::world().await;
    let token = world.feature_token();
    let body = world
        .stile
        .folder()
        .write("stream.json", &stream())
        .expect("a file");
    let body = body.to_str().expect("a path").to_owned();
    let flags = ["POST", STREAMS, &body, "application/vnd.api+json"];
    for called in [clear(&world, &token), tls(&world, &token)] {
        let Some(said) = curl_job(&called, &flags).await else {
            return;
        };
        assert_eq!(
            (&said["exit"], &said["status"]),
            (&json!(22), &json!(403)),
            "{said}"
        );
        let problem: Value =
            serde_json::from_str(said["body"].as_str().expect("a body")).expect("a problem");
        assert_eq!(problem["reason"], "policy_denied", "{said}");
        assert!(said["headers"]["stile-decision"][0].is_string(), "{said}");
    }
    assert!(world.upstream.seen().is_empty());
    support::close(world, &[token]).await;
}

#[tokio::test]
async fn terraform_creates_with_its_own_headers_and_lower_case_bearer() {
    let world = support::world().await;
    let token = world.job_token(json!({}));
    for called in [clear(&world, &token), tls(&world, &token)] {
        let before = world.upstream.seen().len();
        let flags = ["request", "POST", STREAMS, &stream()];
        let Some(said) = terraform_like(&called, &flags).await else {
            return;
        };
        let step = &said["steps"][0];
        assert_eq!(
            (&step["statuses"], &step["outcome"]),
            (&json!([200]), &json!("ok")),
            "{said}"
        );
        arrived_with(&world, before, API_KEY, &token);
    }
    support::close(world, &[token]).await;
}

#[tokio::test]
async fn terraform_never_takes_a_refusal_for_gone_and_never_repeats_it() {
    let world = support::world().await;
    let denied = world.feature_token();
    let expired = world.job_token(json!({"iat": 1_000_000, "nbf": 1_000_000, "exp": 1_003_600}));
    let fork = world.job_token(json!({"project_path": "kim/api", "namespace_path": "kim",
        "pipeline_source": "merge_request_event"}));
    let targets = [
        ("POST", STREAMS),
        (
            "GET",
            "/public/v0.2/acme/projects/X/metric_dashboards/checkout-latency",
        ),
        (
            "PUT",
            "/public/v0.2/acme/projects/a%2520b/metric_dashboards/checkout-latency",
        ),
        (
            "DELETE",
            "/public/v0.2/acme/projects/a%20b/streams/stream-1",
        ),
    ];
    for (token, status) in [(&denied, 403), (&fork, 403), (&expired, 401)] {
        for (method, target) in targets {
            let flags = ["request", method, target, &stream()];
            let Some(said) = terraform_like(&clear(&world, token), &flags).await else {
                return;
            };
            let step = &said["steps"][0];
            assert_eq!(
                step["statuses"],
                json!([status]),
                "{method} {target}: {said}"
            );
            assert_eq!(step["outcome"], "error", "{said}");
        }
    }
    assert!(world.upstream.seen().is_empty());
    support::close(world, &[denied, expired, fork]).await;
}

#[tokio::test]
async fn terraform_plans_applies_and_destroys_with_escapes_of_two_layers() {
    let ground = support::ground().await;
    let folder = ground.folder().path().join("policies");
    let added = |name: &str, more: &str| {
        let text = std::fs::read_to_string(folder.join(name)).expect(name);
        std::fs::write(folder.join(name), text + more).expect(name);
    };
    added(
        "bindings.yaml",
        "- { name: provisions, team: sre-admins, role: provisioner, on: all, mfa: true }\n",
    );
    let directory = std::fs::read_to_string(folder.join("directory.yaml")).expect("directory");
    let named = directory.replace("projects: [X, Y]", "projects: [X, Y, a b]");
    assert_ne!(named, directory);
    std::fs::write(folder.join("directory.yaml"), named).expect("directory");
    let world = ground
        .serve(support::program())
        .await
        .expect("stile starts");
    let projects = format!("{}/public/v0.2/acme/projects", world.upstream.url());
    let made = Call::new("POST", projects)
        .field("authorization", &format!("bearer {API_KEY}"))
        .body("application/json", r#"{"data":{"name":"a b"}}"#);
    assert_eq!(made.send().await.expect("the upstream").status, 200);

    let token = world.person_token("ada@acme.example", &["lightstep-sre-admins"]);
    let before = world.upstream.seen().len();
    let Some(said) = terraform_like(&tls(&world, &token), &["apply"]).await else {
        return;
    };
    let steps = said["steps"].as_array().expect("steps");
    let outcomes: Vec<_> = steps.iter().map(|step| &step["outcome"]).collect();
    let expected = ["ok", "ok", "ok", "ok", "ok", "gone", "ok", "ok"];
    assert_eq!(outcomes, expected, "{said}");
    let seen = world.upstream.seen_since(before);
    let targets: Vec<_> = seen.iter().map(|seen| seen.target.as_str()).collect();
    let sent: Vec<_> = steps.iter().map(|step| &step["path"]).collect();
    assert_eq!(targets, sent, "the upstream reads what the provider wrote");
    assert!(targets.iter().any(|target| target.contains("a%2520b")));
    support::close(world, &[token]).await;
}

#[tokio::test]
async fn terraform_repeats_what_passes_by_itself() {
    let ground = support::ground().await;
    ground.gitlab.break_discovery(Fault::Status(503));
    ground.gitlab.break_keys(Fault::Status(503));
    let world = ground
        .serve(support::program())
        .await
        .expect("stile starts");
    let token = world.job_token(json!({}));
    let flags = [
        "--wait-scale",
        "0.001",
        "request",
        "POST",
        STREAMS,
        &stream(),
    ];
    let Some(said) = terraform_like(&clear(&world, &token), &flags).await else {
        return;
    };
    let step = &said["steps"][0];
    let statuses: Vec<u64> = step["statuses"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    assert_eq!(statuses.len(), 5, "{said}");
    // 0 is a connection that ended while the body was still on its way, which it repeats as well.
    assert!(
        statuses.iter().all(|status| [0, 503].contains(status)),
        "{said}"
    );
    assert!(
        statuses.iter().filter(|status| **status == 503).count() >= 4,
        "{said}"
    );
    assert_eq!(step["outcome"], "error", "{said}");
    assert_eq!(step["answer"]["reason"], "idp_unavailable", "{said}");
    assert!(world.upstream.seen().is_empty());
    support::close(world, &[token]).await;
}

#[tokio::test]
async fn tokens_of_a_foreign_provider_are_read_as_configured() {
    let Some(mut issuer) = ForeignIssuer::start(stile_kit::world::AUDIENCE) else {
        return;
    };
    let entry = format!(
        "  - name: reports\n    url: {}\n    dialect: openid\n    \
         claims: {{ agents: true, name: client_id, groups: groups, typ: at+jwt }}\nupstreams:\n",
        issuer.url
    );
    let ground = support::ground().await.with("upstreams:\n", &entry);
    let world = ground
        .serve(support::program())
        .await
        .expect("stile starts");
    let flags = [
        "GET",
        "/public/v0.2/acme/projects/X/metric_dashboards/checkout-latency",
    ];

    let said = curl_job(&tls(&world, &issuer.token), &flags)
        .await
        .expect("installed");
    assert_eq!(said["status"], 200, "agents read: {said}");
    arrived_with(&world, 0, API_KEY, &issuer.token);

    let other = issuer.mint("https://elsewhere.example.com");
    let said = curl_job(&tls(&world, &other), &flags)
        .await
        .expect("installed");
    assert_eq!(said["status"], 401, "{said}");
    assert!(
        said["body"].to_string().contains("wrong_audience"),
        "{said}"
    );
    support::close(world, &[issuer.token.clone(), other]).await;
}

pub(super) fn stream() -> String {
    json!({"data": {"type": "stream", "attributes": {"name": "checkout errors",
        "query": "service IN (\"checkout\")"}}})
    .to_string()
}

pub(super) const STREAMS: &str = "/public/v0.2/acme/projects/X/streams";
