//! Hands the spans of pipelines and deployments to the upstream that telemetry goes to.
//!
//! In: rows of the journal. Out: OTLP requests, through the upstream's own pool and with its key.
//!
//! Rows that complete no span are taken at once. The ids of what was sent are in a file beside the
//! position, written after the upstream took them and before the position moves: of what a webhook
//! tells twice, and of the deployment that its own job announced here, one span is sent.
//!
//! Never: a span before its event is in the journal and synced.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::receiver::{AtOnce, Missed, Receiver, Taken};
use super::source::Item;
use crate::clock::Time;
use crate::deploy::ids::{SpanId, deployment_span};
use crate::deploy::{Span, traces};
use crate::hook::{Known, end_in, jobs_in, spans_of};

/// Whoever sends spans to the upstream.
pub trait SendSpans: Debug + Send + Sync {
    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    ///
    /// Why there was no answer.
    fn send(&self, traces: Bytes) -> Result<Reply, String>;
}

/// What the upstream answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// After how long it wants to be asked again.
    pub wait: Option<Duration>,
    /// The body.
    pub body: Bytes,
}

/// Makes spans of rows and sends them.
#[derive(Debug)]
pub(super) struct SpansReceiver {
    sender: Arc<dyn SendSpans>,
    file: PathBuf,
    memory: Memory,
}

/// What is known of earlier spans.
#[derive(Debug, Default)]
struct Memory {
    sent: BTreeSet<SpanId>,
    /// The same, the oldest first.
    order: std::collections::VecDeque<SpanId>,
    /// Jobs with their pipelines, by issuer and job.
    pipelines: BTreeMap<(String, String), String>,
}

impl SpansReceiver {
    /// With what was sent before, in the file of that name.
    pub(super) fn open(sender: Arc<dyn SendSpans>, file: PathBuf) -> Result<SpansReceiver, String> {
        let mut memory = Memory::default();
        match fs::read(&file) {
            Ok(bytes) => {
                let (ids, _) = bytes.as_chunks::<8>();
                ids.iter().for_each(|id| memory.remember(*id));
            }
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {}
            Err(fault) => return Err(format!("`{}` cannot be read: {fault}", file.display())),
        }
        let receiver = SpansReceiver {
            sender,
            file,
            memory,
        };
        let rewritten = receiver.rewrite();
        rewritten.map_err(|fault| receiver.unwritten(&fault))?;
        Ok(receiver)
    }

    fn deliver(&mut self, spans: &[Span], ids: Vec<SpanId>) -> Result<Taken, Missed> {
        let reply = self.sender.send(traces(spans)).map_err(Missed::now)?;
        if !reply.status.is_success() {
            let why = format!("the upstream answered {}", reply.status.as_u16());
            return Err(match reply.status.as_u16() {
                400 | 413 | 422 => Missed::Content { why },
                _ => Missed::Now {
                    why,
                    wait: reply.wait,
                },
            });
        }
        let kept = self.append(&ids);
        kept.map_err(|fault| Missed::now(self.unwritten(&fault)))?;
        ids.into_iter().for_each(|id| self.memory.remember(id));
        Ok(match refused(&reply.body) {
            Some((refused, why)) => Taken::But { refused, why },
            None => Taken::All,
        })
    }

    fn append(&self, ids: &[SpanId]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.file)?;
        file.write_all(ids.as_flattened())?;
        file.sync_all()
    }

    /// Leaves out what is remembered no more, and half an id of a crash.
    fn rewrite(&self) -> io::Result<()> {
        let beside = self.file.with_extension("sent.new");
        let ids: Vec<SpanId> = self.memory.order.iter().copied().collect();
        let mut new = File::create(&beside)?;
        new.write_all(ids.as_flattened())?;
        new.sync_all()?;
        fs::rename(&beside, &self.file)
    }

    fn unwritten(&self, fault: &io::Error) -> String {
        format!("`{}` cannot be written: {fault}", self.file.display())
    }
}

impl Receiver for SpansReceiver {
    fn send(&mut self, items: &[Item], _: Time) -> Result<Taken, Missed> {
        let mut spans: Vec<Span> = Vec::new();
        let mut ids = Vec::new();
        for item in items {
            if let Some(announced) = announced(item) {
                self.memory.remember(announced);
            }
            let (Some(event), Some(detail)) = (item.word("event"), item.members.get("detail"))
            else {
                continue;
            };
            self.memory.learn(event, detail);
            let known = Together(&self.memory, &ids);
            let mut more = spans_of(event, detail, &known);
            ids.extend(more.iter().map(|span| span.id).chain(end_in(event, detail)));
            spans.append(&mut more);
        }
        match spans.is_empty() {
            true => Ok(Taken::All),
            false => self.deliver(&spans, ids),
        }
    }

    fn at_once(&self) -> AtOnce {
        AT_ONCE
    }
}

impl Memory {
    fn remember(&mut self, id: SpanId) {
        if self.sent.insert(id) {
            self.order.push_back(id);
        }
        while self.order.len() > MOST_KEPT {
            if let Some(oldest) = self.order.pop_front() {
                self.sent.remove(&oldest);
            }
        }
    }

    fn learn(&mut self, event: &str, detail: &Value) {
        let Some(issuer) = detail.get("issuer").and_then(Value::as_str) else {
            return;
        };
        for (job, pipeline) in jobs_in(event, detail) {
            if self.pipelines.len() >= MOST_JOBS {
                self.pipelines.pop_first();
            }
            self.pipelines.insert((issuer.to_owned(), job), pipeline);
        }
    }
}

/// What was sent, and what is sent with it.
struct Together<'m>(&'m Memory, &'m [SpanId]);

impl Known for Together<'_> {
    fn was_sent(&self, id: &SpanId) -> bool {
        self.0.sent.contains(id) || self.1.contains(id)
    }

    fn pipeline_of(&self, issuer: &str, job: &str) -> Option<String> {
        let name = (issuer.to_owned(), job.to_owned());
        self.0.pipelines.get(&name).cloned()
    }
}

/// The span of a deployment that its job announced here and that arrived.
fn announced(item: &Item) -> Option<SpanId> {
    if item.word("op") != Some("deployments.create") {
        return None;
    }
    let outcome: Value = serde_json::from_str(&item.row.outcome.as_ref()?.1).ok()?;
    let status = outcome.get("status").and_then(Value::as_u64)?;
    let issuer = item.members.get("inputs")?.get("issuer")?.as_str()?;
    let job = item.members.get("claims")?.get("job_id")?.as_str()?;
    let service = item.members.get("resource")?.get(1)?.as_str()?;
    (200..300)
        .contains(&status)
        .then(|| deployment_span(issuer, job, service))
}

/// How many spans a receiver refused and why (OTLP, `ExportTracePartialSuccess`).
fn refused(body: &[u8]) -> Option<(u64, String)> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let partial = answer.get("partialSuccess")?;
    let count = match partial.get("rejectedSpans")? {
        Value::String(text) => text.parse().ok()?,
        other => other.as_u64()?,
    };
    let why = partial.get("errorMessage").and_then(Value::as_str);
    (count > 0).then(|| (count, why.unwrap_or_default().chars().take(200).collect()))
}

/// Of spans sent, so that none is twice: 2 MiB of file.
const MOST_KEPT: usize = 262_144;
const MOST_JOBS: usize = 20_000;
const AT_ONCE: AtOnce = AtOnce {
    items: 64,
    bytes: 512 * 1024,
};
