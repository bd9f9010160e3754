//! Turns signals into a drain: SIGTERM or SIGINT once drains, twice forces.
//!
//! In: signals. Out: moves of the [`DrainTrigger`].

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::admin::Notices;
use crate::listen::DrainTrigger;

/// Watches until the process ends.
pub(super) async fn watch(drain: Arc<DrainTrigger>, notices: Arc<Notices>) {
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("signals cannot be watched; only SIGKILL will stop this process");
        return;
    };
    for second in [false, true] {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        notices.drain();
        if second {
            tracing::warn!("forced: what is in flight is cut");
            drain.force();
        } else {
            tracing::info!("draining; a second signal forces the end");
            drain.drain();
        }
    }
}
