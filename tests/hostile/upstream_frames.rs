//! An HTTP/2 upstream written by hand that means harm: every call ends in time, with its outcome, in
//! bounded memory, and the next one is served.

use std::time::Duration;

use serde_json::json;
use stile_kit::{Answer, Call, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::floods::resident_kib;
use super::frames::{block, frame, headers, next};
use super::framing::eventually;
use crate::support::{close, ground, program, records};

/// What the upstream says to a call, once or again and again, and then leaves the connection open.
#[derive(Clone, Default)]
struct Saying {
    /// Instead of empty SETTINGS.
    settings: Vec<u8>,
    /// A good answer where there are none.
    frames: Option<Vec<u8>>,
    times: usize,
    closes: bool,
    /// Whatever is said by other connections.
    stays: bool,
}

struct Hand {
    address: std::net::SocketAddr,
    says: watch::Sender<Saying>,
}

impl Hand {
    async fn start() -> Hand {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (says, said) = watch::channel(well());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut said = said.clone();
                let saying = said.borrow_and_update().clone();
                let stays = saying.stays;
                tokio::spawn(async move {
                    tokio::select! {
                        _ = answer(stream, saying) => {}
                        // Something else is to be said from now on, by other connections.
                        _ = said.changed(), if !stays => {}
                    }
                });
            }
        });
        Hand { address, says }
    }

    /// Ends all connections, and says this on the next ones.
    async fn say(&self, saying: Saying) {
        self.says.send_replace(saying);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Answers each call on this connection.
async fn answer(stream: TcpStream, saying: Saying) -> Option<()> {
    let (mut reader, mut writer) = stream.into_split();
    let mut preface = [0; 24];
    reader.read_exact(&mut preface).await.ok()?;
    writer.write_all(&saying.settings).await.ok()?;
    let (calls, mut called) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some((kind, flags, stream)) = next(&mut reader).await {
            if kind == 1 || (kind == 4 && flags & 1 == 0) {
                let _ = calls.send((kind, stream));
            }
        }
    });
    while let Some((kind, stream)) = called.recv().await {
        if kind == 4 {
            writer.write_all(&frame(4, 1, 0, &[])).await.ok()?;
            continue;
        }
        for _ in 0..saying.times {
            let frames = match &saying.frames {
                None => good(stream),
                Some(frames) => frames.clone(),
            };
            writer.write_all(&frames).await.ok()?;
        }
        if saying.closes {
            break;
        }
    }
    Some(())
}

fn answer_head(stream: u32) -> Vec<u8> {
    let fields = [(":status", "200"), ("content-type", "application/grpc")];
    let fields = fields.map(|(n, v)| (n.as_bytes(), v.as_bytes()));
    frame(1, 4, stream, &block(&fields))
}

fn good(stream: u32) -> Vec<u8> {
    let body = frame(0, 0, stream, &[0; 5]);
    let trailers = headers(stream, &[(b"grpc-status", b"0")]);
    [answer_head(stream), body, trailers].concat()
}

fn saying(frames: Vec<u8>) -> Saying {
    Saying {
        settings: frame(4, 0, 0, &[]),
        frames: Some(frames),
        times: 1,
        closes: false,
        stays: false,
    }
}

fn well() -> Saying {
    Saying {
        frames: None,
        ..saying(Vec::new())
    }
}

fn flood(frames: Vec<u8>) -> Saying {
    Saying {
        times: 20_000,
        ..saying(frames)
    }
}

