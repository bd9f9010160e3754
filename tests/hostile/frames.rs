//! HTTP/2 written by hand, for what no library would send.
//!
//! Fields are literals without index and without Huffman code (RFC 7541 6.2.2), so that every byte
//! is on the wire as the test wrote it.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// The preface, empty settings, and wide windows.
pub(crate) const PREFACE: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// A request without a body on this stream.
pub(crate) fn request(
    stream: u32,
    method: &str,
    path: &str,
    authority: &str,
    token: &str,
) -> Vec<u8> {
    let bearer = format!("Bearer {token}");
    let fields = [
        (":method", method),
        (":scheme", "http"),
        (":authority", authority),
        (":path", path),
        ("authorization", bearer.as_str()),
    ];
    headers(stream, &fields.map(|(n, v)| (n.as_bytes(), v.as_bytes())))
}

/// HEADERS with these fields, ending head and stream.
pub(crate) fn headers(stream: u32, fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    frame(0x1, 0x5, stream, &block(fields))
}

/// These fields as they are in a frame.
pub(crate) fn block(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for part in [name, value] {
            length(&mut block, part.len());
            block.extend_from_slice(part);
        }
    }
    block
}

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut out = vec![size[1], size[2], size[3], kind, flags];
    out.extend(stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// A length of seven bits and what is over (RFC 7541 5.1).
fn length(block: &mut Vec<u8>, length: usize) {
    if length < 127 {
        block.push(length as u8);
        return;
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    block.push(rest as u8);
}

/// Sends these streams on a connection of their own and says which were answered with a head.
///
/// The others were reset, or the connection was ended under them.
pub(crate) async fn exchange(url: &str, requests: &[Vec<u8>]) -> Vec<u32> {
    let mut stream = super::raw::connect(url).await;
    let mut bytes = PREFACE.to_vec();
    bytes.extend(requests.iter().flatten());
    let _ = stream.write_all(&bytes).await;
    let (mut answered, mut ended) = (Vec::new(), 0);
    while ended < requests.len() {
        let Ok(Some((kind, flags, on))) = timeout(PATIENCE, next(&mut stream)).await else {
            break;
        };
        if kind == 0x1 {
            answered.push(on);
        }
        ended += usize::from((kind <= 0x1 && flags & 0x1 == 0x1) || kind == 0x3);
    }
    answered
}

/// The next frame: kind, flags and stream.
pub(crate) async fn next(stream: &mut (impl AsyncRead + Unpin)) -> Option<(u8, u8, u32)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let size = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; size as usize];
    stream.read_exact(&mut payload).await.ok()?;
    let on = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    Some((head[3], head[4], on))
}

const PATIENCE: Duration = Duration::from_secs(10);
