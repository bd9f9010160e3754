//! Each protocol that a caller may choose, Grafana's manners, and answers that come piece by piece.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::json;
use stile_kit::World;
use stile_kit::upstream::API_KEY;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::curl_job;
use super::through_stile::{STREAMS, arrived_with, clear, stream, tls};
use crate::support;

#[tokio::test]
async fn curl_is_answered_over_every_protocol_that_it_speaks() {
    let world = support::world().await;
    let token = world.job_token(json!({}));
    let body = world
        .stile
        .folder()
        .write("stream.json", &stream())
        .unwrap();
    let body = body.to_str().unwrap();
    let (clear, tls) = (clear(&world, &token), tls(&world, &token));
    for (called, option, protocol) in [
        (&clear, "--http1.0", "1"),
        (&clear, "--http1.1", "1.1"),
        // It asks for an upgrade, which nobody has to follow (RFC 9113 3.1 has no h2c any more).
        (&clear, "--http2", "1.1"),
        (&clear, "--http2-prior-knowledge", "2"),
        (&tls, "--http1.1", "1.1"),
        (&tls, "--http2", "2"),
        (&tls, "--tls-max 1.2", "2"),
    ] {
        let before = world.upstream.seen().len();
        let mut flags = vec!["POST", STREAMS, body, "application/vnd.api+json"];
        flags.extend(option.split(' '));
        let Some(said) = curl_job(called, &flags).await else {
            return;
        };
        assert_eq!(
            (&said["exit"], &said["status"]),
            (&json!(0), &json!(200)),
            "{option}: {said}"
        );
        assert_eq!(said["protocol"], protocol, "{option}: {said}");
        arrived_with(&world, before, API_KEY, &token);
    }
    support::close(world, &[token]).await;
}

/// Grafana's server calls for the person who is signed in there, whose token it passes on. Cookies it
/// keeps to itself unless its data source says otherwise, and then stile says which of two counts: none.
#[tokio::test]
async fn grafana_reads_as_the_person_whose_token_it_passes_on() {
    let world = support::world().await;
    let token = world.person_token("mira@acme.example", &["lightstep-payments"]);
    let id_token = world.person_token("mira@acme.example", &[]);
    let ca = std::fs::read(world.ca.write_to(world.stile.folder().path())).unwrap();
    let call = |bearer: &str| {
        let url = format!("{}/public/v0.2/acme/projects/X", world.stile.urls[1]);
        let mut call = stile_kit::Call::new("GET", url).trusting(&ca).token(bearer);
        for (name, value) in [
            ("user-agent", "Grafana/11.2.0"),
            ("accept", "application/json, text/plain, */*"),
            ("accept-encoding", "gzip"),
            ("x-id-token", id_token.as_str()),
            ("x-grafana-org-id", "1"),
            ("x-grafana-device-id", "5b1f0f0c9d7e4f"),
            ("x-datasource-uid", "lightstep"),
            ("x-dashboard-uid", "checkout"),
            ("x-panel-id", "2"),
            ("x-forwarded-for", "10.1.2.3, 10.1.2.4"),
        ] {
            call = call.field(name, value);
        }
        call
    };
    for http2 in [false, true] {
        let before = world.upstream.seen().len();
        let call = call(&token);
        let answer = if http2 { call.http2() } else { call }
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        arrived_with(&world, before, API_KEY, &token);
        let seen = world.upstream.seen_since(before).remove(0);
        for ours in [id_token.as_str(), "10.1.2.3", "5b1f0f0c9d7e4f"] {
            assert!(!seen.mentions(ours), "{ours} crossed: {seen:?}");
        }
    }
    let refused = call("head.claims.signature").send().await.unwrap();
    assert_eq!(refused.status, 401, "{refused:?}");
    support::close(world, &[token, id_token]).await;
}

/// Answers every request with two events, the second one when it is told that the first arrived.
async fn events() -> (std::net::SocketAddr, mpsc::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, (sender, mut arrived)) = (listener.local_addr().unwrap(), mpsc::channel(1));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 8 << 10];
            let size = stream.read(&mut head).await.unwrap();
            assert!(head[..size].ends_with(b"\r\n\r\n"), "a head and no body");
            let first = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                connection: close\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";
            stream.write_all(first).await.unwrap();
            arrived.recv().await;
            let _ = stream.write_all(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n").await;
        }
    });
    (address, sender)
}

async fn world_of_events(address: std::net::SocketAddr) -> World {
    let ground = support::ground().await;
    let url = format!("url: {}\n    operations: lightstep", ground.upstream.url());
    let ours = format!("url: http://{address}\n    operations: lightstep");
    let ground = ground.with(&url, &ours);
    ground.serve(support::program()).await.unwrap()
}

#[tokio::test]
async fn an_event_reaches_its_reader_before_the_next_one_is_sent() {
    let (address, arrived) = events().await;
    let world = world_of_events(address).await;
    let token = world.job_token(json!({}));
    let host = world.stile.url().trim_start_matches("http://");

    let mut stream = TcpStream::connect(host).await.unwrap();
    let request = format!(
        "POST {STREAMS} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
         accept: text/event-stream\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let until = |text: &str, read: &[u8]| String::from_utf8_lossy(read).contains(text);
    for event in [FIRST, "data: 2\n\n"] {
        while !until(event, &read) {
            let mut piece = [0; 4096];
            let size = soon(stream.read(&mut piece)).await.unwrap();
            assert!(size > 0, "ended before {event:?}");
            read.extend_from_slice(&piece[..size]);
        }
        if event == FIRST {
            let _ = arrived.send(()).await;
        }
    }
    assert!(until("text/event-stream", &read));

    let stream = TcpStream::connect(host).await.unwrap();
    let (caller, connection) = soon(h2::client::handshake(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post(format!("http://{host}{STREAMS}"))
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "text/event-stream")
        .body(())
        .unwrap();
    let mut caller = soon(caller.ready()).await.unwrap();
    let (answer, _) = caller.send_request(request, true).unwrap();
    let mut body = soon(answer).await.unwrap().into_body();
    for event in [FIRST, "data: 2\n\n"] {
        let piece = soon(body.data()).await.unwrap().unwrap();
        assert_eq!(piece, Bytes::from_static(event.as_bytes()));
        if event == FIRST {
            let _ = arrived.send(()).await;
        }
    }
    while let Some(rest) = soon(body.data()).await {
        assert_eq!(rest.unwrap(), Bytes::new(), "nothing but the end");
    }
    support::close(world, &[token]).await;
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), future)
        .await
        .expect("in time")
}

const FIRST: &str = "data: 1\n\n";
