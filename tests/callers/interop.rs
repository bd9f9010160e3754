//! gRPC's interoperability cases, through stile, by two clients: grpcio and tonic.
//!
//! In: the cases of the gRPC project. Out: the same answers as without stile, with our key in the place
//! of the caller's token, and calls that end at the server when their caller ends them.
//!
//! The server is grpcio's, so that what is a call, a deadline and a cancellation is not our own word.

mod messages;
mod server;
mod with_tonic;

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use stile_kit::World;
use stile_kit::upstream::INGEST_KEY;

use self::server::{Noted, Server};
use super::Called;
use super::through_stile::{clear, tls};
use crate::support::{self, Recorded};

/// Every case that both clients go through.
const CASES: [&str; 15] = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "soak",
];

#[tokio::test]
async fn grpcio_passes_the_interoperability_cases_in_clear_text_and_over_tls() {
    let Some((world, mut server)) = world().await else {
        return;
    };
    let token = world.job_token(json!({}));
    for called in [clear(&world, &token), tls(&world, &token)] {
        let said = grpcio(&called, &CASES).await;
        for case in CASES {
            assert_eq!(said[case], "ok", "{case} at {}: {said}", called.address);
        }
    }
    let calls = server.ended();
    came_with_our_key(&calls, &token);
    outcomes_are_told(&world, &calls).await;
    support::close(world, &[token]).await;
}

#[tokio::test]
async fn tonic_passes_the_interoperability_cases() {
    let Some((world, mut server)) = world().await else {
        return;
    };
    let token = world.job_token(json!({}));
    let said = with_tonic::all(world.stile.url(), &token).await;
    let names: Vec<&str> = said.iter().map(|(case, _)| *case).collect();
    assert_eq!(names, CASES);
    for (case, outcome) in &said {
        assert_eq!(*outcome, Ok(()), "{case}");
    }
    let calls = server.ended();
    came_with_our_key(&calls, &token);
    outcomes_are_told(&world, &calls).await;
    support::close(world, &[token]).await;
}

/// Nobody gets through without a right to it, and gRPC's callers learn why in their own words.
#[tokio::test]
async fn a_refused_call_is_told_as_a_status_and_does_not_reach_the_server() {
    let Some((world, mut server)) = world().await else {
        return;
    };
    let (right, denied) = (world.job_token(json!({})), world.feature_token());
    for (token, code) in [
        (right.as_str(), None),
        ("", Some("UNAUTHENTICATED")),
        (&denied, Some("PERMISSION_DENIED")),
    ] {
        let before = server.calls().len();
        let said = grpcio(&clear(&world, token), &["refused"]).await;
        let told = said["refused"].as_str().expect("a word");
        match code {
            None => assert_eq!(told, "ok"),
            Some(code) => assert!(told.contains(code), "{told}"),
        }
        let arrived = server.calls().len() - before;
        assert_eq!(arrived, usize::from(code.is_none()), "{told}");
    }
    support::close(world, &[right, denied]).await;
}

/// What a caller adds to a call passes where the operator named it, and in no other case.
#[tokio::test]
async fn metadata_passes_by_the_operators_list_only() {
    let Some((world, mut server)) = world().await else {
        return;
    };
    let token = world.job_token(json!({}));
    let sent = [
        (with_tonic::ECHO_INITIAL, "named"),
        ("x-other", "not named"),
        ("x-forwarded-user", "root"),
        ("grpc-tags-bin", "AAAA"),
    ];
    let answered = with_tonic::with_metadata(world.stile.url(), &token, &sent).await;
    assert_eq!(answered.as_deref(), Some("named"), "and it comes back");
    let call = server.ended().pop().expect("a call");
    assert_eq!(call.values(with_tonic::ECHO_INITIAL), ["named"]);
    for (name, _) in &sent[1..] {
        assert!(call.values(name).is_empty(), "{name} crossed: {call:?}");
    }
    support::close(world, &[token]).await;
}

#[test]
fn the_page_of_clients_has_each_case() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page.split("\n## gRPC, case by case\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let named: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(named, CASES);
}

/// Every call has our key once, nobody's token, and a deadline where its caller set one.
fn came_with_our_key(calls: &[Noted], token: &str) {
    assert!(calls.len() > 100, "{}", calls.len());
    for call in calls {
        assert_eq!(call.values("x-interop-key"), [INGEST_KEY], "{call:?}");
        assert!(call.values("authorization").is_empty(), "{call:?}");
        assert!(!format!("{call:?}").contains(token), "{call:?}");
        assert_eq!(call.values("stile-decision").len(), 1, "{call:?}");
    }
    let short = calls.iter().filter_map(|call| call.deadline);
    let short: Vec<f64> = short.filter(|left| *left < 1.0).collect();
    assert!(!short.is_empty(), "the deadline of half a second arrived");
    let cancelled = calls.iter().any(|call| call.end == "cancelled");
    assert!(cancelled, "who ends a call ends it at the server, too");
}

