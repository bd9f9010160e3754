//! OpenTelemetry's own types read from a stamped message what they read from the first, stripped and
//! set.

use std::fmt::Debug;

use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use stile::stamp::{Held, Provenance, Signal, VersionRule, Writing, stamp};

use super::made::{Dice, Expected};

fn facts(seed: u64) -> Vec<(&'static str, String)> {
    match seed % 3 {
        0 => Vec::new(),
        1 => vec![("vcs.ref.head.revision", "5d1c".repeat(10))],
        _ => vec![
            ("vcs.ref.head.name", "ma\"in\\".to_owned()),
            ("cicd.pipeline.run.id", "1".repeat(300)),
        ],
    }
}

fn stamped(message: &[u8], signal: Signal, writing: Writing, seed: u64) -> Vec<u8> {
    let provenance = Provenance::new(facts(seed), None, VersionRule::Keep);
    let held = Held::new(64 << 20);
    stamp(
        message,
        signal,
        writing,
        &provenance,
        16 << 20,
        &mut held.room(),
    )
    .unwrap_or_else(|flaw| panic!("seed {seed}: {flaw:?}"))
}

fn agrees<M>(signal: Signal, make: fn(&mut Dice) -> M, expect: fn(&Expected, &mut M))
where
    M: Message + Default + PartialEq + Debug + Serialize + DeserializeOwned,
{
    for seed in 0..2_000 {
        let mut message = make(&mut Dice::of(seed));
        let binary = message.encode_to_vec();
        let text = serde_json::to_vec(&message).unwrap();
        expect(&Expected(facts(seed)), &mut message);

        let out = stamped(&binary, signal, Writing::Protobuf, seed);
        let read = M::decode(out.as_slice()).unwrap();
        assert!(read == message, "seed {seed}:\n{read:?}\n{message:?}");
        if facts(seed).is_empty() {
            // Only taken away from, so the bytes are those that OpenTelemetry writes.
            assert!(out == message.encode_to_vec(), "seed {seed}");
        }

        let out = stamped(&text, signal, Writing::Json, seed);
        let read: M = serde_json::from_slice(&out).unwrap();
        assert!(read == message, "seed {seed}:\n{read:?}\n{message:?}");

        if facts(seed).is_empty() {
            let twice = stamped(&out, signal, Writing::Json, seed);
            assert!(twice == out, "seed {seed}: nothing is left to strip");
        }
    }
}

#[test]
fn stamped_traces_are_read_as_the_first_stripped_and_set() {
    agrees(Signal::Traces, Dice::traces, Expected::traces);
}

#[test]
fn stamped_metrics_are_read_as_the_first_stripped_and_set() {
    agrees(Signal::Metrics, Dice::metrics, Expected::metrics);
}

#[test]
fn stamped_logs_are_read_as_the_first_stripped_and_set() {
    agrees(Signal::Logs, Dice::logs, Expected::logs);
}

#[test]
fn what_this_program_does_not_know_stays_byte_for_byte() {
    // Fields of every form that no table names, inside every message on the way to a span.
    let unknown: &[u8] = &[
        0x82, 0x7d, 2, 0xff, 0x00, // 2000, bytes
        0x88, 0x7d, 0xac, 0x02, // 2001, a number
        0x91, 0x7d, 1, 2, 3, 4, 5, 6, 7, 8, // 2002, eight bytes
        0x9d, 0x7d, 1, 2, 3, 4, // 2003, four bytes
    ];
    let nest = |number: u32, inner: Vec<u8>| {
        let inner = [unknown, &inner, unknown].concat();
        let mut out = Vec::new();
        prost::encoding::encode_varint(u64::from(number) << 3 | 2, &mut out);
        prost::encoding::encode_varint(inner.len() as u64, &mut out);
        [out, inner].concat()
    };
    let message = nest(1, nest(2, nest(2, Vec::new())));
    let out = stamped(&message, Signal::Traces, Writing::Protobuf, 0);
    assert_eq!(out, message);
    let set = stamped(&message, Signal::Traces, Writing::Protobuf, 1);
    let times = |bytes: &[u8]| {
        bytes
            .windows(unknown.len())
            .filter(|w| *w == unknown)
            .count()
    };
    assert_eq!(times(&set), 6);

    let text = r#"{"z":[1.50,-0,1e5,{"q":null}],"resourceSpans":[{"new":"é\u0041","scopeSpans":[{"spans":[{"traceState":"\/"}]}]}]}"#;
    let out = stamped(text.as_bytes(), Signal::Traces, Writing::Json, 0);
    assert_eq!(String::from_utf8(out).unwrap(), text);
}
