//! Carries one connection from its first byte to its last.
//!
//! In: an accepted socket. Out: nothing; its requests went to [`Receive`].
//!
//! The protocol is settled first, by ALPN under TLS and by the HTTP/2 preface in clear text, each
//! within `head_ms`. hyper's own detection waits for ever for a first byte, hence this one. Then
//! hyper speaks the protocol, HTTP/1 behind the gate.
//!
//! A connection that ends without having sent a byte is no request. When the drain begins, running
//! exchanges finish and no others begin; what still runs after `drain_ms` is cut.
//!
//! RFC 9113 3.3, 3.4, 6.8; RFC 9112 9.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::answer::Answering;
use super::drain::DrainSignal;
use super::exchanges::{Exchanges, ListenCounts};
use super::farewell;
use super::guarded::{Guarded, TakenBack};
use super::head::Violation;
use super::received::ConnectionFacts;
use super::rewound::Rewound;
use super::settings::Limits;
use super::tls::{self, TlsSwitch};
use super::{Protocol, Receive, TlsFacts, Unreadable};
use crate::clock::Clock;
use crate::refusal::{Reason, Refusal};

/// What all connections share.
#[derive(Clone, Debug)]
pub(super) struct Serving<R> {
    pub(super) receive: R,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    pub(super) counts: Arc<ListenCounts>,
    pub(super) drain: DrainSignal,
}

/// What a clear-text connection began with.
enum Opening {
    Http1(Rewound<TcpStream>),
    Http2(Rewound<TcpStream>),
    /// Some bytes of the HTTP/2 preface, then silence.
    Stalled(TcpStream),
}

impl<R: Receive> Serving<R> {
    /// Serves one connection to its end.
    pub(super) async fn connection(
        mut self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: Option<Arc<TlsSwitch>>,
    ) {
        let _ = stream.set_nodelay(true);
        let mut drain = self.drain.clone();
        let served = async {
            match tls {
                Some(tls) => self.encrypted(stream, peer, &tls).await,
                None => self.clear(stream, peer).await,
            }
        };
        tokio::select! {
            () = served => {}
            () = drain.forced() => {}
        }
    }

    async fn encrypted(&mut self, stream: TcpStream, peer: SocketAddr, tls: &TlsSwitch) {
        let handshake = TlsAcceptor::from(tls.now()).accept(stream);
        let Some(Ok(stream)) = self.within_head_time(handshake).await else {
            return;
        };
        let facts = tls::facts(stream.get_ref().1);
        if facts.alpn.as_deref() == Some(Protocol::Http2.word()) {
            let facts = self.facts(peer, Protocol::Http2, Some(facts));
            self.http2(stream, facts).await;
        } else {
            let facts = self.facts(peer, Protocol::Http1, Some(facts));
            self.http1(stream, facts).await;
        }
    }

    async fn clear(&mut self, stream: TcpStream, peer: SocketAddr) {
        match self.opening(stream).await {
            Some(Opening::Http1(stream)) => {
                self.http1(stream, self.facts(peer, Protocol::Http1, None))
                    .await;
            }
            Some(Opening::Http2(stream)) => {
                self.http2(stream, self.facts(peer, Protocol::Http2, None))
                    .await;
            }
            Some(Opening::Stalled(mut stream)) => {
                let facts = self.facts(peer, Protocol::Http1, None);
                let violation = Violation {
                    reason: Reason::ClientTimeout,
                    told: Reason::ClientTimeout.sentence(),
                    glimpse: Default::default(),
                };
                self.refuse(&mut stream, violation, &facts).await;
                farewell::close(&mut stream, false).await;
            }
            None => {}
        }
    }

    /// Tells the protocol by the first bytes; nothing when none came.
    async fn opening(&mut self, mut stream: TcpStream) -> Option<Opening> {
        let mut first = [0; PREFACE.len()];
        let size = self.within_head_time(stream.peek(&mut first)).await?.ok()?;
        let seen = first.get(..size).filter(|seen| !seen.is_empty())?;
        if seen == PREFACE {
            return Some(Opening::Http2(Rewound::new(stream, &[])));
        }
        if !PREFACE.starts_with(seen) {
            return Some(Opening::Http1(Rewound::new(stream, &[])));
        }
        // Rare: the preface comes in pieces. From here on its bytes must be taken to see more.
        let taken = self
            .within_head_time(read_preface(&mut stream, &mut first))
            .await;
        let seen = match taken {
            None => return Some(Opening::Stalled(stream)),
            Some(size) => first.get(..size.ok()?)?,
        };
        Some(match seen == PREFACE {
            true => Opening::Http2(Rewound::new(stream, seen)),
            false => Opening::Http1(Rewound::new(stream, seen)),
        })
    }

