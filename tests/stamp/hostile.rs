//! Bodies that two parsers could read differently are refused; each is a valid one with one thing
//! changed.

use prost::Message;
use stile::stamp::{Flaw, Held, Provenance, Signal, VersionRule, Writing, stamp};

use super::made::Dice;

const COMMIT: &str = "5d1c0ffee5d1c0ffee5d1c0ffee5d1c0ffee5d1c";

fn by(rule: VersionRule, writing: Writing, message: &[u8]) -> Result<Vec<u8>, Flaw> {
    let facts = vec![("vcs.ref.head.revision", COMMIT.to_owned())];
    let provenance = Provenance::new(facts, Some(COMMIT.to_owned()), rule);
    let held = Held::new(64 << 20);
    let out = stamp(
        message,
        Signal::Traces,
        writing,
        &provenance,
        1 << 20,
        &mut held.room(),
    );
    assert_eq!(held.taken(), 0);
    out
}

fn binary(message: &[u8]) -> Result<Vec<u8>, Flaw> {
    by(VersionRule::Keep, Writing::Protobuf, message)
}

fn text(message: &str) -> Result<String, Flaw> {
    by(VersionRule::Keep, Writing::Json, message.as_bytes())
        .map(|out| String::from_utf8(out).unwrap())
}

/// One field with a length.
fn field(number: u32, inner: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::encode_varint(u64::from(number) << 3 | 2, &mut out);
    prost::encoding::encode_varint(inner.len() as u64, &mut out);
    [out, inner.to_vec()].concat()
}

fn attribute(key: &str, value: &str) -> Vec<u8> {
    [
        field(1, key.as_bytes()),
        field(2, &field(1, value.as_bytes())),
    ]
    .concat()
}

#[track_caller]
fn unclear<T: std::fmt::Debug>(outcome: Result<T, Flaw>) {
    assert!(matches!(outcome, Err(Flaw::Unclear(_))), "{outcome:?}");
}

#[test]
fn a_resource_that_occurs_twice_is_refused() {
    let resource = field(1, &field(1, &attribute("service.name", "a")));
    assert!(binary(&field(1, &resource)).is_ok());
    unclear(binary(&field(
        1,
        &[resource.clone(), resource.clone()].concat(),
    )));
    // Blocks are a list; each has its own.
    assert!(binary(&[field(1, &resource), field(1, &resource)].concat()).is_ok());
    // A scope may not either.
    let scope = field(2, &field(1, &field(1, b"name")));
    assert!(binary(&field(1, &scope)).is_ok());
    unclear(binary(&field(
        1,
        &field(2, &[field(1, b""), field(1, b"")].concat()),
    )));
}

#[test]
fn an_attribute_with_two_keys_or_values_is_refused() {
    let with = |parts: &[Vec<u8>]| field(1, &field(1, &field(1, &parts.concat())));
    let (key, value) = (field(1, b"a"), field(2, &field(1, b"v")));
    assert!(binary(&with(&[key.clone(), value.clone()])).is_ok());
    assert!(binary(&with(&[value.clone(), key.clone()])).is_ok());
    unclear(binary(&with(&[
        key.clone(),
        value.clone(),
        field(1, b"vcs.ref"),
    ])));
    unclear(binary(&with(&[key.clone(), value.clone(), value])));
    unclear(binary(&with(&[field(1, b"\xff")])));
    // A key that is a number and not a text.
    unclear(binary(&with(&[vec![0x08, 0x01]])));
}

#[test]
fn every_cut_and_every_second_spelling_of_a_length_is_refused_or_harmless() {
    for seed in 0..60 {
        let message = Dice::of(seed).traces().encode_to_vec();
        for cut in 0..message.len().min(400) {
            // A cut between two blocks is a message, too; whatever it is, nothing is left of names
            // that go.
            if let Ok(out) = binary(&message[..cut]) {
                let read = opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest::decode(
                    out.as_slice(),
                );
                assert!(read.is_ok(), "seed {seed}, cut {cut}");
            }
        }
    }
    // The first tag and the first length, longer than need be.
    let block = field(1, &[]);
    assert_eq!(block, [0x0a, 0x00]);
    unclear(binary(&[0x8a, 0x00, 0x00]));
    unclear(binary(&[0x0a, 0x80, 0x00]));
}

