//! What the forwarder does on real sockets, asked at its inner door.
//!
//! These tests live here and not in `tests/`, because a door that needs no
//! [`Committed`](crate::record::Committed) must not be public, not even for tests.

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use stile_kit::upstream::{API_KEY, Upstream};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::account::Owed;
use super::send::Outbound;
use super::{
    BodyFault, InjectedHeader, ResponseBody, RestSettings, TlsSettings, UpstreamSettings, Upstreams,
};
use crate::listen::{Protocol, Trace};
use crate::record::Outcome;
use crate::refusal::Refusal;

mod again;
mod bodies;
mod faults;
mod fields;
mod names;
mod replicas;
mod scrubbed;
mod secure;

/// A forwarder in front of one upstream.
struct Bench {
    upstreams: Upstreams,
    upstream: Upstream,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn start() -> Bench {
        Bench::over(Upstream::start().await, |_| ())
    }

    fn over(upstream: Upstream, change: impl Fn(&mut UpstreamSettings)) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(&upstream.url(), folder.path());
        change(&mut settings);
        Bench {
            upstreams: Upstreams::build(&[settings]).unwrap(),
            upstream,
            _folder: folder,
        }
    }

    /// Sends the valid request and reads the answer to its end.
    async fn ask(&self) -> Told {
        self.ask_with(|_| ()).await
    }

    async fn ask_with(&self, change: impl FnOnce(&mut Ask)) -> Told {
        let mut ask = Ask::default();
        change(&mut ask);
        let (answer, mut outcomes) = self.send(ask).await;
        let told = match answer {
            Err(refusal) => Told::refused(refusal),
            Ok(answer) => Told::answered(answer).await,
        };
        Told {
            outcome: outcomes.recv().await,
            ..told
        }
    }

    /// Sends a request and leaves the answer's body unread.
    async fn send(
        &self,
        ask: Ask,
    ) -> (
        Result<Response<ResponseBody>, Refusal>,
        mpsc::UnboundedReceiver<Outcome>,
    ) {
        let (tell, outcomes) = mpsc::unbounded_channel();
        let target = ask.target.parse().unwrap();
        let outbound = Outbound {
            upstream: "lightstep",
            method: &ask.method,
            path_and_query: &target,
            fields: &ask.fields,
            protocol: ask.protocol,
            trace: ask.trace,
            decision: ask.decision,
            caller: ask.caller,
            places: &[],
            keep_bytes: 64 * 1024,
            standing: None,
            most_bytes: ask.most_bytes,
        };
        let sending = self.upstreams.send(outbound, ask.body, Owed::Test(tell));
        let answer = tokio::time::timeout(Duration::from_secs(20), sending).await;
        (answer.expect("an end in time"), outcomes)
    }
}

/// One request; the default is valid.
struct Ask {
    method: Method,
    target: String,
    fields: HeaderMap,
    protocol: Protocol,
    trace: Trace,
    decision: Uuid,
    caller: &'static str,
    most_bytes: u64,
    body: Sent,
}

impl Default for Ask {
    fn default() -> Ask {
        Ask {
            method: Method::GET,
            target: DASHBOARD.to_owned(),
            fields: HeaderMap::new(),
            protocol: Protocol::Http1,
            trace: Trace {
                trace_id: [0x4b; 16],
                span_id: [0x17; 8],
                parent_id: Some([1; 8]),
                flags: 1,
            },
            decision: Uuid::from_u128(7),
            caller: "job",
            most_bytes: 1 << 20,
            body: Sent::of(&[]),
        }
    }
}

