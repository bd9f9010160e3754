//! A development certificate authority, made anew for each test.
//!
//! In: names. Out: certificates with their keys, in memory or as PEM files in a temporary folder.
//!
//! Nothing here is ever the same twice, so no key of a test is worth keeping.
#![allow(
    clippy::expect_used,
    reason = "a certificate that cannot be made ends the test that asked for it"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::issuer::claims::now_s;

/// A certificate authority that nobody but one test trusts.
#[derive(Debug)]
pub struct DevCa {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A server certificate and its key.
#[derive(Clone, Debug)]
pub struct ServerCertificate {
    /// The chain as PEM, leaf first.
    pub chain_pem: String,
    /// The leaf's private key as PEM (PKCS #8).
    pub key_pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
    public_key: Vec<u8>,
}

impl DevCa {
    /// A new authority with a new key.
    pub fn new() -> DevCa {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params
            .distinguished_name
            .push(DnType::CommonName, "stile development CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.self_signed(&key).expect("a CA can be signed");
        DevCa {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// The authority's own certificate as PEM: what a caller must trust.
    pub fn certificate_pem(&self) -> String {
        self.certificate.pem()
    }

    /// The authority's own certificate as DER.
    pub fn certificate_der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    /// Writes the authority's certificate to `folder/ca.pem` and says where.
    pub fn write_to(&self, folder: &Path) -> PathBuf {
        let path = folder.join("ca.pem");
        std::fs::write(&path, self.certificate_pem()).expect("the folder can be written");
        path
    }

    /// A certificate for these names or addresses, good now.
    pub fn server(&self, names: &[&str]) -> ServerCertificate {
        self.sign(names, |_| ())
    }

    /// A certificate that a caller may show, good now.
    pub fn client(&self, name: &str) -> ServerCertificate {
        self.sign(&[name], |params| {
            params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        })
    }

    /// A certificate of a program, with these URIs and host names and no others, good from so many seconds
    /// ago for so many seconds.
    pub fn program(
        &self,
        uris: &[&str],
        hosts: &[&str],
        (ago_s, lasts_s): (u64, u64),
    ) -> ServerCertificate {
        self.sign(&[], |params| {
            params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
            let uris = uris.iter().map(|uri| SanType::URI(name(uri)));
            let hosts = hosts.iter().map(|host| SanType::DnsName(name(host)));
            params.subject_alt_names = uris.chain(hosts).collect();
            let begins = now_s() - ago_s;
            let moment = |s| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(s);
            (params.not_before, params.not_after) = (moment(begins), moment(begins + lasts_s));
        })
    }

    /// A certificate for these names that ended in 2020.
    pub fn expired(&self, names: &[&str]) -> ServerCertificate {
        self.sign(names, |params| {
            params.not_before = rcgen::date_time_ymd(2019, 1, 1);
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        })
    }

    fn sign(&self, names: &[&str], change: impl Fn(&mut CertificateParams)) -> ServerCertificate {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("the names are names");
        params
            .extended_key_usages
            .push(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
        change(&mut params);
        let key = KeyPair::generate().expect("a key can be made");
        let leaf = params
            .signed_by(&key, &self.issuer)
            .expect("a leaf can be signed");
        ServerCertificate {
            chain_pem: leaf.pem(),
            key_pem: key.serialize_pem(),
            chain: vec![leaf.der().clone()],
            key: key.serialize_der(),
            public_key: rcgen::PublicKeyData::subject_public_key_info(&key),
        }
    }
}

fn name(text: &str) -> rcgen::string::Ia5String {
    text.try_into().expect("names are ASCII")
}

impl Default for DevCa {
    fn default() -> DevCa {
        DevCa::new()
    }
}

impl ServerCertificate {
    /// What a TLS listener needs, offering these protocols by ALPN in this order.
    pub fn listening(&self, alpn: &[&str]) -> Arc<rustls::ServerConfig> {
        self.listening_to(alpn, None)
    }

    /// The same, for callers with a certificate of this authority only where there is one.
    pub fn listening_to(
        &self,
        alpn: &[&str],
        clients: Option<&DevCa>,
    ) -> Arc<rustls::ServerConfig> {
        let suites = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&suites))
            .with_safe_default_protocol_versions()
            .expect("the versions fit the suites");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = rustls::RootCertStore::empty();
                roots
                    .add(ca.certificate_der())
                    .expect("the CA is a certificate");
                let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                    Arc::new(roots),
                    suites,
                );
                builder.with_client_cert_verifier(verifier.build().expect("there is a root"))
            }
        };
        let mut config = builder
            .with_single_cert(self.chain.clone(), key)
            .expect("the key fits the certificate");
        config.alpn_protocols = alpn.iter().map(|id| id.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// SHA-256 of the public key, as settings pin it: `sha256/` and base64.
    pub fn pin(&self) -> String {
        use base64::Engine;
        let digest = crate::mint::sha256(&self.public_key);
        let digest = base64::engine::general_purpose::STANDARD.encode(digest);
        format!("sha256/{digest}")
    }

    /// SHA-256 of the leaf, as tokens that are bound to it name it (RFC 8705 3.1).
    pub fn thumbprint(&self) -> String {
        let leaf = self.chain.first().expect("there is a leaf");
        crate::mint::b64(crate::mint::sha256(leaf))
    }

    /// The chain and the key, for who shows them.
    pub(crate) fn shown(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        (self.chain.clone(), key)
    }

    /// Writes `NAME.pem` and `NAME.key` into the folder and says where.
    pub fn write_to(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let certificate = folder.join(format!("{name}.pem"));
        let key = folder.join(format!("{name}.key"));
        std::fs::write(&certificate, &self.chain_pem).expect("the folder can be written");
        std::fs::write(&key, &self.key_pem).expect("the folder can be written");
        (certificate, key)
    }
}

impl DevCa {
    /// What a TLS caller needs to trust this authority and nobody else.
    pub fn calling(&self, alpn: &[&str]) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(self.certificate_der())
            .expect("the CA is a certificate");
        let suites = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(suites)
            .with_safe_default_protocol_versions()
            .expect("the versions fit the suites")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|id| id.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}