#[test]
fn a_known_field_of_another_form_is_refused_at_every_level() {
    // Wrap in block, scope, span; each level's known fields as a number, four and eight bytes.
    let levels: &[(&[u32], &[u32])] = &[
        (&[], &[1]),
        (&[1], &[1, 2, 1000]),
        (&[1, 1], &[1]),
        (&[1, 2], &[1, 2]),
        (&[1, 2, 1], &[3]),
        (&[1, 2, 2], &[9, 11, 13]),
        (&[1, 2, 2, 11], &[3]),
        (&[1, 2, 2, 13], &[4]),
        (&[1, 1, 1], &[1, 2]),
    ];
    let mut count = 0;
    for (way, numbers) in levels {
        for number in *numbers {
            for (form, value) in [(0u64, &[1][..]), (1, &[0; 8][..]), (5, &[0; 4][..])] {
                let mut message = Vec::new();
                prost::encoding::encode_varint(u64::from(*number) << 3 | form, &mut message);
                message.extend_from_slice(value);
                for outer in way.iter().rev() {
                    message = field(*outer, &message);
                }
                unclear(binary(&message));
                count += 1;
            }
        }
    }
    assert_eq!(count, 45);
    // Groups have no place anywhere.
    unclear(binary(&[0x0b, 0x0c]));
}

#[test]
fn older_names_of_the_same_places_are_no_way_around() {
    let attribute = attribute("vcs.ref.head.revision", "forged");
    // Old scopes: field 1000 of a block.
    let span = field(2, &field(9, &attribute));
    let out = binary(&field(1, &field(1000, &span))).unwrap();
    assert!(!out.windows(6).any(|w| w == b"forged"));
    for name in ["scopeSpans", "scope_spans", "instrumentationLibrarySpans"] {
        let body = format!(
            r#"{{"resourceSpans":[{{"{name}":[{{"spans":[{{"attributes":[
            {{"key":"vcs.ref.head.revision","value":{{"stringValue":"forged"}}}}]}}]}}]}}]}}"#
        );
        assert!(!text(&body).unwrap().contains("forged"), "{name}");
    }
    // Labels of metrics before 0.9.
    let held = Held::new(64 << 20);
    let nobody = Provenance::new(Vec::new(), None, VersionRule::Keep);
    for data in [4, 5, 6, 7, 8, 9, 11] {
        let label = [field(1, b"vcs.ref"), field(2, b"forged")].concat();
        let metric = field(data, &field(1, &field(1, &label)));
        let message = field(1, &field(2, &field(2, &metric)));
        let (signal, writing) = (Signal::Metrics, Writing::Protobuf);
        let out = stamp(
            &message,
            signal,
            writing,
            &nobody,
            1 << 20,
            &mut held.room(),
        )
        .unwrap();
        assert!(!out.windows(6).any(|w| w == b"forged"), "{data}");
    }
}

const SPAN: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"vcs.ref.head.revision","value":{"stringValue":"forged"}}]},"scopeSpans":[{"spans":[{"name":"s"}]}]}]}"#;

fn changed(piece: &str, other: &str) -> String {
    assert!(SPAN.contains(piece), "{piece}");
    SPAN.replacen(piece, other, 1)
}

