//! A certificate for `localhost`, and the authority that nobody but the test trusts.
//!
//! In: nothing. Out: what accepts TLS connections, and the PEM to trust it by.
//!
//! Made anew each time, so that trusting one issuer never means trusting another.

#![allow(
    clippy::unwrap_used,
    reason = "a kit that breaks should stop its test at once"
)]

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

/// What an issuer needs to speak HTTPS.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    pub(super) authority_pem: String,
}

/// A fresh authority and a certificate of it.
pub(super) fn own_authority() -> Tls {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let signer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let leaf = CertificateParams::new(names).unwrap();
    let certificate = leaf.signed_by(&key, &signer).unwrap();

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    Tls {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        authority_pem,
    }
}
