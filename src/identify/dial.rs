//! Opens the connection that a document is fetched over.
//!
//! In: a URL that was checked. Out: a connection, or a [`FetchFault`].
//!
//! The name is resolved here and not by a library, because the address that is looked at must be
//! the one that is dialled: a second look-up could answer otherwise. Each address that may be
//! dialled is tried in the order of the resolver, none for long while another is left.
//!
//! Never: dials what [`may_dial`] refuses, goes through a proxy of the environment, sends a byte
//! over TLS before the certificate was verified.
//!
//! RFC 9110 4.3.4 (certificate names).

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::fetch::FetchFault;
use super::reach::may_dial;

/// How a name becomes addresses. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Names(Option<Arc<HashMap<String, Vec<IpAddr>>>>);

impl Names {
    /// As the machine resolves them.
    pub fn machine() -> Names {
        Names(None)
    }

    /// These and no others: for tests of what hostile names resolve to.
    pub fn fixed(known: HashMap<String, Vec<IpAddr>>) -> Names {
        Names(Some(Arc::new(known)))
    }

    async fn addresses(&self, host: &str, port: u16) -> Vec<SocketAddr> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return vec![SocketAddr::new(address, port)];
        }
        match &self.0 {
            None => tokio::net::lookup_host((host, port))
                .await
                .map_or_else(|_| Vec::new(), Iterator::collect),
            Some(known) => known.get(host).map_or_else(Vec::new, |found| {
                found.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
            }),
        }
    }
}

/// Dials the hosts of one issuer.
#[derive(Clone)]
pub(super) struct Dialer {
    names: Names,
    tls: TlsConnector,
    loopback_is_named: bool,
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer")
            .field("loopback_is_named", &self.loopback_is_named)
            .finish_non_exhaustive()
    }
}

/// A connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Dialer {
    /// For an issuer whose URL names the loopback, or does not.
    pub(super) fn new(
        names: Names,
        tls: Arc<rustls::ClientConfig>,
        loopback_is_named: bool,
    ) -> Dialer {
        Dialer {
            names,
            tls: TlsConnector::from(tls),
            loopback_is_named,
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
        let found = self.names.addresses(host, port).await;
        if found.is_empty() {
            return Err(FetchFault::UnknownName);
        }
        let allowed: Vec<_> = found
            .into_iter()
            .filter(|address| may_dial(address.ip(), self.loopback_is_named))
            .take(MOST_ADDRESSES)
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
