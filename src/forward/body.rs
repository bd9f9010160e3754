//! Lets bodies through, in both directions, a piece at a time.
//!
//! In: a body of one side. Out: the same bytes for the other side, as fast as that side takes them.
//!
//! Nothing is gathered: a piece is taken from one connection when the other asks for it, so a slow
//! reader slows the writer and memory stays flat. Both directions are counted. The request's body
//! ends the exchange when it grows beyond its operation's limit or when the caller's connection
//! breaks; the answer's body carries the account of the exchange and closes it.
//!
//! Never: a clean end of a body that was cut short, trailers of a request.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

mod gathered;
mod progress;
mod replay;
mod scrub;
mod sent;
mod unbroken;

pub use gathered::GatheredBody;
pub(crate) use progress::{BodyFaultKind, Progress};
pub(crate) use replay::Replayed;
pub(crate) use scrub::Scrub;
pub(crate) use sent::SentBody;

use self::unbroken::Unbroken;
use super::account::Account;
use super::headers::{Keys, answer_trailers};
use crate::record::End;
use crate::refusal::Reason;

/// Why a body broke off, for the log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the forwarder must know of an error of the caller's body.
pub trait BodyFault {
    /// Whether the caller was too slow, rather than gone or malformed.
    fn caller_timed_out(&self) -> bool;
}

/// The body of every answer of the pipeline.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly every answer is the upstream's, and each has one"
)]
pub enum ResponseBody {
    /// An answer of our own.
    Full(Bytes),
    /// The upstream's.
    Streaming(ForwardBody),
    /// What is left of the upstream's.
    Gathered(GatheredBody),
    /// An answer of our own, as it is made.
    Made(mpsc::Receiver<Result<Bytes, BoxError>>),
}

impl ResponseBody {
    /// No body.
    pub fn empty() -> ResponseBody {
        ResponseBody::Full(Bytes::new())
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> ResponseBody {
        ResponseBody::Full(bytes)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            ResponseBody::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            ResponseBody::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            ResponseBody::Streaming(body) => Pin::new(body).poll_frame(cx),
            ResponseBody::Gathered(body) => Pin::new(body).poll_frame(cx),
            ResponseBody::Made(pieces) => {
                let next = pieces.poll_recv(cx);
                next.map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Full(bytes) => bytes.is_empty(),
            ResponseBody::Streaming(body) => body.is_end_stream(),
            ResponseBody::Gathered(body) => body.is_end_stream(),
            ResponseBody::Made(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            ResponseBody::Streaming(body) => body.size_hint(),
            ResponseBody::Gathered(body) => body.size_hint(),
            ResponseBody::Made(_) => SizeHint::default(),
        }
    }
}

/// The body of an upstream's answer on its way to the caller.
#[derive(Debug)]
pub struct ForwardBody {
    /// Gone once the body ended, so that its connection is free or closed at once.
    from: Option<Unbroken>,
    account: Account,
    keys: Arc<Keys>,
    scrub: Option<Scrub>,
    /// What comes after the last bytes that waited to be told apart from a key.
    trailers: Option<http::HeaderMap>,
    silence: Silence,
    cut: Cut,
}

impl ForwardBody {
    pub(crate) fn new(
        from: Incoming,
        version: Version,
        account: Account,
        keys: Arc<Keys>,
        scrub: Option<Scrub>,
        idle: Duration,
    ) -> ForwardBody {
        let mut body = ForwardBody {
            from: Some(Unbroken::new(from, version)),
            account,
            keys,
            scrub,
            trailers: None,
            silence: Silence::after(idle),
            cut: Cut::default(),
        };
        body.close_if_ended();
        body
    }

    /// The whole body without our keys in it, where they are looked for, and the account that is still
    /// to be closed.
    ///
    /// # Errors
    ///
    /// `upstream_bad_response` where it breaks off or is larger than this, `upstream_timeout` where it
    /// takes longer; then the account is closed.
    pub(crate) async fn whole(
        mut self,
        most_bytes: usize,
        longest: Duration,
    ) -> Result<(Bytes, Account), Reason> {
        let Some(from) = self.from.take() else {
            return Ok((Bytes::new(), self.account));
        };
        let read = Limited::new(from, most_bytes).collect();
        let (end, reason) = match tokio::time::timeout(longest, read).await {
            Ok(Ok(read)) => {
                let bytes = read.to_bytes();
                self.account.received(bytes.len());
                let bytes = match self.scrub {
                    Some(scrub) => scrub.whole(bytes),
                    None => bytes,
                };
                return Ok((bytes, self.account));
            }
            Ok(Err(_)) => (End::Truncated, Reason::UpstreamBadResponse),
            Err(_) => (End::Timeout, Reason::UpstreamTimeout),
        };
        self.account.close(end, Some(reason));
        Err(reason)
    }

    /// A server does not poll a body that says it has ended, so the end is looked for after each
    /// frame.
    fn close_if_ended(&mut self) {
        if self.is_end_stream() {
            self.close(End::Complete);
        }
    }

    fn close(&mut self, end: End) {
        self.from = None;
        self.account.close(end, None);
    }

    /// Whoever asked was ended: nothing more is for them.
    fn end(&mut self) {
        self.from = None;
        self.scrub = None;
        self.account.close(End::Truncated, Some(Reason::Ended));
    }

    fn pass(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        if let Some(bytes) = frame.data_ref() {
            self.account.received(bytes.len());
        }
        let frame = match frame.into_trailers() {
            Ok(trailers) => {
                self.account.grpc(&trailers);
                let trailers = answer_trailers(&trailers, &self.keys);
                match self.scrub.as_mut().and_then(Scrub::rest) {
                    None => Frame::trailers(trailers),
                    Some(rest) => {
                        self.trailers = Some(trailers);
                        return Frame::data(rest);
                    }
                }
            }
            Err(frame) => match (&mut self.scrub, frame.into_data()) {
                (Some(scrub), Ok(bytes)) => Frame::data(scrub.pass(&bytes)),
                (None, Ok(bytes)) => Frame::data(bytes),
                (_, Err(other)) => other,
            },
        };
        self.close_if_ended();
        frame
    }

    /// What is left to give once the upstream has nothing more.
    fn last(&mut self) -> Option<Frame<Bytes>> {
        self.close(End::Complete);
        self.scrub.as_mut().and_then(Scrub::rest).map(Frame::data)
    }

    /// An answer that breaks because our own request broke is the caller's doing.
    fn broken(&mut self, error: BoxError) -> BoxError {
        let end = match self.account.progress().fault() {
            None => End::Truncated,
            Some(BodyFaultKind::CallerEnded) => {
                self.end();
                return error;
            }
            Some(BodyFaultKind::TooLarge) => End::Truncated,
            Some(BodyFaultKind::CallerGone | BodyFaultKind::CallerSlow) => End::ClientAbort,
        };
        self.close(end);
        error
    }
}

impl Body for ForwardBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            let next = ready!(this.poll_next(cx));
            // Where all of a piece waits, there is nothing to give yet.
            let waits = this.scrub.as_ref().is_some_and(|scrub| scrub.waiting() > 0);
            let empty = |frame: &Frame<Bytes>| frame.data_ref().is_some_and(Bytes::is_empty);
            if !(waits && matches!(&next, Some(Ok(frame)) if empty(frame))) {
                return Poll::Ready(next);
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let waiting = self.scrub.as_ref().map_or(0, Scrub::waiting);
        let ended = self.from.as_ref().is_none_or(Body::is_end_stream);
        ended && waiting == 0 && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.from, &self.scrub) {
            // Some of what came may wait still; the framing is the answer's own length.
            (Some(from), Some(scrub)) => later(&from.size_hint(), scrub.waiting()),
            (Some(from), None) => from.size_hint(),
            (None, _) => SizeHint::with_exact(0),
        }
    }
}

