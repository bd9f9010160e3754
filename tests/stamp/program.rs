//! The real program between a job and a receiver that remembers.

use std::io::Read;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyOf;
use prost::Message;
use serde_json::json;
use stile_kit::upstream::Seen;
use stile_kit::{Answer, Call, World};

use super::made::{Dice, STRIPPED};
use crate::support::{Recorded, ask, ground, program, records_of};

pub(super) async fn stamping(service_version: &str) -> World {
    let stamp =
        format!("    stamp: {{ service_version: {service_version} }}\n    deployments: true\n");
    let ground = ground().await.with("    deployments: true\n", &stamp);
    ground.serve(program()).await.unwrap()
}

fn packed(coding: &str, bytes: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut out = Vec::new();
            let level = flate2::Compression::best();
            flate2::read::GzEncoder::new(bytes, level)
                .read_to_end(&mut out)
                .unwrap();
            out
        }
        "zstd" => zstd::encode_all(bytes, 3).unwrap(),
        _ => bytes.to_vec(),
    }
}

fn unpacked(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(bytes)
            .read_to_end(&mut out)
            .unwrap(),
        "zstd" => zstd::Decoder::new(bytes)
            .unwrap()
            .read_to_end(&mut out)
            .unwrap(),
        _ => return bytes.to_vec(),
    };
    out
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u32).to_be_bytes();
    [&[flag], &length[..], message].concat()
}

fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let digits: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{digits}")
}

/// The resource's attribute of this name, in each block.
fn of_resources(all: &ExportTraceServiceRequest, name: &str) -> Vec<Option<String>> {
    let blocks = all.resource_spans.iter();
    blocks
        .map(|block| {
            let mut attributes = block.resource.as_ref()?.attributes.iter();
            let found = attributes.find(|attribute| attribute.key == name)?;
            match found.value.as_ref()?.value.as_ref()? {
                AnyOf::StringValue(text) => Some(text.clone()),
                _ => None,
            }
        })
        .collect()
}

#[track_caller]
fn is_stamped(all: &ExportTraceServiceRequest, commit: &str) {
    let shown = format!("{all:?}");
    for name in ["VCS.Ref", "vcs_ref_head_name", "cicd-pipeline-name"] {
        assert!(
            !shown.contains(name) || nested_only(all, name),
            "{name} in {shown}"
        );
    }
    for found in of_resources(all, "vcs.ref.head.revision") {
        assert_eq!(found.as_deref(), Some(commit));
    }
    for (name, value) in [
        ("vcs.ref.head.name", "main"),
        ("vcs.ref.head.type", "branch"),
        ("vcs.provider.name", "gitlab"),
    ] {
        for found in of_resources(all, name) {
            assert_eq!(found.as_deref(), Some(value), "{name}");
        }
    }
}

/// Names inside a value are no attributes; the maker puts them there, too.
fn nested_only(all: &ExportTraceServiceRequest, name: &str) -> bool {
    let resources = all
        .resource_spans
        .iter()
        .filter_map(|block| block.resource.as_ref());
    resources
        .flat_map(|r| &r.attributes)
        .all(|attribute| attribute.key != name)
}

/// The commit in the token of a world's job.
pub(super) fn commit_of(world: &World) -> String {
    world.job()["sha"].as_str().unwrap().to_owned()
}

fn message_for_test() -> ExportTraceServiceRequest {
    let mut seeds = 0..;
    loop {
        let made = Dice::of(seeds.next().unwrap()).traces();
        let claims = format!("{made:?}");
        let named = of_resources(&made, "vcs.ref.head.revision");
        let claimed = STRIPPED[..3].iter().all(|name| claims.contains(name));
        if made.resource_spans.len() >= 2 && named.iter().any(Option::is_some) && claimed {
            return made;
        }
    }
}

async fn last_seen(world: &World, before: usize) -> Seen {
    world.upstream.wait_for(before + 1).await.pop().unwrap()
}

