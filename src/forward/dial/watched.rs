//! Watches what a connection does, for the moment at which it breaks.
//!
//! In: a connector. Out: the same connections, each with a [`Life`] that whoever sends on it can ask.
//!
//! A kept connection may be closed by its other end just when it is used again. Whether the request
//! on it may be sent once more depends on what this alone can tell: that it was kept, and that not
//! one byte came back since the request was written.
//!
//! RFC 9112, 9.3.1 and 9.5 (what may be sent again on another connection).

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use http::Uri;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

use crate::forward::body::BoxError;

/// Makes connections that are watched.
#[derive(Clone, Debug)]
pub(crate) struct Watching<C>(pub(super) C);

/// A connection that is watched.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: TokioIo<S>,
    life: Life,
}

/// What a connection went through. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Whether a request on it was answered.
    kept: AtomicBool,
    /// Whether anything came back since something was written.
    heard: AtomicBool,
}

impl Life {
    /// A request on it was answered.
    pub(crate) fn answered(&self) {
        self.0.kept.store(true, Ordering::Release);
    }

    /// Whether it served before and said nothing since it was last written to. Of HTTP/1.1, where
    /// one request is under way at a time.
    pub(crate) fn kept_and_silent(&self) -> bool {
        self.0.kept.load(Ordering::Acquire) && !self.0.heard.load(Ordering::Acquire)
    }
}

impl<C, S> Service<Uri> for Watching<C>
where
    C: Service<Uri, Response = S, Error = BoxError>,
    C::Future: Send + 'static,
{
    type Response = TokioIo<Watched<S>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async move {
            Ok(TokioIo::new(Watched {
                stream: TokioIo::new(connecting.await?),
                life: Life::default(),
            }))
        })
    }
}

impl<S: Connection> Connection for Watched<S> {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.life.clone())
    }
}

impl<S: Read + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut this.stream).poll_read(cx, buffer));
        if buffer.filled().len() > before {
            this.life.0.heard.store(true, Ordering::Release);
        }
        Poll::Ready(read)
    }
}

impl<S: Write + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.life.0.heard.store(false, Ordering::Release);
        Pin::new(&mut this.stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.life.0.heard.store(false, Ordering::Release);
        Pin::new(&mut this.stream).poll_write_vectored(cx, pieces)
    }
}
