//! The stream of requests as they become whole, for the page that is live.
//!
//! In: the query of the page. Out: server-sent events, each with rows; nothing that was before.
//!
//! It reads the journal itself. At each step the policies of then are asked again whether this caller may
//! still look, and the credential is looked at: a stream does not outlive the right to it. It ends by
//! itself after some minutes; the browser asks for another one, which is judged and recorded anew.
//!
//! WHATWG HTML, server-sent events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::Parts;
use super::asked::{FIELDS, Wanted};
use super::frame::Made;
use super::row::Line;
use super::view::View;
use crate::forward::ResponseBody;
use crate::index::Following;
use crate::pipeline::{Looking, Pipeline};
use crate::refusal::{Reason, Refusal};

/// Begins a stream.
pub(super) fn stream(
    view: &View<'_>,
    parts: &Arc<Parts>,
    turn: OwnedSemaphorePermit,
) -> Result<Made, Refusal> {
    view.pairs().only(FIELDS)?;
    let wanted = Wanted::read(view)?;
    let following = Following::from(&parts.journal, view.looking.seq, wanted.query);
    let (send, pieces) = mpsc::channel(1);
    let streaming = Streaming {
        parts: Arc::clone(parts),
        pipeline: view.pipeline.clone(),
        looking: view.looking.clone(),
        send,
    };
    tokio::spawn(async move {
        streaming.go(following).await;
        drop(turn);
    });
    Ok(Made::answered(
        "text/event-stream",
        ResponseBody::Made(pieces),
    ))
}

/// There are as many streams as there may be.
pub(super) fn busy() -> Refusal {
    Refusal::new(Reason::Overloaded).telling("too many look at live requests; look again later")
}

struct Streaming {
    parts: Arc<Parts>,
    pipeline: Pipeline,
    looking: Looking,
    send: mpsc::Sender<Result<Bytes, Box<dyn std::error::Error + Send + Sync>>>,
}

impl Streaming {
    async fn go(mut self, mut following: Following) {
        let mut piece = format!("retry: {AGAIN_MS}\n\n");
        for _ in 0..STEPS {
            if self.send.send(Ok(Bytes::from(piece))).await.is_err() {
                return;
            }
            tokio::time::sleep(STEP).await;
            let step = tokio::task::spawn_blocking(move || {
                let piece = self.step(&mut following);
                (self, following, piece)
            });
            let Ok((streaming, further, Some(next))) = step.await else {
                return;
            };
            (self, following, piece) = (streaming, further, next);
        }
    }

    /// What came meanwhile; none when it is over.
    fn step(&mut self, following: &mut Following) -> Option<String> {
        let now = self.pipeline.journal().now();
        let ends = self.looking.principal.token().expires;
        let notices = self.parts.notices.get();
        if now >= ends || notices.is_some_and(|notices| notices.is_draining()) {
            return None;
        }
        self.looking.ruling = self.pipeline.ruling();
        self.looking.time = now;
        let view = View::of(&self.parts, &self.pipeline, &self.looking).ok()?;
        if !view.may("console.requests", view.scope) {
            return None;
        }
        let mut lines = Vec::new();
        while lines.len() < MOST_LINES {
            match following.advance().ok()? {
                Some(row) => lines.push(Line::of(&view, &row)),
                None => break,
            }
        }
        if lines.is_empty() {
            return Some(":\n\n".to_owned());
        }
        let lines: Vec<_> = lines.iter().map(Line::live).collect();
        let lines = serde_json::to_string(&lines).ok()?;
        Some(format!("event: rows\ndata: {lines}\n\n"))
    }
}

/// Until a browser asks for the next stream.
const AGAIN_MS: u32 = 2_000;
const STEP: Duration = Duration::from_millis(700);
/// Together some five minutes.
const STEPS: usize = 430;
/// Rows of one step; the others come with the next.
const MOST_LINES: usize = 100;