#[tokio::test]
async fn a_jobs_telemetry_says_its_commit_over_every_protocol_and_coding() {
    let world = stamping("keep").await;
    let (token, commit) = (world.job_token(json!({})), commit_of(&world));
    let message = message_for_test();
    let (binary, text) = (
        message.encode_to_vec(),
        serde_json::to_vec(&message).unwrap(),
    );
    let mut count = 0;
    for coding in ["identity", "gzip", "zstd"] {
        for kind in [
            "application/x-protobuf",
            "application/json",
            "application/grpc",
        ] {
            for http2 in [false, true] {
                let grpc = kind == "application/grpc";
                if grpc && !http2 {
                    continue;
                }
                let before = world.upstream.seen().len();
                let path = match grpc {
                    true => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                    false => "/v1/traces",
                };
                let body = match kind {
                    "application/json" => packed(coding, &text),
                    "application/grpc" => {
                        framed(u8::from(coding != "identity"), &packed(coding, &binary))
                    }
                    _ => packed(coding, &binary),
                };
                let mut call = Call::new("POST", format!("{}{path}", world.stile.url()))
                    .token(&token)
                    .field(
                        if grpc {
                            "grpc-encoding"
                        } else {
                            "content-encoding"
                        },
                        coding,
                    )
                    .field("content-md5", "bm90IGl0cyBvd24gZGlnZXN0IQ==")
                    .body(kind, body);
                if grpc {
                    call = call.field("te", "trailers").field("grpc-timeout", "10S");
                }
                if http2 {
                    call = call.http2();
                }
                let answer = ask(&world, call).await;
                assert_eq!(answer.status, 200, "{kind} {coding}: {}", answer.text());
                let seen = last_seen(&world, before).await;
                let what = format!("{kind} {coding} http2={http2}");
                received(&world, &answer, &seen, coding, &commit, &what).await;
                count += 1;
            }
        }
    }
    assert_eq!(count, 15);
}

/// The traces in a request that arrived, however it is written and packed.
pub(super) fn read_traces(seen: &Seen) -> ExportTraceServiceRequest {
    let (kind, coding) = (
        seen.values("content-type").concat(),
        seen.values("content-encoding").concat(),
    );
    match kind.as_str() {
        "application/grpc" => {
            let packing = seen.values("grpc-encoding").concat();
            let coding = if seen.body[0] == 1 {
                packing.as_str()
            } else {
                ""
            };
            let message = unpacked(coding, &seen.body[5..]);
            ExportTraceServiceRequest::decode(message.as_slice()).unwrap()
        }
        "application/json" => serde_json::from_slice(&unpacked(&coding, &seen.body)).unwrap(),
        _ => ExportTraceServiceRequest::decode(unpacked(&coding, &seen.body).as_slice()).unwrap(),
    }
}

