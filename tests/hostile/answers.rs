//! An upstream that means harm, through the whole program: fault x protocol of the caller.

use std::time::Duration;

use serde_json::json;
use stile_kit::upstream::{API_KEY, Answer, Script};
use tokio::io::AsyncWriteExt;

use super::{creates, raw};
use crate::support::{close, records, world};

#[tokio::test]
async fn broken_answers_are_never_passed_on() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let raw = |text: &str| Script::Raw(text.as_bytes().to_vec());
    let ok = "HTTP/1.1 200 OK\r\n";
    let broken = [
        raw(&format!("{ok}x: a\rb\r\ncontent-length: 0\r\n\r\n")),
        raw(&format!("{ok}x: a\0b\r\ncontent-length: 0\r\n\r\n")),
        raw(&format!(
            "{ok}x: a\r\n folded: b\r\ncontent-length: 0\r\n\r\n"
        )),
        raw(&format!("{ok}x y: a\r\ncontent-length: 0\r\n\r\n")),
        raw(&format!("{ok}: a\r\ncontent-length: 0\r\n\r\n")),
        raw(&format!(
            "{ok}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        )),
        raw(&format!(
            "{ok}content-length: 2\r\ncontent-length: 3\r\n\r\nabc"
        )),
        raw(&format!("{ok}content-length: 2, 2\r\n\r\nab")),
        raw(&format!("{ok}content-length: -1\r\n\r\n")),
        raw(&format!("{ok}content-length: +1\r\n\r\na")),
        raw(&format!("{ok}transfer-encoding: gzip\r\n\r\nab")),
        raw(&format!("{ok}transfer-encoding: xchunked\r\n\r\nab")),
        raw("HTTP/1.1 999 Strange\r\ncontent-length: 0\r\n\r\n"),
        raw("HTTP/1.1 20 Short\r\ncontent-length: 0\r\n\r\n"),
        raw("garbage\r\n\r\n"),
        raw(""),
        Script::SwitchProtocols,
        Script::Interim(10_000),
        Script::HugeHeader(1 << 20),
        Script::CloseBeforeHead,
    ];
    for (n, script) in broken.into_iter().enumerate() {
        let shown = format!("{script:.200?}");
        world.upstream.script(script).await;
        let call = creates(&world, &token, "n");
        let call = if n % 2 == 0 { call } else { call.http2() };
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status, 502, "{shown}");
        assert_eq!(answer.json()["reason"], "upstream_bad_response", "{shown}");
        assert!(!answer.headers.contains_key("upgrade"), "{shown}");
    }
    world.upstream.script(Script::Well).await;
    assert_eq!(
        creates(&world, &token, "n").send().await.unwrap().status,
        200
    );
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_key_that_comes_back_stays_with_us_in_fields() {
    let world = world().await;
    let token = world.job_token(json!({}));
    for http2 in [false, true] {
        for script in [
            Script::EchoHeaders,
            Script::Redirect(format!("http://evil.example/?key={API_KEY}")),
            Script::Say(
                Answer::status(200)
                    .field("x-debug", &format!("a {API_KEY} b"))
                    .body("x"),
            ),
            Script::Say(Answer::status(200).body("x").trailer("x-late", API_KEY)),
            Script::Say(
                Answer::status(401)
                    .field("www-authenticate", &format!("Bearer realm=\"{API_KEY}\"")),
            ),
        ] {
            let shown = format!("{script:?}");
            world.upstream.script(script).await;
            let call = creates(&world, &token, "n").field("te", "trailers");
            let answer = if http2 { call.http2() } else { call }
                .send()
                .await
                .unwrap_or_else(|e| panic!("{shown} {http2}: {e}"));
            let fields = format!("{:?} {:?}", answer.headers, answer.trailers);
            assert!(!fields.contains(API_KEY), "{shown}: {fields}");
            assert_ne!(answer.status, 502, "{shown}");
        }
    }
    assert!(
        world.stile.said().contains("key"),
        "an echo is told to the operator"
    );
    close(world, &[token]).await;
}

#[tokio::test]
async fn an_upstream_cannot_speak_for_us() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let mut said = Answer::status(200).body("{}");
    let names = [
        "set-cookie",
        "Set-Cookie2",
        "stile-decision",
        "Stile-Record",
        "x-stile-subject",
        "alt-svc",
        "strict-transport-security",
        "clear-site-data",
        "www-authenticate",
        "keep-alive",
        "upgrade",
        "proxy-authenticate",
        "refresh",
        "report-to",
        "access-control-allow-credentials",
        "set_cookie",
        "stile_decision",
        "x-nominated",
    ];
    for name in names {
        said = said.field(name, "forged-7c0ffee7");
    }
    world
        .upstream
        .script(Script::Say(said.field("connection", "x-nominated")))
        .await;
    for http2 in [false, true] {
        let call = creates(&world, &token, "n");
        let answer = if http2 { call.http2() } else { call }
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status, 200);
        let fields = format!("{:?}", answer.headers);
        assert!(!fields.contains("forged-7c0ffee7"), "{fields}");
        let decision = answer.field("stile-decision").to_owned();
        assert!(
            records(&world.stile.journal())
                .iter()
                .any(|r| r.word("id") == decision)
        );
    }
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_seen_to_break_off() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let host = raw::authority(world.stile.url()).to_owned();
    let framed = |text: &str| Script::Raw(format!("HTTP/1.1 200 OK\r\n{text}").into_bytes());
    let scripts = [
        Script::TruncatedBody,
        Script::MissingLastChunk,
        framed("transfer-encoding: chunked\r\n\r\n5\r\nhel"),
        framed("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"),
        framed("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"),
        framed("content-length: 100\r\n\r\nhello"),
    ];
    let request = format!(
        "POST /public/v0.2/acme/projects/X/streams HTTP/1.1\r\nhost: {host}\r\n\
         authorization: Bearer {token}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    for script in scripts {
        let shown = format!("{script:?}");
        let before = ends(&world).len();
        world.upstream.script(script).await;
        let mut stream = raw::connect(world.stile.url()).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let read = raw::read_for(&mut stream, Duration::from_secs(5)).await;
        let answers = raw::answers(&read);
        let passed = answers.first().is_some_and(|a| a.whole && a.status != 502);
        assert!(!passed, "{shown}: passed for whole: {answers:?}");
        let over_http2 = creates(&world, &token, "n").http2().send().await;
        assert!(
            over_http2.map_or(true, |answer| answer.status == 502),
            "{shown}"
        );
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while ends(&world).len() < before + 2 {
            assert!(
                tokio::time::Instant::now() < deadline,
                "{shown}: no outcome"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for end in &ends(&world)[before..] {
            assert!(
                matches!(end.as_str(), "truncated" | "upstream_error"),
                "{shown}: {end}"
            );
        }
    }
    close(world, &[token]).await;
}

#[tokio::test]
async fn trailers_never_make_a_whole_answer_look_broken() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let key_late = format!("x-late: {API_KEY}\r\n");
    let announcements = [
        "",
        "trailer: x-late\r\n",
        "trailer: x-other\r\n",
        "trailer: te, host\r\n",
    ];
    for announced in announcements {
        for late in [
            "x-late: 1\r\n",
            key_late.as_str(),
            "content-length: 9\r\nhost: evil\r\n",
            "",
        ] {
            let answer = format!(
                "HTTP/1.1 200 OK\r\n{announced}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n{late}\r\n"
            );
            world
                .upstream
                .script(Script::Raw(answer.clone().into_bytes()))
                .await;
            for te in ["", "trailers", "gzip, Trailers", "deflate"] {
                for http2 in [false, true] {
                    let mut call = creates(&world, &token, "n");
                    if te == "trailers" || (!te.is_empty() && !http2) {
                        call = call.field("te", te);
                    }
                    let call = if http2 { call.http2() } else { call };
                    let got = call.send().await;
                    let got = got.unwrap_or_else(|e| panic!("{answer:?} te={te} {http2}: {e}"));
                    assert_eq!(got.text(), "x", "{answer:?} te={te} {http2}");
                    assert!(!format!("{:?}", got.trailers).contains(API_KEY));
                    let passes = late.starts_with("x-late: 1")
                        && (http2 || (announced.contains("x-late") && te.ends_with("railers")));
                    let late = got.trailers.unwrap_or_default();
                    assert_eq!(
                        late.contains_key("x-late"),
                        passes,
                        "{answer:?} te={te} {http2}"
                    );
                }
            }
        }
    }
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_second_answer_reaches_nobody() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let two = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond";
    for script in [
        Script::Raw(two.as_bytes().to_vec()),
        Script::SpeakFirst(two.as_bytes().to_vec()),
    ] {
        for _ in 0..4 {
            world.upstream.script(script.clone()).await;
            let _ = creates(&world, &token, "n").send().await.unwrap();
            world.upstream.script(Script::Well).await;
            let next = creates(&world, &token, "n").send().await.unwrap();
            assert!(
                !next.text().contains("second") && !next.text().contains("first"),
                "{}",
                next.text()
            );
        }
    }
    close(world, &[token]).await;
}

fn ends(world: &stile_kit::World) -> Vec<String> {
    let all = records(&world.stile.journal());
    let outcomes = all.iter().filter(|r| r.is("outcome"));
    outcomes.map(|r| r.word("end").to_owned()).collect()
}
