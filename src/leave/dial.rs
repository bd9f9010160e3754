//! Opens the connection to a destination.
//!
//! In: host, port and whether it is TLS. Out: a connection, or why there is none, in words.
//!
//! The name is looked up anew for each connection, and dialled is only what
//! [`Reach`] lets a configured host lead to. No byte is sent over TLS before the certificate was
//! verified.
//!
//! RFC 9525 (names in certificates).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::reach::{Lookup, Reach};

/// A connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Undialled {
    /// Nobody answers there.
    Network(String),
    /// Its address may not be dialled, or whoever answers is not believed.
    Refused(String),
}

impl Undialled {
    pub(super) fn why(self) -> String {
        match self {
            Undialled::Network(why) | Undialled::Refused(why) => why,
        }
    }
}

/// A connection in clear text, and where it leads.
pub(super) async fn tcp(host: &str, port: u16) -> Result<(TcpStream, SocketAddr), Undialled> {
    let reach = Reach::of(host, Vec::new());
    let mut fault = Undialled::Network(format!("the name `{host}` does not resolve"));
    for address in Lookup::machine().addresses(host).await {
        if let Err(why) = reach.check(address) {
            fault = Undialled::Refused(format!("the name leads to {address}: {why}"));
            continue;
        }
        let address = SocketAddr::new(address, port);
        match tokio::time::timeout(ATTEMPT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Err(_) => fault = Undialled::Network(format!("{address}: no answer")),
            Ok(Err(why)) => {
                let why = why.to_string().to_lowercase();
                fault = Undialled::Network(format!("{address}: {why}"));
            }
        }
    }
    Err(fault)
}

/// TLS over it, for that host only.
pub(super) async fn tls(
    tcp: TcpStream,
    host: &str,
    config: ClientConfig,
) -> Result<TlsStream<TcpStream>, Undialled> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Undialled::Refused(format!("`{host}` is no name of a server")))?;
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    shaken
        .await
        .map_err(|fault| Undialled::Refused(format!("TLS: {fault}")))
}

/// None of several addresses is waited for so long that the others are not tried.
const ATTEMPT: Duration = Duration::from_secs(3);
