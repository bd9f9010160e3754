//! Bodies in both directions: limits, back-pressure, breaks, trailers.

use stile_kit::upstream::{Answer, INGEST_KEY, Script};

use super::*;

fn post(ask: &mut Ask, body: Sent) {
    ask.method = Method::POST;
    ask.target = "/v1/traces".to_owned();
    ask.field("content-type", "application/json");
    ask.body = body;
}

fn piece(bytes: &'static [u8]) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(bytes))
}

/// What must happen, and not only when a connection times out.
async fn soon<T>(happening: impl Future<Output = T>) -> T {
    let most = Duration::from_millis(800);
    tokio::time::timeout(most, happening).await.expect("soon")
}

#[tokio::test]
async fn a_chunked_body_passes_whole_and_its_trailers_do_not() {
    let bench = Bench::start().await;
    let mut trailers = HeaderMap::new();
    trailers.insert("authorization", HeaderValue::from_static("late"));
    trailers.insert("content-length", HeaderValue::from_static("99"));
    let mut body = Sent::of(&[b"one ", b"two ", b"three"]);
    body.pieces.push_back(Ok(Frame::trailers(trailers)));
    let told = bench.ask_with(|ask| post(ask, body)).await;
    let seen = &bench.upstream.seen()[0];
    assert_eq!(seen.body, b"one two three");
    assert!(seen.trailers.is_empty());
    assert_eq!(told.outcome.unwrap().sent_bytes, 13);
}

#[tokio::test]
async fn a_post_without_body_says_so() {
    let bench = Bench::start().await;
    bench.ask_with(|ask| post(ask, Sent::of(&[]))).await;
    assert_eq!(
        bench.upstream.seen()[0].value("content-length").as_deref(),
        Some("0")
    );
}

#[tokio::test]
async fn a_body_declared_too_large_is_refused_before_anything_is_sent() {
    let bench = Bench::start().await;
    let told = bench
        .ask_with(|ask| {
            post(ask, Sent::of(&[b"12345678901"]));
            ask.most_bytes = 10;
            ask.field("content-length", "11");
        })
        .await;
    assert_eq!(told.ending(), ("body_too_large", "not_forwarded"));
    assert_eq!(bench.upstream.connections(), 0);
}

#[tokio::test]
async fn a_body_that_grows_too_large_breaks_off_at_the_upstream() {
    let bench = Bench::start().await;
    for (last, ending) in [
        (b"".as_slice(), ("none", "complete")),
        (b"1", ("body_too_large", "truncated")),
    ] {
        let count = bench.upstream.seen().len();
        let (feed, body) = Sent::fed();
        let feeding = tokio::spawn(async move {
            feed.send(Ok(piece(b"1234567890"))).await.unwrap();
            // So that the head leaves before the body breaks.
            tokio::time::sleep(Duration::from_millis(50)).await;
            feed.send(Ok(piece(last))).await.unwrap();
        });
        let told = bench
            .ask_with(|ask| {
                post(ask, body);
                ask.most_bytes = 10;
            })
            .await;
        feeding.await.unwrap();
        assert_eq!(told.ending(), ending);
        let seen = bench.upstream.wait_for(count + 1).await;
        assert_eq!(seen[count].complete, ending.1 == "complete");
        assert_eq!(seen[count].body, b"1234567890");
    }
}

#[tokio::test]
async fn a_callers_body_that_breaks_is_the_callers_end() {
    for (broke, ending) in [
        (Broke::Gone, ("malformed_request", "client_abort")),
        (Broke::Slow, ("client_timeout", "client_abort")),
    ] {
        let bench = Bench::start().await;
        let (feed, body) = Sent::fed();
        let feeding = tokio::spawn(async move {
            feed.send(Ok(piece(b"begun"))).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            feed.send(Err(broke)).await.unwrap();
        });
        let told = bench.ask_with(|ask| post(ask, body)).await;
        feeding.await.unwrap();
        assert_eq!(told.ending(), ending);
        let seen = bench.upstream.wait_for(1).await;
        assert_eq!(seen[0].body, b"begun");
        assert!(!seen[0].complete, "never a clean end");
    }
}

#[tokio::test]
async fn a_body_that_breaks_behind_an_answer_is_the_callers_end() {
    for (broke, end) in [(Broke::Gone, "client_abort"), (Broke::Slow, "client_abort")] {
        let bench = Bench::over(Upstream::start().await, |settings| {
            settings.idle_ms = 10_000;
        });
        bench.upstream.script(Script::AnswerAndRead).await;
        let (feed, body) = Sent::fed();
        let mut ask = Ask::default();
        post(&mut ask, body);
        let (answer, mut outcomes) = bench.send(ask).await;
        feed.send(Ok(piece(b"begun"))).await.unwrap();
        feed.send(Err(broke)).await.unwrap();
        let told = Told::answered(answer.unwrap()).await;
        assert!(told.broke);
        assert_eq!(outcomes.recv().await.unwrap().end.word(), end);
    }
}