impl ForwardBody {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self;
        if let Some(trailers) = this.trailers.take() {
            this.close(End::Complete);
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        let Some(from) = this.from.as_mut() else {
            return Poll::Ready(None);
        };
        let next = Pin::new(from).poll_frame(cx);
        // Before anything is passed on, and woken for it where nothing comes.
        if this
            .cut
            .is_due(this.account.progress(), cx, next.is_pending())
        {
            this.end();
            return Poll::Ready(Some(Err("whoever asked for it was ended".into())));
        }
        let Poll::Ready(next) = next else {
            ready!(this.silence.poll_too_long(cx));
            this.close(End::Timeout);
            return Poll::Ready(Some(Err(
                "the upstream fell silent inside its answer".into()
            )));
        };
        this.silence.broken();
        Poll::Ready(match next {
            Some(Ok(frame)) => Some(Ok(this.pass(frame))),
            Some(Err(error)) => Some(Err(this.broken(error))),
            None => this.last().map(Ok),
        })
    }
}

/// So many bytes more.
fn later(hint: &SizeHint, bytes: usize) -> SizeHint {
    let mut more = SizeHint::new();
    if let Some(upper) = hint.upper() {
        more.set_upper(upper.saturating_add(bytes as u64));
    }
    more.set_lower(hint.lower().saturating_add(bytes as u64));
    more
}

/// Waits for the end of whoever asked. What wakes it is made at the first wait, and only where anybody
/// can be ended.
#[derive(Default)]
struct Cut(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Cut {
    fn is_due(&mut self, progress: &Progress, cx: &mut Context<'_>, waits: bool) -> bool {
        if !waits {
            return progress.is_ended();
        }
        if self.0.is_none() {
            self.0 = progress.cut();
        }
        match &mut self.0 {
            Some(cut) => cut.as_mut().poll(cx).is_ready(),
            None => false,
        }
    }
}

impl std::fmt::Debug for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cut")
    }
}

/// Measures how long a body has been waited for. Its timer is made at the first wait, so an answer
/// that is there at once costs none.
#[derive(Debug)]
struct Silence {
    most: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    running: bool,
}

impl Silence {
    fn after(most: Duration) -> Silence {
        Silence {
            most,
            timer: None,
            running: false,
        }
    }

    fn broken(&mut self) {
        self.running = false;
    }

    fn poll_too_long(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let most = self.most;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(most)));
        if !self.running {
            timer.as_mut().reset(Instant::now() + most);
            self.running = true;
        }
        timer.as_mut().poll(cx)
    }
}
