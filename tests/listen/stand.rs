//! A listener with a [`Receive`] that remembers, and raw callers for it.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use stile::clock::{Clock, Time};
use stile::listen::{
    Arrival, BodyError, DrainTrigger, InFront, Limits, ListenCounts, Listener, ListenerSettings,
    Receive, RequestBody, TlsFacts, TlsFiles, TlsSwitch, Unreadable, drain_signal, serve,
};
use stile::refusal::Refusal;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// One call of the [`Receive`].
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    Received {
        method: String,
        target: String,
        host: String,
        protocol: &'static str,
        tls: Option<TlsFacts>,
        body: Result<String, &'static str>,
        trailers: Vec<String>,
    },
    TurnedAway {
        reason: &'static str,
        method: Option<String>,
        path: Option<String>,
        host: Option<String>,
    },
}

/// Remembers every call. `/wait` answers when told to, `/unread` without reading the body, and
/// `/kept` goes on after its caller.
#[derive(Clone)]
pub(super) struct Memory {
    calls: Arc<Mutex<Vec<Call>>>,
    /// Who each call was from.
    pub(super) peers: Arc<Mutex<Vec<SocketAddr>>>,
    pub(super) kept: Arc<Mutex<Vec<Arrival>>>,
    pub(super) begun: Arc<Semaphore>,
    pub(super) may_answer: Arc<Semaphore>,
    /// Records are stored as long as there are permits.
    pub(super) may_record: Arc<Semaphore>,
}