#[tokio::test]
async fn a_slow_caller_is_not_a_slow_upstream() {
    let bench = Bench::start().await;
    let (feed, body) = Sent::fed();
    let feeding = tokio::spawn(async move {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            feed.send(Ok(Frame::data(Bytes::from_static(b"x"))))
                .await
                .unwrap();
        }
    });
    let told = bench.ask_with(|ask| post(ask, body)).await;
    feeding.await.unwrap();
    assert_eq!(
        told.ending(),
        ("none", "complete"),
        "an upstream has 300 ms"
    );
}

#[tokio::test]
async fn an_upstream_that_reads_nothing_holds_the_caller_back_and_times_out() {
    let bench = Bench::start().await;
    bench.upstream.script(Script::NeverReadBody).await;
    let (feed, body) = Sent::fed();
    let fed = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&fed);
    let feeding = tokio::spawn(async move {
        let piece = Bytes::from(vec![b'x'; 64 << 10]);
        while feed.send(Ok(Frame::data(piece.clone()))).await.is_ok() {
            count.fetch_add(piece.len(), std::sync::atomic::Ordering::Relaxed);
        }
    });
    let told = bench
        .ask_with(|ask| {
            post(ask, body);
            ask.most_bytes = 1 << 40;
        })
        .await;
    soon(feeding).await.unwrap();
    assert_eq!(told.ending(), ("upstream_timeout", "timeout"));
    let fed = fed.load(std::sync::atomic::Ordering::Relaxed);
    assert!(fed < 16 << 20, "{fed} bytes were taken from the caller");
}

#[tokio::test]
async fn a_large_upload_streams_through() {
    let bench = Bench::over(Upstream::start().await, |settings| {
        settings.head_ms = 10_000
    });
    let (feed, body) = Sent::fed();
    let feeding = tokio::spawn(async move {
        let piece = Bytes::from(vec![b'x'; 64 << 10]);
        for _ in 0..512 {
            feed.send(Ok(Frame::data(piece.clone()))).await.unwrap();
        }
    });
    let told = bench
        .ask_with(|ask| {
            post(ask, body);
            ask.most_bytes = 32 << 20;
        })
        .await;
    feeding.await.unwrap();
    assert_eq!(told.ending(), ("none", "complete"));
    assert_eq!(bench.upstream.seen()[0].body_bytes, 32 << 20);
    assert_eq!(told.outcome.unwrap().sent_bytes, 32 << 20);
}

#[tokio::test]
async fn a_large_answer_streams_through() {
    let bench = Bench::start().await;
    bench.upstream.script(Script::Stream(32 << 20)).await;
    let (answer, mut outcomes) = bench.send(Ask::default()).await;
    let mut body = answer.unwrap().into_body();
    let (mut received, mut largest) = (0, 0);
    while let Some(frame) = body.frame().await {
        let length = frame.unwrap().into_data().unwrap().len();
        received += length;
        largest = largest.max(length);
    }
    assert_eq!(received, 32 << 20);
    assert!(largest <= 256 << 10, "{largest} bytes in one piece");
    assert_eq!(outcomes.recv().await.unwrap().received_bytes, 32 << 20);
}

