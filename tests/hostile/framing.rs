//! A second request hidden in the first: framing x hiding place x pipelining.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::{creates, forwarded_as_decided, raw};
use crate::support::{close, records, records_of, world};

#[tokio::test]
async fn what_is_hidden_in_a_body_never_arrives() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let url = world.stile.url().to_owned();
    let host = raw::authority(&url);
    let hidden = format!(
        "DELETE /public/v0.2/acme/projects/X/streams/smuggled HTTP/1.1\r\nhost: {host}\r\n\
         authorization: Bearer {token}\r\ncontent-length: 0\r\n\r\n"
    );
    let size = hidden.len();
    let bodies = [
        hidden.clone(),
        format!("0\r\n\r\n{hidden}"),
        format!("{size:x}\r\n{hidden}\r\n0\r\n\r\n"),
        format!("0;ext=\"\r\n\r\n{hidden}\"\r\n\r\n"),
        format!("1\r\nx\r\n0\r\nx: y\r\n\r\n{hidden}"),
        format!("2\n{{}}\n0\n\n{hidden}"),
        format!("00000000000000000\r\n\r\n{hidden}"),
        format!("-1\r\n\r\n{hidden}"),
        format!("0x0\r\n\r\n{hidden}"),
        format!("+0\r\n\r\n{hidden}"),
    ];
    let mut requests = Vec::new();
    for lines in framings(size) {
        for body in &bodies {
            requests.push(format!(
                "POST /public/v0.2/acme/projects/X/streams HTTP/1.1\r\nhost: {host}\r\n\
                 authorization: Bearer {token}\r\n{lines}\r\n{body}{END}"
            ));
        }
    }
    assert!(requests.len() > 300, "{}", requests.len());
    let mut callers = tokio::task::JoinSet::new();
    for request in requests {
        let url = url.clone();
        callers.spawn(async move {
            let mut stream = raw::connect(&url).await;
            let _ = stream.write_all(request.as_bytes()).await;
            let said = raw::read_for(&mut stream, Duration::from_secs(2)).await;
            for answer in raw::answers(&said) {
                assert!(answer.status.as_u16() < 500, "{request}: {answer:?}");
            }
        });
        if callers.len() >= 24 {
            callers.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    for seen in world.upstream.seen() {
        assert!(!seen.target.contains("smuggled"), "{seen:?}");
        assert_eq!(seen.method, "POST");
    }
    // Where it was read as a request of its own it was decided on its own.
    for record in records(&world.stile.journal()) {
        assert!(!record.word("path").contains("smuggled") || record.word("decision") != "allow");
    }
    assert_eq!(
        creates(&world, &token, "after")
            .send()
            .await
            .unwrap()
            .status,
        200
    );
    forwarded_as_decided(&world);
    close(world, &[token]).await;
}

#[tokio::test]
async fn each_pipelined_request_is_decided_on_its_own() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let host = raw::authority(world.stile.url()).to_owned();
    let one = |with: &str| {
        format!(
            "POST /public/v0.2/acme/projects/X/streams HTTP/1.1\r\nhost: {host}\r\n{with}\
             content-length: 2\r\n\r\n{{}}"
        )
    };
    let bearer = format!("authorization: Bearer {token}\r\n");
    let all = [
        one(&bearer),
        one(""),
        one(&bearer),
        one("authorization: Bearer x\r\n"),
        one(&format!("{bearer}connection: close\r\n")),
    ];
    let answers = raw::exchange(world.stile.url(), all.concat().as_bytes()).await;
    let statuses: Vec<u16> = answers.iter().map(|a| a.status.as_u16()).collect();
    assert_eq!(
        statuses[..4],
        [statuses[0], 401, statuses[0], 401],
        "{statuses:?}"
    );
    assert_eq!(world.upstream.seen().len(), 3);
    forwarded_as_decided(&world);
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_denied_request_is_refused_without_its_body() {
    let world = world().await;
    let feature = world.feature_token();
    let host = raw::authority(world.stile.url()).to_owned();
    for bearer in [
        format!("authorization: Bearer {feature}\r\n"),
        String::new(),
        "authorization: Bearer a.b.c\r\n".to_owned(),
    ] {
        for expect in ["expect: 100-continue\r\n", "Expect: 100-Continue\r\n", ""] {
            for framing in [
                "content-length: 1000000\r\n",
                "transfer-encoding: chunked\r\n",
            ] {
                let head = format!(
                    "POST /public/v0.2/acme/projects/X/streams HTTP/1.1\r\nhost: {host}\r\n\
                     {bearer}{expect}{framing}\r\n"
                );
                let mut stream = raw::connect(world.stile.url()).await;
                stream.write_all(head.as_bytes()).await.unwrap();
                // No body is sent: whoever waits for it would never answer.
                let answer = raw::one_answer(&mut stream).await.unwrap();
                assert!(matches!(answer.status.as_u16(), 401 | 403), "{answer:?}");
            }
        }
    }
    let mut stream = raw::connect(world.stile.url()).await;
    let other = format!("GET /x HTTP/1.1\r\nhost: {host}\r\nexpect: magic\r\n\r\n");
    stream.write_all(other.as_bytes()).await.unwrap();
    assert_eq!(raw::one_answer(&mut stream).await.unwrap().status, 400);
    assert!(world.upstream.seen().is_empty());
    close(world, &[feature]).await;
}

#[tokio::test]
async fn who_hangs_up_in_the_middle_leaves_record_and_outcome() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let host = raw::authority(world.stile.url()).to_owned();
    for (framing, part) in [
        ("content-length: 500\r\n", "{\"da"),
        ("transfer-encoding: chunked\r\n", "5\r\n{\"dat\r\n"),
        ("transfer-encoding: chunked\r\n", "5\r\n{\"d"),
        ("content-length: 500\r\n", ""),
    ] {
        let head = format!(
            "POST /public/v0.2/acme/projects/X/streams HTTP/1.1\r\nhost: {host}\r\n\
             authorization: Bearer {token}\r\n{framing}\r\n{part}"
        );
        let before = outcomes(&world).len();
        let mut stream = raw::connect(world.stile.url()).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let allows = |w: &stile_kit::World| {
            let all = records(&w.stile.journal());
            all.iter().filter(|r| r.word("decision") == "allow").count()
        };
        eventually("the decision is written", || allows(&world) > before).await;
        drop(stream);
        eventually("the outcome is written", || outcomes(&world).len() > before).await;
        let outcome = outcomes(&world).pop().unwrap();
        assert_eq!(
            outcome.word("end"),
            "client_abort",
            "{framing}{part}: {outcome:?}"
        );
        assert_eq!(records_of(&world, outcome.word("ref")).len(), 2);
    }
    assert!(
        world.upstream.seen().iter().all(|seen| !seen.complete),
        "a part passed for a whole"
    );
    close(world, &[token]).await;
}

