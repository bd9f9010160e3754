//! Reads a request body, with a bound on its silences.
//!
//! In: hyper's body. Out: the same frames, or a [`BodyError`] that says whose fault the end was.
//!
//! Trailers are dropped, except for gRPC, where those that could pass for fields of the head are
//! dropped: nothing that arrives after the decision can change whom or what it was about.
//!
//! A byte now and then is no progress: the time that a body lets us wait is bounded by what it brings
//! ([`SLOWEST`]). Calls of gRPC are left out, which may be a conversation with pauses for thought.
//!
//! A body ends where its caller says so. hyper takes RST_STREAM with `NO_ERROR` for an end, which is
//! how a server ends an answer early (RFC 9113 8.1); of a request it would make a part a whole.
//!
//! RFC 9110 6.5; RFC 9112 7.1.2.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use tokio::time::Instant;

use super::deadline::Deadline;

/// The body of a request.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Option<Incoming>,
    version: Version,
    takes_trailers: bool,
    idle_time: Duration,
    silence: Deadline,
    /// When the wait under way began.
    waiting_since: Option<Instant>,
    waited: Duration,
    received_bytes: u64,
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The caller sent no byte for as long as `Limits::body_idle_ms`.
    #[error("the request body did not arrive in time")]
    TimedOut,
    /// The caller's bytes do not follow the framing that its head announced.
    #[error("the request body does not follow its framing")]
    Malformed,
    /// The caller broke the body off: connection or stream ended, or was reset.
    #[error("the request body was broken off")]
    BrokenOff(#[source] Option<hyper::Error>),
}

impl RequestBody {
    /// A body without a byte.
    pub fn empty() -> RequestBody {
        RequestBody {
            incoming: None,
            version: Version::HTTP_11,
            takes_trailers: false,
            idle_time: Duration::MAX,
            silence: Deadline::default(),
            waiting_since: None,
            waited: Duration::ZERO,
            received_bytes: 0,
        }
    }

    /// Takes hyper's body over. `head` are the fields of its request.
    pub(super) fn received(
        incoming: Incoming,
        version: Version,
        head: &HeaderMap,
        idle_ms: u64,
    ) -> RequestBody {
        RequestBody {
            incoming: Some(incoming),
            version,
            takes_trailers: head
                .get(header::CONTENT_TYPE)
                .is_some_and(|media| media.as_bytes().starts_with(b"application/grpc")),
            idle_time: Duration::from_millis(idle_ms),
            silence: Deadline::default(),
            waiting_since: None,
            waited: Duration::ZERO,
            received_bytes: 0,
        }
    }

    /// Notes that the wait under way, if any, is over.
    fn arrived(&mut self, frame: &Frame<Bytes>) {
        self.silence.disarm();
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        self.received_bytes = self.received_bytes.saturating_add(bytes as u64);
    }

    /// How long the next bytes may be waited for.
    fn patience(&self) -> Duration {
        if self.takes_trailers {
            return self.idle_time;
        }
        let earned = Duration::from_secs(self.received_bytes / SLOWEST);
        let left = self.idle_time.saturating_add(earned);
        self.idle_time.min(left.saturating_sub(self.waited))
    }

    /// The frame as it may go on; nothing for trailers that must not.
    fn pass(&self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let trailers = match frame.into_trailers() {
            Ok(trailers) => trailers,
            Err(data) => return Some(data),
        };
        if !self.takes_trailers {
            return None;
        }
        let mut passing = HeaderMap::new();
        for (name, value) in trailers.iter().filter(|(name, _)| may_trail(name)) {
            passing.append(name, HeaderValue::clone(value));
        }
        (!passing.is_empty()).then(|| Frame::trailers(passing))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let me = self.get_mut();
        loop {
            let Some(incoming) = &mut me.incoming else {
                return Poll::Ready(None);
            };
            match Pin::new(&mut *incoming).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    me.arrived(&frame);
                    if let Some(frame) = me.pass(frame) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    me.incoming = None;
                    return Poll::Ready(Some(Err(fault(error))));
                }
                Poll::Ready(None) => {
                    let whole = came_whole(incoming, me.version);
                    me.incoming = None;
                    return Poll::Ready((!whole).then_some(Err(BodyError::BrokenOff(None))));
                }
                Poll::Pending => {
                    me.waiting_since.get_or_insert_with(Instant::now);
                    let patience = me.patience();
                    std::task::ready!(me.silence.poll(cx, 1, patience));
                    me.incoming = None;
                    return Poll::Ready(Some(Err(BodyError::TimedOut)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.incoming {
            Some(incoming) => incoming.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

fn fault(error: hyper::Error) -> BodyError {
    let io = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref());
    match io.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput) => {
            BodyError::Malformed
        }
        _ => BodyError::BrokenOff(Some(error)),
    }
}

/// Whether a body that has nothing more to give ended as its sender said, and was not reset.
///
/// Over HTTP/1 hyper knows no other end.
pub(crate) fn came_whole(body: &Incoming, version: Version) -> bool {
    version != Version::HTTP_2 || body.is_end_stream()
}

/// Bytes in a second below which a body lives on its patience: slower than any network that works.
const SLOWEST: u64 = 256;

/// Fields that frame, route or identify must come before the body (RFC 9110 6.5.1).
fn may_trail(name: &HeaderName) -> bool {
    let name = name.as_str();
    !name.starts_with("x-forwarded") && !name.starts_with(':') && !NEVER_TRAIL.contains(&name)
}

const NEVER_TRAIL: [&str; 16] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-real-ip",
];
