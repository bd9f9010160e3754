//! Calls the proxy as its callers do: over HTTP/1.1 or HTTP/2, clear or TLS.
//!
//! In: method, URL, fields, body. Out: an [`Answer`], whole.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::tls::ServerCertificate;

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its body, whole.
    pub body: Bytes,
    /// Its trailers, where it had some.
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    /// A field's value as text; empty when it is missing.
    pub fn field(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("")
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// One request to be made.
#[derive(Clone, Debug)]
pub struct Call {
    method: String,
    url: String,
    fields: Vec<(String, String)>,
    body: Bytes,
    http2: bool,
    ca: Option<Vec<u8>>,
    shown: Option<Box<ServerCertificate>>,
    at: Option<SocketAddr>,
    before: Vec<u8>,
}

impl Call {
    /// A request without a body.
    pub fn new(method: &str, url: impl Into<String>) -> Call {
        Call {
            method: method.to_owned(),
            url: url.into(),
            fields: Vec::new(),
            body: Bytes::new(),
            http2: false,
            ca: None,
            shown: None,
            at: None,
            before: Vec::new(),
        }
    }

    /// With a token in `authorization`.
    #[must_use]
    pub fn token(self, token: &str) -> Call {
        self.field("authorization", &format!("Bearer {token}"))
    }

    /// With a field more.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Call {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body of this media type.
    #[must_use]
    pub fn body(self, kind: &str, body: impl Into<Bytes>) -> Call {
        let mut call = self.field("content-type", kind);
        call.body = body.into();
        call
    }

    /// Over HTTP/2: by prior knowledge in clear text, by ALPN over TLS.
    #[must_use]
    pub fn http2(mut self) -> Call {
        self.http2 = true;
        self
    }

    /// Trusting this CA certificate (PEM) and no other.
    #[must_use]
    pub fn trusting(mut self, ca_pem: &[u8]) -> Call {
        self.ca = Some(ca_pem.to_vec());
        self
    }

    /// Showing this certificate to a listener that asks for one.
    #[must_use]
    pub fn showing(mut self, own: &ServerCertificate) -> Call {
        self.shown = Some(Box::new(own.clone()));
        self
    }

    /// Connecting to this address, whatever the URL names.
    #[must_use]
    pub fn at(mut self, address: SocketAddr) -> Call {
        self.at = Some(address);
        self
    }

    /// With these bytes first on the connection, before TLS, as a proxy in front writes them.
    #[must_use]
    pub fn after(mut self, bytes: &[u8]) -> Call {
        self.before = bytes.to_vec();
        self
    }

    /// Makes it, on a connection of its own.
    ///
    /// # Errors
    /// When no whole answer comes back in time.
    pub async fn send(self) -> io::Result<Answer> {
        tokio::time::timeout(PATIENCE, self.exchange())
            .await
            .map_err(|_| io::Error::other("no answer in time"))?
    }

    async fn exchange(self) -> io::Result<Answer> {
        let uri: Uri = self.url.parse().map_err(io::Error::other)?;
        let authority = uri
            .authority()
            .ok_or_else(|| io::Error::other("no host"))?
            .clone();
        let tls = uri.scheme_str() == Some("https");
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let mut stream = match self.at {
            Some(address) => TcpStream::connect(address).await?,
            None => TcpStream::connect((authority.host(), port)).await?,
        };
        stream.set_nodelay(true)?;
        stream.write_all(&self.before).await?;
        let target = uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
        let mut request = Request::builder().method(self.method.as_str());
        if self.http2 {
            request = request.version(Version::HTTP_2).uri(&uri);
        } else {
            request = request.uri(target).header("host", authority.as_str());
        }
        for (name, value) in &self.fields {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::new(self.body))
            .map_err(io::Error::other)?;
        if tls {
            let ca = self.ca.as_deref();
            let shown = self.shown.as_deref();
            let stream = shake_hands(stream, authority.host(), ca, shown, self.http2).await?;
            converse(TokioIo::new(stream), request, self.http2).await
        } else {
            converse(TokioIo::new(stream), request, self.http2).await
        }
    }
}

async fn shake_hands(
    stream: TcpStream,
    host: &str,
    ca: Option<&[u8]>,
    shown: Option<&ServerCertificate>,
    http2: bool,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.unwrap_or_default()) {
        roots
            .add(certificate.map_err(io::Error::other)?)
            .map_err(io::Error::other)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots);
    let mut config = match shown {
        None => config.with_no_client_auth(),
        Some(own) => {
            let (chain, key) = own.shown();
            let config = config.with_client_auth_cert(chain, key);
            config.map_err(io::Error::other)?
        }
    };
    config.alpn_protocols = vec![if http2 {
        b"h2".to_vec()
    } else {
        b"http/1.1".to_vec()
    }];
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

async fn converse<S>(stream: S, request: Request<Full<Bytes>>, http2: bool) -> io::Result<Answer>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let response = if http2 {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
                .await
                .map_err(io::Error::other)?;
        tokio::spawn(connection);
        sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?
    };
    let (head, body) = response.into_parts();
    let collected = body.collect().await.map_err(io::Error::other)?;
    let trailers = collected.trailers().cloned();
    let body = collected.to_bytes();
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body,
        trailers,
    })
}

const PATIENCE: Duration = Duration::from_secs(60);