fn harm() -> Vec<(&'static str, Saying)> {
    let reset = |code: u32| saying(frame(3, 0, 1, &code.to_be_bytes()));
    let farewell = |last: u32, code: u32| {
        saying(frame(
            7,
            0,
            0,
            &[last.to_be_bytes(), code.to_be_bytes()].concat(),
        ))
    };
    let head = answer_head(1);
    let mut bomb = block(&[(b":status", b"200")]);
    bomb.extend([0x40, 1, b'a', 127, 0xa1, 0x1e]);
    bomb.extend([b'v'; 4_000]);
    bomb.extend([0xbe; 8_000]);
    let unfinished = frame(1, 0, 1, &block(&[(b":status", b"200")]));
    let early = block(&[(b":status", b"103")]);
    vec![
        ("a refused stream", reset(7)),
        ("a reset", reset(2)),
        ("a reset without an error", reset(0)),
        ("calm", reset(11)),
        ("an unknown reset", reset(0xffff_ffff)),
        ("a farewell before this stream", farewell(0, 0)),
        ("a farewell in anger", farewell(0, 1)),
        ("a farewell after this stream and silence", farewell(1, 0)),
        ("silence", saying(Vec::new())),
        (
            "an end",
            Saying {
                closes: true,
                ..saying(Vec::new())
            },
        ),
        (
            "a head and an end",
            Saying {
                closes: true,
                ..saying(head.clone())
            },
        ),
        (
            "a head and a reset",
            saying([head.clone(), frame(3, 0, 1, &[0, 0, 0, 2])].concat()),
        ),
        ("a head and silence", saying(head.clone())),
        ("a body before a head", saying(frame(0, 0, 1, &[0; 5]))),
        (
            "a body on a stream that nobody opened",
            saying(frame(0, 0, 77, &[0; 5])),
        ),
        (
            "a push",
            saying(frame(
                5,
                4,
                1,
                &[&2_u32.to_be_bytes()[..], &block(&[(b":method", b"GET")])].concat(),
            )),
        ),
        (
            "a frame above the largest",
            saying(frame(0, 0, 1, &[0; 100_000])),
        ),
        ("a head of nothing", saying(frame(1, 4, 1, &[]))),
        ("a head of garbage", saying(frame(1, 4, 1, &[0xff; 40]))),
        (
            "an upper-case name",
            saying(headers(1, &[(b":status", b"200"), (b"X-A", b"b")])),
        ),
        (
            "a connection field",
            saying(headers(
                1,
                &[(b":status", b"200"), (b"connection", b"close")],
            )),
        ),
        ("no status", saying(headers(1, &[(b"a", b"b")]))),
        (
            "a second length",
            saying(headers(
                1,
                &[(b":status", b"200"), (b"content-length", b"9")],
            )),
        ),
        ("a bomb of fields", saying(frame(1, 4, 1, &bomb))),
        (
            "a window that is never opened",
            Saying {
                settings: frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]),
                ..saying(Vec::new())
            },
        ),
        (
            "no streams allowed",
            Saying {
                settings: frame(4, 0, 0, &[0, 3, 0, 0, 0, 0]),
                ..saying(Vec::new())
            },
        ),
        (
            "a window above the largest",
            saying(frame(8, 0, 1, &[0x7f, 0xff, 0xff, 0xff]).repeat(2)),
        ),
        (
            "CONTINUATION for ever",
            Saying {
                frames: Some([unfinished, frame(9, 0, 1, b"").repeat(20_000)].concat()),
                ..saying(Vec::new())
            },
        ),
        ("SETTINGS for ever", flood(frame(4, 0, 0, &[]))),
        ("PING for ever", flood(frame(6, 0, 0, &[1; 8]))),
        (
            "WINDOW_UPDATE for ever",
            flood(frame(8, 0, 0, &[0, 0, 0, 1])),
        ),
        ("interim answers for ever", flood(frame(1, 4, 1, &early))),
        (
            "empty DATA for ever",
            Saying {
                frames: Some([head, frame(0, 0, 1, b"").repeat(20_000)].concat()),
                ..saying(Vec::new())
            },
        ),
        ("resets for ever", flood(frame(3, 0, 1, &[0, 0, 0, 8]))),
    ]
}

async fn export(world: &World, token: &str) -> Answer {
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let call = Call::new("POST", format!("{}{path}", world.stile.url()));
    let call = call.token(token).field("te", "trailers").http2();
    let call = call.body("application/grpc", &b"\0\0\0\0\0"[..]);
    timeout(Duration::from_secs(20), call.send())
        .await
        .expect("an answer in time")
        .unwrap_or_else(|_| broken())
}

/// An answer that broke off is one, too: the caller saw that it broke.
fn broken() -> Answer {
    Answer {
        status: http::StatusCode::BAD_GATEWAY,
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
        trailers: None,
    }
}

