//! Fetches one document of an issuer.
//!
//! In: a URL that was checked. Out: its bytes and how long they may be kept, or a [`FetchFault`].
//!
//! HTTPS only, except to the loopback; one mebibyte at most; exactly 200; no redirects, because who
//! may send us elsewhere may send us anywhere; no compression, because nobody asked for it. The
//! caller bounds the time.
//!
//! Never: carries a credential, a cookie, or anything of a request.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_ENCODING};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Caller;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::setup_error::SetupError;

/// Fetches documents of one issuer.
#[derive(Debug)]
pub(super) struct Fetcher {
    caller: Caller<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

/// A document as it came.
#[derive(Debug)]
pub(super) struct Document {
    /// Its bytes.
    pub(super) bytes: Bytes,
    /// For how many seconds its issuer says it may be kept.
    pub(super) max_age_s: Option<u64>,
}

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchFault {
    Unreachable,
    TimedOut,
    Redirected,
    BadStatus,
    Compressed,
    TooLarge,
    NotDiscovery,
    WrongIssuer,
    UnsafeUrl,
    NotKeys,
}

impl FetchFault {
    /// The word in readiness and metrics.
    pub(super) fn word(self) -> &'static str {
        match self {
            FetchFault::Unreachable => "unreachable",
            FetchFault::TimedOut => "timed_out",
            FetchFault::Redirected => "redirected",
            FetchFault::BadStatus => "bad_status",
            FetchFault::Compressed => "compressed",
            FetchFault::TooLarge => "too_large_or_cut",
            FetchFault::NotDiscovery => "not_a_discovery_document",
            FetchFault::WrongIssuer => "wrong_issuer",
            FetchFault::UnsafeUrl => "unsafe_keys_url",
            FetchFault::NotKeys => "not_a_key_set",
        }
    }
}

impl Fetcher {
    /// For an issuer at this URL. Trusts the machine's certificates and, where one is given, those
    /// in a file beside them.
    pub(super) fn new(issuer_url: &str, ca_file: Option<&Path>) -> Result<Fetcher, SetupError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|fault| SetupError::new(format!("TLS cannot be set up: {fault}")))?
            .with_root_certificates(roots(issuer_url.starts_with("https:"), ca_file)?)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http() // which of them is for `is_safe` to say
            .enable_http1()
            .build();
        let caller = Caller::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0) // documents are asked for once an hour
            .build(connector);
        Ok(Fetcher { caller })
    }

    /// The document at this URL.
    pub(super) async fn fetch(&self, url: &Uri) -> Result<Document, FetchFault> {
        if !is_safe(url) {
            return Err(FetchFault::UnsafeUrl);
        }
        let request = Request::get(url)
            .header(ACCEPT, "application/json, application/jwk-set+json")
            .body(Empty::new())
            .map_err(|_| FetchFault::UnsafeUrl)?;
        let response = self
            .caller
            .request(request)
            .await
            .map_err(|_| FetchFault::Unreachable)?;
        match response.status() {
            StatusCode::OK => {}
            status if status.is_redirection() => return Err(FetchFault::Redirected),
            _ => return Err(FetchFault::BadStatus),
        }
        if response.headers().contains_key(CONTENT_ENCODING) {
            return Err(FetchFault::Compressed);
        }
        let max_age_s = max_age_s(response.headers());
        let body = Limited::new(response.into_body(), LARGEST_DOCUMENT_BYTES);
        let collected = body.collect().await.map_err(|_| FetchFault::TooLarge)?;
        Ok(Document {
            bytes: collected.to_bytes(),
            max_age_s,
        })
    }
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
        Some("http") => is_loopback(authority.host()),
        _ => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<std::net::IpAddr>() {
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

fn roots(of_machine: bool, ca_file: Option<&Path>) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    if of_machine {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let Some(file) = ca_file else {
        return Ok(roots);
    };
    let unread = |fault: String| SetupError::in_file(file, fault);
    let certificates = CertificateDer::pem_file_iter(file)
        .map_err(|fault| unread(format!("the CA certificate cannot be read: {fault}")))?;
    let mut added = 0;
    for certificate in certificates {
        let certificate =
            certificate.map_err(|fault| unread(format!("not a PEM certificate: {fault}")))?;
        roots
            .add(certificate)
            .map_err(|fault| unread(format!("not a usable CA certificate: {fault}")))?;
        added += 1;
    }
    if added == 0 {
        return Err(unread("there is no certificate in this file".to_owned()));
    }
    Ok(roots)
}

const LARGEST_DOCUMENT_BYTES: usize = 1024 * 1024;
