//! TLS to the upstream: the right name, a trusted authority, in time, or nothing is sent.

use stile_kit::tls::DevCa;
use tokio::io::AsyncReadExt;

use super::*;

fn over(upstream: Upstream, ca: &DevCa) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let path = ca.write_to(folder.path());
    Bench::over(upstream, |settings| {
        settings.tls.ca_file = Some(path.clone())
    })
}

#[tokio::test]
async fn a_certificate_of_the_upstreams_own_authority_is_good() {
    let ca = DevCa::new();
    let bench = over(Upstream::start_tls(&ca).await, &ca);
    let told = bench.ask().await;
    assert_eq!(told.ending(), ("none", "complete"), "{:?}", told.refusal);
    let seen = &bench.upstream.seen()[0];
    assert_eq!(seen.protocol, "h2");
    let authority = format!("localhost:{}", bench.upstream.address().port());
    assert_eq!(seen.authority, Some(authority));
    assert!(seen.values("host").is_empty());
}

#[tokio::test]
async fn any_other_certificate_is_refused_and_nothing_is_sent() {
    let (ca, other) = (DevCa::new(), DevCa::new());
    let certificates = [
        ("wrong name", ca.server(&["other.example"])),
        ("expired", ca.expired(&["localhost"])),
        ("unknown authority", other.server(&["localhost"])),
    ];
    for (what, certificate) in certificates {
        let bench = over(Upstream::start_tls_with(&certificate).await, &ca);
        let told = bench.ask().await;
        assert_eq!(
            told.ending(),
            ("upstream_tls_error", "upstream_error"),
            "{what}"
        );
        assert!(bench.upstream.seen().is_empty(), "{what}");
        assert_eq!(
            bench.upstream.connections(),
            0,
            "{what}: no handshake was completed"
        );
    }
}

#[tokio::test]
async fn clear_text_behind_https_is_refused_and_the_key_stays() {
    let ca = DevCa::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = vec![0; 4096];
        let length = stream.read(&mut heard).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad\r\n\r\n")
            .await
            .unwrap();
        stream.read_to_end(&mut heard).await.unwrap_or_default();
        heard.truncate(length);
        heard
    });
    let folder = tempfile::tempdir().unwrap();
    let path = ca.write_to(folder.path());
    let bench = Bench::over(Upstream::start().await, |settings| {
        settings.tls.ca_file = Some(path.clone());
        settings.url = format!("https://localhost:{port}").parse().unwrap();
    });
    let told = bench.ask().await;
    assert_eq!(told.ending(), ("upstream_tls_error", "upstream_error"));
    let heard = heard.await.unwrap();
    assert!(
        !heard
            .windows(API_KEY.len())
            .any(|w| w == API_KEY.as_bytes())
    );
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_unreachable() {
    let ca = DevCa::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let path = ca.write_to(folder.path());
    let bench = Bench::over(Upstream::start().await, |settings| {
        settings.tls.ca_file = Some(path.clone());
        settings.connect_ms = 200;
        settings.url = format!("https://localhost:{port}").parse().unwrap();
    });
    let told = bench.ask().await;
    assert_eq!(told.ending(), ("upstream_unreachable", "upstream_error"));
    drop(listener);
}
