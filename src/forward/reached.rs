//! Tries whether an upstream can be reached from here, for `stile doctor`.
//!
//! In: its settings. Out: the address reached, or why not.
//!
//! Never: sends a key, or any byte of a request: a connection, a TLS handshake where the upstream is
//! https, and an end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::dial::trust;
use super::settings::UpstreamSettings;
use crate::reach::{Lookup, Reach};
use crate::setup_error::SetupError;

/// Why an upstream was not reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// No connection came about.
    Network(String),
    /// Its address may not be dialled, or whoever answers is not believed.
    Refused(String),
}

/// Connects, shakes hands, and hangs up.
///
/// # Errors
/// Why it could not be reached.
pub async fn reach(upstream: &UpstreamSettings) -> Result<SocketAddr, Unreached> {
    let limit = Duration::from_millis(upstream.connect_ms);
    match tokio::time::timeout(limit, connect(upstream)).await {
        Ok(reached) => reached,
        Err(_) => Err(Unreached::Network(format!(
            "no connection within {} ms",
            limit.as_millis()
        ))),
    }
}

async fn connect(upstream: &UpstreamSettings) -> Result<SocketAddr, Unreached> {
    let network = |error: std::io::Error| Unreached::Network(error.to_string().to_lowercase());
    let secure = upstream.url.scheme_str() == Some("https");
    let host = upstream.url.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = (upstream.url.port_u16()).unwrap_or(if secure { 443 } else { 80 });
    let address = address(upstream, host).await?;
    let address = SocketAddr::new(address, port);
    let stream = TcpStream::connect(address).await.map_err(network)?;
    if secure {
        let untrusted = |why: String| Unreached::Refused(why);
        let fault = |fault: SetupError| untrusted(fault.to_string());
        let tls = trust::tls(upstream, secure).map_err(fault)?;
        let name = match trust::name(upstream).map_err(fault)? {
            Some(name) => name,
            None => ServerName::try_from(host.to_owned()).map_err(|e| untrusted(e.to_string()))?,
        };
        let shaken = TlsConnector::from(Arc::new(tls)).connect(name, stream);
        shaken.await.map_err(|e| untrusted(e.to_string()))?;
    }
    Ok(address)
}

/// The first address that may be dialled.
async fn address(upstream: &UpstreamSettings, host: &str) -> Result<IpAddr, Unreached> {
    let reach = Reach::of(host, upstream.addresses.clone());
    let mut refused = None;
    for address in Lookup::machine().addresses(host).await {
        match reach.check(address) {
            Ok(()) => return Ok(address),
            Err(why) => refused = Some(format!("the name leads to {address}: {why}")),
        }
    }
    Err(match refused {
        Some(why) => Unreached::Refused(why),
        None => Unreached::Network("the name does not resolve".to_owned()),
    })
}
