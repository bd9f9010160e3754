//! HTTP/2 heads that the library behind us rejects by itself: each has its record first.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

use super::stand::{Call, Stand, read_to_end, soon};
use crate::hostile::frames::{PREFACE, block, frame, headers};
use stile::listen::Limits;

/// Frames that no caller in good faith sends, and the reason in the record.
struct Case {
    name: String,
    frames: Vec<u8>,
    reason: &'static str,
}

fn case(name: impl Into<String>, frames: impl Into<Vec<u8>>, reason: &'static str) -> Case {
    Case {
        name: name.into(),
        frames: frames.into(),
        reason,
    }
}

type Field<'a> = (&'a str, &'a str);

const GOOD: [Field<'static>; 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "a.example"),
    (":path", "/a"),
];

fn head(stream: u32, fields: &[Field<'_>]) -> Vec<u8> {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    headers(stream, &fields)
}

fn good(stream: u32) -> Vec<u8> {
    head(stream, &GOOD)
}

/// The good fields with one more.
fn with(stream: u32, name: &str, value: &str) -> Vec<u8> {
    head(stream, &[&GOOD[..], &[(name, value)]].concat())
}

fn fields() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, value) in [
        ("connection", "close"),
        ("keep-alive", "5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        ("X-Upper", "a"),
        ("aUthorization", "Bearer x"),
        ("a b", "c"),
        ("a\n", "b"),
        ("a\0", "b"),
        ("a:b", "c"),
        ("", "b"),
        ("a", "b\r\nc: d"),
        ("a", "b\0"),
        (":status", "200"),
        (":unknown", "a"),
        (":method", "POST"),
        (":path", "/b"),
        (":scheme", "https"),
        (":authority", "b.example"),
        ("content-length", "5"),
        ("content-length", "-1"),
        ("content-length", "x"),
    ] {
        let name_of = format!("{name:?}: {value:?}");
        cases.push(case(name_of, with(1, name, value), "malformed_request"));
    }
    for at in [0, 1, 3] {
        let mut fields = GOOD.to_vec();
        let (gone, _) = fields.remove(at);
        cases.push(case(
            format!("without {gone}"),
            head(1, &fields),
            "malformed_request",
        ));
    }
    for (at, value) in [
        (0, ""),
        (0, "G T"),
        (1, ""),
        (3, ""),
        (3, "/a b"),
        (3, "\0"),
    ] {
        let mut fields = GOOD.to_vec();
        fields[at].1 = value;
        let name = format!("{} {value:?}", fields[at].0);
        let reason = match fields[at] {
            // This one comes through to checks of our own.
            (":scheme", "") => "bad_target",
            _ => "malformed_request",
        };
        cases.push(case(name, head(1, &fields), reason));
    }
    let mut late = vec![("a", "b")];
    late.extend(GOOD);
    cases.push(case(
        "a field before the pseudo-fields",
        head(1, &late),
        "malformed_request",
    ));
    cases
}