/// How a request ended; its record may come a moment after its answer.
async fn outcome_of(world: &World, answer: &Answer) -> Recorded {
    for _ in 0..500 {
        let records = records_of(world, answer.field("stile-decision"));
        if let Some(outcome) = records.into_iter().find(|record| record.is("outcome")) {
            return outcome;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no outcome of {answer:?}");
}

/// What the receiver got is stamped, whole, and what the record says.
async fn received(
    world: &World,
    answer: &Answer,
    seen: &Seen,
    coding: &str,
    commit: &str,
    what: &str,
) {
    assert!(seen.complete, "{what}");
    assert_eq!(
        seen.values("content-length"),
        [seen.body.len().to_string()],
        "{what}"
    );
    assert!(seen.values("content-md5").is_empty(), "{what}");
    let kind = seen.values("content-type").concat();
    let message = match kind.as_str() {
        "application/grpc" => {
            assert_eq!(seen.values("grpc-timeout"), ["10S"], "{what}");
            assert_eq!(seen.values("te"), ["trailers"], "{what}");
            assert_eq!(seen.body[0], u8::from(coding != "identity"), "{what}");
            let length = u32::from_be_bytes(seen.body[1..5].try_into().unwrap()) as usize;
            assert_eq!(length, seen.body.len() - 5, "{what}");
            unpacked(coding, &seen.body[5..])
        }
        _ => {
            assert_eq!(seen.values("content-encoding"), [coding], "{what}");
            unpacked(coding, &seen.body)
        }
    };
    let all = match kind.as_str() {
        "application/json" => serde_json::from_slice(&message).unwrap(),
        _ => ExportTraceServiceRequest::decode(message.as_slice()).unwrap(),
    };
    is_stamped(&all, commit);
    let outcome = outcome_of(world, answer).await;
    assert_eq!(outcome.word("stamped"), sha256(&message), "{what}");
    assert_eq!(outcome.json["req_bytes"], seen.body.len(), "{what}");
}

#[tokio::test]
async fn the_documented_attributes_are_those_that_arrive() {
    let world = stamping("commit").await;
    let token = world.job_token(json!({"ref": "refs/merge-requests/7/head"}));
    let call = Call::new("POST", format!("{}/v1/traces", world.stile.url()))
        .token(&token)
        .body("application/json", r#"{"resourceSpans":[{}]}"#);
    assert_eq!(ask(&world, call).await.status, 200);
    let seen = last_seen(&world, 0).await;
    let sent: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    let attributes = &sent["resourceSpans"][0]["resource"]["attributes"];
    let mut arrived: Vec<&str> = attributes
        .as_array()
        .unwrap()
        .iter()
        .map(|attribute| attribute["key"].as_str().unwrap())
        .filter(|name| *name != "service.version")
        .collect();
    let manual = include_str!("../../docs/stamping.md");
    let rows = manual.lines().filter(|line| line.starts_with("| `"));
    let names = rows.filter_map(|row| row.split('|').nth(1));
    let mut documented: Vec<&str> = names
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|name| {
            name.starts_with("vcs.") || name.starts_with("cicd.") || name.starts_with("deployment.")
        })
        .collect();
    arrived.sort_unstable();
    documented.sort_unstable();
    assert_eq!(arrived, documented);
}

#[tokio::test]
async fn a_persons_telemetry_claims_no_commit() {
    let stamp = "    stamp: { service_version: commit }\n    deployments: true\nmode: observe\n";
    let ground = ground().await.with("    deployments: true\n", stamp);
    let world = ground.serve(program()).await.unwrap();
    let message = message_for_test();
    assert!(
        of_resources(&message, "vcs.ref.head.revision")
            .iter()
            .any(Option::is_some)
    );
    let call = Call::new("POST", format!("{}/v1/traces", world.stile.url()))
        .token(&world.person_token("ada", &["eng-sre"]))
        .body("application/x-protobuf", message.encode_to_vec());
    assert_eq!(ask(&world, call).await.status, 200);
    let seen = last_seen(&world, 0).await;
    let all = ExportTraceServiceRequest::decode(seen.body.as_slice()).unwrap();
    for name in STRIPPED.iter().chain(&["service.version"]) {
        assert!(
            of_resources(&all, name).iter().all(Option::is_none),
            "{name}"
        );
    }
}

#[tokio::test]
async fn telemetry_goes_as_it_came_where_nobody_asked_for_a_stamp() {
    let world = crate::support::world().await;
    let message = message_for_test().encode_to_vec();
    let call = Call::new("POST", format!("{}/v1/traces", world.stile.url()))
        .token(&world.job_token(json!({})))
        .body("application/x-protobuf", message.clone());
    let answer = ask(&world, call).await;
    assert_eq!(answer.status, 200);
    assert_eq!(last_seen(&world, 0).await.body, message);
    let records = records_of(&world, answer.field("stile-decision"));
    assert!(
        records
            .iter()
            .all(|record| record.json.get("stamped").is_none())
    );
}

#[tokio::test]
async fn telemetry_that_cannot_be_stamped_is_refused_by_its_reason() {
    let world = stamping("must_be_commit").await;
    let (token, commit) = (world.job_token(json!({})), commit_of(&world));
    let versioned = |version: &str| {
        let attribute = json!({"key": "service.version", "value": {"stringValue": version}});
        json!({"resourceSpans": [{"resource": {"attributes": [attribute]}}]}).to_string()
    };
    let post = |path: &str, kind: &str, body: Vec<u8>| {
        Call::new("POST", format!("{}{path}", world.stile.url()))
            .token(&token)
            .body(kind, body)
    };
    let (json, proto) = ("application/json", "application/x-protobuf");
    let valid = post("/v1/traces", json, versioned(&commit).into());
    assert_eq!(ask(&world, valid.clone()).await.status, 200);
    let before = last_seen(&world, 0).await;
    assert!(String::from_utf8_lossy(&before.body).contains(&commit));
    let gzip = packed("gzip", versioned(&commit).as_bytes());
    let bomb = packed("gzip", &vec![b' '; 21 << 20]);
    let refused = [
        (
            post("/v1/traces", json, versioned("1.2.3").into()),
            403,
            "provenance_mismatch",
        ),
        (
            post("/v1/traces", proto, vec![0x0b]),
            400,
            "unstampable_body",
        ),
        (
            post("/v1/traces", proto, versioned(&commit).into()),
            400,
            "unstampable_body",
        ),
        (
            post("/v1/traces", "text/plain", vec![]),
            415,
            "unsupported_media",
        ),
        (
            post("/v1/traces", "application/json; charset=utf-16", vec![]),
            415,
            "unsupported_media",
        ),
        (
            post("/traces/otlp/v0.6", proto, vec![]),
            415,
            "unsupported_media",
        ),
        (
            valid.clone().field("content-encoding", "br"),
            415,
            "unsupported_media",
        ),
        (
            post("/v1/traces", json, packed("gzip", &gzip)).field("content-encoding", "gzip, gzip"),
            415,
            "unsupported_media",
        ),
        (
            valid.clone().field("content-encoding", "gzip"),
            400,
            "unstampable_body",
        ),
        (
            post("/v1/traces", json, bomb).field("content-encoding", "gzip"),
            413,
            "body_too_large",
        ),
        (
            post("/v1/traces", json, vec![b' '; 21 << 20]),
            413,
            "body_too_large",
        ),
    ];
    for (call, status, word) in refused {
        let answer = ask(&world, call).await;
        assert_eq!(answer.status.as_u16(), status, "{word}: {}", answer.text());
        let outcome = outcome_of(&world, &answer).await;
        assert_eq!(outcome.word("reason"), word);
        assert_eq!(outcome.word("end"), "not_forwarded");
    }
    assert_eq!(world.upstream.seen().len(), 1, "nothing else arrived");
}
