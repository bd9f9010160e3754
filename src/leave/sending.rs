//! Hands the journal to one receiver, portion by portion.
//!
//! In: a source of items and a receiver. Out: the position behind what the receiver has.
//!
//! What passes or an operator mends is waited for, with everything that follows behind it: order is
//! kept and nothing is left out. What a receiver refuses for its content is halved until one record
//! is left; that is tried a few times more, then kept in a file, counted and passed over, because one
//! record must not hold up all that come after it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::SPANS;
use super::backoff::Backoff;
use super::line::Shared;
use super::ocsf_file::OcsfFile;
use super::otlp::OtlpReceiver;
use super::position::{self, Position};
use super::receiver::{AtOnce, Missed, Receiver, Taken};
use super::refused;
use super::settings::{DestinationSettings, Form, Place};
use super::source::{Source, Unit};
use super::spans::{SendSpans, SpansReceiver};
use super::syslog::SyslogReceiver;
use crate::clock::Clock;

/// What one destination's thread works with.
pub(super) struct Sending {
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
    pub(super) fn begin(whither: &Whither, folder: &Path, file: &Path) -> Result<Sending, String> {
        position::make_room(file)?;
        let receiver = whither.receiver(file)?;
        let before = position::load(file)?;
        let resumed = Source::resume(folder, whither.unit(), before);
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
    pub(super) fn run(
        &mut self,
        shared: &Shared,
        clock: &Clock,
        backoff: &mut Backoff,
    ) -> Result<(), String> {
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

/// Where a thread hands the journal to.
pub(super) enum Whither {
    /// A destination of the settings.
    Set(Box<DestinationSettings>),
    /// The upstream that telemetry goes to, as spans.
    Spans(Arc<dyn SendSpans>),
}

impl Whither {
    /// Its name in metrics and in the names of its files.
    pub(super) fn name(&self) -> &str {
        match self {
            Whither::Set(settings) => &settings.name,
            Whither::Spans(_) => SPANS,
        }
    }

    /// The kind's word on pages.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Whither::Set(settings) => settings.place.word(),
            Whither::Spans(_) => "spans",
        }
    }

    fn receiver(&self, file: &Path) -> Result<Box<dyn Receiver>, String> {
        Ok(match self {
            Whither::Set(settings) => match settings.place.clone() {
                Place::Otlp(otlp) => Box::new(OtlpReceiver::new(otlp)?),
                Place::Syslog(syslog) => Box::new(SyslogReceiver::new(syslog)?),
                Place::OcsfFile(path) => Box::new(OcsfFile::at(path)),
            },
            Whither::Spans(sender) => {
                let sent = file.with_extension("sent");
                Box::new(SpansReceiver::open(Arc::clone(sender), sent)?)
            }
        })
    }

    /// OCSF says a request and how it ended in one; elsewhere each record leaves as soon as it is
    /// there.
    fn unit(&self) -> Unit {
        match self {
            Whither::Spans(_) => Unit::Row,
            Whither::Set(settings) => match &settings.place {
                Place::Otlp(_) => Unit::Record,
                Place::Syslog(syslog) if syslog.form == Form::Record => Unit::Record,
                Place::Syslog(_) | Place::OcsfFile(_) => Unit::Row,
            },
        }
    }
}

fn counted(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Without randomness all waits are whole ones.
pub(super) fn random() -> u16 {
    let mut bytes = [0xff; 2];
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u16::from_ne_bytes(bytes)
}

/// Between two looks at a journal that has nothing new.
const BETWEEN: Duration = Duration::from_millis(400);
const BETWEEN_HALVES: Duration = Duration::from_millis(50);
/// So often one record is tried that is refused for its content.
const TRIES: u32 = 3;
