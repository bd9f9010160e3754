//! Answers the operator: is it alive, is it ready, what has it counted.
//!
//! In: plain HTTP on the admin listener. Out: `/healthz`, `/readyz`, `/metrics`, `/keys`.
//!
//! None of these paths exists on the proxy's own listeners, so no caller can reach them by a
//! spelling. They tell states and counts: no secret, no path, no subject.
//!
//! `/readyz` is 503 while requests would be refused for a cause on our side: the journal cannot be
//! written, no issuer has keys, or the instance drains. Refused settings make it say `degraded` and
//! stay 200: the old set still protects and serves, and a typo in a policy must not take every
//! replica out of service at once. `stile_reload_failed` is there to page on.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::index::{Upkeep, UpkeepState};
use crate::leave::{LeaveState, Leaving};
use crate::pipeline::Pipeline;
use crate::setup_error::SetupError;

mod gauges;
mod keys;
mod readiness;

pub use keys::{IssuerKeys, KeysPage, ListedKey, UpstreamKey};
pub use readiness::{Readiness, Standing};

/// The admin listener, bound and not yet answering.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

/// What the admin listener knows beside the pipeline.
#[derive(Debug, Default)]
pub struct Notices {
    refused_reload: Mutex<Option<String>>,
    unread_blocks: Mutex<Option<String>>,
    unread_people: Mutex<Option<String>>,
    draining: std::sync::atomic::AtomicBool,
    index: Option<Arc<Upkeep>>,
    leaving: Arc<Leaving>,
}

impl Notices {
    /// With the index that is kept, where one is, and what leaves.
    pub fn with(index: Option<Arc<Upkeep>>, leaving: Arc<Leaving>) -> Notices {
        Notices {
            index,
            leaving,
            ..Notices::default()
        }
    }

    /// The newest settings were refused for this; `None` once good ones are in force.
    pub fn reload(&self, refused: Option<String>) {
        *self
            .refused_reload
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = refused;
    }

    /// The list of blocked keys cannot be read for this, and the old one holds; `None` once it can.
    pub fn blocks(&self, unread: Option<String>) {
        *self
            .unread_blocks
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = unread;
    }

    /// What is kept of people cannot be read for this, and what was read last holds; `None` once it
    /// can.
    pub fn people(&self, unread: Option<String>) {
        *self
            .unread_people
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = unread;
    }

    /// The instance began to drain.
    pub fn drain(&self) {
        self.draining
            .store(true, std::sync::atomic::Ordering::Relaxed);
    }

    fn refused_reload(&self) -> Option<String> {
        self.refused_reload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn unread_blocks(&self) -> Option<String> {
        self.unread_blocks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn unread_people(&self) -> Option<String> {
        self.unread_people
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn index(&self) -> Option<UpkeepState> {
        self.index.as_ref().map(|index| index.state())
    }

    fn leaving(&self) -> Vec<LeaveState> {
        self.leaving.states()
    }

    /// Whether it began to drain.
    pub fn is_draining(&self) -> bool {
        self.draining.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Admin {
    /// Takes the address.
    ///
    /// # Errors
    /// When the address is in use or not ours.
    pub async fn bind(address: SocketAddr) -> Result<Admin, SetupError> {
        let listener = TcpListener::bind(address).await.map_err(|e| {
            SetupError::new(format!("cannot listen on admin address `{address}`: {e}"))
                .hint("another program may have the port; choose another in `admin.address`")
        })?;
        let address = listener.local_addr().unwrap_or(address);
        Ok(Admin { listener, address })
    }

    /// The address taken, with the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the process ends. A few connections at a time, each with a deadline.
    pub async fn answer(self, pipeline: Pipeline, notices: Arc<Notices>) {
        let seats = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
        loop {
            let Ok(seat) = Arc::clone(&seats).acquire_owned().await else {
                return;
            };
            let Ok((stream, _)) = self.listener.accept().await else {
                // Out of descriptors, most likely: wait for some to come back instead of spinning.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (pipeline, notices) = (pipeline.clone(), Arc::clone(&notices));
            tokio::spawn(async move {
                let answer = service_fn(|request: Request<Incoming>| {
                    std::future::ready(Ok::<_, Infallible>(page(&request, &pipeline, &notices)))
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD)
                    .serve_connection(TokioIo::new(stream), answer);
                if let Ok(Err(e)) = tokio::time::timeout(CONNECTION, connection).await {
                    tracing::debug!("an admin connection ended early: {e}");
                }
                drop(seat);
            });
        }
    }
}

fn page(
    request: &Request<Incoming>,
    pipeline: &Pipeline,
    notices: &Notices,
) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain",
            "only GET\n".to_owned(),
        );
    }
    match request.uri().path() {
        "/keys" => {
            let ruling = pipeline.ruling();
            let upstreams = ruling.upstreams.states();
            let now = pipeline.journal().now();
            let keys = KeysPage::of(ruling.issuers.states()).and_upstreams(&upstreams, now);
            text(StatusCode::OK, "application/json", keys.json())
        }
        "/healthz" => text(StatusCode::OK, "text/plain", "alive\n".to_owned()),
        "/readyz" => {
            let readiness = Readiness::of(pipeline, notices);
            text(readiness.status(), "application/json", readiness.json())
        }
        "/metrics" => {
            gauges::gauges(pipeline, notices.index(), &notices.leaving());
            match pipeline.metrics().page() {
                Ok(page) => text(StatusCode::OK, "text/plain; version=0.0.4", page),
                Err(e) => text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "text/plain",
                    format!("{e}\n"),
                ),
            }
        }
        _ => text(StatusCode::NOT_FOUND, "text/plain", PATHS.to_owned()),
    }
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const PATHS: &str = "here are /healthz, /readyz, /metrics and /keys\n";
const CONNECTIONS: usize = 64;
const HEAD: Duration = Duration::from_secs(10);
const CONNECTION: Duration = Duration::from_secs(300);