#[tokio::test]
async fn a_caller_who_reads_nothing_holds_the_upstream_back() {
    let bench = Bench::start().await;
    bench.upstream.script(Script::Stream(1 << 40)).await;
    let (answer, _outcomes) = bench.send(Ask::default()).await;
    let mut before = u64::MAX;
    // Until nothing moves any more: what is under way is then in the buffers of two sockets.
    while before != bench.upstream.streamed_bytes() {
        before = bench.upstream.streamed_bytes();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(before < 16 << 20, "{before} bytes are somewhere");
    drop(answer);
}

#[tokio::test]
async fn a_caller_who_leaves_is_recorded_and_the_upstream_let_go() {
    let bench = Bench::start().await;
    bench.upstream.script(Script::Stream(1 << 40)).await;
    let (answer, mut outcomes) = bench.send(Ask::default()).await;
    let mut body = answer.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    let outcome = outcomes.recv().await.unwrap();
    assert_eq!(outcome.end.word(), "client_abort");
    assert_eq!(outcome.status, Some(200));
    assert!(outcome.received_bytes > 0);
}

#[tokio::test]
async fn a_caller_who_leaves_before_the_head_is_recorded() {
    let bench = Bench::over(Upstream::start().await, |settings| {
        settings.head_ms = 60_000
    });
    bench.upstream.script(Script::Silent).await;
    let (tell, mut outcomes) = mpsc::unbounded_channel();
    let ask = Ask::default();
    let target = ask.target.parse().unwrap();
    let outbound = Outbound {
        upstream: "lightstep",
        method: &ask.method,
        path_and_query: &target,
        fields: &ask.fields,
        protocol: ask.protocol,
        trace: ask.trace,
        decision: ask.decision,
        caller: "job",
        places: &[],
        keep_bytes: 64 * 1024,
        standing: None,
        most_bytes: ask.most_bytes,
    };
    let sending = bench.upstreams.send(outbound, ask.body, Owed::Test(tell));
    let left = tokio::time::timeout(Duration::from_millis(100), sending).await;
    assert!(left.is_err());
    assert_eq!(outcomes.recv().await.unwrap().end.word(), "client_abort");
    assert_eq!(bench.upstreams.states()[0].in_flight, 0);
}

#[tokio::test]
async fn an_early_answer_is_delivered() {
    let bench = Bench::start().await;
    bench.upstream.script(Script::EarlyAnswer).await;
    let (feed, body) = Sent::fed();
    let told = bench.ask_with(|ask| post(ask, body)).await;
    soon(feed.closed()).await; // the rest of the body is not waited for
    assert_eq!(told.status, Some(StatusCode::PAYLOAD_TOO_LARGE));
    assert_eq!(told.ending(), ("none", "complete"));
}

#[tokio::test]
async fn answers_without_body_are_complete_unread() {
    let bench = Bench::start().await;
    for (method, answer) in [
        (Method::GET, Answer::status(204)),
        (Method::GET, Answer::status(304).field("etag", "x")),
        (Method::HEAD, Answer::status(200)),
        (Method::GET, Answer::status(200)),
    ] {
        bench.upstream.script(Script::Say(answer)).await;
        let ask = Ask {
            method,
            ..Ask::default()
        };
        let (answer, mut outcomes) = bench.send(ask).await;
        drop(answer.unwrap());
        assert_eq!(outcomes.recv().await.unwrap().end.word(), "complete");
    }
}

#[tokio::test]
async fn a_grpc_call_goes_by_http2_with_prior_knowledge_and_keeps_its_trailers() {
    let bench = Bench::over(Upstream::start().await, |settings| {
        settings.headers[0].name = HeaderName::from_static("lightstep-access-token");
        settings.headers[0].value = "{key}".to_owned();
        let path = settings.headers[0].key_file.clone().unwrap();
        std::fs::write(path, INGEST_KEY).unwrap();
    });
    let told = bench
        .ask_with(|ask| {
            ask.method = Method::POST;
            ask.target = "/opentelemetry.proto.collector.trace.v1.TraceService/Export".to_owned();
            ask.protocol = Protocol::Http2;
            ask.field("content-type", "application/grpc");
            ask.field("te", "trailers");
            ask.field("grpc-timeout", "10S");
            ask.body = Sent::of(&[b"\0\0\0\0\0"]);
        })
        .await;
    assert_eq!(told.ending(), ("none", "complete"));
    assert_eq!(told.trailers.get("grpc-status").unwrap(), "0");
    assert_eq!(told.outcome.unwrap().grpc, Some(0));
    let seen = &bench.upstream.seen()[0];
    assert_eq!(seen.protocol, "h2");
    assert_eq!(seen.authority, Some(bench.upstream.address().to_string()));
    assert!(seen.values("host").is_empty());
    assert_eq!(seen.value("te").as_deref(), Some("trailers"));
    assert_eq!(seen.value("grpc-timeout").as_deref(), Some("10S"));
    assert_eq!(
        seen.value("lightstep-access-token").as_deref(),
        Some(INGEST_KEY)
    );
    assert_eq!(seen.value("via").as_deref(), Some("2 stile"));
}

#[tokio::test]
async fn a_grpc_refusal_in_the_head_is_noted() {
    let bench = Bench::start().await;
    let told = bench
        .ask_with(|ask| {
            ask.method = Method::POST;
            ask.target = "/opentelemetry.proto.collector.trace.v1.TraceService/Export".to_owned();
            ask.field("content-type", "application/grpc+proto");
            ask.body = Sent::of(&[b"\0\0\0\0\0"]);
        })
        .await;
    assert_eq!(told.outcome.unwrap().grpc, Some(16));
}
