//! An upstream that remembers every request to the byte and misbehaves on demand.
//!
//! In: connections on loopback. Out: answers like the Lightstep API's, like Grafana's and like an
//! OTLP receiver's, the list of what was [`Seen`], and the faults that a [`Script`] asks for.
//!
//! HTTP/1 is read and written by hand (`upstream/http1.rs`), so that nothing is lost or mended on the way;
//! HTTP/2 is hyper's.
#![allow(
    clippy::expect_used,
    reason = "an upstream that cannot start ends the test that asked for it"
)]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

mod boards;
mod http1;
mod http2;
mod lightstep;
mod otlp;
mod script;
mod seen;

pub use script::{Answer, Script};
pub use seen::{KEPT_BYTES, Seen};

use crate::tls::{DevCa, ServerCertificate};

/// What the API wants as `authorization: bearer …`.
pub const API_KEY: &str = "ls-api-key-7f3c9a5e1d2b4c6f8091a2b3c4d5e6f7";

/// What the OTLP receiver wants as `lightstep-access-token`.
pub const INGEST_KEY: &str = "ls-ingest-key-0b1c2d3e4f5a69788796a5b4c3d2e1f0";

/// A running upstream. It ends when this is dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    count: watch::Sender<usize>,
    script: watch::Sender<Script>,
    store: Mutex<lightstep::Store>,
    boards: Mutex<boards::Store>,
    connections: watch::Sender<usize>,
    streamed_bytes: AtomicU64,
    ingest_keys: Mutex<Vec<String>>,
}

impl Upstream {
    /// Clear text on a free port: HTTP/1 and HTTP/2 with prior knowledge.
    pub async fn start() -> Upstream {
        Upstream::start_at(0).await
    }

    /// Clear text on this port of 127.0.0.1.
    pub async fn start_at(port: u16) -> Upstream {
        Upstream::listen(port, None).await
    }

    /// TLS on a free port, with a certificate of this authority for `localhost` and `127.0.0.1`.
    pub async fn start_tls(ca: &DevCa) -> Upstream {
        Upstream::start_tls_with(&ca.server(&["localhost", "127.0.0.1"])).await
    }

    /// TLS on a free port with this certificate; HTTP/2 and HTTP/1.1 by ALPN.
    pub async fn start_tls_with(certificate: &ServerCertificate) -> Upstream {
        let config = certificate.listening(&["h2", "http/1.1"]);
        Upstream::listen(0, Some(tokio_rustls::TlsAcceptor::from(config))).await
    }

    /// The same, for callers with a certificate of this authority only.
    pub async fn start_tls_asking(certificate: &ServerCertificate, clients: &DevCa) -> Upstream {
        let config = certificate.listening_to(&["h2", "http/1.1"], Some(clients));
        Upstream::listen(0, Some(tokio_rustls::TlsAcceptor::from(config))).await
    }

