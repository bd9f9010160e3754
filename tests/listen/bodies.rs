//! Request bodies: framing, silence, trailers.

use tokio::io::AsyncWriteExt;

use super::stand::{Call, Stand, answers, read_to_end};
use stile::listen::Limits;

fn bodies(stand: &Stand) -> Vec<Result<String, &'static str>> {
    let calls = stand.memory.calls();
    calls
        .into_iter()
        .map(|call| match call {
            Call::Received { body, .. } => body,
            Call::TurnedAway { reason, .. } => panic!("{reason}"),
        })
        .collect()
}

const CHUNKED: &str = "POST /p HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
const NEXT: &str = "GET /next HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn a_broken_chunk_breaks_the_body_and_ends_the_connection() {
    let huge = format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(70_000));
    for body in [
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhelloo\r\n0\r\n\r\n",
        "5;a=\"b\"\r\nhello\r\n0\r\n\r\n",
        "5;a\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\na b: c\r\n\r\n",
        "5\r\nhello\r\n0\r\ncontent_length: 1\r\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        huge.as_str(),
    ] {
        let stand = Stand::clear();
        let bytes = [CHUNKED, body, NEXT].concat();
        for answers in [
            stand.exchange(bytes.as_bytes()).await,
            stand.dribble(bytes.as_bytes()).await,
        ] {
            assert_eq!(answers.len(), 1, "{body:?}");
            assert_eq!(answers[0].status, 400, "{body:?}");
        }
        assert_eq!(
            bodies(&stand),
            [Err("malformed"), Err("malformed")],
            "{body:?}"
        );
    }
}

#[tokio::test]
async fn a_silent_body_times_out() {
    let limits = Limits {
        body_idle_ms: 50,
        ..Limits::default()
    };
    for head in [
        CHUNKED,
        "POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 500\r\n\r\n5 by",
    ] {
        let stand = Stand::with(limits, None);
        let answers = stand.exchange(head.as_bytes()).await;
        assert_eq!(answers[0].status, 408, "{head:?}");
        assert_eq!(bodies(&stand), [Err("timed out")]);
    }
}

#[tokio::test]
async fn a_body_cut_short_is_broken_off() {
    let stand = Stand::clear();
    let mut stream = stand.connect().await;
    let head = "POST /p HTTP/1.1\r\nhost: a\r\ncontent-length: 500\r\n\r\nhello";
    stream.write_all(head.as_bytes()).await.unwrap();
    stand.begun().await;
    stream.shutdown().await.unwrap();
    read_to_end(&mut stream).await;
    assert_eq!(bodies(&stand), [Err("broken off")]);
}

#[tokio::test]
async fn a_body_nobody_reads_does_not_become_the_next_head() {
    let stand = Stand::clear();
    let head = "POST /unread HTTP/1.1\r\nhost: a\r\ncontent-length: 31\r\n\r\n";
    assert_eq!(NEXT.len(), 31);
    let last = "GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answers = stand.exchange([head, NEXT, last].concat().as_bytes()).await;
    let seen: Vec<_> = answers.iter().map(|answer| answer.body.as_str()).collect();
    // hyper either drains the body or ends the connection; `/next` is a body either way.
    assert!(
        seen == ["received /unread", "received /last"] || seen == ["received /unread"],
        "{seen:?}"
    );
}

#[tokio::test]
async fn an_early_answer_survives_a_body_still_on_its_way() {
    let stand = Stand::clear();
    let head = "POST /unread HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n";
    let body = "x".repeat(150_000);
    let answers = stand.exchange([head, &body].concat().as_bytes()).await;
    assert_eq!(answers[0].body, "received /unread");
}

#[tokio::test]
async fn trailers_are_dropped_but_for_grpc_and_there_only_the_harmless_pass() {
    let trailers = "authorization: Bearer x\r\ncontent-length: 1\r\nhost: b\r\nx-forwarded-user: root\r\ngrpc-sum: 1\r\n";
    for (media, expected) in [
        ("text/plain", vec![]),
        ("application/grpc", vec!["grpc-sum".to_owned()]),
    ] {
        let stand = Stand::clear();
        let bytes = format!(
            "POST /p HTTP/1.1\r\nhost: a\r\nte: trailers\r\ncontent-type: {media}\r\nconnection: close\r\n\
             transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n{trailers}\r\n"
        );
        stand.exchange(bytes.as_bytes()).await;
        let [Call::Received { body, trailers, .. }] = &stand.memory.calls()[..] else {
            panic!("received");
        };
        assert_eq!(body, &Ok("hello".to_owned()));
        assert_eq!(trailers, &expected, "{media}");
    }
}

#[tokio::test]
async fn a_caller_that_expects_to_be_asked_is_asked_when_the_body_is_read() {
    let stand = Stand::clear();
    let mut stream = stand.connect().await;
    let head = "POST /p HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stand.begun().await;
    stream.write_all(b"hello").await.unwrap();
    let statuses: Vec<_> = answers(&read_to_end(&mut stream).await)
        .iter()
        .map(|answer| answer.status)
        .collect();
    assert_eq!(statuses, [100, 200]);
}

#[tokio::test]
async fn a_caller_that_expects_something_else_is_refused() {
    let stand = Stand::clear();
    let head = "GET / HTTP/1.1\r\nhost: a\r\nexpect: magic\r\nconnection: close\r\n\r\n";
    assert_eq!(
        stand.exchange(head.as_bytes()).await[0].body,
        "malformed_request"
    );
}
