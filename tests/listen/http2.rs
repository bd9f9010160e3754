//! HTTP/2: the same checks on fields and pseudo-fields.

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, Version};
use stile::listen::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stand::{Call, Stand, read_to_end, soon};

async fn caller(stand: &Stand) -> SendRequest<Bytes> {
    let (caller, connection) = soon(h2::client::handshake(stand.connect().await))
        .await
        .unwrap();
    tokio::spawn(connection);
    soon(caller.ready()).await.unwrap()
}

async fn ask(
    caller: &mut SendRequest<Bytes>,
    request: Request<()>,
) -> Result<(u16, String), h2::Error> {
    let (response, _) = caller.send_request(request, true)?;
    let response = soon(response).await?;
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(bytes) = soon(body.data()).await {
        text.extend_from_slice(&bytes?);
    }
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}

fn get(uri: &str) -> http::request::Builder {
    Request::builder().version(Version::HTTP_2).uri(uri)
}

#[tokio::test]
async fn a_plain_request_is_received_over_http2() {
    let stand = Stand::clear();
    let mut caller = caller(&stand).await;
    let request = get("http://API.example:80/a?b").body(()).unwrap();
    let answer = ask(&mut caller, request).await.unwrap();
    assert_eq!(answer, (200, "received /a".to_owned()));
    let [
        Call::Received {
            target,
            host,
            protocol,
            ..
        },
    ] = &stand.memory.calls()[..]
    else {
        panic!("received");
    };
    assert_eq!(
        (target.as_str(), host.as_str(), *protocol),
        ("/a?b", "api.example:80", "h2")
    );
}

#[tokio::test]
async fn one_change_to_a_good_request_refuses_it() {
    let stand = Stand::clear();
    let mut caller = caller(&stand).await;
    let many = |mut builder: http::request::Builder, count| {
        for at in 0..count {
            builder = builder.header(format!("x-{at}"), "y");
        }
        builder
    };
    let wide = "v".repeat(33 * 1024);
    let long = format!("http://a.example/{}", "a".repeat(9000));
    for (builder, status, reason) in [
        (
            get("http://a.example/").header("host", "b.example"),
            400,
            "bad_host",
        ),
        (
            get("http://a.example/").header("host", "a.example:80"),
            400,
            "bad_host",
        ),
        (
            get("http://a.example/")
                .header("host", "a.example")
                .header("host", "a.example"),
            400,
            "bad_host",
        ),
        (get("http://u:p@a.example/"), 400, "bad_target"),
        (get("ftp://a.example/"), 400, "bad_target"),
        (get("http://a.example:0/"), 400, "bad_host"),
        (get("http://a.example./"), 400, "bad_host"),
        (get("http://a.example/{a}"), 400, "bad_target"),
        (get("http://a.example/a|b"), 400, "bad_target"),
        (get("http://a.example/\u{e9}"), 400, "bad_target"),
        (get("http://a.example/?\u{e9}"), 400, "bad_target"),
        (
            get("http://a.example/").method("PURGE"),
            404,
            "no_operation",
        ),
        (get("http://a.example/").method("get"), 404, "no_operation"),
        (
            get("http://a.example/").method("TRACE"),
            404,
            "no_operation",
        ),
        (
            get("http://a.example/").header("x_forwarded_user", "root"),
            400,
            "malformed_request",
        ),
        (
            get("http://a.example/").header("x.y", "z"),
            400,
            "malformed_request",
        ),
        (
            get("http://a.example/").header("expect", "magic"),
            400,
            "malformed_request",
        ),
        (
            get("http://a.example/").header("x", wide),
            431,
            "header_too_large",
        ),
        (many(get("http://a.example/"), 101), 431, "header_too_large"),
        (get(&long), 414, "uri_too_long"),
    ] {
        let request = builder.body(()).unwrap();
        let shown = format!("{request:.200?}");
        let before = stand.memory.calls().len();
        let answer = ask(&mut caller, request).await.unwrap();
        assert_eq!(answer, (status, reason.to_owned()), "{shown}");
        let calls = stand.memory.calls();
        assert!(
            matches!(calls[before..], [Call::TurnedAway { .. }]),
            "{shown}"
        );
    }
    let good = get("http://a.example/")
        .header("host", "A.example")
        .body(())
        .unwrap();
    assert_eq!(ask(&mut caller, good).await.unwrap().0, 200);
}

