//! Ends an HTTP/1 connection, with a last answer where a head was refused.
//!
//! In: the stream that hyper is done with, and perhaps a response. Out: a closed connection.
//!
//! The write side is closed first and what still arrives is read and forgotten for a moment, so
//! that a reset does not destroy the answer on its way (RFC 9112 9.6).
//!
//! Never: waits for a peer longer than a fixed time, or reads more than a fixed amount.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::clock::Time;

/// Writes `response` as HTTP/1.1 with `connection: close`.
pub(super) async fn answer_last<T, B>(
    stream: &mut T,
    response: Response<B>,
    now: Time,
    is_head: bool,
) where
    T: AsyncWrite + Unpin,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let (parts, body) = response.into_parts();
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let mut message = render(&parts, body.len(), now);
    if !is_head {
        message.extend_from_slice(&body);
    }
    // A peer that is gone or does not read has no use for the answer.
    let _ = timeout(WRITE_TIME, async {
        stream.write_all(&message).await?;
        stream.flush().await
    })
    .await;
}

/// Closes the stream in order.
pub(super) async fn close<T>(stream: &mut T, peer_closed: bool)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let ended = timeout(WRITE_TIME, stream.shutdown()).await;
    if peer_closed || !matches!(ended, Ok(Ok(()))) {
        return;
    }
    let _ = timeout(LINGER_TIME, async {
        let mut forgotten = [0; 4096];
        let mut left = LINGER_BYTES;
        while let Ok(size @ 1..) = stream.read(&mut forgotten).await {
            left = match left.checked_sub(size) {
                Some(left) => left,
                None => break,
            };
        }
    })
    .await;
}

fn render(parts: &http::response::Parts, body_size: usize, now: Time) -> Vec<u8> {
    let mut head = Vec::with_capacity(512 + body_size);
    let status = parts.status;
    let phrase = status.canonical_reason().unwrap_or_default();
    let _ = write!(head, "HTTP/1.1 {} {phrase}\r\n", status.as_str());
    for (name, value) in &parts.headers {
        if !OURS.contains(name) {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
    }
    if let Some(date) = http_date(now) {
        let _ = write!(head, "date: {date}\r\n");
    }
    let _ = write!(
        head,
        "content-length: {body_size}\r\nconnection: close\r\n\r\n"
    );
    head
}

fn http_date(now: Time) -> Option<String> {
    let now = jiff::Timestamp::from_second(i64::try_from(now.as_secs()).ok()?).ok()?;
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&now)
        .ok()
}

/// The fields that frame this last message are set here and nowhere else.
const OURS: [header::HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::DATE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

const LARGEST_BODY: usize = 64 * 1024;
const WRITE_TIME: Duration = Duration::from_secs(5);
const LINGER_TIME: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;