fn outcomes(world: &stile_kit::World) -> Vec<crate::support::Recorded> {
    let all = records(&world.stile.journal());
    all.into_iter().filter(|r| r.is("outcome")).collect()
}

pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(8);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Lines that say, or seem to say, how long the body is.
fn framings(size: usize) -> Vec<String> {
    let te = [
        "Transfer-Encoding: chunked",
        "transfer-encoding: Chunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer_Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        " Transfer-Encoding: chunked",
        "x: y\r\n Transfer-Encoding: chunked",
        "x: y\nTransfer-Encoding: chunked",
        "x: y\rTransfer-Encoding: chunked",
    ];
    let lengths = [
        "Content-Length: 0".to_owned(),
        format!("content-length: {size}"),
        format!("Content-Length: {size}, {size}"),
        format!("Content-Length: 0\r\nContent-Length: {size}"),
        format!("Content-Length: +{size}"),
        "Content-Length: 0x5".to_owned(),
        "Content-Length: 18446744073709551617".to_owned(),
        "Content_Length: 0".to_owned(),
        "content-length : 0".to_owned(),
    ];
    let mut all: Vec<String> = te.iter().map(|line| format!("{line}\r\n")).collect();
    all.extend(lengths.iter().map(|line| format!("{line}\r\n")));
    for (n, te) in te.iter().enumerate() {
        let length = &lengths[n % lengths.len()];
        all.push(format!("{te}\r\n{length}\r\n"));
        all.push(format!("{length}\r\n{te}\r\n"));
    }
    all
}

/// Ends a connection that is still good, so that no test waits.
const END: &str = "GET /end HTTP/1.0\r\nhost: a\r\n\r\n";
