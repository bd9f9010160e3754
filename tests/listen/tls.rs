//! TLS: versions, protocols, names, and certificates that change.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use stile::listen::{
    InFront, Limits, Listener, ListenerSettings, PairFiles, ReadyTls, TlsFiles, UnknownNames,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::stand::{Answer, Call, Stand, answers, read_to_end, soon};

/// A listener's certificate, on disk.
pub(super) struct Pair {
    pub(super) files: TlsFiles,
    pub(super) der: CertificateDer<'static>,
}

pub(super) fn write(path: PathBuf, text: &str, mode: u32) -> PathBuf {
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// A certificate for `a.example` and `b.example`.
pub(super) fn pair(folder: &Path, name: &str, ends: i32) -> Pair {
    let names = vec!["a.example".to_owned(), "b.example".to_owned()];
    let mut wanted = rcgen::CertificateParams::new(names).unwrap();
    wanted.not_before = rcgen::date_time_ymd(2020, 1, 1);
    wanted.not_after = rcgen::date_time_ymd(ends, 1, 1);
    signed(folder, name, wanted, &rcgen::KeyPair::generate().unwrap())
}

pub(super) fn signed(
    folder: &Path,
    name: &str,
    wanted: rcgen::CertificateParams,
    key: &rcgen::KeyPair,
) -> Pair {
    let made = wanted.self_signed(key).unwrap();
    let first = PairFiles {
        certificate: write(folder.join(format!("{name}.crt")), &made.pem(), 0o644),
        key: write(
            folder.join(format!("{name}.key")),
            &key.serialize_pem(),
            0o600,
        ),
        staple: None,
    };
    Pair {
        files: TlsFiles {
            first,
            more: Vec::new(),
            unknown_names: UnknownNames::Refuse,
            client_ca: None,
        },
        der: made.der().clone(),
    }
}

pub(super) fn config(
    pair: &Pair,
    version: &'static rustls::SupportedProtocolVersion,
    alpn: &[&str],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(pair.der.clone()).unwrap();
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(crypto)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

pub(super) async fn connect(
    stand: &Stand,
    config: ClientConfig,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    soon(connector.connect(name, stand.connect().await)).await
}

pub(super) async fn get(stream: &mut TlsStream<TcpStream>, host: &str) -> Vec<Answer> {
    let head = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    answers(&read_to_end(stream).await)
}

use rustls::version::{TLS12, TLS13};

#[tokio::test]
async fn both_versions_are_spoken_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let pair = pair(folder.path(), "a", 2999);
    let stand = Stand::with(Limits::default(), Some(pair.files.clone()));
    for (version, word) in [(&TLS13, "1.3"), (&TLS12, "1.2")] {
        let mut stream = connect(&stand, config(&pair, version, &["http/1.1"]), "a.example")
            .await
            .unwrap();
        assert_eq!(get(&mut stream, "a.example").await[0].status, 200);
        let calls = stand.memory.calls();
        let Some(Call::Received { tls: Some(tls), .. }) = calls.last() else {
            panic!("{calls:?}");
        };
        assert_eq!(tls.version, word);
        assert!(tls.suite.starts_with("TLS_"), "{}", tls.suite);
        assert_eq!(tls.sni.as_deref(), Some("a.example"));
        assert_eq!(tls.alpn.as_deref(), Some("http/1.1"));
    }
}

#[tokio::test]
async fn without_alpn_it_is_http1_and_with_h2_it_is_http2() {
    let folder = tempfile::tempdir().unwrap();
    let pair = pair(folder.path(), "a", 2999);
    let stand = Stand::with(Limits::default(), Some(pair.files.clone()));
    let mut plain = connect(&stand, config(&pair, &TLS13, &[]), "a.example")
        .await
        .unwrap();
    assert_eq!(get(&mut plain, "a.example").await[0].status, 200);
    let stream = connect(
        &stand,
        config(&pair, &TLS13, &["h2", "http/1.1"]),
        "a.example",
    )
    .await
    .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (caller, connection) = soon(h2::client::handshake(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut caller = soon(caller.ready()).await.unwrap();
    for (host, status) in [("a.example", 200), ("b.example", 421)] {
        let request = http::Request::builder()
            .uri(format!("https://{host}/"))
            .body(())
            .unwrap();
        let (response, _) = caller.send_request(request, true).unwrap();
        assert_eq!(soon(response).await.unwrap().status(), status);
    }
    assert!(
        connect(&stand, config(&pair, &TLS13, &["spdy/3"]), "a.example")
            .await
            .is_err()
    );
}

#[tokio::test]
async fn another_host_than_the_name_of_the_connection_is_misdirected() {
    let folder = tempfile::tempdir().unwrap();
    let pair = pair(folder.path(), "a", 2999);
    let stand = Stand::with(Limits::default(), Some(pair.files.clone()));
    for (host, status) in [
        ("a.example", 200),
        ("A.Example:8443", 200),
        ("b.example", 421),
    ] {
        let mut stream = connect(&stand, config(&pair, &TLS13, &[]), "a.example")
            .await
            .unwrap();
        assert_eq!(get(&mut stream, host).await[0].status, status, "{host}");
    }
}

#[tokio::test]
async fn a_new_certificate_is_used_from_the_next_handshake_on() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (
        pair(folder.path(), "old", 2999),
        pair(folder.path(), "new", 2999),
    );
    let stand = Stand::with(Limits::default(), Some(old.files.clone()));
    let mut open = connect(&stand, config(&old, &TLS13, &[]), "a.example")
        .await
        .unwrap();
    let switch = stand.tls.clone().unwrap();
    let stale = pair(folder.path(), "stale", 2021);
    assert!(ReadyTls::read(&stale.files).is_err());
    assert!(
        connect(&stand, config(&old, &TLS13, &[]), "a.example")
            .await
            .is_ok()
    );
    switch.replace(ReadyTls::read(&new.files).unwrap());
    assert_eq!(get(&mut open, "a.example").await[0].status, 200);
    assert!(
        connect(&stand, config(&old, &TLS13, &[]), "a.example")
            .await
            .is_err()
    );
    assert!(
        connect(&stand, config(&new, &TLS13, &[]), "a.example")
            .await
            .is_ok()
    );
}

/// The kind of each of two handshakes by one caller, the second with all it learned from the first.
async fn two_handshakes(
    stand: &Stand,
    pair: &Pair,
    own: Option<(&CertificateDer<'static>, &rcgen::KeyPair)>,
    version: &'static rustls::SupportedProtocolVersion,
) -> Vec<rustls::HandshakeKind> {
    let mut config = config(pair, version, &["http/1.1"]);
    if let Some((certificate, key)) = own {
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key.into()).unwrap();
        let shown = rustls::sign::CertifiedKey::new(vec![certificate.clone()], signing);
        let shown = rustls::sign::SingleCertAndKey::from(shown);
        config.client_auth_cert_resolver = Arc::new(shown);
    }
    let connector = TlsConnector::from(Arc::new(config));
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let name = ServerName::try_from("a.example").unwrap();
        let mut stream = soon(connector.connect(name, stand.connect().await))
            .await
            .unwrap();
        kinds.push(stream.get_ref().1.handshake_kind().unwrap());
        // Tickets come with the answer.
        assert_eq!(get(&mut stream, "a.example").await[0].status, 200);
    }
    kinds
}

#[tokio::test]
async fn a_client_certificate_never_comes_back_by_a_resumed_session() {
    use rustls::HandshakeKind::{Full, FullWithHelloRetryRequest, Resumed};
    let folder = tempfile::tempdir().unwrap();
    let server = pair(folder.path(), "a", 2999);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut wanted = rcgen::CertificateParams::new(vec!["client.example".to_owned()]).unwrap();
    wanted.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let made = wanted.self_signed(&key).unwrap();
    let own = Some((made.der(), &key));
    let asking = TlsFiles {
        client_ca: Some(write(folder.path().join("clients.pem"), &made.pem(), 0o644)),
        ..server.files.clone()
    };
    for version in [&TLS13, &TLS12] {
        // That such a caller would resume shows where nobody asks for a certificate.
        let stand = Stand::with(Limits::default(), Some(server.files.clone()));
        let kinds = two_handshakes(&stand, &server, own, version).await;
        assert_eq!(kinds[1], Resumed, "{kinds:?}");
        let stand = Stand::with(Limits::default(), Some(asking.clone()));
        let kinds = two_handshakes(&stand, &server, own, version).await;
        let whole = |kind: &_| matches!(kind, Full | FullWithHelloRetryRequest);
        assert!(kinds.iter().all(whole), "{kinds:?}");
        let calls = stand.memory.calls();
        let shown = calls.iter().filter(|call| {
            matches!(call, Call::Received { tls: Some(tls), .. } if tls.client_certificate.is_some())
        });
        assert_eq!(shown.count(), 2, "{calls:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_ends() {
    let folder = tempfile::tempdir().unwrap();
    let pair = pair(folder.path(), "a", 2999);
    let limits = Limits {
        head_ms: 50,
        ..Limits::default()
    };
    let stand = Stand::with(limits, Some(pair.files));
    let mut stream = stand.connect().await;
    stream.write_all(&[0x16, 3, 1, 2, 0]).await.unwrap();
    read_to_end(&mut stream).await;
    assert!(stand.memory.calls().is_empty());
}

#[test]
fn a_pair_that_cannot_work_is_refused_and_the_fault_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (
        pair(folder.path(), "a", 2999),
        pair(folder.path(), "b", 2999),
    );
    let stale = pair(folder.path(), "stale", 2021);
    let junk = write(folder.path().join("junk"), "junk", 0o600);
    let open = write(
        folder.path().join("open.key"),
        &std::fs::read_to_string(&a.files.first.key).unwrap(),
        0o644,
    );
    let none = folder.path().join("none");
    for (certificate, key, at_fault, word) in [
        (
            &a.files.first.certificate,
            &b.files.first.key,
            &b.files.first.key,
            "does not belong",
        ),
        (
            &stale.files.first.certificate,
            &stale.files.first.key,
            &stale.files.first.certificate,
            "expired",
        ),
        (&junk, &a.files.first.key, &junk, "holds no certificate"),
        (
            &a.files.first.certificate,
            &junk,
            &junk,
            "holds no private key",
        ),
        (
            &a.files.first.key,
            &a.files.first.certificate,
            &a.files.first.key,
            "holds no certificate",
        ),
        (&none, &a.files.first.key, &none, "cannot be read"),
        (&a.files.first.certificate, &none, &none, "cannot be read"),
        (
            &a.files.first.certificate,
            &open,
            &open,
            "everybody may read",
        ),
    ] {
        let settings = ListenerSettings {
            address: ([127, 0, 0, 1], 0).into(),
            front: InFront::default(),
            tls: Some(TlsFiles {
                first: PairFiles {
                    certificate: certificate.clone(),
                    key: key.clone(),
                    staple: None,
                },
                ..a.files.clone()
            }),
        };
        let fault = Listener::bind(&settings).unwrap_err();
        assert_eq!(fault.file.as_ref(), Some(at_fault), "{fault}");
        assert!(fault.fault.contains(word), "{fault}");
    }
}

#[test]
fn a_ca_for_clients_that_cannot_work_is_refused_and_the_fault_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let good = pair(folder.path(), "a", 2999);
    let bound = |client_ca: &Path| {
        Listener::bind(&ListenerSettings {
            address: ([127, 0, 0, 1], 0).into(),
            front: InFront::default(),
            tls: Some(TlsFiles {
                client_ca: Some(client_ca.to_owned()),
                ..good.files.clone()
            }),
        })
    };
    assert!(bound(&good.files.first.certificate).is_ok());
    let junk = write(folder.path().join("junk"), "junk", 0o600);
    let none = folder.path().join("none");
    for (client_ca, word) in [
        (&junk, "holds no certificate"),
        (&good.files.first.key, "holds no certificate"),
        (&none, "cannot be read"),
    ] {
        let fault = bound(client_ca).unwrap_err();
        assert_eq!(fault.file.as_ref(), Some(client_ca), "{fault}");
        assert!(fault.fault.contains(word), "{fault}");
    }
}
