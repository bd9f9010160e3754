//! Carries one connection from its first byte to its last.
//!
//! In: an accepted socket. Out: nothing; its requests went to [`Receive`].
//!
//! The protocol is settled first, by ALPN under TLS and by the HTTP/2 preface in clear text, each
//! within `head_ms`. Then hyper speaks the protocol: HTTP/1 behind the gate, HTTP/2 under watch.
//!
//! A connection that ends without having sent a byte is no request. When the drain begins, running
//! exchanges finish and no others begin; what still runs after `drain_ms` is cut.
//!
//! RFC 9113 6.8; RFC 9112 9.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::answer::Answering;
use super::doubt::Doubt;
use super::drain::DrainSignal;
use super::exchanges::{Exchanges, ListenCounts};
use super::farewell;
use super::frames::MOST_PAYLOAD;
use super::front::InFront;
use super::guarded::{Guarded, TakenBack};
use super::head::Violation;
use super::opening::Opening;
use super::proxy_header;
use super::received::ConnectionFacts;
use super::recording::{Noting, Recording};
use super::settings::Limits;
use super::tls::{self, TlsSwitch};
use super::watched::Watched;
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

/// What stands behind one door.
#[derive(Clone, Debug)]
pub(super) struct Behind {
    pub(super) tls: Option<Arc<TlsSwitch>>,
    pub(super) front: Arc<InFront>,
}

/// The other end of a connection, and who stands in front of us.
#[derive(Clone, Debug)]
struct Origin {
    peer: SocketAddr,
    front: Arc<InFront>,
}

impl<R: Receive> Serving<R> {
    /// Serves one connection to its end.
    pub(super) async fn connection(
        mut self,
        mut stream: TcpStream,
        peer: SocketAddr,
        behind: Behind,
    ) {
        let _ = stream.set_nodelay(true);
        let mut drain = self.drain.clone();
        let served = async {
            // One deadline for all that comes before the first byte of a request.
            let deadline = Instant::now() + Duration::from_millis(self.limits.head_ms);
            let front = behind.front;
            let announced = front.announces(peer);
            let peer = match announced {
                true => self.announced(&mut stream, peer, deadline).await,
                false => Some(peer),
            };
            let Some(peer) = peer else { return };
            let origin = Origin { peer, front };
            match behind.tls {
                Some(tls) => self.encrypted(stream, origin, &tls, deadline).await,
                None => self.clear(stream, origin).await,
            }
        };
        tokio::select! {
            () = served => {}
            () = drain.forced() => {}
        }
    }

    /// Whose connection a balancer passes on; nothing when that cannot be told, which ends it.
    async fn announced(
        &mut self,
        stream: &mut TcpStream,
        balancer: SocketAddr,
        deadline: Instant,
    ) -> Option<SocketAddr> {
        let header = timeout_at(deadline, proxy_header::read(stream));
        match self.unless_draining(header).await? {
            Ok(Ok(from)) => Some(from.unwrap_or(balancer)),
            Ok(Err(why)) => {
                tracing::warn!(%balancer, "a connection of a balancer is not taken: {why}");
                None
            }
            Err(_) => {
                tracing::warn!(%balancer, "a balancer sent no whole PROXY header in time");
                None
            }
        }
    }

    async fn encrypted(
        &mut self,
        stream: TcpStream,
        origin: Origin,
        tls: &TlsSwitch,
        deadline: Instant,
    ) {
        let handshake = TlsAcceptor::from(tls.now()).accept(stream);
        let handshake = timeout_at(deadline, handshake);
        let Some(Ok(Ok(stream))) = self.unless_draining(handshake).await else {
            return;
        };
        let facts = tls::facts(stream.get_ref().1);
        if facts.alpn.as_deref() == Some(Protocol::Http2.word()) {
            let facts = self.facts(origin, Protocol::Http2, Some(facts));
            self.http2(stream, facts).await;
        } else {
            let facts = self.facts(origin, Protocol::Http1, Some(facts));
            self.http1(stream, facts).await;
        }
    }

