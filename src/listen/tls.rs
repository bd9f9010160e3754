//! Holds the server certificate, and changes it while connections run.
//!
//! In: certificate and key as PEM files, and a CA for client certificates where some are wanted.
//! Out: a [`TlsSwitch`] that handshakes take their settings from, or a [`SetupError`] that names the
//! file.
//!
//! Versions 1.3 and 1.2, the latter with ephemeral keys and authenticated ciphers only; HTTP/2 and
//! HTTP/1.1 by ALPN. A new pair is read and checked as a whole before it replaces the old one, and
//! connections that are open keep theirs. A client certificate that the CA does not vouch for ends
//! the handshake; what it says of anyone's name is not read.
//!
//! Never: early data (a replayed request would be a second one), a key log, a key that everybody
//! may read, an expired certificate.
//!
//! RFC 8446; RFC 9325; RFC 7301.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsFacts;
use super::settings::TlsFiles;
use super::validity::Validity;
use crate::clock::{Clock, Time};
use crate::setup_error::SetupError;

/// The certificate in use.
pub struct TlsSwitch(ArcSwap<ServerConfig>);

impl TlsSwitch {
    /// Reads and checks a pair of files.
    pub fn load(files: &TlsFiles) -> Result<TlsSwitch, SetupError> {
        let config = read(files, Clock::machine().now())?;
        Ok(TlsSwitch(ArcSwap::from_pointee(config)))
    }

    /// Reads and checks a pair of files, and uses it from the next handshake on. After an error
    /// the old pair stays.
    pub fn replace(&self, files: &TlsFiles) -> Result<(), SetupError> {
        let config = read(files, Clock::machine().now())?;
        self.0.store(Arc::new(config));
        Ok(())
    }

    /// What the next handshake takes.
    pub(super) fn now(&self) -> Arc<ServerConfig> {
        self.0.load_full()
    }
}

impl fmt::Debug for TlsSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsSwitch")
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
        client_certificate: connection
            .peer_certificates()
            .and_then(<[_]>::first)
            .and_then(|leaf| digest(&SHA256, leaf).as_ref().try_into().ok()),
    }
}

/// When the server's own certificate ends.
///
/// # Errors
/// As for [`TlsSwitch::load`]: a certificate that is not valid now has a fault instead.
pub fn certificate_ends(files: &TlsFiles, now: Time) -> Result<Time, SetupError> {
    let chain = read_chain(&files.certificate, now)?;
    let validity = chain.first().and_then(|leaf| Validity::of(leaf));
    validity
        .map(|validity| validity.ends)
        .ok_or_else(|| unreadable(&files.certificate, "certificate", &pem::Error::NoItemsFound))
}

fn read(files: &TlsFiles, now: Time) -> Result<ServerConfig, SetupError> {
    let chain = read_chain(&files.certificate, now)?;
    let key = read_key(&files.key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| SetupError::new(format!("TLS cannot be set up: {error}")))?
        .with_client_cert_verifier(client_verifier(files)?)
        .with_single_cert(chain, key)
        .map_err(|error| not_a_pair(files, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.max_early_data_size = 0;
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

fn read_chain(file: &Path, now: Time) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(file, "certificate", &error))?;
    let Some(leaf) = chain.first() else {
        return Err(unreadable(file, "certificate", &pem::Error::NoItemsFound));
    };
    match Validity::of(leaf) {
        None => Err(
            SetupError::in_file(file, "the first certificate is not X.509")
                .hint("the file must hold the chain in PEM, the server's own certificate first"),
        ),
        Some(validity) if now >= validity.ends => Err(SetupError::in_file(
            file,
            format!(
                "the certificate expired {} days ago",
                days(now.ms_since(validity.ends))
            ),
        )
        .hint("renew it; the next reload takes the new one")),
        Some(validity) if now < validity.begins => Err(SetupError::in_file(
            file,
            "the certificate is not valid yet",
        )
        .hint("check the clock of this machine, or when the certificate was made")),
        Some(_) => Ok(chain),
    }
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, SetupError> {
    let mode = std::fs::metadata(file).map(|about| about.permissions().mode());
    if let Ok(mode) = mode
        && mode & EVERYBODY_READS != 0
    {
        let fault = format!(
            "everybody may read the private key (mode {:04o})",
            mode & 0o7777
        );
        let hint = format!("chmod 640 {}", file.display());
        return Err(SetupError::in_file(file, fault).hint(hint));
    }
    PrivateKeyDer::from_pem_file(file).map_err(|error| unreadable(file, "private key", &error))
}

fn unreadable(file: &Path, what: &str, error: &pem::Error) -> SetupError {
    match error {
        pem::Error::Io(error) => SetupError::in_file(file, format!("cannot be read: {error}"))
            .hint("check the path, and that stile may read it"),
        pem::Error::NoItemsFound => SetupError::in_file(file, format!("holds no {what} in PEM"))
            .hint("certificate and key may be exchanged, or the file is in DER"),
        error => SetupError::in_file(file, format!("holds no well-formed PEM: {error}")),
    }
}

fn not_a_pair(files: &TlsFiles, error: &rustls::Error) -> SetupError {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            let certificate = files.certificate.display();
            let fault = format!("the private key does not belong to `{certificate}`");
            SetupError::in_file(&files.key, fault)
                .hint("the server's own certificate must be the first in its file")
        }
        error => SetupError::in_file(&files.key, format!("cannot be used for TLS: {error}"))
            .hint("RSA of 2048 bits and more, P-256, P-384 and Ed25519 keys work"),
    }
}

fn days(ms: u64) -> u64 {
    ms / 86_400_000
}

const EVERYBODY_READS: u32 = 0o004;
