//! Fetches one document of an issuer, or asks it something.
//!
//! In: a URL that was checked, or a whole request. Out: the document and how long it may be kept, or the
//! whole answer; or a [`FetchFault`].
//!
//! HTTPS only, except to the loopback; addresses that [`Reach`] allows to the issuer's own host;
//! one mebibyte at most; exactly 200; no redirects, because who may send us elsewhere may send us
//! anywhere; no compression, because nobody asked for it. The caller bounds the time. A connection
//! carries one document, which is asked for once an hour.
//!
//! Never: carries a cookie, or anything of a caller's request.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, DATE, HOST};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;

use super::dial::{Dialer, bare_host};
use super::roots::roots;
use super::settings::IssuerSettings;
use crate::clock::Time;
use crate::reach::{Lookup, Reach};
use crate::setup_error::SetupError;

/// Fetches documents of one issuer.
#[derive(Debug)]
pub(super) struct Fetcher {
    dialer: Dialer,
}

/// A document as it came.
#[derive(Debug)]
pub(super) struct Document {
    /// Its bytes.
    pub(super) bytes: Bytes,
    /// For how many seconds its issuer says it may be kept.
    pub(super) max_age_s: Option<u64>,
    /// What time its issuer says it is.
    pub(super) date: Option<Time>,
}

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FetchFault {
    UnknownName,
    ForbiddenAddress,
    Unreachable,
    TlsFailed,
    TimedOut,
    Redirected,
    BadStatus,
    Compressed,
    TooLarge,
    NotDiscovery,
    WrongIssuer,
    UnsafeUrl,
    NotKeys,
    TooManyKeys,
}

impl FetchFault {
    /// The word in readiness and metrics.
    pub(super) fn word(self) -> &'static str {
        match self {
            FetchFault::UnknownName => "unknown_name",
            FetchFault::ForbiddenAddress => "forbidden_address",
            FetchFault::Unreachable => "unreachable",
            FetchFault::TlsFailed => "tls_failed",
            FetchFault::TimedOut => "timed_out",
            FetchFault::Redirected => "redirected",
            FetchFault::BadStatus => "bad_status",
            FetchFault::Compressed => "compressed",
            FetchFault::TooLarge => "too_large_or_cut",
            FetchFault::NotDiscovery => "not_a_discovery_document",
            FetchFault::WrongIssuer => "wrong_issuer",
            FetchFault::UnsafeUrl => "unsafe_keys_url",
            FetchFault::NotKeys => "not_a_key_set",
            FetchFault::TooManyKeys => "too_many_keys",
        }
    }

    /// What would mend it, for who reads the word at night.
    pub(super) fn advice(self) -> &'static str {
        match self {
            FetchFault::UnknownName => "the name does not resolve here: check DNS and `url`",
            FetchFault::ForbiddenAddress => {
                "the name resolves to an address that keys are not fetched from (link-local, \
                 metadata, multicast, or the loopback without being named); use `keys_file`"
            }
            FetchFault::Unreachable => {
                "no connection, or one that broke: check firewall, port and the issuer"
            }
            FetchFault::TlsFailed => {
                "its certificate is not trusted, expired or of another name; see `ca_file`"
            }
            FetchFault::TimedOut => "it did not answer within 5 s: look at the issuer and network",
            FetchFault::Redirected => {
                "it redirects, which is not followed: a login page or a proxy stands before it"
            }
            FetchFault::BadStatus => "it did not answer 200: look at the issuer's own state",
            FetchFault::Compressed => "it compresses unasked: a proxy stands before it",
            FetchFault::TooLarge => "the document is over 1 MiB, or broke off",
            FetchFault::NotDiscovery => {
                "what it answers is no discovery document: a login page, or `url` is wrong"
            }
            FetchFault::WrongIssuer => {
                "the document names another issuer: write `url` exactly as that, slash included"
            }
            FetchFault::UnsafeUrl => "its `jwks_uri` is not https, or has a password in it",
            FetchFault::NotKeys => "what it answers is no JWK set",
            FetchFault::TooManyKeys => "the key set has more than 128 keys",
        }
    }
}

impl std::fmt::Display for FetchFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

impl std::error::Error for FetchFault {}