impl Memory {
    fn note(&self, call: Call) {
        self.calls.lock().unwrap().push(call);
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

impl Receive for Memory {
    type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

    fn receive(
        &self,
        arrival: Arrival,
        body: RequestBody,
    ) -> impl Future<Output = Response<Self::Body>> + Send {
        let me = self.clone();
        async move {
            me.begun.add_permits(1);
            if arrival.path() == "/kept" {
                me.kept.lock().unwrap().push(arrival);
                return std::future::pending().await;
            }
            if arrival.path() == "/wait" {
                me.may_answer.acquire().await.unwrap().forget();
            }
            let (body, trailers) = match arrival.path() {
                "/unread" => (Ok("unread".to_owned()), Vec::new()),
                _ => read(body).await,
            };
            let status = match body {
                Ok(_) => 200,
                Err("timed out") => 408,
                Err(_) => 400,
            };
            let sighting = arrival.sighting();
            me.peers.lock().unwrap().push(arrival.peer());
            me.note(Call::Received {
                method: arrival.method().to_string(),
                target: arrival.path_and_query().to_string(),
                host: arrival.host().to_owned(),
                protocol: arrival.protocol().word(),
                tls: sighting.tls.cloned(),
                body,
                trailers,
            });
            let answer = match arrival.query() {
                Some("large") => Bytes::from(vec![b'x'; 4 << 20]),
                _ => Bytes::from(format!("received {}", arrival.path())),
            };
            let mut response = Response::new(Full::new(answer).boxed_unsync());
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            response
        }
    }

    fn turn_away(
        &self,
        unreadable: Unreadable,
        refusal: Refusal,
    ) -> impl Future<Output = Response<Self::Body>> + Send {
        assert_eq!(unreadable.id.get_version_num(), 7);
        self.peers.lock().unwrap().push(unreadable.peer);
        self.note(Call::TurnedAway {
            reason: refusal.reason().word(),
            method: unreadable.method,
            path: unreadable.path,
            host: unreadable.host,
        });
        let word = refusal.reason().word();
        let mut response = Response::new(Full::from(word).boxed_unsync());
        *response.status_mut() = refusal.reason().status();
        let may_record = Arc::clone(&self.may_record);
        async move {
            may_record.acquire().await.unwrap().forget();
            response
        }
    }
}

async fn read(mut body: RequestBody) -> (Result<String, &'static str>, Vec<String>) {
    let (mut text, mut trailers) = (Vec::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        match frame.map(|frame| frame.into_data()) {
            Ok(Ok(bytes)) => text.extend_from_slice(&bytes),
            Ok(Err(frame)) => {
                let fields = frame.into_trailers().unwrap();
                trailers.extend(fields.keys().map(|name| name.to_string()));
            }
            Err(BodyError::TimedOut) => return (Err("timed out"), trailers),
            Err(BodyError::Malformed) => return (Err("malformed"), trailers),
            Err(BodyError::BrokenOff(_)) => return (Err("broken off"), trailers),
        }
    }
    (Ok(String::from_utf8_lossy(&text).into_owned()), trailers)
}

/// A running listener.
pub(super) struct Stand {
    pub(super) address: SocketAddr,
    pub(super) memory: Memory,
    pub(super) trigger: DrainTrigger,
    pub(super) counts: Arc<ListenCounts>,
    pub(super) tls: Option<Arc<TlsSwitch>>,
    pub(super) served: JoinHandle<()>,
}

impl Stand {
    /// Clear text, and deadlines that no good test reaches.
    pub(super) fn clear() -> Stand {
        Stand::with(Limits::default(), None)
    }

    pub(super) fn with(limits: Limits, tls: Option<TlsFiles>) -> Stand {
        Stand::behind(limits, tls, InFront::default())
    }

    pub(super) fn behind(limits: Limits, tls: Option<TlsFiles>, front: InFront) -> Stand {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = ListenerSettings {
            address,
            tls,
            front,
        };
        let listener = Listener::bind(&settings).unwrap();
        let (address, tls) = (listener.local_addr(), listener.tls());
        let (trigger, drain) = drain_signal();
        let counts = Arc::new(ListenCounts::default());
        let memory = Memory {
            calls: Arc::default(),
            peers: Arc::default(),
            kept: Arc::default(),
            begun: Arc::new(Semaphore::new(0)),
            may_answer: Arc::new(Semaphore::new(0)),
            may_record: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        };
        let clock = Clock::fixed(Time::from_secs(1_700_000_000));
        let served = tokio::spawn(serve(
            vec![listener],
            limits,
            clock,
            memory.clone(),
            drain,
            Arc::clone(&counts),
        ));
        Stand {
            address,
            memory,
            trigger,
            counts,
            tls,
            served,
        }
    }

    pub(super) async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends everything at once and reads until the connection is closed by the listener.
    pub(super) async fn exchange(&self, bytes: &[u8]) -> Vec<Answer> {
        let mut stream = self.connect().await;
        // The listener may close while we still write: what counts is what it says.
        let _ = stream.write_all(bytes).await;
        answers(&read_to_end(&mut stream).await)
    }

    /// The same, byte by byte.
    pub(super) async fn dribble(&self, bytes: &[u8]) -> Vec<Answer> {
        let (mut reader, mut writer) = self.connect().await.into_split();
        let bytes = bytes.to_vec();
        let writing = tokio::spawn(async move {
            for byte in bytes {
                if writer.write_all(&[byte]).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            writer
        });
        let read = read_to_end(&mut reader).await;
        drop(writing.await.unwrap());
        answers(&read)
    }

    /// From now on no record is stored until there are permits again.
    pub(super) fn hold_records(&self) {
        self.memory
            .may_record
            .forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Waits until there were so many calls.
    pub(super) async fn called(&self, times: usize) {
        soon(async {
            while self.memory.calls().len() < times {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Waits until a request has come as far as the [`Receive`].
    pub(super) async fn begun(&self) {
        soon(self.memory.begun.acquire()).await.unwrap().forget();
    }

    /// Waits until the counters show so many requests in flight.
    pub(super) async fn in_flight(&self, requests: usize) {
        soon(async {
            while self.counts.requests() != requests {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// One response, as far as the tests look at it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|field| field.0 == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads responses with `content-length` (as all of ours have); 1xx are kept.
pub(super) fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, _) = text.split_once("\r\n\r\n").expect("a whole head");
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let fields: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").expect("a field"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let size = fields.iter().find(|(name, _)| name == "content-length");
        let size = size.map_or(0, |(_, size)| size.parse().unwrap());
        let end = head.len() + 4 + size;
        assert!(bytes.len() >= end, "a whole body in {text:?}");
        all.push(Answer {
            status: status.parse().unwrap(),
            fields,
            body: String::from_utf8_lossy(&bytes[head.len() + 4..end]).into_owned(),
        });
        bytes = &bytes[end..];
    }
    all
}

pub(super) async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    // A reset after the last byte ends the reading too.
    while let Ok(size @ 1..) = soon(stream.read(&mut buffer)).await {
        read.extend_from_slice(&buffer[..size]);
    }
    read
}

/// Nothing here takes long; a wait that does is a failure.
pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future)
        .await
        .expect("in time")
}
