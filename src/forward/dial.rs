//! Makes the connections to an upstream.
//!
//! In: its settings. Out: a pool that dials, checks the certificate's name, and keeps connections.
//!
//! An `https` upstream settles HTTP/2 or HTTP/1.1 by ALPN. A clear-text one is spoken to in
//! HTTP/1.1, and for gRPC in HTTP/2 with prior knowledge, over a pool of its own.
//!
//! Each connection looks the name up anew, and dials only where [`Reach`] lets it.
//!
//! Never: follows a redirect, uses a proxy of the environment, sends a byte of a request before the
//! certificate was verified, or sends a request twice of which anything was sent.
//!
//! RFC 9110, 4.3.4 (certificate names); RFC 9113, 3.3 (prior knowledge).

use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::body::SentBody;
use super::settings::UpstreamSettings;
use crate::reach::{Lookup, Reach, Resolver};
use crate::setup_error::SetupError;

/// Connections to one upstream, kept and reused.
pub(crate) type Pool = Client<HttpsConnector<Socket>, SentBody>;

type Socket = HttpConnector<Resolver>;

/// The two ways to speak to it.
#[derive(Clone, Debug)]
pub(crate) struct Pools {
    /// HTTP/1.1, or what ALPN settles.
    pub(crate) usual: Pool,
    /// HTTP/2 with prior knowledge; the usual one where ALPN settles it.
    pub(crate) grpc: Pool,
}

impl Pools {
    /// Makes the pools; nothing is dialled yet.
    ///
    /// # Errors
    ///
    /// When the machine's certificates or the upstream's own cannot be read.
    pub(crate) fn build(settings: &UpstreamSettings, lookup: &Lookup) -> Result<Pools, SetupError> {
        let secure = settings.url.scheme_str() == Some("https");
        let tls = tls(if secure {
            roots(settings)?
        } else {
            RootCertStore::empty()
        })?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls);
        let connector = if secure {
            connector
                .https_only()
                .enable_all_versions()
                .wrap_connector(socket(settings, lookup))
        } else {
            connector
                .https_or_http()
                .enable_http1()
                .wrap_connector(socket(settings, lookup))
        };
        let usual = pool(connector.clone(), settings, false);
        let grpc = if secure {
            usual.clone()
        } else {
            pool(connector, settings, true)
        };
        Ok(Pools { usual, grpc })
    }
}

fn socket(settings: &UpstreamSettings, lookup: &Lookup) -> Socket {
    let host = settings.url.host().unwrap_or_default();
    let reach = Reach::of(host, settings.addresses.clone());
    let mut socket = HttpConnector::new_with_resolver(Resolver::new(lookup.clone(), reach));
    socket.enforce_http(false);
    socket.set_nodelay(true);
    socket.set_keepalive(Some(Duration::from_secs(60)));
    socket.set_connect_timeout(Some(Duration::from_millis(settings.connect_ms)));
    // An upstream that takes nothing more does not keep the connection beyond its time.
    socket.set_tcp_user_timeout(Some(Duration::from_millis(settings.head_ms.max(1_000))));
    socket
}

fn pool(
    connector: HttpsConnector<Socket>,
    settings: &UpstreamSettings,
    prior_knowledge: bool,
) -> Pool {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        // As many as may be in flight: fewer, and a crowd dials anew for most of its requests.
        .pool_max_idle_per_host(settings.requests)
        // Only what never left is sent again: the record counts one request.
        .retry_canceled_requests(true)
        // Writes `host` from our own address on HTTP/1; the caller's was never taken over, and on
        // HTTP/2 `:authority` says it.
        .set_host(true)
        .http1_max_buf_size(HEAD_BYTES)
        .http2_only(prior_knowledge)
        .http2_max_header_list_size(HEAD_BYTES as u32)
        .http2_initial_stream_window_size(1 << 20)
        .http2_initial_connection_window_size(4 << 20)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .http2_keep_alive_timeout(Duration::from_secs(5))
        .http2_keep_alive_while_idle(true)
        .build(connector)
}

/// TLS as every connection to this upstream has it.
pub(super) fn trusting(settings: &UpstreamSettings) -> Result<rustls::ClientConfig, SetupError> {
    tls(roots(settings)?)
}

fn tls(roots: RootCertStore) -> Result<rustls::ClientConfig, SetupError> {
    let suites = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = rustls::ClientConfig::builder_with_provider(suites)
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::new(format!("TLS cannot be set up: {error}")))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

/// The machine's certificates, and the upstream's own beside them.
fn roots(settings: &UpstreamSettings) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &settings.ca_file {
        let fault = |what: String| {
            SetupError::in_file(path, what).hint("it must hold CA certificates in PEM")
        };
        let text = std::fs::read(path)
            .map_err(|error| fault(format!("the CA file cannot be read: {}", error.kind())))?;
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let added = certificate.map(|certificate| roots.add(certificate));
            if !matches!(added, Ok(Ok(()))) {
                return Err(fault("the CA file has a malformed certificate".to_owned()));
            }
        }
        if roots.len() == before {
            return Err(fault("the CA file has no certificate".to_owned()));
        }
    }
    if roots.is_empty() {
        let fault = format!(
            "upstream `{}` is https, but no CA is trusted",
            settings.name
        );
        return Err(SetupError::new(fault).hint("install `ca-certificates` or set `ca_file`"));
    }
    Ok(roots)
}

/// Shorter than the usual idle time of load balancers, so that we close first.
const IDLE: Duration = Duration::from_secs(30);

/// Largest head of an answer.
const HEAD_BYTES: usize = 64 << 10;
