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

/// What is wrong with the certificate, or with the TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It ended years ago.
    Expired,
    /// It is not valid before years from now.
    Future,
    /// It names another host.
    OtherName,
    /// It signed itself.
    SelfSigned,
    /// There is none: plain HTTP is spoken where HTTPS is due.
    ClearText,
}

/// What an issuer needs to speak HTTPS.
pub(super) struct Tls {
    /// None where it speaks clear text after all.
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) authority_pem: String,
}

/// A fresh authority and a certificate of it.
pub(super) fn own_authority(names: &[&str], flaw: Option<Flaw>) -> Tls {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let signer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = match flaw {
        Some(Flaw::OtherName) => vec!["another.example".to_owned()],
        _ => names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let mut leaf = CertificateParams::new(names).unwrap();
    match flaw {
        Some(Flaw::Expired) => leaf.not_after = rcgen::date_time_ymd(2020, 1, 1),
        Some(Flaw::Future) => leaf.not_before = rcgen::date_time_ymd(2999, 1, 1),
        _ => {}
    }
    let certificate = match flaw {
        Some(Flaw::SelfSigned) => leaf.self_signed(&key).unwrap(),
        _ => leaf.signed_by(&key, &signer).unwrap(),
    };

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
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Tls {
        acceptor: (flaw != Some(Flaw::ClearText)).then_some(acceptor),
        authority_pem,
    }
}
