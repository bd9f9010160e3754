//! The thread of one destination.
//!
//! In: the journal and a receiver. Out: every record at the receiver, and how that stands.
//!
//! What passes or an operator mends is waited for, with everything that follows behind it: order is
//! kept and nothing is left out. What a receiver refuses for its content is halved until one record
//! is left; that is tried a few times more, then kept in a file, counted and passed over, because one
//! record must not hold up all that come after it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::backoff::Backoff;
use super::ocsf_file::OcsfFile;
use super::otlp::OtlpReceiver;
use super::position::{self, Position};
use super::receiver::{AtOnce, Missed, Receiver, Taken};
use super::refused;
use super::settings::{DestinationSettings, Form, Place};
use super::source::{Source, Unit};
use super::syslog::SyslogReceiver;
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
struct Shared {
    stop: AtomicBool,
    standing: Mutex<(LeaveState, Option<Time>)>,
}

impl Line {
    /// Sets it going; without a thread its state says so.
    pub(super) fn start(settings: DestinationSettings, folder: PathBuf, clock: Clock) -> Line {
        let shared = Arc::new(Shared::default());
        shared.standing().0 = LeaveState {
            name: settings.name.clone(),
            kind: settings.place.word(),
            ..LeaveState::default()
        };
        let inside = Arc::clone(&shared);
        let at = clock.clone();
        let thread = std::thread::Builder::new()
            .name(format!("leave {}", settings.name))
            .spawn(move || {
                // Without the right to be last in line it is one thread among others.
                let _ = rustix::process::nice(LAST);
                inside.keep(settings, &folder, &at);
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
    fn keep(&self, settings: DestinationSettings, folder: &Path, clock: &Clock) {
        let mut backoff = Backoff::default();
        let file = position::file_of(folder, &settings.name);
        loop {
            let begun = Sending::begin(&settings, folder, &file);
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
    fn pause(&self, wait: Duration) -> bool {
        if !self.stop.load(Ordering::Relaxed) {
            std::thread::park_timeout(wait);
        }
        self.stop.load(Ordering::Relaxed)
    }

    fn fail(&self, why: &str) {
        let mut standing = self.standing();
        let state = &mut standing.0;
        state.failed = state.failed.saturating_add(1);
        if state.fault.as_deref() != Some(why) {
            tracing::warn!(to = state.name, "records do not leave: {why}");
        }
        state.fault = Some(why.to_owned());
    }

    fn went_well(&self) {
        let state = &mut self.standing().0;
        if state.fault.take().is_some() {
            tracing::info!(to = state.name, "records leave again");
        }
    }

    fn standing(&self) -> MutexGuard<'_, (LeaveState, Option<Time>)> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one destination's thread works with.
struct Sending {
    receiver: Box<dyn Receiver>,
    source: Source,
    file: PathBuf,
    /// So many items at once, fewer while one of them is not wanted.
    most: usize,
    /// How often the one item at hand was refused.
    refusals: u32,
    missed: u64,
    again: u64,
}

impl Sending {
    fn begin(
        settings: &DestinationSettings,
        folder: &Path,
        file: &Path,
    ) -> Result<Sending, String> {
        let receiver: Box<dyn Receiver> = match settings.place.clone() {
            Place::Otlp(otlp) => Box::new(OtlpReceiver::new(otlp)?),
            Place::Syslog(syslog) => Box::new(SyslogReceiver::new(syslog)?),
            Place::OcsfFile(path) => Box::new(OcsfFile::at(path)),
        };
        position::make_room(file)?;
        let before = position::load(file)?;
        let resumed = Source::resume(folder, unit(&settings.place), before);
        let (source, resumed) = resumed.map_err(|fault| fault.to_string())?;
        Ok(Sending {
            most: receiver.at_once().items,
            receiver,
            source,
            file: file.to_owned(),
            refusals: 0,
            missed: resumed.missed,
            again: resumed.again,
        })
    }

    /// Goes on until told to stop. An error is of the journal or of our own files.
    fn run(&mut self, shared: &Shared, clock: &Clock, backoff: &mut Backoff) -> Result<(), String> {
        self.tell(shared);
        loop {
            // Looked at before the pass: what was there when it was set still leaves.
            let stops = shared.stop.load(Ordering::Relaxed);
            let bound = self.receiver.at_once();
            let bound = AtOnce {
                items: self.most,
                ..bound
            };
            let filled = self.source.fill(bound);
            filled.map_err(|fault| fault.to_string())?;
            self.show(shared);
            let read_to = self.source.read_to();
            if self.source.pending().is_empty() {
                self.confirm(shared, 0, 0)?;
                if stops {
                    return Ok(());
                }
                if read_to == self.source.next_seq() {
                    shared.went_well();
                    backoff.reset();
                }
                shared.pause(BETWEEN);
                continue;
            }
            if let Err(wait) = self.hand_over(shared, clock, backoff)?
                && (shared.pause(wait) || stops)
            {
                return Ok(());
            }
        }
    }

    /// One try with what is at hand; how long to wait where it did not work.
    fn hand_over(
        &mut self,
        shared: &Shared,
        clock: &Clock,
        backoff: &mut Backoff,
    ) -> Result<Result<(), Duration>, String> {
        let now = clock.now();
        let most = self.most;
        let items = self.source.pending();
        let items = items.get(..most.min(items.len())).unwrap_or_default();
        let count = items.len();
        let mut refused_now = 0;
        match self.receiver.send(items, now) {
            Ok(Taken::All) => {}
            Ok(Taken::But { refused, why }) => {
                let why =
                    format!("{refused} of {count} were refused, it does not say which: {why}");
                refused::keep(&refused::file_beside(&self.file), items, &why, now)?;
                refused_now = refused.min(counted(count));
                self.say_refused(shared, refused_now, &why);
            }
            Err(Missed::Now { why, wait }) => {
                shared.fail(&why);
                return Ok(Err(backoff.next(wait, random())));
            }
            Err(Missed::Content { why }) if count > 1 => {
                shared.fail(&why);
                self.most = count / 2;
                return Ok(Err(BETWEEN_HALVES));
            }
            Err(Missed::Content { why }) => {
                self.refusals = self.refusals.saturating_add(1);
                shared.fail(&why);
                if self.refusals < TRIES {
                    return Ok(Err(backoff.next(None, random())));
                }
                refused::keep(&refused::file_beside(&self.file), items, &why, now)?;
                refused_now = 1;
                self.say_refused(shared, refused_now, &why);
            }
        }
        self.refusals = 0;
        self.most = most.saturating_mul(2).min(self.receiver.at_once().items);
        self.confirm(shared, count, refused_now)?;
        shared.went_well();
        backoff.reset();
        Ok(Ok(()))
    }

    /// The receiver is done with so many items: the position moves on behind them.
    fn confirm(&mut self, shared: &Shared, count: usize, refused: u64) -> Result<(), String> {
        let store = |position: &Position| position::store(&self.file, position);
        self.source.confirm(count).map_or(Ok(()), store)?;
        let state = &mut shared.standing().0;
        let sent = counted(count).saturating_sub(refused);
        state.sent = state.sent.saturating_add(sent);
        state.refused = state.refused.saturating_add(refused);
        state.next_seq = self.source.next_seq();
        Ok(())
    }

    fn say_refused(&self, shared: &Shared, count: u64, why: &str) {
        let to = shared.standing().0.name.clone();
        let file = refused::file_beside(&self.file).display().to_string();
        tracing::error!(to, count, file, "records were refused and kept: {why}");
    }

    fn show(&self, shared: &Shared) {
        let mut standing = shared.standing();
        standing.0.next_seq = self.source.next_seq();
        standing.1 = self.source.oldest();
    }

    fn tell(&self, shared: &Shared) {
        let mut standing = shared.standing();
        let state = &mut standing.0;
        state.missed = state.missed.saturating_add(self.missed);
        let (to, records) = (state.name.as_str(), self.missed.max(self.again));
        if self.missed > 0 {
            tracing::error!(
                to,
                records,
                "the journal no longer has records that never left"
            );
        } else if self.again > 0 {
            tracing::warn!(
                to,
                records,
                "the journal has another past: records leave again"
            );
        }
    }
}

/// OCSF says a request and how it ended in one; elsewhere each record leaves as soon as it is there.
fn unit(place: &Place) -> Unit {
    match place {
        Place::Otlp(_) => Unit::Record,
        Place::Syslog(syslog) if syslog.form == Form::Record => Unit::Record,
        Place::Syslog(_) | Place::OcsfFile(_) => Unit::Row,
    }
}

fn counted(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Without randomness all waits are whole ones.
fn random() -> u16 {
    let mut bytes = [0xff; 2];
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u16::from_ne_bytes(bytes)
}

/// The nicest there is (nice(2)).
const LAST: i32 = 19;
/// Between two looks at a journal that has nothing new.
const BETWEEN: Duration = Duration::from_millis(400);
const BETWEEN_HALVES: Duration = Duration::from_millis(50);
/// So often one record is tried that is refused for its content.
const TRIES: u32 = 3;
