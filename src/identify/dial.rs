//! Opens the connection that a document is fetched over.
//!
//! In: a URL that was checked. Out: a connection, or a [`FetchFault`].
//!
//! The name is resolved here and not by a library, because the address that is looked at must be
//! the one that is dialled: a second look-up could answer otherwise. Each address that may be
//! dialled is tried in the order of the resolver, none for long while another is left.
//!
//! Never: dials what [`Reach`] refuses, goes through a proxy of the environment, sends a byte
//! over TLS before the certificate was verified.
//!
//! RFC 9110 4.3.4 (certificate names).

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::fetch::FetchFault;
use crate::reach::{Lookup, Reach};

/// Dials the hosts of one issuer.
#[derive(Clone)]
pub(super) struct Dialer {
    lookup: Lookup,
    reach: Reach,
    tls: TlsConnector,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer")
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

/// A connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Dialer {
    /// For the hosts that one issuer's keys may be at.
    pub(super) fn new(lookup: Lookup, reach: Reach, tls: Arc<rustls::ClientConfig>) -> Dialer {
        Dialer {
            lookup,
            reach,
            tls: TlsConnector::from(tls),
        }
    }

    /// A connection to the host of this URL, in TLS where it says https.
    pub(super) async fn dial(&self, url: &Uri) -> Result<Box<dyn Stream>, FetchFault> {
        let secure = url.scheme_str() == Some("https");
        let host = bare_host(url);
        let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tcp = self.connect(host, port).await?;
        if !secure {
            return Ok(Box::new(tcp));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| FetchFault::UnsafeUrl)?;
        match self.tls.connect(name, tcp).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(_) => Err(FetchFault::TlsFailed),
        }
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, FetchFault> {
        let found = self.lookup.addresses(host).await;
        if found.is_empty() {
            return Err(FetchFault::UnknownName);
        }
        let allowed: Vec<_> = found
            .into_iter()
            .filter(|address| self.reach.check(*address).is_ok())
            .take(MOST_ADDRESSES)
            .map(|address| SocketAddr::new(address, port))
            .collect();
        if allowed.is_empty() {
            return Err(FetchFault::ForbiddenAddress);
        }
        for address in allowed {
            let attempt = tokio::time::timeout(ATTEMPT, TcpStream::connect(address));
            if let Ok(Ok(stream)) = attempt.await {
                return Ok(stream);
            }
        }
        Err(FetchFault::Unreachable)
    }
}

/// The host of a URL without the brackets of IPv6.
pub(super) fn bare_host(url: &Uri) -> &str {
    let host = url.host().unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Of a fetch that may take five seconds in all.
const ATTEMPT: Duration = Duration::from_millis(1_500);
const MOST_ADDRESSES: usize = 3;
