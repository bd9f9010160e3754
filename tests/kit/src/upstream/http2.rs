//! Serves HTTP/2 with hyper.
//!
//! In: a connection. Out: one [`Seen`] per stream, and what the [`Script`] says; faults of bytes
//! that HTTP/2 does not know become a reset stream.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Shared;
use super::script::{Answer, Script};
use super::seen::Seen;

type Body = Channel<Bytes, io::Error>;

/// Serves the connection until either end has enough.
pub(super) async fn serve<S>(stream: S, peer: SocketAddr, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let receive = hyper::service::service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { exchange(request, peer, &shared).await }
    });
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), receive)
        .await;
}

async fn exchange(
    request: Request<Incoming>,
    peer: SocketAddr,
    shared: &Shared,
) -> io::Result<Response<Body>> {
    let (head, mut body) = request.into_parts();
    let mut seen = Seen {
        method: head.method.to_string(),
        target: head
            .uri
            .path_and_query()
            .map_or("*", |pq| pq.as_str())
            .to_owned(),
        protocol: "h2".to_owned(),
        authority: head.uri.authority().map(ToString::to_string),
        fields: flat(&head.headers),
        trailers: Vec::new(),
        body: Vec::new(),
        body_bytes: 0,
        complete: false,
        peer,
    };
    match shared.script() {
        Script::EarlyAnswer => {
            shared.remember(seen.clone());
            return Ok(whole(shared.answer(&seen)));
        }
        Script::NeverReadBody | Script::Silent => {
            shared.remember(seen);
            return std::future::pending().await;
        }
        _ => {}
    }
    loop {
        match body.frame().await {
            None => break,
            Some(Err(broken)) => {
                shared.remember(seen);
                return Err(io::Error::other(broken));
            }
            Some(Ok(frame)) => {
                if let Some(bytes) = frame.data_ref() {
                    seen.add_body(bytes);
                } else if let Some(trailers) = frame.trailers_ref() {
                    seen.trailers = flat(trailers);
                }
            }
        }
    }
    seen.complete = true;
    shared.remember(seen.clone());
    answer(&seen, shared).await
}

async fn answer(seen: &Seen, shared: &Shared) -> io::Result<Response<Body>> {
    match shared.script() {
        Script::SlowHead(pause) => tokio::time::sleep(pause).await,
        Script::SlowBody { pieces, pause } => return Ok(pieces_of(pieces, pause, After::End)),
        Script::StallBody => return Ok(pieces_of(1, Duration::ZERO, After::Silence)),
        Script::TruncatedBody | Script::MissingLastChunk => {
            return Ok(pieces_of(1, Duration::ZERO, After::Reset));
        }
        Script::Stream(bytes) => {
            let pieces = usize::try_from(bytes / PIECE.len() as u64).unwrap_or(usize::MAX);
            return Ok(pieces_of(pieces, Duration::ZERO, After::End));
        }
        Script::CloseBeforeHead | Script::Raw(_) | Script::Interim(_) | Script::SwitchProtocols => {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        _ => {}
    }
    Ok(whole(shared.answer(seen)))
}

fn whole(answer: Answer) -> Response<Body> {
    let (mut out, body) = Channel::new(4);
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(answer.status).unwrap_or_default();
    append(response.headers_mut(), &answer.fields);
    tokio::spawn(async move {
        if !answer.body.is_empty() {
            out.send_data(Bytes::from(answer.body)).await?;
        }
        if !answer.trailers.is_empty() {
            let mut trailers = HeaderMap::new();
            append(&mut trailers, &answer.trailers);
            out.send_trailers(trailers).await?;
        }
        Ok::<(), http_body_util::channel::SendError>(())
    });
    response
}

#[derive(Clone, Copy, PartialEq)]
enum After {
    End,
    Silence,
    Reset,
}

fn pieces_of(pieces: usize, pause: Duration, after: After) -> Response<Body> {
    let (mut out, body) = Channel::new(1);
    tokio::spawn(async move {
        for _ in 0..pieces {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            if out.send_data(Bytes::from_static(PIECE)).await.is_err() {
                return;
            }
        }
        end(out, after).await;
    });
    Response::new(body)
}

async fn end(out: Sender<Bytes, io::Error>, after: After) {
    match after {
        After::End => {}
        After::Silence => std::future::pending::<()>().await,
        After::Reset => out.abort(io::ErrorKind::ConnectionReset.into()),
    }
}

fn append(into: &mut HeaderMap, fields: &[(String, String)]) {
    for (name, value) in fields {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        let value = http::HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value)
            && !CONNECTION_FIELDS.contains(&name.as_str())
        {
            into.append(name, value);
        }
    }
}

fn flat(fields: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    fields
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect()
}

/// HTTP/2 has no such fields (RFC 9113, 8.2.2).
const CONNECTION_FIELDS: &[&str] = &["connection", "transfer-encoding", "keep-alive", "upgrade"];
const PIECE: &[u8] = &[b's'; 16 << 10];
