//! What is in flight when its principal is ended is cut: answers, uploads, waits, streams both ways.

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use stile_kit::upstream::Script;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::hostile::raw::{authority, connect, find};

const JOB: &str = "project_path:acme/shop/api:ref_type:branch:ref:main";
const STREAMS: &str = "/public/v0.2/acme/projects/X/streams";

/// Ends the job, as an operator does.
async fn end(world: &World) -> Instant {
    let words = [
        "sessions",
        "end",
        "--issuer",
        "gitlab",
        "--subject",
        JOB,
        "--why",
        "taken over",
    ];
    let (code, _, said) = command(world, &words).await;
    assert_eq!(code, 0, "{said}");
    Instant::now()
}

/// The outcome of the last allowed request says that it was cut, and why.
async fn cut(world: &World) {
    let begun = Instant::now();
    loop {
        let all = records(&world.stile.journal());
        if let Some(outcome) = all.iter().rev().find(|one| one.is("outcome")) {
            assert_eq!(outcome.word("end"), "truncated", "{}", outcome.json);
            assert_eq!(outcome.word("reason"), "ended", "{}", outcome.json);
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "no outcome");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn head(world: &World, fields: &str) -> String {
    let (host, token) = (authority(world.stile.url()), world.job_token(json!({})));
    format!(
        "POST {STREAMS} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/vnd.api+json\r\n{fields}\r\n"
    )
}

async fn read_until(stream: &mut TcpStream, holds: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    while !holds(&read) {
        let took = tokio::time::timeout(PATIENCE, stream.read(&mut piece)).await;
        match took.expect("something comes") {
            Ok(0) | Err(_) => break,
            Ok(count) => read.extend_from_slice(&piece[..count]),
        }
    }
    read
}

#[tokio::test]
async fn an_answer_that_is_on_its_way_is_cut() {
    let world = ending_world().await;
    world.upstream.script(Script::AnswerAndRead).await;
    let mut stream = connect(world.stile.url()).await;
    let head = head(&world, "content-length: 2\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"{}").await.unwrap();
    let read = read_until(&mut stream, |read| find(read, b"\r\n\r\n").is_some()).await;
    assert!(
        read.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&read)
    );
    let ended = end(&world).await;
    let rest = read_until(&mut stream, |_| false).await;
    assert!(ended.elapsed() < BOUND, "{:?}", ended.elapsed());
    println!("an answer is cut after {:?}", ended.elapsed());
    assert!(find(&rest, b"0\r\n\r\n").is_none(), "it looks whole");
    cut(&world).await;
    crate::support::close(world, &[]).await;
}

#[tokio::test]
async fn an_upload_that_is_on_its_way_is_cut() {
    let world = ending_world().await;
    let mut stream = connect(world.stile.url()).await;
    let head = head(&world, "content-length: 100000\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[b' '; 1000]).await.unwrap();
    decided(&world).await;
    let ended = end(&world).await;
    let read = read_until(&mut stream, |read| find(read, b"ended").is_some()).await;
    assert!(ended.elapsed() < BOUND, "{:?}", ended.elapsed());
    println!("an upload is cut after {:?}", ended.elapsed());
    assert!(
        read.starts_with(b"HTTP/1.1 401"),
        "{}",
        String::from_utf8_lossy(&read)
    );
    cut(&world).await;
    crate::support::close(world, &[]).await;
}

#[tokio::test]
async fn a_wait_for_an_answer_is_cut() {
    let world = ending_world().await;
    world
        .upstream
        .script(Script::SlowHead(Duration::from_secs(8)))
        .await;
    let mut stream = connect(world.stile.url()).await;
    let head = head(&world, "content-length: 2\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"{}").await.unwrap();
    decided(&world).await;
    let ended = end(&world).await;
    let read = read_until(&mut stream, |read| find(read, b"ended").is_some()).await;
    assert!(ended.elapsed() < BOUND, "{:?}", ended.elapsed());
    assert!(
        read.starts_with(b"HTTP/1.1 401"),
        "{}",
        String::from_utf8_lossy(&read)
    );
    cut(&world).await;
    crate::support::close(world, &[]).await;
}

/// Waits until a request is allowed.
async fn decided(world: &World) {
    let begun = Instant::now();
    loop {
        let all = records(&world.stile.journal());
        if all.iter().any(|one| one.word("decision") == "allow") {
            // On its way, too.
            tokio::time::sleep(Duration::from_millis(100)).await;
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing is allowed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_stream_of_http2_is_reset() {
    let world = ending_world().await;
    world.upstream.script(Script::AnswerAndRead).await;
    let io = TokioIo::new(connect(world.stile.url()).await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::post(format!("{}{STREAMS}", world.stile.url()))
        .header(
            "authorization",
            format!("Bearer {}", world.job_token(json!({}))),
        )
        .header("content-type", "application/vnd.api+json")
        .body(Full::new(bytes::Bytes::from("{}")))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let ended = end(&world).await;
    let read = tokio::time::timeout(PATIENCE, answer.into_body().collect())
        .await
        .unwrap();
    assert!(ended.elapsed() < BOUND, "{:?}", ended.elapsed());
    println!("a stream of HTTP/2 is reset after {:?}", ended.elapsed());
    assert!(read.is_err(), "it looks whole");
    cut(&world).await;
    crate::support::close(world, &[]).await;
}

#[tokio::test]
async fn a_grpc_stream_that_is_open_both_ways_is_reset() {
    let upstream = BothWays::start().await;
    let mut ground = ending_ground().await;
    let telemetry = ground.settings.find("  - name: telemetry\n").unwrap();
    let after = ground.settings.split_off(telemetry);
    ground.settings += &after.replacen(&ground.upstream.url(), &upstream.url, 1);
    let world = ground.serve(program()).await.unwrap();
    ready(&world).await;
    let io = TokioIo::new(connect(world.stile.url()).await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let (send, pieces) = tokio::sync::mpsc::channel(4);
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let request = Request::post(format!("{}{path}", world.stile.url()))
        .header(
            "authorization",
            format!("Bearer {}", world.job_token(json!({}))),
        )
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Pieces(pieces))
        .unwrap();
    send.send(bytes::Bytes::from_static(&[0, 0, 0, 0, 0]))
        .await
        .unwrap();
    let answer = tokio::time::timeout(PATIENCE, sender.send_request(request)).await;
    let mut body = answer.unwrap().unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok(), "a first piece comes");
    let ended = end(&world).await;
    let read = tokio::time::timeout(PATIENCE, body.collect())
        .await
        .unwrap();
    assert!(ended.elapsed() < BOUND, "{:?}", ended.elapsed());
    println!(
        "a gRPC stream both ways is reset after {:?}",
        ended.elapsed()
    );
    assert!(read.is_err(), "it looks whole");
    // Neither side of it is open any more.
    let begun = Instant::now();
    while send.send(bytes::Bytes::from_static(b"x")).await.is_ok() {
        assert!(begun.elapsed() < PATIENCE, "the upload goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cut(&world).await;
    crate::support::close(world, &[]).await;
}

/// An upstream that answers each request of HTTP/2 at once with one piece, reads on, and never ends.
struct BothWays {
    url: String,
    task: tokio::task::AbortHandle,
}

impl BothWays {
    async fn start() -> BothWays {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serve = hyper::service::service_fn(both_ways);
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::spawn(server.serve_connection(TokioIo::new(stream), serve));
            }
        });
        let task = task.abort_handle();
        BothWays { url, task }
    }
}

async fn both_ways(
    request: Request<hyper::body::Incoming>,
) -> Result<http::Response<Pieces>, std::convert::Infallible> {
    let (send, pieces) = tokio::sync::mpsc::channel(1);
    send.send(bytes::Bytes::from_static(b"first"))
        .await
        .unwrap();
    tokio::spawn(async move {
        // Ends with the request, and only then lets go of the answer.
        let _ = request.into_body().collect().await;
        drop(send);
    });
    let answer = http::Response::builder().header("content-type", "application/grpc");
    Ok(answer.body(Pieces(pieces)).unwrap())
}

impl Drop for BothWays {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A body that lasts as long as somebody may send.
struct Pieces(tokio::sync::mpsc::Receiver<bytes::Bytes>);

impl http_body::Body for Pieces {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        let piece = self.0.poll_recv(cx);
        piece.map(|piece| piece.map(|piece| Ok(http_body::Frame::data(piece))))
    }
}

#[tokio::test]
async fn what_is_in_flight_for_others_goes_on() {
    let world = ending_world().await;
    let pause = Duration::from_millis(300);
    let script = Script::SlowBody { pieces: 6, pause };
    world.upstream.script(script).await;
    let mira = world.person_token("mira@acme", &["lightstep-payments"]);
    let read = world.api("GET", "X/metric_dashboards/checkout-latency");
    let reading = tokio::spawn(read.token(&mira).send());
    decided(&world).await;
    end(&world).await;
    let answer = reading.await.unwrap().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    crate::support::close(world, &[mira]).await;
}
