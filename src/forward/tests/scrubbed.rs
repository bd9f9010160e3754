//! An upstream that says our key back in its body, to callers who must not learn it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use stile_kit::tls::DevCa;
use stile_kit::upstream::{Answer, Script};

use super::*;

fn scrubbing(settings: &mut UpstreamSettings) {
    settings.scrub_bodies = true;
}

async fn bench() -> Bench {
    Bench::over(Upstream::start().await, scrubbing)
}

fn blotted(text: &str) -> String {
    text.replace(API_KEY, &"*".repeat(API_KEY.len()))
}

#[tokio::test]
async fn a_key_in_a_body_is_blotted_out_and_the_length_stays() {
    let said = format!("{{\"sent\":\"bearer {API_KEY}\",\"n\":1}}");
    let answer = Answer::status(200).body(said.clone());
    let bench = bench().await;
    bench.upstream.script(Script::Say(answer.clone())).await;
    let told = bench.ask().await;
    assert_eq!(told.ending(), ("none", "complete"));
    assert_eq!(String::from_utf8(told.body).unwrap(), blotted(&said));
    let length = told.fields.get("content-length").unwrap();
    assert_eq!(length, &said.len().to_string());

    let open = Bench::start().await;
    open.upstream.script(Script::Say(answer)).await;
    let told = open.ask().await;
    assert_eq!(told.body, said.as_bytes(), "only where it is set");
}

#[tokio::test]
async fn a_key_that_ends_a_body_or_lies_across_its_pieces_is_found() {
    let bench = bench().await;
    let encoded = STANDARD.encode(format!("user:{API_KEY}"));
    for text in [API_KEY, &encoded, &format!("{API_KEY}{API_KEY}")] {
        for size in [1, 3, 7, text.len()] {
            let mut raw = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            for piece in text.as_bytes().chunks(size) {
                raw.extend(format!("{:x}\r\n", piece.len()).bytes());
                raw.extend(piece);
                raw.extend(b"\r\n");
            }
            raw.extend(b"0\r\n\r\n");
            bench.upstream.script(Script::Raw(raw)).await;
            let told = bench.ask().await;
            assert_eq!(told.ending(), ("none", "complete"));
            let body = String::from_utf8(told.body).unwrap();
            assert_eq!(body.len(), text.len());
            assert!(!body.contains(API_KEY), "{body}");
            assert!(body.ends_with("****") || body.ends_with("***="), "{body}");
        }
    }
}

#[tokio::test]
async fn what_waits_goes_before_the_trailers_and_they_are_kept() {
    let begins = API_KEY.get(..API_KEY.len() - 1).unwrap();
    let answer = Answer::status(200)
        .body(format!("no key: {begins}"))
        .trailer("grpc-status", "0")
        .trailer("x-echo", API_KEY);
    let bench = bench().await;
    bench.upstream.script(Script::Say(answer)).await;
    let told = bench.ask().await;
    assert_eq!(told.ending(), ("none", "complete"));
    assert_eq!(told.body, format!("no key: {begins}").as_bytes());
    assert_eq!(told.trailers.get("grpc-status").unwrap(), "0");
    assert!(
        told.trailers.get("x-echo").is_none(),
        "a trailer with the key"
    );
    assert_eq!(told.outcome.unwrap().grpc, Some(0));
}

#[tokio::test]
async fn the_upstream_is_asked_for_a_body_that_can_be_searched_and_another_is_refused() {
    let bench = bench().await;
    let mut ask = Ask::default();
    ask.field("accept-encoding", "gzip, br");
    ask.field("range", "bytes=0-9");
    let (answer, _outcomes) = bench.send(ask).await;
    Told::answered(answer.unwrap()).await;
    let seen = &bench.upstream.seen()[0];
    assert_eq!(seen.values("accept-encoding"), ["identity"]);
    assert!(seen.values("range").is_empty());
    for (name, coding, reason) in [
        ("content-encoding", "identity", "none"),
        ("content-encoding", "gzip", "upstream_bad_response"),
        (
            "content-encoding",
            "identity, gzip",
            "upstream_bad_response",
        ),
        ("grpc-encoding", "gzip", "upstream_bad_response"),
    ] {
        let answer = Answer::status(200).field(name, coding).body("x");
        bench.upstream.script(Script::Say(answer)).await;
        assert_eq!(bench.ask().await.reason(), reason, "{name}: {coding}");
    }
}

#[tokio::test]
async fn large_and_streaming_bodies_pass_whole_over_both_protocols() {
    let ca = DevCa::new();
    let folder = tempfile::tempdir().unwrap();
    let path = ca.write_to(folder.path());
    let secure = Bench::over(Upstream::start_tls(&ca).await, |settings| {
        settings.tls.ca_file = Some(path.clone());
        settings.scrub_bodies = true;
    });
    for bench in [bench().await, secure] {
        let pause = Duration::from_millis(20);
        for script in [
            Script::Stream(4 << 20),
            Script::SlowBody { pieces: 4, pause },
        ] {
            bench.upstream.script(script.clone()).await;
            let told = bench.ask().await;
            assert_eq!(told.ending(), ("none", "complete"), "{script:?}");
            let whole = told.outcome.unwrap().received_bytes;
            assert_eq!(told.body.len() as u64, whole, "{script:?}");
        }
    }
}
