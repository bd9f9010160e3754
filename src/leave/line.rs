//! The thread of one destination.
//!
//! In: the journal and a receiver. Out: every record at the receiver, and how that stands.
//!
//! Begins again, later and later, after each fault of the journal or of our own files; those of the
//! receiver are [`Sending`]'s.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::backoff::Backoff;
use super::position;
use super::sending::{Sending, Whither, random};
use crate::clock::{Clock, Time};

/// How a destination stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaveState {
    /// Its name in the settings.
    pub name: String,
    /// What it is: the word in the settings.
    pub kind: &'static str,
    /// The first record that has not left.
    pub next_seq: u64,
    /// For how many seconds the oldest record at hand has been waiting; 0 when none is.
    pub lag_s: u64,
    /// Records, or requests with their outcomes, that the receiver took since the start.
    pub sent: u64,
    /// Tries that did not work since the start.
    pub failed: u64,
    /// Records that it would not take, kept in a file beside the position, since the start.
    pub refused: u64,
    /// Records that were taken out of the journal before they left, since the start.
    pub missed: u64,
    /// Why nothing leaves at the moment.
    pub fault: Option<String>,
}

/// The thread of one destination.
#[derive(Debug)]
pub(super) struct Line {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    clock: Clock,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) stop: AtomicBool,
    standing: Mutex<(LeaveState, Option<Time>)>,
}

impl Line {
    /// Sets it going; without a thread its state says so.
    pub(super) fn start(whither: Whither, folder: PathBuf, clock: Clock) -> Line {
        let shared = Arc::new(Shared::default());
        shared.standing().0 = LeaveState {
            name: whither.name().to_owned(),
            kind: whither.word(),
            ..LeaveState::default()
        };
        let inside = Arc::clone(&shared);
        let at = clock.clone();
        let thread = std::thread::Builder::new()
            .name(format!("leave {}", whither.name()))
            .spawn(move || {
                // Without the right to be last in line it is one thread among others.
                let _ = rustix::process::nice(LAST);
                inside.keep(&whither, &folder, &at);
            });
        let thread = thread
            .map_err(|fault| shared.fail(&format!("no thread can be had: {fault}")))
            .ok();
        Line {
            shared,
            thread,
            clock,
        }
    }

    /// How it stands.
    pub(super) fn state(&self) -> LeaveState {
        let (mut state, oldest) = self.shared.standing().clone();
        state.lag_s = oldest.map_or(0, |time| self.clock.now().ms_since(time) / 1000);
        state
    }

    /// Asks it to hand over what is there now, and to end.
    pub(super) fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Whether it has ended.
    pub(super) fn is_stopped(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Shared {
    /// Begins again after each fault that is not the receiver's, until told to stop.
    fn keep(&self, whither: &Whither, folder: &Path, clock: &Clock) {
        let mut backoff = Backoff::default();
        let file = position::file_of(folder, whither.name());
        loop {
            let begun = Sending::begin(whither, folder, &file);
            let ended = begun.and_then(|mut sending| sending.run(self, clock, &mut backoff));
            match ended {
                Ok(()) => return,
                Err(why) => self.fail(&why),
            }
            if self.pause(backoff.next(None, random())) {
                return;
            }
        }
    }

    /// Waits; whether it is time to end.
    pub(super) fn pause(&self, wait: Duration) -> bool {
        if !self.stop.load(Ordering::Relaxed) {
            std::thread::park_timeout(wait);
        }
        self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn fail(&self, why: &str) {
        let mut standing = self.standing();
        let state = &mut standing.0;
        state.failed = state.failed.saturating_add(1);
        if state.fault.as_deref() != Some(why) {
            tracing::warn!(to = state.name, "records do not leave: {why}");
        }
        state.fault = Some(why.to_owned());
    }

    pub(super) fn went_well(&self) {
        let state = &mut self.standing().0;
        if state.fault.take().is_some() {
            tracing::info!(to = state.name, "records leave again");
        }
    }

    pub(super) fn standing(&self) -> MutexGuard<'_, (LeaveState, Option<Time>)> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nicest there is (nice(2)).
const LAST: i32 = 19;