#[test]
fn json_that_two_parsers_read_differently_is_refused() {
    let valid = text(SPAN).unwrap();
    assert!(
        !valid.contains("forged") && valid.contains(COMMIT),
        "{valid}"
    );
    // Escapes in names and keys, white space, snake case: read for what they mean.
    for (piece, other) in [
        (
            "\"vcs.ref.head.revision\"",
            "\"\\u0076cs.ref.head.revision\"",
        ),
        ("\"attributes\"", "\"\\u0061ttributes\""),
        ("\"resourceSpans\"", "\"resource_spans\""),
        ("{\"key\"", " {\n\t\"key\" "),
    ] {
        let out = text(&changed(piece, other)).unwrap();
        assert!(!out.contains("forged") && out.contains(COMMIT), "{out}");
    }
    for (piece, other) in [
        // Twice, under one name and under two.
        ("\"name\":\"s\"", "\"name\":\"s\",\"name\":\"t\""),
        ("\"name\":\"s\"", "\"name\":\"s\",\"n\\u0061me\":\"t\""),
        ("\"scopeSpans\"", "\"scope_spans\":[],\"scopeSpans\""),
        ("{\"resource\":", "{\"resource\":{},\"resource\":"),
        ("{\"key\":", "{\"key\":\"a\",\"key\":"),
        ("\"value\":{", "\"value\":{\"intValue\":1,\"intValue\":2,"),
        // In other letters.
        ("\"resource\"", "\"Resource\""),
        ("\"attributes\"", "\"ATTRIBUTES\""),
        ("\"key\"", "\"Key\""),
        ("\"resourceSpans\"", "\"resource_Spans\""),
        // Of another type.
        ("[{\"key\"", "[null,{\"key\""),
        ("\"vcs.ref.head.revision\"", "7"),
        ("\"vcs.ref.head.revision\"", "null"),
        ("{\"attributes\":[", "{\"attributes\":7,\"x\":["),
        ("[{\"spans\"", "[[],{\"spans\""),
        // Not JSON, or more than it.
        ("{\"resourceSpans\"", "\u{feff}{\"resourceSpans\""),
        ("{\"resourceSpans\"", "{}{\"resourceSpans\""),
        ("\"name\":\"s\"", "\"name\":'s'"),
        ("\"name\":\"s\"", "\"name\":\"s\","),
        ("\"name\":\"s\"", "\"name\":NaN"),
        ("\"vcs.ref.head.revision\"", "\"\\ud800\""),
    ] {
        unclear(text(&changed(piece, other)));
    }
    unclear(by(VersionRule::Keep, Writing::Json, b"{\"a\":\"\xff\"}"));
    unclear(text("[]"));
    unclear(text(""));
    let deep = |depth| format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(text(&deep(90)).is_ok());
    unclear(text(&deep(100_000)));
    let wide: String = (0..50_000).map(|n| format!("\"k{n}\":0,")).collect();
    assert!(text(&format!("{{{wide}\"end\":1}}")).is_ok());
}

#[test]
fn a_version_is_kept_replaced_or_demanded_by_rule() {
    let with = |version: &str| {
        let attributes = field(1, &field(1, &attribute("service.version", version)));
        field(1, &attributes)
    };
    let json_with = |version: &str| {
        SPAN.replace("vcs.ref.head.revision", "service.version")
            .replace("forged", version)
    };
    let has = |out: &[u8], what: &str| out.windows(what.len()).any(|w| w == what.as_bytes());
    for writing in [Writing::Protobuf, Writing::Json] {
        let body = |version: &str| match writing {
            Writing::Protobuf => with(version),
            Writing::Json => json_with(version).into_bytes(),
        };
        assert!(has(
            &by(VersionRule::Keep, writing, &body("1.2.3")).unwrap(),
            "1.2.3"
        ));
        let out = by(VersionRule::Commit, writing, &body("1.2.3")).unwrap();
        assert!(!has(&out, "1.2.3") && has(&out, "service.version"));
        let other = by(VersionRule::MustBeCommit, writing, &body("1.2.3"));
        assert_eq!(other, Err(Flaw::OtherVersion));
        assert!(by(VersionRule::MustBeCommit, writing, &body(COMMIT)).is_ok());
        let longer = by(
            VersionRule::MustBeCommit,
            writing,
            &body(&format!("{COMMIT}0")),
        );
        assert_eq!(longer, Err(Flaw::OtherVersion));
    }
}

#[test]
fn many_empty_resources_cannot_make_a_short_body_long() {
    let many: Vec<u8> = [0x0a, 0x00].repeat(200_000);
    assert_eq!(binary(&many), Err(Flaw::TooLarge));
    let few: Vec<u8> = [0x0a, 0x00].repeat(20);
    assert!(binary(&few).is_ok());
    let held = Held::new(100_000);
    let facts = vec![("vcs.ref.head.revision", COMMIT.to_owned())];
    let provenance = Provenance::new(facts, None, VersionRule::Keep);
    let (signal, writing) = (Signal::Traces, Writing::Protobuf);
    let out = stamp(
        &many,
        signal,
        writing,
        &provenance,
        64 << 20,
        &mut held.room(),
    );
    assert_eq!(out, Err(Flaw::NoRoom));
    assert_eq!(held.taken(), 0);
}
