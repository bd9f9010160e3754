//! Posts a text to one address and reads a short answer, from a thread that may wait.
//!
//! In: a URL that the settings checked. Out: status and text, or why there is none.
//!
//! Five seconds for all of it, 64 KiB of answer, no redirects, no credentials; the address is
//! looked up anew for each connection and dialled only where a configured host may lead.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Caller;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::runtime::Runtime;

use crate::reach::{Lookup, Reach, Resolver};

/// Posts to one address.
#[derive(Debug)]
pub(super) struct Poster {
    runtime: Runtime,
    caller: Caller<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    url: Uri,
}

impl Poster {
    pub(super) fn new(url: &str, ca_file: Option<&Path>) -> Result<Poster, String> {
        let url: Uri = url.parse().map_err(|_| "not a URL".to_owned())?;
        let host = url.host().unwrap_or_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|fault| format!("no runtime can be had: {fault}"))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|fault| format!("TLS cannot be set up: {fault}"))?
            .with_root_certificates(roots(url.scheme_str() == Some("https"), ca_file)?)
            .with_no_client_auth();
        let resolver = Resolver::new(Lookup::machine(), Reach::of(host, Vec::new()));
        let mut connector = HttpConnector::new_with_resolver(resolver);
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http() // clear text to the loopback only, say the settings
            .enable_http1()
            .wrap_connector(connector);
        let caller = Caller::builder(TokioExecutor::new()).build(connector);
        Ok(Poster {
            runtime,
            caller,
            url,
        })
    }

    /// Posts it.
    pub(super) fn post(&self, body: String) -> Result<(u16, String), String> {
        let request = Request::post(&self.url)
            .body(Full::new(Bytes::from(body)))
            .map_err(|fault| fault.to_string())?;
        let exchange = async {
            let response = self.caller.request(request).await.map_err(whole)?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), LARGEST_ANSWER_BYTES);
            let body = body.collect().await.map_err(|fault| fault.to_string())?;
            let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            Ok((status, text))
        };
        self.runtime
            .block_on(async { tokio::time::timeout(PATIENCE, exchange).await })
            .unwrap_or_else(|_| Err("it did not answer in time".to_owned()))
    }
}

/// A fault with what caused it: the outermost alone says only that it did not work.
fn whole(fault: hyper_util::client::legacy::Error) -> String {
    let mut said = fault.to_string();
    let mut cause = std::error::Error::source(&fault);
    while let Some(inner) = cause {
        said = format!("{said}: {inner}");
        cause = inner.source();
    }
    said
}

fn roots(of_machine: bool, ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if of_machine {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let Some(file) = ca_file else {
        return Ok(roots);
    };
    let unread = |fault: &dyn std::fmt::Display| format!("{}: {fault}", file.display());
    let certificates = CertificateDer::pem_file_iter(file).map_err(|fault| unread(&fault))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|fault| unread(&fault))?;
        roots.add(certificate).map_err(|fault| unread(&fault))?;
    }
    Ok(roots)
}

const PATIENCE: Duration = Duration::from_secs(5);
const LARGEST_ANSWER_BYTES: usize = 64 * 1024;
