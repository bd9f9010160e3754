//! Which certificate a caller sees, by the name it asks for.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, IpAddr, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{DigitallySignedStruct, SignatureScheme};
use stile::listen::{
    InFront, Limits, Listener, ListenerSettings, ReadyTls, TlsFiles, UnknownNames,
};
use tokio_rustls::TlsConnector;

use super::stand::{Stand, soon};
use super::tls::{Pair, config, connect, get, signed, write};

/// Looks at no certificate, and says that it can check these signatures.
#[derive(Debug)]
struct Takes(Vec<SignatureScheme>);

impl ServerCertVerifier for Takes {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

fn named(folder: &Path, file: &str, names: &[&str]) -> Pair {
    of_kind(folder, file, names, &rcgen::PKCS_ECDSA_P256_SHA256)
}

fn of_kind(
    folder: &Path,
    file: &str,
    names: &[&str],
    kind: &'static rcgen::SignatureAlgorithm,
) -> Pair {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let wanted = rcgen::CertificateParams::new(names).unwrap();
    let key = rcgen::KeyPair::generate_for(kind).unwrap();
    signed(folder, file, wanted, &key)
}

fn together(first: &Pair, more: &[&Pair], unknown_names: UnknownNames) -> TlsFiles {
    TlsFiles {
        more: more.iter().map(|pair| pair.files.first.clone()).collect(),
        unknown_names,
        ..first.files.clone()
    }
}

/// Whether the one who asks for `name` and trusts only this certificate gets through to an answer.
async fn sees(stand: &Stand, pair: &Pair, name: &str) -> bool {
    for version in [&TLS13, &TLS12] {
        let Ok(mut stream) = connect(stand, config(pair, version, &["http/1.1"]), name).await
        else {
            return false;
        };
        assert_eq!(get(&mut stream, name).await[0].status, 200, "{name}");
    }
    true
}

/// The certificate that somebody sees who checks none, and asks for this name or for none.
async fn shown(stand: &Stand, pair: &Pair, name: Option<&str>) -> Option<CertificateDer<'static>> {
    let mut config = config(pair, &TLS13, &["http/1.1"]);
    let anything = Arc::new(Takes(
        default_provider()
            .signature_verification_algorithms
            .supported_schemes(),
    ));
    config.dangerous().set_certificate_verifier(anything);
    let name = match name {
        Some(name) => ServerName::try_from(name.to_owned()).unwrap(),
        None => ServerName::IpAddress(IpAddr::from(std::net::Ipv4Addr::LOCALHOST)),
    };
    let connector = TlsConnector::from(Arc::new(config));
    let stream = soon(connector.connect(name, stand.connect().await)).await;
    let certificates = stream.ok()?.get_ref().1.peer_certificates()?.to_vec();
    certificates.into_iter().next()
}

#[tokio::test]
async fn each_name_has_its_certificate_and_a_name_written_out_goes_before_a_star() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = named(folder, "first", &["a.example"]);
    let any = named(folder, "any", &["*.b.example"]);
    let own = named(folder, "own", &["own.b.example", "C.Example"]);
    let files = together(&first, &[&any, &own], UnknownNames::Refuse);
    let stand = Stand::with(Limits::default(), Some(files));
    let all = [&first, &any, &own];
    for (name, whose) in [
        ("a.example", &first),
        ("A.EXAMPLE", &first),
        ("x.b.example", &any),
        ("own.b.example", &own),
        ("c.example", &own),
    ] {
        for pair in all {
            let is_its = std::ptr::eq(pair, whose);
            assert_eq!(sees(&stand, pair, name).await, is_its, "{name}");
        }
    }
}

