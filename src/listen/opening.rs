//! Tells the protocol of a clear-text connection by its first bytes.
//!
//! In: an accepted socket. Out: the same socket, all its bytes still to be read, and the protocol.
//!
//! HTTP/2 with prior knowledge begins with 24 fixed bytes; everything else is HTTP/1, and the gate
//! judges it. hyper's own detection waits for ever for a first byte, hence this one.
//!
//! A connection that sends no byte in time is no request.
//!
//! RFC 9113 3.3, 3.4.

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::rewound::Rewound;

/// What a clear-text connection began with.
pub(super) enum Opening {
    Http1(Rewound<TcpStream>),
    Http2(Rewound<TcpStream>),
    /// Some bytes of the HTTP/2 preface, then silence.
    Stalled(TcpStream),
}

impl Opening {
    /// Looks at the first bytes, waiting so long for each part; nothing when none came.
    pub(super) async fn of(mut stream: TcpStream, wait: Duration) -> Option<Opening> {
        let mut first = [0; PREFACE.len()];
        let size = timeout(wait, stream.peek(&mut first)).await.ok()?.ok()?;
        let seen = first.get(..size).filter(|seen| !seen.is_empty())?;
        if seen == PREFACE {
            return Some(Opening::Http2(Rewound::new(stream, &[])));
        }
        if !PREFACE.starts_with(seen) {
            return Some(Opening::Http1(Rewound::new(stream, &[])));
        }
        // Rare: the preface comes in pieces. From here on its bytes must be taken to see more.
        let Ok(taken) = timeout(wait, take(&mut stream, &mut first)).await else {
            return Some(Opening::Stalled(stream));
        };
        let seen = first.get(..taken.ok()?)?;
        Some(match seen == PREFACE {
            true => Opening::Http2(Rewound::new(stream, seen)),
            false => Opening::Http1(Rewound::new(stream, seen)),
        })
    }
}

/// Reads until the bytes are the preface or cannot become it. Out: how many were read.
async fn take(stream: &mut TcpStream, first: &mut [u8]) -> io::Result<usize> {
    let mut size = 0;
    while let Some(room) = first.get_mut(size..).filter(|room| !room.is_empty()) {
        match stream.read(room).await? {
            0 => break,
            more => size += more,
        }
        if first
            .get(..size)
            .is_none_or(|seen| !PREFACE.starts_with(seen))
        {
            break;
        }
    }
    Ok(size)
}

/// What every HTTP/2 connection begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