impl Ask {
    fn field(&mut self, name: &str, value: &str) {
        self.fields.append(
            HeaderName::try_from(name).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
}

/// What came back.
#[derive(Debug, Default)]
struct Told {
    refusal: Option<Refusal>,
    status: Option<StatusCode>,
    fields: HeaderMap,
    trailers: HeaderMap,
    body: Vec<u8>,
    broke: bool,
    outcome: Option<Outcome>,
}

impl Told {
    fn refused(refusal: Refusal) -> Told {
        Told {
            refusal: Some(refusal),
            ..Told::default()
        }
    }

    async fn answered(answer: Response<ResponseBody>) -> Told {
        let (head, mut body) = answer.into_parts();
        let mut told = Told {
            status: Some(head.status),
            fields: head.headers,
            ..Told::default()
        };
        while let Some(frame) = body.frame().await {
            match frame {
                Err(_) => told.broke = true,
                Ok(frame) => match frame.into_data() {
                    Ok(bytes) => told.body.extend(bytes),
                    Err(rest) => told.trailers = rest.into_trailers().unwrap(),
                },
            }
        }
        told
    }

    fn reason(&self) -> &'static str {
        self.refusal
            .as_ref()
            .map_or("none", |refusal| refusal.reason().word())
    }

    fn end(&self) -> &'static str {
        self.outcome
            .as_ref()
            .map_or("none", |outcome| outcome.end.word())
    }

    fn ending(&self) -> (&'static str, &'static str) {
        (self.reason(), self.end())
    }

    /// Whether the bytes occur in what the caller sees.
    fn mentions(&self, needle: &str) -> bool {
        let within = |hay: &[u8]| hay.windows(needle.len()).any(|w| w == needle.as_bytes());
        let told = self.refusal.as_ref().map_or("", Refusal::told);
        within(told.as_bytes())
            || self
                .fields
                .iter()
                .chain(&self.trailers)
                .any(|(_, value)| within(value.as_bytes()))
    }
}

/// A caller's body in pieces.
struct Sent {
    pieces: VecDeque<Result<Frame<Bytes>, Broke>>,
    more: Option<mpsc::Receiver<Result<Frame<Bytes>, Broke>>>,
}

/// How a caller's body breaks.
#[derive(Clone, Copy, Debug)]
enum Broke {
    Gone,
    Slow,
}

impl Sent {
    fn of(pieces: &[&'static [u8]]) -> Sent {
        Sent {
            pieces: pieces
                .iter()
                .map(|piece| Ok(Frame::data(Bytes::from_static(piece))))
                .collect(),
            more: None,
        }
    }

    fn fed() -> (mpsc::Sender<Result<Frame<Bytes>, Broke>>, Sent) {
        let (feed, more) = mpsc::channel(1);
        let sent = Sent {
            pieces: VecDeque::new(),
            more: Some(more),
        };
        (feed, sent)
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Broke;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broke>>> {
        match (self.pieces.pop_front(), &mut self.more) {
            (Some(piece), _) => Poll::Ready(Some(piece)),
            (None, Some(more)) => more.poll_recv(cx),
            (None, None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.more.is_none()
    }
}

impl BodyFault for Broke {
    fn caller_timed_out(&self) -> bool {
        matches!(self, Broke::Slow)
    }
}

impl std::fmt::Display for Broke {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Broke {}

/// Settings of one upstream whose key is in the folder; deadlines are short.
fn settings(url: &str, folder: &Path) -> UpstreamSettings {
    UpstreamSettings {
        name: "lightstep".to_owned(),
        url: url.parse().unwrap(),
        headers: vec![
            injected(
                "authorization",
                "bearer {key}",
                Some(key_file(folder, API_KEY)),
            ),
            injected("x-lightstep-org", "acme", None),
        ],
        pass: Vec::new(),
        addresses: Vec::new(),
        tls: TlsSettings::default(),
        limits: Vec::new(),
        rest: RestSettings {
            failures: None,
            pause_ms: 1_000,
        },
        hold_ms: None,
        scrub_bodies: false,
        connect_ms: 2_000,
        head_ms: 300,
        idle_ms: 300,
        requests: 64,
        rotate_after_ms: 1_000,
        rotate_strictly: false,
    }
}

fn injected(name: &str, value: &str, key_file: Option<std::path::PathBuf>) -> InjectedHeader {
    InjectedHeader {
        name: HeaderName::try_from(name).unwrap(),
        value: value.to_owned(),
        key_file,
        key_command: None,
        next_key_file: None,
        keys_by_project: std::collections::BTreeMap::new(),
    }
}

fn key_file(folder: &Path, key: &str) -> std::path::PathBuf {
    let path = folder.join("upstream.key");
    std::fs::write(&path, format!("{key}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

const DASHBOARD: &str = "/public/v0.2/acme/projects/X/metric_dashboards/checkout-latency";