    async fn http1<T>(&mut self, stream: T, facts: Arc<ConnectionFacts>)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let exchanges = Arc::new(Exchanges::default());
        let guarded = Guarded::new(stream, &self.limits, Arc::clone(&exchanges));
        let answering = self.answering(&facts, &exchanges);
        let answers = service_fn(move |request| answering.answer(request));
        let mut connection = http1::Builder::new()
            .half_close(false)
            .pipeline_flush(false)
            // The gate has the deadlines: hyper's would end a connection without an answer.
            .header_read_timeout(None)
            .max_buf_size(self.limits.head_bytes.max(8 * 1024) + BODY_WINDOW)
            .serve_connection(TokioIo::new(guarded), answers);
        let drained =
            |connection: Pin<&mut http1::Connection<_, _>>| connection.graceful_shutdown();
        let ended = self
            .to_its_end(Pin::new(&mut connection), drained, pending())
            .await;
        let taken_back = connection.into_parts().io.into_inner().take_back();
        if ended {
            self.part(taken_back, &facts).await;
        }
    }

    async fn part<T>(&mut self, taken_back: TakenBack<T>, facts: &ConnectionFacts)
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let mut stream = taken_back.stream;
        if let Some(violation) = taken_back.violation {
            self.refuse(&mut stream, violation, facts).await;
        }
        farewell::close(&mut stream, taken_back.peer_closed).await;
    }

    async fn refuse<T>(&self, stream: &mut T, violation: Violation, facts: &ConnectionFacts)
    where
        T: AsyncWrite + Unpin,
    {
        let refusal = Refusal::new(violation.reason).telling(violation.told);
        let unreadable = Unreadable::glimpsed(violation.glimpse, facts);
        let (now, is_head) = (
            unreadable.time,
            unreadable.method.as_deref() == Some("HEAD"),
        );
        let response = self.receive.turn_away(unreadable, refusal).await;
        farewell::answer_last(stream, response, now, is_head).await;
    }

    async fn http2<T>(&mut self, stream: T, facts: Arc<ConnectionFacts>)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let exchanges = Arc::new(Exchanges::default());
        let answering = self.answering(&facts, &exchanges);
        let answers = service_fn(move |request| answering.answer(request));
        // Twice the limit, so that a head just above it is answered and recorded by us; far above
        // it, h2 answers alone.
        let list_size = u32::try_from(self.limits.head_bytes.saturating_mul(2));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.limits.streams)
            .max_header_list_size(list_size.unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(MOST_PENDING_RESETS)
            .max_local_error_reset_streams(MOST_ERROR_RESETS)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_send_buf_size(BODY_WINDOW)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIME)
            .serve_connection(TokioIo::new(stream), answers);
        let connection = pin!(connection);
        let drained = |connection: Pin<&mut http2::Connection<_, _, _>>| {
            connection.graceful_shutdown();
        };
        let idle = went_idle(&exchanges, self.limits.head_ms);
        self.to_its_end(connection, drained, idle).await;
    }

    /// Polls a connection until it ends by itself or must be cut; says whether it ended.
    ///
    /// It is told to finish when the drain begins or it went idle, and cut `drain_ms` later.
    async fn to_its_end<C: Future>(
        &mut self,
        mut connection: Pin<&mut C>,
        finish: impl Fn(Pin<&mut C>),
        idle: impl Future<Output = ()>,
    ) -> bool {
        tokio::select! {
            biased;
            _ = connection.as_mut() => return true,
            () = self.drain.begun() => {}
            () = idle => {}
        }
        finish(connection.as_mut());
        let rest = timeout(Duration::from_millis(self.limits.drain_ms), connection);
        rest.await.is_ok()
    }

    async fn within_head_time<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let limit = Duration::from_millis(self.limits.head_ms);
        tokio::select! {
            biased;
            output = timeout(limit, future) => output.ok(),
            // Nothing was promised to a caller that has not yet said anything.
            () = self.drain.begun() => None,
        }
    }

    fn answering(&self, facts: &Arc<ConnectionFacts>, exchanges: &Arc<Exchanges>) -> Answering<R> {
        Answering {
            receive: self.receive.clone(),
            facts: Arc::clone(facts),
            exchanges: Arc::clone(exchanges),
            counts: Arc::clone(&self.counts),
        }
    }

    fn facts(
        &self,
        peer: SocketAddr,
        protocol: Protocol,
        tls: Option<TlsFacts>,
    ) -> Arc<ConnectionFacts> {
        Arc::new(ConnectionFacts {
            peer,
            protocol,
            tls: tls.map(Arc::new),
            limits: self.limits,
            clock: self.clock.clone(),
        })
    }
}

/// Reads until the bytes are the preface or cannot become it. Out: how many were read.
async fn read_preface(stream: &mut TcpStream, first: &mut [u8]) -> io::Result<usize> {
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

/// Ends when no exchange ran for one to two spans of `idle_ms`.
async fn went_idle(exchanges: &Exchanges, idle_ms: u64) {
    let mut begun_before = exchanges.begun();
    loop {
        sleep(Duration::from_millis(idle_ms)).await;
        let begun = exchanges.begun();
        if begun == begun_before && !exchanges.are_running() {
            return;
        }
        begun_before = begun;
    }
}

/// What every HTTP/2 connection begins with (RFC 9113 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Body bytes that hyper may keep of one HTTP/1 connection beyond a head, each way.
const BODY_WINDOW: usize = 64 * 1024;

/// HTTP/2 flow control, of a stream and of a connection: fits an OTLP batch, bounds memory.
const WINDOW: u32 = 1024 * 1024;

/// Streams that a peer may reset before we have looked at them (rapid reset).
const MOST_PENDING_RESETS: usize = 20;

/// Streams that a peer may make us reset (MadeYouReset).
const MOST_ERROR_RESETS: usize = 64;

const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIME: Duration = Duration::from_secs(10);
