//! What is offered to a caller of another make: every protocol and suite that OpenSSL knows, one by one.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use stile::listen::{Limits, TlsFiles};

use super::stand::Stand;
use super::tls::signed;

/// What a listener with these may settle on in TLS 1.2; everything else is older or weaker.
const SUITES: [&str; 6] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
];

/// The suite that OpenSSL settles on with these arguments; nothing when there is no handshake.
async fn settled(address: SocketAddr, arguments: Vec<String>) -> Option<String> {
    let run = tokio::task::spawn_blocking(move || {
        let mut command = Command::new("openssl");
        command.args([
            "s_client",
            "-connect",
            &address.to_string(),
            "-servername",
            "a.example",
        ]);
        command.args(arguments).stdin(Stdio::null());
        command.output().expect("openssl starts")
    });
    let output = run.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find(|line| line.contains("Cipher is "))?;
    let (_, suite) = line.split_once("Cipher is ")?;
    (suite != "(NONE)").then(|| suite.to_owned())
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// Every suite that this OpenSSL can be made to offer, however weak.
fn known() -> Option<Vec<String>> {
    let output = Command::new("openssl")
        .args(["ciphers", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"])
        .output()
        .ok()?;
    let list = String::from_utf8(output.stdout).ok()?;
    let old = |name: &&str| !name.starts_with("TLS_");
    Some(
        list.trim()
            .split(':')
            .filter(old)
            .map(str::to_owned)
            .collect(),
    )
}

#[tokio::test]
async fn only_two_versions_and_six_old_suites_are_offered_whatever_a_caller_can() {
    let Some(known) = known() else {
        return eprintln!("skipped: there is no openssl");
    };
    let folder = tempfile::tempdir().unwrap();
    let made = |name, kind| {
        let wanted = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        let key = rcgen::KeyPair::generate_for(kind).unwrap();
        signed(folder.path(), name, wanted, &key).files
    };
    let rsa = made("rsa", &rcgen::PKCS_RSA_SHA256);
    let files = TlsFiles {
        more: vec![rsa.first],
        ..made("ec", &rcgen::PKCS_ECDSA_P256_SHA256)
    };
    let stand = Stand::with(Limits::default(), Some(files));
    for (version, offered) in [
        ("-tls1_3", true),
        ("-tls1_2", true),
        ("-tls1_1", false),
        ("-tls1", false),
    ] {
        let arguments = words(&format!("{version} -cipher ALL:@SECLEVEL=0"));
        let suite = settled(stand.address, arguments).await;
        assert_eq!(suite.is_some(), offered, "{version}: {suite:?}");
    }
    for suite in [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
    ] {
        let arguments = words(&format!("-tls1_3 -ciphersuites {suite}"));
        assert_eq!(
            settled(stand.address, arguments).await.as_deref(),
            Some(suite)
        );
    }
    let mut offered = Vec::new();
    for name in &known {
        let arguments = words(&format!("-tls1_2 -cipher {name}:@SECLEVEL=0"));
        if let Some(suite) = settled(stand.address, arguments).await {
            assert_eq!(&suite, name);
            offered.push(suite);
        }
    }
    offered.sort();
    assert_eq!(offered, SUITES, "of {}", known.len());
    assert!(known.len() > 40, "{known:?}");
    for (curve, taken) in [
        ("secp256r1", true),
        ("secp224r1", false),
        ("secp192r1", false),
    ] {
        let arguments = words(&format!(
            "-tls1_2 -cipher ECDHE:@SECLEVEL=0 -curves {curve}"
        ));
        let suite = settled(stand.address, arguments).await;
        assert_eq!(suite.is_some(), taken, "{curve}");
    }
}
