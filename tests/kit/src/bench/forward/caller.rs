//! A caller that keeps one connection, and sends and takes bodies as they come.
//!
//! In: an address and how it is spoken to. Out: one answer after the other, whole or counted.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};

use super::sink::{Poured, WINDOW};
use crate::tls::DevCa;

/// How an address is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// Over TLS, in place of clear text.
    pub(super) tls: bool,
    /// HTTP/2, in place of HTTP/1.1.
    pub(super) http2: bool,
}

impl Way {
    /// All of them.
    pub(super) fn all() -> impl Iterator<Item = Way> {
        [(false, false), (false, true), (true, false), (true, true)]
            .into_iter()
            .map(|(tls, http2)| Way { tls, http2 })
    }

    /// In words.
    pub(super) fn words(self) -> &'static str {
        match (self.tls, self.http2) {
            (false, false) => "HTTP/1.1, clear",
            (false, true) => "HTTP/2, clear",
            (true, false) => "HTTP/1.1, TLS",
            (true, true) => "HTTP/2, TLS",
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Caller {
    sender: Sender,
    host: String,
    way: Way,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Poured>),
    Http2(http2::SendRequest<Poured>),
}

/// The bytes of a connection, clear or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Connects, from an address of its own for each 5,000, so that ports do not run out.
///
/// # Errors
/// When nobody takes it, or the certificate is of somebody else.
pub(super) async fn connect(
    to: SocketAddr,
    number: usize,
    tls: Option<(&DevCa, &str)>,
) -> io::Result<Box<dyn Stream>> {
    let socket = TcpSocket::new_v4()?;
    let own = u8::try_from(2 + number / 5_000).unwrap_or(u8::MAX);
    socket.bind(SocketAddr::from(([127, 0, 0, own], 0)))?;
    let stream: TcpStream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    let Some((ca, alpn)) = tls else {
        return Ok(Box::new(stream));
    };
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let connector = tokio_rustls::TlsConnector::from(ca.calling(&[alpn]));
    Ok(Box::new(connector.connect(name, stream).await?))
}

impl Caller {
    /// Connects.
    ///
    /// # Errors
    /// As [`connect`], or when the protocol does not come about.
    pub(super) async fn of(to: SocketAddr, way: Way, ca: &DevCa) -> io::Result<Caller> {
        let alpn = if way.http2 { "h2" } else { "http/1.1" };
        let stream = connect(to, 0, way.tls.then_some((ca, alpn))).await?;
        let io = TokioIo::new(stream);
        let sender = if way.http2 {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .initial_stream_window_size(WINDOW)
                .initial_connection_window_size(WINDOW)
                .handshake(io)
                .await
                .map_err(io::Error::other)?;
            tokio::spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Sender::Http1(sender)
        };
        // What the certificate is for, and what TLS asked for.
        let host = format!("localhost:{}", to.port());
        Ok(Caller { sender, host, way })
    }

    /// Asks, and gives the answer as soon as its head is there.
    ///
    /// # Errors
    /// When there is none, or it is not 200.
    pub(super) async fn ask(
        &mut self,
        method: &str,
        target: &str,
        token: &str,
        body: Poured,
    ) -> io::Result<Response<Incoming>> {
        let mut request = Request::builder().method(method);
        request = match self.way.http2 {
            true => {
                let scheme = if self.way.tls { "https" } else { "http" };
                request.uri(format!("{scheme}://{}{target}", self.host))
            }
            false => request.uri(target).header("host", &self.host),
        };
        let request = request
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body)
            .map_err(io::Error::other)?;
        let answer = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.map_err(io::Error::other)?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await.map_err(io::Error::other)?;
                sender.send_request(request).await
            }
        };
        let answer = answer.map_err(io::Error::other)?;
        if answer.status() == 200 {
            return Ok(answer);
        }
        let (status, said) = (answer.status(), whole(answer).await?);
        let said = String::from_utf8_lossy(&said).into_owned();
        Err(io::Error::other(format!("{status}: {said}")))
    }
}

/// The body of an answer.
///
/// # Errors
/// When it breaks.
pub(super) async fn whole(answer: Response<Incoming>) -> io::Result<Bytes> {
    let collected = answer.into_body().collect().await;
    Ok(collected.map_err(io::Error::other)?.to_bytes())
}
