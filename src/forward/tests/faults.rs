//! Upstreams that break, and what the caller and the record are told.

use std::time::Instant;

use stile_kit::tls::DevCa;
use stile_kit::upstream::{Answer, Script};

use super::*;

/// The reason told (or `none` when the answer's head had passed already) and the end recorded.
async fn ending(script: Script) -> (&'static str, &'static str) {
    let bench = Bench::start().await;
    bench.upstream.script(script).await;
    let told = bench.ask().await;
    if let Some(outcome) = &told.outcome {
        let answered_instead = outcome.reason.map_or("none", |reason| reason.word());
        assert_eq!(answered_instead, told.reason());
    }
    told.ending()
}

fn raw(bytes: &[u8]) -> Script {
    Script::Raw(bytes.to_vec())
}

#[tokio::test]
async fn a_good_answer_is_complete() {
    let bench = Bench::start().await;
    let told = bench.ask().await;
    assert_eq!(told.ending(), ("none", "complete"));
    let outcome = told.outcome.unwrap();
    assert_eq!(outcome.status, Some(200));
    assert_eq!(outcome.received_bytes, told.body.len() as u64);
    assert_eq!(outcome.upstream, Some(bench.upstream.address().to_string()));
    assert!(outcome.first_byte_us.is_some());
    assert_eq!(told.fields.get("x-ratelimit-remaining").unwrap(), "99");
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    assert_eq!(
        ending(Script::Refuse).await,
        ("upstream_unreachable", "upstream_error")
    );
}

#[tokio::test]
async fn an_unknown_name_is_unreachable() {
    let bench = Bench::over(Upstream::start().await, |settings| {
        settings.url = "http://nowhere.invalid:9".parse().unwrap();
    });
    let told = bench.ask().await;
    assert_eq!(told.ending(), ("upstream_unreachable", "upstream_error"));
}