impl Fetcher {
    /// For this issuer. Trusts the machine's certificates and, where one is given, those in a file
    /// beside them.
    pub(super) fn new(issuer: &IssuerSettings, lookup: Lookup) -> Result<Fetcher, SetupError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let of_machine = issuer.url.starts_with("https:");
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|fault| SetupError::new(format!("TLS cannot be set up: {fault}")))?
            .with_root_certificates(roots(of_machine, issuer.ca_file.as_deref())?)
            .with_no_client_auth();
        let named: Option<Uri> = issuer.url.parse().ok();
        let host = named.as_ref().map_or("", bare_host);
        let reach = Reach::of(host, Vec::new());
        Ok(Fetcher {
            dialer: Dialer::new(lookup, reach, Arc::new(tls)),
        })
    }

    /// The document at this URL.
    pub(super) async fn fetch(&self, url: &Uri) -> Result<Document, FetchFault> {
        if !is_safe(url) {
            return Err(FetchFault::UnsafeUrl);
        }
        let request = Request::get(target(url))
            .header(ACCEPT, "application/json, application/jwk-set+json")
            .body(Full::default())
            .map_err(|_| FetchFault::UnsafeUrl)?;
        let (response, _connection) = self.send(url, request).await?;
        match response.status() {
            StatusCode::OK => {}
            status if status.is_redirection() => return Err(FetchFault::Redirected),
            _ => return Err(FetchFault::BadStatus),
        }
        if response.headers().contains_key(CONTENT_ENCODING) {
            return Err(FetchFault::Compressed);
        }
        if response.body().size_hint().lower() > LARGEST_DOCUMENT_BYTES as u64 {
            return Err(FetchFault::TooLarge);
        }
        let max_age_s = max_age_s(response.headers());
        let date = date(response.headers());
        let body = Limited::new(response.into_body(), LARGEST_DOCUMENT_BYTES);
        let collected = body.collect().await.map_err(|_| FetchFault::TooLarge)?;
        Ok(Document {
            bytes: collected.to_bytes(),
            max_age_s,
            date,
        })
    }

    /// Asks something of the issuer; the answer is whole and may say no.
    pub(super) async fn ask(
        &self,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, FetchFault> {
        let (mut parts, body) = request.into_parts();
        let url = parts.uri.clone();
        if !is_safe(&url) {
            return Err(FetchFault::UnsafeUrl);
        }
        parts.uri = target(&url).parse().map_err(|_| FetchFault::UnsafeUrl)?;
        let request = Request::from_parts(parts, Full::from(body));
        let (response, _connection) = self.send(&url, request).await?;
        if response.status().is_redirection() {
            return Err(FetchFault::Redirected);
        }
        if response.headers().contains_key(CONTENT_ENCODING) {
            return Err(FetchFault::Compressed);
        }
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, LARGEST_DOCUMENT_BYTES);
        let collected = body.collect().await.map_err(|_| FetchFault::TooLarge)?;
        Ok(Response::from_parts(parts, collected.to_bytes().into()))
    }

    /// Sends the request; the connection lives as long as what comes beside the response.
    async fn send(
        &self,
        url: &Uri,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Connection), FetchFault> {
        let authority = url.authority().map_or("", |authority| authority.as_str());
        let host = authority.parse().map_err(|_| FetchFault::UnsafeUrl)?;
        request.headers_mut().insert(HOST, host);
        let stream = self.dialer.dial(url).await?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(LARGEST_HEAD_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| FetchFault::Unreachable)?;
        let connection = Connection(tokio::spawn(connection).abort_handle());
        let response = sender.send_request(request).await;
        Ok((response.map_err(|_| FetchFault::Unreachable)?, connection))
    }
}

/// A running connection, which ends with this value: nobody waits for a body that never ends.
struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is asked for at its host.
fn target(url: &Uri) -> &str {
    url.path_and_query().map_or("/", |target| target.as_str())
}

/// Whether a document may be fetched from there: by TLS, or from this machine itself.
pub(super) fn is_safe(url: &Uri) -> bool {
    let Some(authority) = url.authority() else {
        return false;
    };
    if authority.as_str().contains('@') {
        return false;
    }
    match url.scheme_str() {
        Some("https") => true,
        Some("http") => is_loopback(bare_host(url)),
        _ => false,
    }
}

fn is_loopback(host: &str) -> bool {
    match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost",
    }
}

/// `max-age` of `cache-control`; 0 for `no-cache` and `no-store` (RFC 9111 5.2.2).
fn max_age_s(headers: &HeaderMap) -> Option<u64> {
    let directives = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase());
    let mut max_age_s = None;
    for directive in directives {
        if directive == "no-cache" || directive == "no-store" {
            return Some(0);
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            max_age_s = max_age_s.or(seconds.trim_matches('"').parse().ok());
        }
    }
    max_age_s
}

/// When the issuer says it is (RFC 9110 6.6.1).
fn date(headers: &HeaderMap) -> Option<Time> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    let seconds = u64::try_from(at.timestamp().as_second()).ok()?;
    Some(Time::from_secs(seconds))
}

const LARGEST_DOCUMENT_BYTES: usize = 1024 * 1024;
const LARGEST_HEAD_BYTES: usize = 64 * 1024;
