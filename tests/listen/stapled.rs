//! What the issuer says of a certificate is shown with it, as a responder said it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{DigitallySignedStruct, SignatureScheme};
use stile::listen::{Limits, Listener, ListenerSettings, ReadyTls, TlsFiles};

use super::stand::Stand;
use super::tls::{Pair, config, connect, signed};

/// Keeps what came with the certificate.
#[derive(Debug, Default)]
struct Keeps(Mutex<Vec<u8>>);

impl ServerCertVerifier for Keeps {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        stapled: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = stapled.to_vec();
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
        let provider = default_provider();
        provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn named(folder: &Path, name: &str, serial: u8) -> Pair {
    let mut wanted = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    wanted.serial_number = Some(vec![serial, 0x7f].into());
    // It is its own issuer, and answers for itself.
    wanted.is_ca = rcgen::IsCa::ExplicitNoCa;
    signed(folder, name, wanted, &rcgen::KeyPair::generate().unwrap())
}

/// What OpenSSL's responder says of the certificate with this serial number.
fn said(
    folder: &Path,
    pair: &Pair,
    file: &str,
    status: char,
    days: Option<u32>,
) -> Option<PathBuf> {
    let index = folder.join(format!("{file}.index"));
    let serial = &file[..2];
    let revoked = if status == 'R' { "260101000000Z" } else { "" };
    let line = format!("{status}\t491231235959Z\t{revoked}\t{serial}7F\tunknown\t/CN=a\n");
    std::fs::write(&index, line).unwrap();
    let out = folder.join(file);
    let certificate = &pair.files.first.certificate;
    let mut command = Command::new("openssl");
    command.args(["ocsp", "-noverify", "-index"]).arg(&index);
    for role in ["-CA", "-issuer", "-rsigner", "-cert"] {
        command.arg(role).arg(certificate);
    }
    command.arg("-rkey").arg(&pair.files.first.key);
    command.arg("-respout").arg(&out);
    if let Some(days) = days {
        command.args(["-ndays", &days.to_string()]);
    }
    match command.stdin(Stdio::null()).output() {
        Ok(output) => {
            assert!(out.exists(), "{output:?}");
            Some(out)
        }
        Err(_) => {
            eprintln!("skipped: openssl is not here");
            None
        }
    }
}

fn with(pair: &Pair, staple: &Path) -> TlsFiles {
    let mut files = pair.files.clone();
    files.first.staple = Some(staple.to_owned());
    files
}

async fn stapled(stand: &Stand, pair: &Pair) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for version in [&TLS13, &TLS12] {
        let keeps = Arc::new(Keeps::default());
        let mut config = config(pair, version, &[]);
        let verifier = Arc::clone(&keeps);
        config.dangerous().set_certificate_verifier(verifier);
        connect(stand, config, "a.example").await.unwrap();
        let kept = keeps.0.lock().unwrap().clone();
        all.push(kept);
    }
    all
}

#[tokio::test]
async fn a_good_answer_is_shown_and_another_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let pair = named(folder.path(), "a", 0x41);
    let Some(first) = said(folder.path(), &pair, "41.first", 'V', Some(1)) else {
        return;
    };
    let stand = Stand::with(Limits::default(), Some(pair.files.clone()));
    assert_eq!(stapled(&stand, &pair).await, [b"", b""], "none is set");
    let other = said(folder.path(), &pair, "41.other", 'V', Some(3)).unwrap();
    for file in [first, other] {
        let switch = stand.tls.as_ref().unwrap();
        switch.replace(ReadyTls::read(&with(&pair, &file)).unwrap());
        let expected = std::fs::read(&file).unwrap();
        assert_eq!(stapled(&stand, &pair).await, [expected.clone(), expected]);
    }
}

#[test]
fn an_answer_that_would_harm_is_refused_and_the_fault_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (pair, another) = (
        named(folder.path(), "a", 0x41),
        named(folder.path(), "b", 0x42),
    );
    let bound = |staple: &Path| {
        Listener::bind(&ListenerSettings {
            address: ([127, 0, 0, 1], 0).into(),
            tls: Some(with(&pair, staple)),
            front: Default::default(),
        })
    };
    let Some(good) = said(folder.path(), &pair, "41.good", 'V', Some(1)) else {
        return;
    };
    assert!(bound(&good).is_ok());
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let whole = std::fs::read(&good).unwrap();
    let mut past = whole.clone();
    // Its last two moments: when it was true, and until when.
    let years: Vec<usize> = (0..past.len() - 17)
        .filter(|at| past[*at..].starts_with(b"\x18\x0f20"))
        .collect();
    let last = *years.last().unwrap();
    past[last + 2..last + 6].copy_from_slice(b"2020");
    for (file, word) in [
        (folder.path().join("none"), "cannot be read"),
        (write("empty", b""), "no OCSP answer"),
        (write("cut", &whole[..whole.len() - 1]), "no OCSP answer"),
        (
            write("more", &[&whole[..], b"x"].concat()),
            "no OCSP answer",
        ),
        (pair.files.first.certificate.clone(), "no OCSP answer"),
        (write("later", b"\x30\x03\x0a\x01\x03"), "gave no answer"),
        (write("past", &past), "is too old"),
        (
            said(folder.path(), &another, "42.good", 'V', Some(1)).unwrap(),
            "about another certificate",
        ),
        (
            said(folder.path(), &pair, "41.revoked", 'R', Some(1)).unwrap(),
            "revoked or unknown",
        ),
        (
            said(folder.path(), &pair, "41.endless", 'V', None).unwrap(),
            "until when",
        ),
    ] {
        let fault = bound(&file).unwrap_err();
        assert_eq!(fault.file.as_ref(), Some(&file), "{fault}");
        assert!(fault.fault.contains(word), "{fault}");
    }
}
