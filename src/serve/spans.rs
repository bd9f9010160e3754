//! Lends the upstream that telemetry goes to to whoever sends spans.
//!
//! In: OTLP requests of a thread that is on nobody's way. Out: the upstream's answers, by the keys and
//! pools of the generation in force.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, uri::PathAndQuery};
use tokio::runtime::Handle;

use crate::forward::Made;
use crate::leave::{Reply, SendSpans};
use crate::pipeline::Pipeline;

/// Sends through the upstream of this name.
pub(super) struct ThroughUpstream {
    pub(super) pipeline: Pipeline,
    pub(super) upstream: String,
    pub(super) runtime: Handle,
}

impl SendSpans for ThroughUpstream {
    fn send(&self, traces: Bytes) -> Result<Reply, String> {
        let made = Made {
            method: Method::POST,
            path_and_query: PathAndQuery::from_static("/v1/traces"),
            content_type: HeaderValue::from_static("application/json"),
            body: traces,
        };
        let ruling = self.pipeline.ruling();
        let sent = ruling.upstreams.hand_over(&self.upstream, made);
        let sent = self
            .runtime
            .block_on(async { tokio::time::timeout(LONGEST, sent).await });
        let reply = sent.map_err(|_| "the upstream did not answer in time".to_owned())?;
        let (status, wait, body) = reply.map_err(|refusal| refusal.told().to_owned())?;
        Ok(Reply { status, wait, body })
    }
}

impl fmt::Debug for ThroughUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThroughUpstream")
            .field("upstream", &self.upstream)
            .finish_non_exhaustive()
    }
}

const LONGEST: Duration = Duration::from_secs(30);