#[tokio::test]
async fn a_length_that_the_body_does_not_have_breaks_it() {
    let stand = Stand::clear();
    for (length, body) in [("5", "hell"), ("5", "hello!")] {
        let mut caller = caller(&stand).await;
        let request = get("http://a.example/p")
            .method("POST")
            .header("content-length", length);
        let (response, mut stream) = caller
            .send_request(request.body(()).unwrap(), false)
            .unwrap();
        stream.send_data(Bytes::from(body), true).unwrap();
        assert!(soon(response).await.is_err(), "{body}");
    }
    for call in stand.memory.calls() {
        assert!(
            matches!(
                call,
                Call::Received {
                    body: Err("broken off"),
                    ..
                }
            ),
            "{call:?}"
        );
    }
}

/// `NO_ERROR` from a server ends an answer early (RFC 9113 8.1); from a caller it ends nothing.
#[tokio::test]
async fn a_body_that_its_caller_takes_back_is_broken_off_whatever_the_code() {
    let stand = Stand::clear();
    let mut caller = caller(&stand).await;
    for (n, code) in [
        h2::Reason::CANCEL,
        h2::Reason::NO_ERROR,
        h2::Reason::REFUSED_STREAM,
    ]
    .into_iter()
    .enumerate()
    {
        for sent in [&b"hell"[..], b""] {
            let before = stand.memory.calls().len();
            let request = get("http://a.example/p").method("POST").body(()).unwrap();
            let (response, mut stream) = caller.send_request(request, false).unwrap();
            stream.send_data(Bytes::from(sent), false).unwrap();
            stand.begun().await;
            stream.send_reset(code);
            assert!(soon(response).await.is_err(), "{n}");
            stand.called(before + 1).await;
            let calls = stand.memory.calls();
            let Call::Received { body, .. } = &calls[before] else {
                panic!("received");
            };
            assert_eq!(*body, Err("broken off"), "{code:?} after {sent:?}");
        }
    }
    let request = get("http://a.example/p").method("POST").body(()).unwrap();
    let (response, mut stream) = caller.send_request(request, false).unwrap();
    stream
        .send_data(Bytes::from_static(b"hello"), true)
        .unwrap();
    assert_eq!(soon(response).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_silent_body_times_out_over_http2() {
    let limits = Limits {
        body_idle_ms: 50,
        ..Limits::default()
    };
    let stand = Stand::with(limits, None);
    let mut caller = caller(&stand).await;
    let request = get("http://a.example/p").method("POST").body(()).unwrap();
    let (response, mut stream) = caller.send_request(request, false).unwrap();
    stream.send_data(Bytes::from_static(b"he"), false).unwrap();
    assert_eq!(soon(response).await.unwrap().status(), 408);
}

#[tokio::test]
async fn a_preface_in_pieces_is_still_http2() {
    let stand = Stand::clear();
    let mut stream = stand.connect().await;
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream
        .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    let mut frame = [0; 9];
    soon(stream.read_exact(&mut frame)).await.unwrap();
    assert_eq!(frame[3], 4, "a SETTINGS frame");
}

#[tokio::test]
async fn an_http2_connection_without_requests_ends() {
    let limits = Limits {
        head_ms: 50,
        drain_ms: 50,
        ..Limits::default()
    };
    let stand = Stand::with(limits, None);
    let mut stream = stand.connect().await;
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    read_to_end(&mut stream).await;
    assert!(stand.memory.calls().is_empty());
}

#[tokio::test]
async fn a_drain_lets_running_streams_finish() {
    let stand = Stand::clear();
    let mut caller = caller(&stand).await;
    let request = get("http://a.example/wait").body(()).unwrap();
    let (response, _) = caller.send_request(request, true).unwrap();
    stand.begun().await;
    stand.trigger.drain();
    stand.memory.may_answer.add_permits(1);
    assert_eq!(soon(response).await.unwrap().status(), 200);
    drop(caller);
    soon(stand.served).await.unwrap();
}
