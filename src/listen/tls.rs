//! Holds the server certificates, and changes them while connections run.
//!
//! In: certificates and keys as PEM files, and a CA for client certificates where some are wanted.
//! Out: a [`TlsSwitch`] that handshakes take their settings from, or a [`SetupError`] that names the
//! file.
//!
//! Versions 1.3 and 1.2, the latter with ephemeral keys and authenticated ciphers only; HTTP/2 and
//! HTTP/1.1 by ALPN. New files are read and checked all together before they replace the old ones,
//! and connections that are open keep theirs. A client certificate that the CA does not vouch for
//! ends the handshake; what it says of anyone's name is not read here.
//!
//! Where callers show certificates no session is resumed: each connection proves anew that it has the
//! key, and its certificate is verified at that time.
//!
//! Never: early data (a replayed request would be a second one), a key log, a client certificate that
//! was verified on an earlier connection only.
//!
//! RFC 8446; RFC 9325; RFC 7301.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};

use super::TlsFacts;
use super::arrival::ClientCertificate;
use super::certificate::{self, unreadable};
use super::named::Named;
use super::settings::TlsFiles;
use crate::clock::{Clock, Time};
use crate::setup_error::SetupError;

/// The certificates in use.
pub struct TlsSwitch(ArcSwap<ServerConfig>);

/// Certificates that were read and checked, and are not in use yet.
pub struct ReadyTls(Arc<ServerConfig>);

impl TlsSwitch {
    /// Reads and checks all files of a listener.
    pub fn load(files: &TlsFiles) -> Result<TlsSwitch, SetupError> {
        Ok(TlsSwitch(ArcSwap::new(ReadyTls::read(files)?.0)))
    }

    /// Uses these from the next handshake on.
    pub fn replace(&self, ready: ReadyTls) {
        self.0.store(ready.0);
    }

    /// What the next handshake takes.
    pub(super) fn now(&self) -> Arc<ServerConfig> {
        self.0.load_full()
    }
}

impl ReadyTls {
    /// Reads and checks all files of a listener; one fault and nothing is ready.
    pub fn read(files: &TlsFiles) -> Result<ReadyTls, SetupError> {
        let config = read(files, Clock::machine().now())?;
        Ok(ReadyTls(Arc::new(config)))
    }
}

impl fmt::Debug for TlsSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsSwitch")
    }
}

impl fmt::Debug for ReadyTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadyTls")
    }
}

/// What a finished handshake settled.
pub(super) fn facts(connection: &ServerConnection) -> TlsFacts {
    let alpn = connection.alpn_protocol();
    TlsFacts {
        version: match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "1.3",
            _ => "1.2",
        },
        suite: connection
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            // rustls names the suites of 1.3 apart from IANA: `TLS13_` for `TLS_`.
            .map(|name| name.replacen("TLS13_", "TLS_", 1))
            .unwrap_or_default(),
        sni: connection.server_name().map(str::to_ascii_lowercase),
        alpn: alpn.map(|name| String::from_utf8_lossy(name).into_owned()),
        client_certificate: connection.peer_certificates().and_then(|chain| {
            let digest = digest(&SHA256, chain.first()?);
            Some(ClientCertificate {
                digest: digest.as_ref().try_into().ok()?,
                chain: chain.iter().map(|one| one.to_vec()).collect(),
            })
        }),
    }
}

fn read(files: &TlsFiles, now: Time) -> Result<ServerConfig, SetupError> {
    let mut named = Named::beginning_with(certificate::read(&files.first, now)?, files);
    for more in &files.more {
        named.add(more, certificate::read(more, now)?)?;
    }
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| SetupError::new(format!("TLS cannot be set up: {error}")))?
        .with_client_cert_verifier(client_verifier(files)?)
        .with_cert_resolver(Arc::new(named));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.max_early_data_size = 0;
    if files.client_ca.is_some() {
        // A resumed session brings its client certificate back without verifying it anew, though it
        // may have ended since.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

/// Asks for a client certificate where the listener has a CA for them, and demands none: who has
/// none may still send a token that is bound to nothing.
fn client_verifier(files: &TlsFiles) -> Result<Arc<dyn ClientCertVerifier>, SetupError> {
    let Some(file) = &files.client_ca else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(file, "certificate", &error))?;
    for certificate in certificates {
        roots.add(certificate).map_err(|error| {
            SetupError::in_file(file, format!("a certificate cannot be a CA: {error}"))
        })?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
        .allow_unauthenticated()
        .build()
        .map_err(|_| unreadable(file, "certificate", &pem::Error::NoItemsFound))
}
