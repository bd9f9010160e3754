//! Asks programs for the upstreams' keys, again and again.
//!
//! In: the upstreams in force, looked at every second. Out: newer keys in their place, or a fault for
//! readiness and the log.

use std::time::{Duration, Instant};

use crate::pipeline::Pipeline;

/// Asks until the journal is closed.
pub(super) async fn ask(pipeline: Pipeline) {
    while !pipeline.journal().state().closed {
        tokio::time::sleep(LOOK).await;
        let ruling = pipeline.ruling();
        // A program takes its time: not on a thread that serves.
        let asking =
            tokio::task::spawn_blocking(move || ruling.upstreams.ask_for_keys(Instant::now()));
        let _ = asking.await;
    }
}

const LOOK: Duration = Duration::from_secs(1);