fn blocks() -> Vec<Case> {
    let plain: Vec<_> = GOOD.map(|(n, v)| (n.as_bytes(), v.as_bytes())).to_vec();
    let wide = vec![b'v'; 16_000];
    let mut fields = plain.clone();
    fields.extend([(&b"a"[..], &wide[..]); 5]);
    let whole = block(&fields);
    let mut split = Vec::new();
    let mut pieces = whole.chunks(16_000).peekable();
    let mut kind = 1;
    while let Some(piece) = pieces.next() {
        let end = if pieces.peek().is_none() { 4 } else { 0 };
        let stream_end = if kind == 1 { 1 } else { 0 };
        split.extend(frame(kind, end | stream_end, 1, piece));
        kind = 9;
    }
    let begun = frame(1, 1, 1, &block(&plain));
    let flood: Vec<u8> = std::iter::repeat_n(frame(9, 0, 1, b"\0\x01a\x01b"), 5_000)
        .flatten()
        .collect();
    let empty: Vec<u8> = std::iter::repeat_n(frame(9, 0, 1, b""), 5_000)
        .flatten()
        .collect();
    let mut padded = vec![200];
    padded.extend(block(&plain));
    let mut itself = vec![0, 0, 0, 1, 7];
    itself.extend(block(&plain));
    let tunnel = [
        (":method", "CONNECT"),
        (":authority", "a.example"),
        ("content-length", "5"),
    ]
    .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    vec![
        case(
            "a tunnel with a body",
            frame(1, 4, 1, &block(&tunnel)),
            "malformed_request",
        ),
        case("fields of 80 KB", split, "header_too_large"),
        case(
            "a flood of CONTINUATION",
            [&begun[..], &flood].concat(),
            "malformed_request",
        ),
        case(
            "a flood of empty CONTINUATION",
            [&begun[..], &empty].concat(),
            "malformed_request",
        ),
        case(
            "an index that HPACK does not have",
            frame(1, 5, 1, &[0xff, 0xff, 0xff, 0x7f]),
            "malformed_request",
        ),
        case(
            "a block that ends in a field",
            frame(1, 5, 1, &[0, 5, b'a']),
            "malformed_request",
        ),
        case("index zero", frame(1, 5, 1, &[0x80]), "malformed_request"),
        case(
            "a Huffman code cut short",
            frame(1, 5, 1, &[0, 0x81, 0xff, 1, b'b']),
            "malformed_request",
        ),
        case("no fields", frame(1, 5, 1, &[]), "malformed_request"),
        case("an even stream", good(2), "malformed_request"),
        case("stream 0", good(0), "malformed_request"),
        case(
            "DATA inside a head",
            [&begun[..], &frame(0, 0, 1, b"x")].concat(),
            "malformed_request",
        ),
        case(
            "PING inside a head",
            [&begun[..], &frame(6, 0, 0, &[0; 8])].concat(),
            "malformed_request",
        ),
        case(
            "another head inside a head",
            [&begun[..], &good(3)].concat(),
            "malformed_request",
        ),
        case(
            "CONTINUATION of another stream",
            [&begun[..], &frame(9, 4, 3, b"")].concat(),
            "malformed_request",
        ),
        case(
            "a frame above the largest",
            frame(1, 5, 1, &[0; 16_385]),
            "malformed_request",
        ),
        case(
            "padding longer than the frame",
            frame(1, 0xd, 1, &padded),
            "malformed_request",
        ),
        case(
            "a stream that depends on itself",
            frame(1, 0x25, 1, &itself),
            "malformed_request",
        ),
    ]
}

async fn sent(stand: &Stand, frames: &[u8]) -> TcpStream {
    let mut stream = stand.connect().await;
    let _ = stream.write_all(&[PREFACE, frames].concat()).await;
    stream
}

/// What was said on this connection within a short while, without SETTINGS, PING and windows; its
/// end reads as a frame of kind 255.
async fn said(stream: &mut TcpStream, patience: Duration) -> Vec<(u8, u32)> {
    let mut said = Vec::new();
    let mut head = [0; 9];
    while let Ok(read) = timeout(patience, stream.read_exact(&mut head)).await {
        if read.is_err() {
            said.push((255, 0));
            break;
        }
        let size = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; size as usize];
        stream.read_exact(&mut payload).await.unwrap();
        let on = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        if !matches!(head[3], 4 | 6 | 8) {
            said.push((head[3], on));
        }
    }
    said
}

fn turned_away(calls: &[Call]) -> Vec<&'static str> {
    let reason = |call: &Call| match call {
        Call::TurnedAway { reason, .. } => *reason,
        Call::Received { .. } => "received",
    };
    calls.iter().map(reason).collect()
}

#[tokio::test]
async fn a_good_head_in_frames_of_our_own_is_received() {
    let stand = Stand::clear();
    let mut stream = sent(&stand, &good(1)).await;
    stand.called(1).await;
    assert_eq!(turned_away(&stand.memory.calls()), ["received"]);
    let answer = said(&mut stream, Duration::from_millis(200)).await;
    assert_eq!(answer.first(), Some(&(1, 1)));
}

#[tokio::test]
async fn a_head_that_the_library_rejects_has_one_record() {
    for case in fields().into_iter().chain(blocks()) {
        let stand = Stand::clear();
        let mut stream = sent(&stand, &case.frames).await;
        let answer = said(&mut stream, Duration::from_millis(60)).await;
        assert!(!answer.is_empty(), "{}: nothing was said", case.name);
        let calls = stand.memory.calls();
        assert_eq!(
            turned_away(&calls),
            [case.reason],
            "{}: {answer:?}",
            case.name
        );
    }
}

