//! Says whom an upstream is believed to be, and what it is shown.
//!
//! In: the files, the name and the pins of its settings. Out: TLS as each connection to it has it.
//!
//! Pins narrow what the authorities vouch for and replace nothing: a certificate must be good in every
//! other way, and its key be one of those.
//!
//! RFC 5280, 4.1.2.7 (the public key as it is digested); RFC 8446, 4.4.2 (client certificates).

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::forward::settings::UpstreamSettings;
use crate::setup_error::SetupError;

/// TLS to this upstream; in clear text nobody is believed and nothing is shown.
pub(in crate::forward) fn tls(
    settings: &UpstreamSettings,
    secure: bool,
) -> Result<ClientConfig, SetupError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let fault = |error: &dyn std::fmt::Display| {
        SetupError::new(format!("TLS to upstream `{}`: {error}", settings.name))
    };
    let versions = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&error))?;
    if !secure {
        let nobody = versions.with_root_certificates(RootCertStore::empty());
        return Ok(nobody.with_no_client_auth());
    }
    let roots = Arc::new(roots(settings)?);
    let usual = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
    let usual = usual.build().map_err(|error| fault(&error))?;
    let trusting = match settings.tls.pins.is_empty() {
        true => versions.with_webpki_verifier(usual),
        false => {
            let pins = settings.tls.pins.clone();
            let pinned = Pinned {
                usual,
                pins,
                provider,
            };
            versions
                .dangerous() // stricter: what the usual one refuses is refused
                .with_custom_certificate_verifier(Arc::new(pinned))
        }
    };
    let Some((certificate, key)) = &settings.tls.own else {
        return Ok(trusting.with_no_client_auth());
    };
    let pair = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| SetupError::in_file(key, format!("no private key: {error}")))?;
    trusting
        .with_client_auth_cert(certificates(certificate)?, pair)
        .map_err(|error| {
            let what = format!("certificate and key do not go together: {error}");
            SetupError::in_file(certificate, what)
        })
}

/// The name that its certificate must have, where it is not the host's.
pub(in crate::forward) fn name(
    settings: &UpstreamSettings,
) -> Result<Option<ServerName<'static>>, SetupError> {
    let name = settings.tls.server_name.clone();
    name.map(ServerName::try_from).transpose().map_err(|error| {
        let name = &settings.name;
        SetupError::new(format!("`server_name` of upstream `{name}`: {error}"))
    })
}

/// The machine's certificates, and the upstream's own beside them.
fn roots(settings: &UpstreamSettings) -> Result<RootCertStore, SetupError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &settings.tls.ca_file {
        for certificate in certificates(path)? {
            let added = roots.add(certificate);
            added.map_err(|_| malformed(path))?;
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

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let text = std::fs::read(path).map_err(|error| {
        let what = format!("the file cannot be read: {}", error.kind());
        SetupError::in_file(path, what).hint("it must hold certificates in PEM")
    })?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Err(_) => Err(malformed(path)),
        Ok(read) if read.is_empty() => {
            let fault = SetupError::in_file(path, "the file has no certificate");
            Err(fault.hint("it must hold certificates in PEM"))
        }
        Ok(read) => Ok(read),
    }
}

fn malformed(path: &Path) -> SetupError {
    SetupError::in_file(path, "the file has a malformed certificate")
        .hint("it must hold certificates in PEM")
}

/// Believes what the usual verifier believes, where the key is one of these.
#[derive(Debug)]
struct Pinned {
    usual: Arc<WebPkiServerVerifier>,
    pins: Vec<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let usual = &self.usual;
        let good =
            usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let is_pinned = |pin: &[u8; 32]| digest(&SHA256, &key).as_ref() == pin;
        match self.pins.iter().any(is_pinned) {
            true => Ok(good),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