    async fn clear(&mut self, stream: TcpStream, origin: Origin) {
        let head_time = Duration::from_millis(self.limits.head_ms);
        match self
            .unless_draining(Opening::of(stream, head_time))
            .await
            .flatten()
        {
            Some(Opening::Http1(stream)) => {
                self.http1(stream, self.facts(origin, Protocol::Http1, None))
                    .await;
            }
            Some(Opening::Http2(stream)) => {
                self.http2(stream, self.facts(origin, Protocol::Http2, None))
                    .await;
            }
            Some(Opening::Stalled(mut stream)) => {
                let facts = self.facts(origin, Protocol::Http1, None);
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
            .until_ended(Pin::new(&mut connection), &exchanges, drained, pending())
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
        let doubt = Doubt::new(Arc::clone(&exchanges));
        let answering = self.answering(&facts, &exchanges);
        let answers = service_fn(move |request| answering.answer(request));
        let (held, streams) = (Arc::clone(&exchanges), self.limits.streams);
        let watched = Watched::new(stream, doubt.clone(), held, streams);
        // Twice the limit, so that a head just above it is answered in our own words; far above it,
        // h2 answers alone.
        let list_size = u32::try_from(self.limits.head_bytes.saturating_mul(2));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(streams)
            .max_header_list_size(list_size.unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(MOST_PENDING_RESETS)
            .max_local_error_reset_streams(MOST_ERROR_RESETS)
            .max_frame_size(MOST_PAYLOAD as u32)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_send_buf_size(BODY_WINDOW)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIME)
            .serve_connection(TokioIo::new(watched), answers);
        let note = self.noting(&facts);
        let mut connection = pin!(connection);
        let mut recording = Recording::new(connection.as_mut(), doubt.clone(), &note);
        let drained = |mut recording: Pin<&mut Recording<'_, http2::Connection<_, _, _>, _>>| {
            recording.connection().graceful_shutdown();
        };
        let idle = went_idle(&exchanges, self.limits.head_ms);
        self.until_ended(Pin::new(&mut recording), &exchanges, drained, idle)
            .await;
        if doubt.was_cut() {
            note(Reason::ClientTimeout).await;
        }
    }

    /// Stores the record of a head that h2 has not shown us; the answer to it is not ours to give.
    fn noting(&self, facts: &Arc<ConnectionFacts>) -> impl Fn(Reason) -> Noting + use<R> {
        let (receive, facts) = (self.receive.clone(), Arc::clone(facts));
        move |reason| {
            let unreadable = Unreadable::glimpsed(Default::default(), &facts);
            let receive = receive.clone();
            Box::pin(async move {
                receive.turn_away(unreadable, Refusal::new(reason)).await;
            })
        }
    }

    /// Polls a connection until it ends by itself or must be cut; says whether it ended.
    ///
    /// It is told to finish when the drain begins or it went idle, and cut `drain_ms` later.
    async fn until_ended<C: Future>(
        &mut self,
        mut connection: Pin<&mut C>,
        exchanges: &Exchanges,
        finish: impl Fn(Pin<&mut C>),
        idle: impl Future<Output = ()>,
    ) -> bool {
        tokio::select! {
            biased;
            _ = connection.as_mut() => return true,
            () = self.drain.begun() => exchanges.only_finish(),
            () = idle => {}
        }
        finish(connection.as_mut());
        let rest = timeout(Duration::from_millis(self.limits.drain_ms), connection);
        rest.await.is_ok()
    }

    /// Gives up when the drain begins: nothing was promised to a caller that has said nothing.
    async fn unless_draining<F: Future>(&mut self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
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
        origin: Origin,
        protocol: Protocol,
        tls: Option<TlsFacts>,
    ) -> Arc<ConnectionFacts> {
        Arc::new(ConnectionFacts {
            peer: origin.peer,
            front: origin.front,
            protocol,
            tls: tls.map(Arc::new),
            limits: self.limits,
            clock: self.clock.clone(),
        })
    }
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