#[tokio::test]
async fn nothing_is_said_to_it_before_the_record_is_stored() {
    for case in fields().into_iter().chain(blocks()) {
        let stand = Stand::clear();
        stand.hold_records();
        let mut stream = sent(&stand, &case.frames).await;
        stand.called(1).await;
        let early = said(&mut stream, Duration::from_millis(20)).await;
        assert_eq!(early, [], "{}", case.name);
        stand.memory.may_record.add_permits(1);
        let late = said(&mut stream, Duration::from_millis(60)).await;
        assert!(!late.is_empty(), "{}", case.name);
    }
}

#[tokio::test]
async fn a_rejected_head_between_good_ones_is_one_of_three() {
    let stand = Stand::clear();
    let all = [good(1), with(3, "te", "gzip"), good(5)].concat();
    let mut stream = sent(&stand, &all).await;
    stand.called(3).await;
    let mut reasons = turned_away(&stand.memory.calls());
    reasons.sort_unstable();
    assert_eq!(reasons, ["malformed_request", "received", "received"]);
    let answer = said(&mut stream, Duration::from_millis(200)).await;
    for expected in [(1, 1), (3, 3), (1, 5)] {
        assert!(answer.contains(&expected), "{expected:?} in {answer:?}");
    }
}

#[tokio::test]
async fn it_is_recorded_byte_by_byte_too() {
    let stand = Stand::clear();
    let mut stream = sent(&stand, &[]).await;
    for byte in [good(1), with(3, "te", "gzip"), good(5)].concat() {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    stand.called(3).await;
}

#[tokio::test]
async fn streams_above_the_limit_are_recorded_as_overload() {
    let limits = Limits {
        streams: 2,
        ..Limits::default()
    };
    let stand = Stand::with(limits, None);
    let wait = |stream| {
        let mut fields = GOOD;
        fields[3].1 = "/wait";
        head(stream, &fields)
    };
    let mut stream = sent(&stand, &[wait(1), wait(3), wait(5)].concat()).await;
    stand.called(1).await;
    assert_eq!(turned_away(&stand.memory.calls()), ["overloaded"]);
    let answer = said(&mut stream, Duration::from_millis(60)).await;
    assert!(answer.contains(&(3, 5)), "{answer:?}");
    stand.memory.may_answer.add_permits(2);
    stand.called(3).await;
}

#[tokio::test]
async fn a_head_that_is_cut_off_has_its_record() {
    let whole = good(1);
    for size in 9..whole.len() {
        let stand = Stand::clear();
        let mut stream = sent(&stand, &whole[..size]).await;
        stream.shutdown().await.unwrap();
        read_to_end(&mut stream).await;
        let calls = stand.memory.calls();
        assert_eq!(
            turned_away(&calls),
            ["malformed_request"],
            "after {size} bytes"
        );
    }
}

#[tokio::test]
async fn a_head_that_does_not_go_on_has_its_record() {
    let limits = Limits {
        head_ms: 40,
        drain_ms: 40,
        ..Limits::default()
    };
    let stand = Stand::with(limits, None);
    let mut stream = sent(&stand, &good(1)[..20]).await;
    read_to_end(&mut stream).await;
    stand.called(1).await;
    assert_eq!(turned_away(&stand.memory.calls()), ["client_timeout"]);
    drop(stream);
    stand.trigger.drain();
    soon(stand.served).await.unwrap();
}

#[tokio::test]
async fn a_head_that_is_passed_over_in_a_drain_has_its_record() {
    let stand = Stand::clear();
    let mut fields = GOOD;
    fields[3].1 = "/wait";
    let mut stream = sent(&stand, &head(1, &fields)).await;
    stand.begun().await;
    stand.trigger.drain();
    // The farewell comes in two steps, with a PING between them (RFC 9113 6.8).
    let mut farewells = 0;
    while farewells < 2 {
        let (kind, payload) = soon(next(&mut stream)).await;
        match kind {
            6 => stream.write_all(&frame(6, 1, 0, &payload)).await.unwrap(),
            7 => farewells += 1,
            _ => {}
        }
    }
    stream.write_all(&good(3)).await.unwrap();
    stand.called(1).await;
    assert_eq!(turned_away(&stand.memory.calls()), ["draining"]);
    stand.memory.may_answer.add_permits(1);
    soon(stand.served).await.unwrap();
}

async fn next(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let size = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; size as usize];
    stream.read_exact(&mut payload).await.unwrap();
    (head[3], payload)
}