#[tokio::test]
async fn an_unknown_name_ends_the_handshake_unless_it_was_set_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = named(folder, "first", &["a.example"]);
    let more = named(folder, "more", &["*.b.example"]);
    for (set, answered) in [(UnknownNames::Refuse, false), (UnknownNames::First, true)] {
        let files = together(&first, &[&more], set);
        let stand = Stand::with(Limits::default(), Some(files));
        assert_eq!(
            shown(&stand, &first, Some("x.b.example")).await.as_ref(),
            Some(&more.der)
        );
        for name in [
            "c.example",
            "b.example",
            "x.y.b.example",
            "example",
            "x.a.example",
            "a.example.evil.example",
        ] {
            let seen = shown(&stand, &first, Some(name)).await;
            assert_eq!(seen, answered.then(|| first.der.clone()), "{set:?} {name}");
        }
        // Who names nobody, as who connects to an address, gets the first in any case.
        assert_eq!(shown(&stand, &first, None).await.as_ref(), Some(&first.der));
        assert!(stand.memory.calls().is_empty());
    }
}

#[tokio::test]
async fn of_two_certificates_for_one_name_the_caller_gets_one_it_can_check() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let old = of_kind(folder, "old", &["a.example"], &rcgen::PKCS_ED25519);
    let new = of_kind(
        folder,
        "new",
        &["a.example"],
        &rcgen::PKCS_ECDSA_P384_SHA384,
    );
    let files = together(&old, &[&new], UnknownNames::Refuse);
    let stand = Stand::with(Limits::default(), Some(files));
    let anybody = shown(&stand, &old, Some("a.example")).await;
    assert_eq!(anybody.as_ref(), Some(&old.der));
    let mut only_p384 = config(&new, &TLS13, &["http/1.1"]);
    let takes = Arc::new(Takes(vec![SignatureScheme::ECDSA_NISTP384_SHA384]));
    only_p384.dangerous().set_certificate_verifier(takes);
    let stream = connect(&stand, only_p384, "a.example").await.unwrap();
    let seen = stream.get_ref().1.peer_certificates().unwrap();
    assert_eq!(seen.first(), Some(&new.der));
}

#[tokio::test]
async fn all_certificates_change_together_or_none_does() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = named(folder, "first", &["a.example"]);
    let more = named(folder, "more", &["b.example"]);
    let files = together(&first, &[&more], UnknownNames::Refuse);
    let stand = Stand::with(Limits::default(), Some(files.clone()));
    // The same two paths now hold a new certificate and a broken one.
    let newer = named(folder, "first", &["a.example"]);
    let key = files.more[0].key.clone();
    let good = std::fs::read_to_string(&key).unwrap();
    write(key.clone(), "junk", 0o600);
    let fault = ReadyTls::read(&files).unwrap_err();
    assert_eq!(fault.file.as_ref(), Some(&key), "{fault}");
    assert!(sees(&stand, &first, "a.example").await);
    assert!(sees(&stand, &more, "b.example").await);
    write(key, &good, 0o600);
    let switch = stand.tls.clone().unwrap();
    switch.replace(ReadyTls::read(&files).unwrap());
    assert!(!sees(&stand, &first, "a.example").await);
    assert!(sees(&stand, &newer, "a.example").await);
    assert!(sees(&stand, &more, "b.example").await);
}

#[test]
fn a_certificate_that_nobody_would_see_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = named(folder, "first", &["a.example", "b.example"]);
    let bound = |more: &[&Pair]| {
        Listener::bind(&ListenerSettings {
            address: ([127, 0, 0, 1], 0).into(),
            front: InFront::default(),
            tls: Some(together(&first, more, UnknownNames::Refuse)),
        })
    };
    assert!(bound(&[&named(folder, "c", &["c.example"])]).is_ok());
    let partly = named(folder, "partly", &["a.example", "c.example"]);
    assert!(bound(&[&partly]).is_ok());
    let other_kind = of_kind(folder, "kind", &["a.example"], &rcgen::PKCS_ED25519);
    assert!(bound(&[&other_kind]).is_ok());
    let (nameless, again) = (
        named(folder, "none", &[]),
        named(folder, "again", &["A.example"]),
    );
    for (pair, word) in [
        (&nameless, "names no host"),
        (&again, "already"),
        (&named(folder, "address", &["127.0.0.1"]), "names no host"),
    ] {
        let fault = bound(&[pair]).unwrap_err();
        assert_eq!(fault.file.as_ref(), Some(&pair.files.first.certificate));
        assert!(fault.fault.contains(word), "{fault}");
    }
}
