//! Measures how fast telemetry is stamped, on one core. `cargo bench --locked --bench stamp`, or
//! `make bench-stamp`.
//!
//! In: nothing; a body of 4 MiB is made, of spans as an SDK writes them: eight attributes, two events,
//! every tenth attribute a claim that goes. Out: a table on standard output: megabytes (10^6 bytes) of
//! the message as it came, per second; the median and the slowest of 50 runs.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement that breaks should stop"
)]

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use stile::stamp::coding::Coding;
use stile::stamp::{Held, Provenance, Signal, VersionRule, Writing, stamp};

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUNS: usize = 50;
const BODY_BYTES: usize = 4 << 20;

fn main() {
    let facts = vec![
        ("vcs.ref.head.revision", "5d1c".repeat(10)),
        ("vcs.ref.head.name", "main".to_owned()),
        ("cicd.pipeline.run.id", "1212".to_owned()),
    ];
    let provenance = Provenance::new(facts, None, VersionRule::Keep);
    let message = telemetry();
    let (binary, text) = (
        message.encode_to_vec(),
        serde_json::to_vec(&message).unwrap(),
    );
    let held = Held::new(1 << 30);
    let most = 64 << 20;
    let run = |body: &[u8], writing| {
        let out = stamp(
            body,
            Signal::Traces,
            writing,
            &provenance,
            most,
            &mut held.room(),
        );
        std::hint::black_box(out.unwrap());
    };
    println!("stamped, in MB/s of the message as it came (median, slowest of {RUNS}):");
    tell("Protobuf", binary.len(), || run(&binary, Writing::Protobuf));
    tell("JSON", text.len(), || run(&text, Writing::Json));
    for coding in [Coding::Gzip, Coding::Zstd] {
        let packed = coding.pack(binary.clone(), &mut held.room()).unwrap();
        let (signal, writing) = (Signal::Traces, Writing::Protobuf);
        tell(&format!("Protobuf, {coding:?}"), binary.len(), || {
            let mut room = held.room();
            let body = coding.unpack(packed.clone(), most, &mut room).unwrap();
            let out = stamp(&body, signal, writing, &provenance, most, &mut room).unwrap();
            std::hint::black_box(coding.pack(out, &mut room).unwrap());
        });
    }
}

fn tell(what: &str, bytes: usize, mut run: impl FnMut()) {
    let mut took: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    let rate = |took: Duration| bytes as f64 / took.as_secs_f64() / 1e6;
    let (median, slowest) = (rate(took[RUNS / 2]), rate(took[RUNS - 1]));
    println!("  {what:<16} {median:>8.0} {slowest:>8.0}");
}

fn telemetry() -> ExportTraceServiceRequest {
    let attribute = |number: usize| {
        let key = match number % 10 {
            0 => "vcs.ref.head.name".to_owned(),
            other => format!("http.request.header.number_{other}"),
        };
        KeyValue {
            key,
            value: Some(AnyValue {
                value: Some(Value::StringValue(format!("value of attribute {number}"))),
            }),
            ..KeyValue::default()
        }
    };
    let mut made = ExportTraceServiceRequest::default();
    let mut number = 0;
    while made.encoded_len() < BODY_BYTES {
        let spans = (0..512).map(|_| {
            number += 1;
            Span {
                trace_id: vec![number as u8; 16],
                span_id: vec![number as u8; 8],
                name: "GET /api/v1/checkout".to_owned(),
                start_time_unix_nano: 1_795_000_000_000_000_000,
                end_time_unix_nano: 1_795_000_000_001_000_000,
                attributes: (number..number + 8).map(attribute).collect(),
                events: (0..2)
                    .map(|event| Event {
                        name: "message".to_owned(),
                        attributes: (event..event + 2).map(attribute).collect(),
                        ..Event::default()
                    })
                    .collect(),
                ..Span::default()
            }
        });
        made.resource_spans.push(ResourceSpans {
            resource: Some(Resource {
                attributes: (0..6).map(attribute).collect(),
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope::default()),
                spans: spans.collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        });
    }
    made
}
