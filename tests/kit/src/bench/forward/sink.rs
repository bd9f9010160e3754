//! The upstream behind large bodies: fast enough not to be what is measured.
//!
//! In: requests over HTTP/1.1 and HTTP/2, clear or TLS. Out: for one with a body, how many bytes it had,
//! as a number; for one without, so many zeros as it was told to pour.
//!
//! It keeps nothing and looks at nothing.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// A body whose bytes cost nothing to make.
#[derive(Debug)]
pub(super) enum Poured {
    /// So many zeros are left.
    Zeros(u64),
    /// This, once.
    Text(Bytes),
}

impl Body for Poured {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match &mut *self {
            Poured::Zeros(left) => {
                let piece =
                    usize::try_from(*left).map_or(PIECE.len(), |left| left.min(PIECE.len()));
                *left -= piece as u64;
                Bytes::from_static(PIECE).slice(..piece)
            }
            Poured::Text(text) => std::mem::take(text),
        };
        let frame = (!piece.is_empty()).then(|| Ok(Frame::data(piece)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Poured::Zeros(left) => *left,
            Poured::Text(text) => text.len() as u64,
        })
    }
}

/// Serves clear text, and TLS with `stile.pem` and `stile.key` of this folder. Prints both addresses first.
///
/// # Errors
/// When no port can be had, or the certificate is none.
pub async fn sink(pours: u64, folder: &Path) -> io::Result<()> {
    let acceptor = acceptor(folder)?;
    let (clear, tls) = (
        TcpListener::bind("127.0.0.1:0").await?,
        TcpListener::bind("127.0.0.1:0").await?,
    );
    println!("{} {}", clear.local_addr()?, tls.local_addr()?);
    loop {
        tokio::select! {
            accepted = clear.accept() => {
                let (stream, _) = accepted?;
                stream.set_nodelay(true)?;
                tokio::spawn(serve(stream, pours));
            }
            accepted = tls.accept() => {
                let (stream, _) = accepted?;
                stream.set_nodelay(true)?;
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, pours).await;
                    }
                });
            }
        }
    }
}

fn acceptor(folder: &Path) -> io::Result<tokio_rustls::TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(folder.join("stile.pem"))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(folder.join("stile.key")).map_err(io::Error::other)?;
    let suites = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(suites)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tokio_rustls::TlsAcceptor::from(Arc::new(config)))
}

async fn serve<S>(stream: S, pours: u64)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| exchange(request, pours));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http2()
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    let _ = builder
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn exchange(request: Request<Incoming>, pours: u64) -> io::Result<Response<Poured>> {
    let taken = taken(request.into_body()).await?;
    Ok(Response::new(match taken {
        0 => Poured::Zeros(pours),
        taken => Poured::Text(Bytes::from(taken.to_string())),
    }))
}

/// How many bytes a body has, which are thrown away.
///
/// # Errors
/// When it breaks.
pub(super) async fn taken(mut body: Incoming) -> io::Result<u64> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(bytes)
}

static PIECE: &[u8] = &[0; 64 * 1024];
/// So that no window is what is measured.
pub(super) const WINDOW: u32 = 4 << 20;