/// Each call has one outcome: whole, or that its caller ended it, for as many as did.
///
/// A deadline is the server's to end as much as the caller's: whoever is first.
async fn outcomes_are_told(world: &World, calls: &[Noted]) {
    let ends = ends_of(world, calls).await;
    let (mut aborted, mut timed_out) = (0, 0);
    for call in calls {
        let outcome = &ends[&call.values("stile-decision")[0]];
        match outcome.word("end") {
            "complete" if outcome.json["grpc"] == 4 => timed_out += 1,
            "complete" => assert_eq!(call.end, "ended", "{call:?} {outcome:?}"),
            end => {
                assert_eq!(end, "client_abort", "{call:?} {outcome:?}");
                assert!(call.is_stream(), "{call:?} {outcome:?}");
                aborted += 1;
            }
        }
    }
    let rounds = calls.len() / 100;
    assert!(aborted >= 2 * rounds, "{aborted} of {rounds} rounds");
    assert!(aborted + timed_out >= 3 * rounds, "{aborted} {timed_out}");
}

async fn ends_of(world: &World, calls: &[Noted]) -> HashMap<String, Recorded> {
    for _ in 0..500 {
        let all = support::records(&world.stile.journal()).into_iter();
        let outcomes = all.filter(|record| record.is("outcome"));
        let ends: HashMap<String, Recorded> = outcomes
            .map(|record| (record.word("ref").to_owned(), record))
            .collect();
        let has = |call: &Noted| ends.contains_key(&call.values("stile-decision")[0]);
        if calls.iter().all(has) {
            return ends;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a call has no outcome");
}

async fn grpcio(called: &Called, cases: &[&str]) -> Value {
    let said = super::run("venv/bin/python", "grpc_interop.py", called, cases).await;
    said.expect("installed, as the server is")
}

/// stile in front of a gRPC server, as an operator would set it up.
async fn world() -> Option<(World, Server)> {
    let server = Server::start()?;
    let ground = support::ground().await;
    let policies = ground.folder().path().join("policies");
    let added = |name: &str, more: &str| {
        let text = std::fs::read_to_string(policies.join(name)).unwrap();
        std::fs::write(policies.join(name), text + more).unwrap();
    };
    added(
        "bindings.yaml",
        "- { name: ci-interop, ci: acme/shop/api, role: interop, on: all }\n",
    );
    added("roles.yaml", "interop: [interop.call]\n");
    let catalogue = policies.join("operations/interop.yaml");
    std::fs::write(catalogue, CATALOGUE).unwrap();
    added(
        "guardrails/jobs.cedar",
        "@id(\"interop-protected\")\n@deny(\"only protected refs call\")\n\
         @fix(\"run it on a protected branch\")\n\
         forbid (principal is Job, action == Action::\"interop.call\", resource)\n\
         unless { principal.ref_protected };\n",
    );
    added(
        "tests/jobs.yaml",
        "\n  - ci-main  interop.call  -  allow by ci-interop\n  \
         - ci-branch  interop.call  -  deny by interop-protected\n",
    );
    let upstream = format!(
        "  - name: interop\n    url: {}\n    operations: interop\n    headers:\n      \
         - {{ name: x-interop-key, value: \"{{key}}\", key_file: secrets/ingest.key }}\n    \
         pass: [{}, {}]\npolicies:\n",
        server.url,
        with_tonic::ECHO_INITIAL,
        with_tonic::ECHO_TRAILING,
    );
    let ground = ground.with("policies:\n", &upstream);
    let world = ground.serve(support::program()).await.unwrap();
    Some((world, server))
}

const CATALOGUE: &str = "\
speaks: problem
body_bytes: 20971520

resources:
  Interop: {}

operations:
  - action: interop.call
    class: write
    resource: Interop
    do:
      - POST /grpc.testing.TestService/EmptyCall
      - POST /grpc.testing.TestService/UnaryCall
      - POST /grpc.testing.TestService/StreamingOutputCall
      - POST /grpc.testing.TestService/StreamingInputCall
      - POST /grpc.testing.TestService/FullDuplexCall
      - POST /grpc.testing.TestService/UnimplementedCall
";
