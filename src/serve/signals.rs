//! Turns signals into a drain: SIGTERM or SIGINT once drains, twice forces.
//!
//! In: signals. Out: moves of the [`DrainTrigger`]; SIGHUP goes to the reload.
//!
//! They are caught before stile says that it serves: a supervisor that stops or reloads it at that
//! very moment must not kill it, which is what an uncaught signal does.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admin::Notices;
use crate::listen::DrainTrigger;
use crate::setup_error::SetupError;

/// The signals, caught from now on.
#[derive(Debug)]
pub(super) struct Signals {
    term: Signal,
    int: Signal,
    hangup: Signal,
}

impl Signals {
    /// Catches them.
    ///
    /// # Errors
    /// When the machine does not let us.
    pub(super) fn catch() -> Result<Signals, SetupError> {
        let caught = |kind| {
            let refused = |e| SetupError::new(format!("signals cannot be caught: {e}"));
            signal(kind).map_err(refused)
        };
        Ok(Signals {
            term: caught(SignalKind::terminate())?,
            int: caught(SignalKind::interrupt())?,
            hangup: caught(SignalKind::hangup())?,
        })
    }
}

/// Watches for the end until the process ends; gives SIGHUP away.
pub(super) fn watch(signals: Signals, drain: Arc<DrainTrigger>, notices: Arc<Notices>) -> Signal {
    let Signals {
        mut term,
        mut int,
        hangup,
    } = signals;
    tokio::spawn(async move {
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
    });
    hangup
}
