//! An OTLP receiver that answers as it is told, and remembers what came.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use stile_kit::tls::ServerCertificate;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// How it answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    Takes,
    /// With this status and, where there is one, `retry-after`.
    Answers(u16, Option<&'static str>),
    /// 400 for each request with this text in it.
    Dislikes(&'static str),
    /// 200, but so many of them were refused.
    TakesAllBut(u8),
    /// After this time.
    Slowly(Duration),
    /// It keeps the connection and says nothing.
    Never,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(super) struct Came {
    pub(super) at: Instant,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) taken: bool,
}

pub(super) struct Receiver {
    pub(super) port: u16,
    tls: bool,
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

struct Shared {
    manner: Mutex<Manner>,
    came: Mutex<Vec<Came>>,
    tls: Option<TlsAcceptor>,
}

impl Receiver {
    pub(super) async fn start(manner: Manner) -> Receiver {
        Receiver::listening(manner, None).await
    }

    pub(super) async fn secure(certificate: &ServerCertificate) -> Receiver {
        let acceptor = TlsAcceptor::from(certificate.listening(&["http/1.1"]));
        Receiver::listening(Manner::Takes, Some(acceptor)).await
    }

    async fn listening(manner: Manner, tls: Option<TlsAcceptor>) -> Receiver {
        let shared = Arc::new(Shared {
            manner: Mutex::new(manner),
            came: Mutex::default(),
            tls,
        });
        let mut receiver = Receiver {
            port: 0,
            tls: shared.tls.is_some(),
            shared,
            task: None,
        };
        receiver.come_back().await;
        receiver
    }

    pub(super) fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    pub(super) fn be(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    /// Ends without a word, with all its connections.
    pub(super) fn go_away(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    /// Listens again where it did.
    pub(super) async fn come_back(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let shared = Arc::clone(&self.shared);
        self.task = Some(tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
        }));
    }

    pub(super) fn came(&self) -> Vec<Came> {
        self.shared.came.lock().unwrap().clone()
    }

    /// The names of the records that it took, in their order, doubles too.
    pub(super) fn uids(&self) -> Vec<String> {
        let came = self.came();
        let taken = came.iter().filter(|came| came.taken);
        taken.flat_map(|came| uids_in(&came.body)).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.go_away();
    }
}

async fn serve(stream: tokio::net::TcpStream, shared: Arc<Shared>) {
    let answer = service_fn(|request| answered(request, Arc::clone(&shared)));
    // Who hangs up early or does not believe us is not our fault here.
    match &shared.tls {
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            }
        }
        None => {
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        }
    }
}

/// The body as it was before it was compressed.
fn unpacked(headers: &http::HeaderMap, body: Bytes) -> Bytes {
    match headers.get("content-encoding") {
        None => body,
        Some(coding) => {
            assert_eq!(coding, "gzip");
            let mut plain = Vec::new();
            let mut packed = flate2::read::GzDecoder::new(&*body);
            packed.read_to_end(&mut plain).unwrap();
            Bytes::from(plain)
        }
    }
}

async fn answered(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    assert_eq!(
        (head.method.as_str(), head.uri.path()),
        ("POST", "/v1/logs")
    );
    let body = unpacked(&head.headers, body.collect().await?.to_bytes());
    let manner = *shared.manner.lock().unwrap();
    let has = |text: &str| body.windows(text.len()).any(|w| w == text.as_bytes());
    let (status, taken) = match manner {
        Manner::Answers(status, _) => (status, (200..300).contains(&status)),
        Manner::Dislikes(text) if has(text) => (400, false),
        _ => (200, true),
    };
    let mut response = Response::builder().status(status);
    if let Manner::Answers(_, Some(wait)) = manner {
        response = response.header("retry-after", wait);
    }
    let said = match manner {
        Manner::TakesAllBut(refused) => {
            // ExportLogsServiceResponse: partial_success { rejected_log_records, error_message }.
            Bytes::from([b"\x0a\x09\x08", &[refused][..], b"\x12\x05sorry"].concat())
        }
        _ => Bytes::new(),
    };
    shared.came.lock().unwrap().push(Came {
        at: Instant::now(),
        headers: head.headers,
        body,
        taken,
    });
    match manner {
        Manner::Slowly(time) => tokio::time::sleep(time).await,
        Manner::Never => std::future::pending().await,
        _ => {}
    }
    Ok(response.body(Full::new(said)).unwrap())
}

/// The values of `log.record.uid` in a request of protobuf.
pub(super) fn uids_in(body: &[u8]) -> Vec<String> {
    let key = b"\x0a\x0elog.record.uid\x12";
    let mut found = Vec::new();
    let mut rest = body;
    while let Some(at) = rest.windows(key.len()).position(|w| w == key) {
        // AnyValue's length, its tag for text, the text's length.
        let value = &rest[at + key.len()..];
        let length = usize::from(value[2]);
        found.push(String::from_utf8(value[3..3 + length].to_vec()).unwrap());
        rest = &value[3 + length..];
    }
    found
}
