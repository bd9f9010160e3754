//! Makes the connections to an upstream.
//!
//! In: its settings, and one of its addresses. Out: pools that dial, check the certificate's name, and
//! keep connections.
//!
//! An `https` upstream settles HTTP/2 or HTTP/1.1 by ALPN. A clear-text one is spoken to in
//! HTTP/1.1, and for gRPC in HTTP/2 with prior knowledge, over a pool of its own.
//!
//! Which address that is, `replicas` says; it is dialled only where [`Reach`] lets it.
//!
//! Never: follows a redirect, uses a proxy of the environment, sends a byte of a request before the
//! certificate was verified, or by itself sends a request twice of which anything was sent.
//!
//! RFC 9110, 4.3.4 (certificate names); RFC 9113, 3.3 (prior knowledge).

use std::net::IpAddr;
use std::time::Duration;

use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;

use super::body::SentBody;
use super::settings::UpstreamSettings;
use crate::reach::{Lookup, Reach, Resolver};
use crate::setup_error::SetupError;

pub(super) mod trust;
mod watched;

pub(super) use self::watched::Life;
use self::watched::Watching;

/// Connections to one upstream, kept and reused.
pub(crate) type Pool = Client<Connector, SentBody>;

type Connector = Watching<HttpsConnector<Socket>>;

type Socket = HttpConnector<Resolver>;

/// The two ways to speak to it.
#[derive(Clone, Debug)]
pub(crate) struct Pools {
    /// HTTP/1.1, or what ALPN settles.
    pub(crate) usual: Pool,
    /// HTTP/2 with prior knowledge; the usual one where ALPN settles it.
    pub(crate) grpc: Pool,
    /// The same two, which dial for each request: for what a kept connection has failed.
    pub(crate) fresh: Fresh,
}

/// The two ways to speak on a connection of one's own.
#[derive(Clone, Debug)]
pub(crate) struct Fresh {
    pub(crate) usual: Pool,
    pub(crate) grpc: Pool,
}

/// Makes the connections to one upstream, whichever of its addresses they lead to.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    secure: bool,
    tls: ClientConfig,
    name: Option<ServerName<'static>>,
    reach: Reach,
    connect: Duration,
    head: Duration,
    most_kept: usize,
}

impl Dialer {
    /// Reads what TLS needs; nothing is dialled yet.
    ///
    /// # Errors
    ///
    /// When the machine's certificates or the upstream's own cannot be read.
    pub(crate) fn build(settings: &UpstreamSettings) -> Result<Dialer, SetupError> {
        let secure = settings.url.scheme_str() == Some("https");
        let host = settings.url.host().unwrap_or_default();
        Ok(Dialer {
            secure,
            tls: trust::tls(settings, secure)?,
            name: trust::name(settings)?.filter(|_| secure),
            reach: Reach::of(host, settings.addresses.clone()),
            connect: Duration::from_millis(settings.connect_ms),
            head: Duration::from_millis(settings.head_ms),
            // As many as may be in flight: fewer, and a crowd dials anew for most of its requests.
            most_kept: settings.requests,
        })
    }

    /// Where its name may lead, by this name service.
    pub(crate) fn resolver(&self, lookup: &Lookup) -> Resolver {
        Resolver::new(lookup.clone(), self.reach.clone())
    }

    /// Pools of connections that lead to this address, whatever the name says.
    pub(crate) fn pools(&self, address: IpAddr) -> Pools {
        let socket = self.socket(&Lookup::by(move |_| vec![address]));
        let builder = HttpsConnectorBuilder::new().with_tls_config(self.tls.clone());
        let connector = match (self.secure, &self.name) {
            (false, _) => builder
                .https_or_http()
                .enable_http1()
                .wrap_connector(socket),
            (true, None) => builder
                .https_only()
                .enable_all_versions()
                .wrap_connector(socket),
            (true, Some(name)) => builder
                .https_only()
                .with_server_name_resolver(FixedServerNameResolver::new(name.clone()))
                .enable_all_versions()
                .wrap_connector(socket),
        };
        let connector = Watching(connector);
        let two = |kept: usize| {
            let usual = pool(connector.clone(), kept, false);
            let grpc = match self.secure {
                true => usual.clone(),
                false => pool(connector.clone(), kept, true),
            };
            (usual, grpc)
        };
        let (usual, grpc) = two(self.most_kept);
        let fresh = two(0);
        Pools {
            usual,
            grpc,
            fresh: Fresh {
                usual: fresh.0,
                grpc: fresh.1,
            },
        }
    }

    fn socket(&self, lookup: &Lookup) -> Socket {
        let mut socket = HttpConnector::new_with_resolver(self.resolver(lookup));
        socket.enforce_http(false);
        socket.set_nodelay(true);
        socket.set_keepalive(Some(Duration::from_secs(60)));
        socket.set_connect_timeout(Some(self.connect));
        // An upstream that takes nothing more does not keep the connection beyond its time.
        socket.set_tcp_user_timeout(Some(self.head.max(Duration::from_secs(1))));
        socket
    }
}

fn pool(connector: Connector, kept: usize, prior_knowledge: bool) -> Pool {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(kept)
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

/// Shorter than the usual idle time of load balancers, so that we close first.
const IDLE: Duration = Duration::from_secs(30);

/// Largest head of an answer.
const HEAD_BYTES: usize = 64 << 10;