#[tokio::test]
async fn silence_is_a_timeout() {
    for script in [Script::Silent, Script::SlowHead(Duration::from_secs(30))] {
        let begun = Instant::now();
        assert_eq!(ending(script).await, ("upstream_timeout", "timeout"));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_connection_closed_before_the_head_is_a_bad_response_and_not_tried_again() {
    let bench = Bench::start().await;
    bench.upstream.script(Script::CloseBeforeHead).await;
    let told = bench.ask().await;
    assert_eq!(told.ending(), ("upstream_bad_response", "upstream_error"));
    assert_eq!(bench.upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_body_cut_short_never_ends_cleanly() {
    for script in [Script::TruncatedBody, Script::MissingLastChunk] {
        let bench = Bench::start().await;
        bench.upstream.script(script.clone()).await;
        let told = bench.ask().await;
        assert!(told.broke, "{script:?}");
        assert_eq!(told.ending(), ("none", "truncated"), "{script:?}");
        assert_eq!(told.outcome.unwrap().status, Some(200));
    }
}

#[tokio::test]
async fn silence_inside_a_body_is_a_timeout_and_slowness_is_not() {
    let bench = Bench::start().await;
    bench.upstream.script(Script::StallBody).await;
    let told = bench.ask().await;
    assert!(told.broke);
    assert_eq!(told.ending(), ("none", "timeout"));
    assert_eq!(told.outcome.unwrap().received_bytes, 10);
    let pause = Duration::from_millis(100);
    bench
        .upstream
        .script(Script::SlowBody { pieces: 6, pause })
        .await;
    let told = bench.ask().await;
    assert_eq!(
        told.ending(),
        ("none", "complete"),
        "six pauses, none too long"
    );
    assert_eq!(told.body, b"slow slow slow slow slow slow ");
}

#[tokio::test]
async fn a_few_interim_answers_are_skipped_and_a_storm_is_a_bad_response() {
    assert_eq!(ending(Script::Interim(3)).await, ("none", "complete"));
    for count in [50, 5_000, usize::MAX] {
        let storm = ending(Script::Interim(count)).await;
        assert_eq!(storm, ("upstream_bad_response", "upstream_error"));
    }
}

#[tokio::test]
async fn switching_protocols_unasked_is_a_bad_response() {
    let bad = ("upstream_bad_response", "upstream_error");
    assert_eq!(ending(Script::SwitchProtocols).await, bad);
}

#[tokio::test]
async fn a_head_that_can_be_read_in_two_ways_is_a_bad_response() {
    let heads: &[&[u8]] = &[
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"\x00\x01\x02\x03",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0x2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx : a\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
    ];
    for head in heads {
        let told = ending(raw(head)).await;
        let bad = ("upstream_bad_response", "upstream_error");
        assert_eq!(told, bad, "{}", String::from_utf8_lossy(head));
    }
}

#[tokio::test]
async fn an_answer_before_the_question_is_nobodys() {
    let early = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly".to_vec();
    let bench = Bench::start().await;
    bench.upstream.script(Script::SpeakFirst(early)).await;
    for _ in 0..3 {
        let told = bench.ask().await;
        assert_ne!(told.body, b"early");
        assert_eq!(told.end(), "upstream_error");
    }
}

#[tokio::test]
async fn a_connection_with_an_ambiguous_answer_is_not_used_again() {
    let bench = Bench::start().await;
    let answer = Answer::status(200).field("content-length", "2").body("hi");
    bench.upstream.script(Script::Say(answer)).await;
    for count in 1..4 {
        let told = bench.ask().await;
        assert_eq!(told.reason(), "upstream_bad_response");
        assert_eq!(bench.upstream.connections(), count);
    }
    bench.upstream.script(Script::Well).await;
    bench.ask().await;
    bench.ask().await;
    assert_eq!(bench.upstream.connections(), 4, "a good one is");
}

#[tokio::test]
async fn over_http2_the_same_faults_have_the_same_ends() {
    let ca = DevCa::new();
    let folder = tempfile::tempdir().unwrap();
    let path = ca.write_to(folder.path());
    let bench = Bench::over(Upstream::start_tls(&ca).await, |settings| {
        settings.tls.ca_file = Some(path.clone());
    });
    let bad = ("upstream_bad_response", "upstream_error");
    let table = [
        (Script::Well, ("none", "complete")),
        (Script::CloseBeforeHead, bad),
        (
            Script::SlowHead(Duration::from_secs(30)),
            ("upstream_timeout", "timeout"),
        ),
        (Script::Silent, ("upstream_timeout", "timeout")),
        (Script::TruncatedBody, ("none", "truncated")),
        (Script::StallBody, ("none", "timeout")),
        (Script::HugeHeader(1 << 20), bad),
        (Script::Stream(4 << 20), ("none", "complete")),
        (Script::Well, ("none", "complete")),
    ];
    for (script, ending) in table {
        bench.upstream.script(script.clone()).await;
        let told = bench.ask().await;
        assert_eq!(told.ending(), ending, "{script:?}: {told:?}");
        assert!(!told.mentions(API_KEY));
    }
}

#[tokio::test]
async fn a_head_too_large_is_a_bad_response() {
    let bad = ("upstream_bad_response", "upstream_error");
    assert_eq!(ending(Script::HugeHeader(1 << 20)).await, bad);
    let many: String = (0..10_000).map(|n| format!("x-{n}: 1\r\n")).collect();
    let many = format!("HTTP/1.1 200 OK\r\n{many}content-length: 0\r\n\r\n");
    assert_eq!(ending(raw(many.as_bytes())).await, bad);
    assert_eq!(
        ending(Script::HugeHeader(10_000)).await,
        ("none", "complete")
    );
}

#[tokio::test]
async fn a_second_answer_never_reaches_the_next_caller() {
    let bench = Bench::start().await;
    let two = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst\
                HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond";
    bench.upstream.script(raw(two)).await;
    let told = bench.ask().await;
    assert_eq!(told.body, b"first");
    bench.upstream.script(Script::Well).await;
    for _ in 0..3 {
        let told = bench.ask().await;
        assert_ne!(told.body, b"second");
        assert_eq!(told.status, Some(StatusCode::OK), "{told:?}");
    }
}

#[tokio::test]
async fn too_many_in_flight_are_overloaded_and_nothing_is_sent() {
    let bench = Bench::over(Upstream::start().await, |settings| settings.requests = 2);
    let (first, first_outcome) = bench.send(Ask::default()).await;
    let told = bench.ask().await;
    assert_eq!(told.ending(), ("overloaded", "not_forwarded"), "half of it");
    let other = Ask {
        caller: "other",
        ..Ask::default()
    };
    let (second, _second_outcome) = bench.send(other).await;
    assert_eq!(bench.upstreams.states()[0].in_flight, 2);
    let told = bench.ask_with(|ask| ask.caller = "third").await;
    assert_eq!(told.ending(), ("overloaded", "not_forwarded"));
    assert_eq!(bench.upstream.seen().len(), 2);
    drop((first, second, first_outcome));
    assert_eq!(bench.upstreams.states()[0].in_flight, 0);
    assert_eq!(bench.ask().await.ending(), ("none", "complete"));
}

#[tokio::test]
async fn connections_are_kept_and_answers_never_crossed() {
    let bench = std::sync::Arc::new(Bench::start().await);
    bench.upstream.script(Script::EchoHeaders).await;
    let mut asking = tokio::task::JoinSet::new();
    for lane in 0..8 {
        let bench = std::sync::Arc::clone(&bench);
        asking.spawn(async move {
            for n in 0..100 {
                let nonce = format!("{lane}-{n}");
                let mut ask = Ask::default();
                ask.field("x-request-id", &nonce);
                let (answer, outcomes) = bench.send(ask).await;
                let answer = answer.unwrap();
                assert_eq!(answer.headers().get("echo-x-request-id").unwrap(), &nonce);
                // Every third caller leaves without reading.
                if n % 3 != 0 {
                    Told::answered(answer).await;
                }
                drop(outcomes);
            }
        });
    }
    while let Some(done) = asking.join_next().await {
        done.unwrap();
    }
    assert!(
        bench.upstream.connections() < 800,
        "{}",
        bench.upstream.connections()
    );
}