fn grpc_status(answer: &Answer) -> Option<&str> {
    let trailers = answer.trailers.as_ref();
    let value = trailers.and_then(|t| t.get("grpc-status"));
    value.or(answer.headers.get("grpc-status"))?.to_str().ok()
}

/// A world in which telemetry goes to this upstream.
async fn world_before(hand: &Hand) -> World {
    let ground = ground().await;
    let upstream = format!("url: {}\n    operations: otlp", ground.upstream.url());
    let ours = format!(
        "url: http://{}\n    head_timeout: 1s\n    idle_timeout: 1s\n    operations: otlp",
        hand.address
    );
    ground
        .with(&upstream, &ours)
        .serve(program())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_connection_that_fell_silent_is_not_used_again() {
    let hand = Hand::start().await;
    let world = world_before(&hand).await;
    let token = world.job_token(json!({}));
    let silence = Saying {
        stays: true,
        ..saying(Vec::new())
    };
    hand.say(silence).await;
    let answer = export(&world, &token).await;
    assert_eq!(grpc_status(&answer), Some("4"), "{answer:?}");
    hand.say(well()).await;
    assert_eq!(grpc_status(&export(&world, &token).await), Some("0"));
    close(world, &[token]).await;
}

/// An answer is whole when the upstream said so, and a reset says something else whatever its code
/// (RFC 9113 8.1: `NO_ERROR` comes after a complete answer).
#[tokio::test]
async fn an_answer_that_is_reset_before_its_end_is_not_whole() {
    let hand = Hand::start().await;
    let world = world_before(&hand).await;
    let token = world.job_token(json!({}));
    let answer = export(&world, &token).await;
    assert_eq!(grpc_status(&answer), Some("0"), "{answer:?}");
    let body = frame(0, 0, 1, &[0; 5]);
    for code in [8_u32, 0, 2, 7] {
        let reset = frame(3, 0, 1, &code.to_be_bytes());
        for (name, frames) in [
            ("a head", [answer_head(1), reset.clone()].concat()),
            (
                "a body",
                [answer_head(1), body.clone(), reset.clone()].concat(),
            ),
        ] {
            hand.say(saying(frames)).await;
            let answer = export(&world, &token).await;
            assert_eq!(answer.status, broken().status, "{name}, {code}: {answer:?}");
        }
    }
    let ends = || {
        let all = records(&world.stile.journal());
        let outcomes = all.iter().filter(|r| r.is("outcome"));
        outcomes
            .map(|r| r.word("end").to_owned())
            .collect::<Vec<_>>()
    };
    eventually("outcomes", || ends().len() == 9).await;
    assert_eq!(ends()[0], "complete");
    let whole = ends()[1..].iter().filter(|end| *end == "complete").count();
    assert_eq!(whole, 0, "{:?}", ends());
    close(world, &[token]).await;
}

#[tokio::test]
async fn no_frames_of_an_upstream_hang_a_call_or_take_memory() {
    let hand = Hand::start().await;
    let world = world_before(&hand).await;
    let token = world.job_token(json!({}));
    assert_eq!(grpc_status(&export(&world, &token).await), Some("0"));
    let mut calls = 1;
    for (name, harm) in harm() {
        let before = resident_kib(&world, "VmRSS");
        hand.say(harm).await;
        let answer = export(&world, &token).await;
        assert_ne!(grpc_status(&answer), Some("0"), "{name}: {answer:?}");
        hand.say(well()).await;
        let answer = export(&world, &token).await;
        assert_eq!(grpc_status(&answer), Some("0"), "after {name}: {answer:?}");
        calls += 2;
        let grown = resident_kib(&world, "VmHWM").saturating_sub(before);
        assert!(grown <= 64 << 10, "{name}: {grown} KiB");
    }
    let count = |kind: &str| {
        let all = records(&world.stile.journal());
        all.iter().filter(|r| r.is(kind)).count()
    };
    assert_eq!(count("decision"), calls);
    // An outcome may follow its answer.
    eventually("outcomes", || count("outcome") == calls).await;
    close(world, &[token]).await;
}