    async fn listen(port: u16, tls: Option<tokio_rustls::TlsAcceptor>) -> Upstream {
        let listener = bind(port).await;
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            seen: Mutex::new(Vec::new()),
            count: watch::Sender::new(0),
            script: watch::Sender::new(Script::Well),
            store: Mutex::new(lightstep::Store::new()),
            boards: Mutex::default(),
            connections: watch::Sender::new(0),
            streamed_bytes: AtomicU64::new(0),
            ingest_keys: Mutex::new(vec![INGEST_KEY.to_owned()]),
        });
        Upstream {
            address,
            scheme: if tls.is_some() { "https" } else { "http" },
            accepting: tokio::spawn(accept(listener, tls, Arc::clone(&shared))),
            shared,
        }
    }

    /// Takes these keys for telemetry from now on, and no others.
    pub fn take_ingest_keys(&self, keys: &[&str]) {
        *locked(&self.shared.ingest_keys) = keys.iter().map(|&key| key.to_owned()).collect();
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT` or `https://localhost:PORT`, without a trailing slash.
    pub fn url(&self) -> String {
        match self.scheme {
            "https" => format!("https://localhost:{}", self.address.port()),
            _ => format!("http://{}", self.address),
        }
    }

    /// Every request so far, in the order in which they were read to their end.
    pub fn seen(&self) -> Vec<Seen> {
        locked(&self.shared.seen).clone()
    }

    /// The requests after the first `count`.
    pub fn seen_since(&self, count: usize) -> Vec<Seen> {
        locked(&self.shared.seen)
            .iter()
            .skip(count)
            .cloned()
            .collect()
    }

    /// Waits until `count` requests were seen, at most ten seconds, and returns all.
    pub async fn wait_for(&self, count: usize) -> Vec<Seen> {
        let mut counted = self.shared.count.subscribe();
        let enough = counted.wait_for(|seen| *seen >= count);
        let _ = tokio::time::timeout(Duration::from_secs(10), enough).await;
        self.seen()
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        *self.shared.connections.borrow()
    }

    /// How much of [`Script::Stream`] the other end has taken, in bytes.
    pub fn streamed_bytes(&self) -> u64 {
        self.shared.streamed_bytes.load(Ordering::Relaxed)
    }

    /// From now on each request is treated so, on open connections too.
    pub async fn script(&self, script: Script) {
        let refuse = matches!(script, Script::Refuse);
        self.shared.script.send_replace(script);
        // The listener closes or opens in its own task: wait until it is so.
        for _ in 0..1000 {
            let refused = TcpStream::connect(self.address).await.is_err();
            if refused == refuse {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn script(&self) -> Script {
        self.script.borrow().clone()
    }

    fn streamed(&self, bytes: usize) {
        self.streamed_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn remember(&self, seen: Seen) {
        let mut all = locked(&self.seen);
        all.push(seen);
        self.count.send_replace(all.len());
    }

    /// The answer to a request by the script, where the script is an answer at all.
    fn answer(&self, seen: &Seen) -> Answer {
        match self.script() {
            Script::Say(answer) => answer,
            Script::Redirect(to) => Answer::status(302).field("location", &to),
            Script::EchoHeaders => {
                let mut answer = Answer::status(200).body(seen.body.clone());
                for (name, value) in &seen.fields {
                    let value = String::from_utf8_lossy(value);
                    answer = answer.field(&format!("echo-{name}"), &value);
                }
                answer
            }
            Script::SetCookie => self
                .well(seen)
                .field("set-cookie", "session=1; Path=/; HttpOnly")
                .field("set-cookie", "other=2"),
            Script::HugeHeader(bytes) => self.well(seen).field("x-huge", &"h".repeat(bytes)),
            Script::EarlyAnswer => Answer::status(413).field("connection", "close"),
            _ => self.well(seen),
        }
    }

    fn well(&self, seen: &Seen) -> Answer {
        otlp::answer(seen, &locked(&self.ingest_keys))
            .or_else(|| locked(&self.store).answer(seen))
            .or_else(|| locked(&self.boards).answer(seen))
            .unwrap_or_else(|| Answer::status(404).body("no such path"))
    }
}

/// The credential of the request: one `authorization`, its scheme optional and in any case.
fn bearer(seen: &Seen) -> Option<String> {
    let value = seen.value("authorization")?;
    match value.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => Some(rest.to_owned()),
        Some(_) => None,
        None => Some(value),
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<tokio_rustls::TlsAcceptor>,
    shared: Arc<Shared>,
) {
    let mut listener = listener;
    let port = listener.local_addr().map_or(0, |address| address.port());
    let mut script = shared.script.subscribe();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        if matches!(*script.borrow_and_update(), Script::Refuse) {
            drop(listener);
            let _ = script.wait_for(|now| !matches!(now, Script::Refuse)).await;
            listener = bind(port).await;
        }
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, peer)) = accepted else { continue };
                let (tls, shared) = (tls.clone(), Arc::clone(&shared));
                connections.spawn(connection(stream, peer, tls, shared));
            }
            _ = script.changed() => {}
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn bind(port: u16) -> TcpListener {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket can be made");
    socket.set_reuseaddr(true).expect("a socket takes options");
    socket
        .bind(SocketAddr::from(([127, 0, 0, 1], port)))
        .expect("the port is free");
    socket.listen(1024).expect("a bound socket can listen")
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<tokio_rustls::TlsAcceptor>,
    shared: Arc<Shared>,
) {
    let _ = stream.set_nodelay(true);
    let mut stream = stream;
    if let Script::SpeakFirst(bytes) = shared.script()
        && stream.write_all(&bytes).await.is_err()
    {
        return;
    }
    match tls {
        None => {
            let Some(http2) = speaks_http2(&stream).await else {
                return;
            };
            count(&shared);
            if http2 {
                http2::serve(stream, peer, shared).await;
            } else {
                http1::serve(stream, peer, shared).await;
            }
        }
        Some(tls) => {
            let Ok(stream) = tls.accept(stream).await else {
                return;
            };
            count(&shared);
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                http2::serve(stream, peer, shared).await;
            } else {
                http1::serve(stream, peer, shared).await;
            }
        }
    }
}

fn count(shared: &Shared) {
    shared.connections.send_modify(|count| *count += 1);
}

/// Looks at the first bytes without taking them; `None` when nothing came.
async fn speaks_http2(stream: &TcpStream) -> Option<bool> {
    let mut first = [0; 4];
    loop {
        let length = stream.peek(&mut first).await.ok()?;
        let start = first.get(..length)?;
        if length == 0 {
            return None;
        }
        if length == first.len() || !b"PRI ".starts_with(start) {
            return Some(start == b"PRI ");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    async fn ask(upstream: &Upstream, request: &str) -> String {
        let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(path: &str) -> String {
        format!(
            "GET {path} HTTP/1.1\r\nHost: h\r\nAuthorization: bearer {API_KEY}\r\nConnection: close\r\n\r\n"
        )
    }

    #[tokio::test]
    async fn a_dashboard_is_found_with_the_key_and_not_without() {
        let upstream = Upstream::start().await;
        let path = "/public/v0.2/acme/projects/X/metric_dashboards/checkout-latency";
        let answer = ask(&upstream, &get(path)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(r#""value":"payments""#), "{answer}");
        assert!(answer.contains("X-RateLimit-Remaining"), "{answer}");
        let without = ask(&upstream, &get(path).replace("ls-api", "my-api")).await;
        assert!(without.starts_with("HTTP/1.1 401"), "{without}");
        let unknown = ask(&upstream, &get(&format!("{path}x"))).await;
        assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
        assert_eq!(upstream.seen().len(), 3);
        assert_eq!(upstream.seen()[0].fields[0].0, "Host");
        assert_eq!(upstream.seen()[0].target, path);
    }

    #[tokio::test]
    async fn it_refuses_and_comes_back() {
        let upstream = Upstream::start().await;
        upstream.script(Script::Refuse).await;
        assert!(TcpStream::connect(upstream.address()).await.is_err());
        upstream.script(Script::MissingLastChunk).await;
        let answer = ask(&upstream, &get("/")).await;
        assert!(answer.ends_with("5\r\nhello\r\n"), "{answer}");
    }

    #[tokio::test]
    async fn an_export_is_answered_in_its_own_content_type() {
        let upstream = Upstream::start().await;
        let export = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: h\r\nLightstep-Access-Token: {INGEST_KEY}\r\n\
             Content-Type: application/x-protobuf\r\nConnection: close\r\n\
             Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        );
        let answer = ask(&upstream, &export).await;
        assert!(
            answer.contains("content-type: application/x-protobuf"),
            "{answer}"
        );
        assert_eq!(upstream.seen()[0].body, b"abc");
        assert!(upstream.seen()[0].complete);
    }
}
