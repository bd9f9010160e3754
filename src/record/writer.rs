//! Owns the journal's files on a thread of its own: takes what waits, writes it, syncs it, says so.
//!
//! In: [`Entry`]s through a channel. Out: for each that someone waits for, one [`Stored`], after
//! the level it asked for; or silence, which reads as `audit_unavailable`.
//!
//! A batch is everything that waits, written with one call. It closes when the sync before it
//! returns, so that load makes batches larger and no timer makes them later. `write` entries are
//! released after the write, `sync` entries after fdatasync; a batch with a `sync` entry is synced
//! at once, any other within 100 ms. A segment is synced before the next one is begun.
//!
//! Never: a second sync after a failed one, a frame after a failed write, a frame in a file that is
//! no longer the one under its name. Each of these poisons: nothing more is committed.
//!
//! When the disk is full it is met while preparing the next segment, not inside a frame: requests
//! are then refused, outcomes go to the room kept for them, and when space is back so is the
//! journal.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;
use uuid::Uuid;

use super::audit_record::{EventRecord, Note, OutcomeRecord};
use super::disk::{Disk, write_whole};
use super::frame::{Digest, Frame, Kind, chain_after};
use super::outcome::Outcome;
use super::segment::Segment;
use super::settings::Level;

mod clock_steps;
mod entry;
mod room;
mod shared;

use clock_steps::ClockSteps;
pub(super) use entry::{Ask, Entry, Hold, Stored};
use room::Room;
pub use shared::JournalState;
pub(super) use shared::{Intake, Shared};

/// The one who writes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) shared: Arc<Shared>,
    pub(super) folder: PathBuf,
    pub(super) origin: String,
    pub(super) boot_id: String,
    pub(super) segment_bytes: u64,
    pub(super) segment: Segment,
    /// The sequence number of the next frame.
    pub(super) seq: u64,
    /// The chain value after the last frame.
    pub(super) chain: Digest,
    prepared: Option<File>,
    batch: Vec<u8>,
    written: Vec<(u64, Entry)>,
    /// Outcomes that found no room; they go first when there is some.
    held: VecDeque<Entry>,
    unsynced_since: Option<Instant>,
    steps: ClockSteps,
    noted_unrecorded: Option<Instant>,
    found_full: Option<Instant>,
}

/// What ends the journal's life before it is closed.
pub(super) type Fault = String;

impl Writer {
    /// A writer that goes on where a segment ends. `synced` says that all before is durable.
    pub(super) fn new(place: Place, shared: Arc<Shared>) -> Writer {
        Writer {
            steps: ClockSteps::from(&shared.clock),
            disk: place.disk,
            shared,
            folder: place.folder,
            origin: place.origin,
            boot_id: place.boot_id,
            segment_bytes: place.segment_bytes,
            segment: place.segment,
            seq: place.seq,
            chain: place.chain,
            prepared: None,
            batch: Vec::new(),
            written: Vec::new(),
            held: VecDeque::new(),
            unsynced_since: None,
            noted_unrecorded: None,
            found_full: None,
        }
    }

    /// Serves until it is closed, everybody is gone, or the disk fails. Gives back who asked it to
    /// close, to be answered once the folder is let go.
    pub(super) fn run(mut self, asks: &Receiver<Ask>) -> Closing {
        let mut entries = Vec::new();
        loop {
            let mut closing = Vec::new();
            match asks.recv_timeout(self.patience()) {
                Ok(ask) => {
                    take(ask, &mut entries, &mut closing);
                    // Whoever is about to ask, asks first: under load one write then serves many,
                    // and two threads do not hand one processor to and fro for each record.
                    std::thread::yield_now();
                    self.take_what_waits(asks, &mut entries, &mut closing);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.sync();
                    return Closing::new();
                }
            }
            self.shared.stopped_waiting(&entries);
            self.shared.begins_work();
            let done = self.store_with_notes(&mut entries);
            let done = done.and_then(|()| match closing.is_empty() {
                true => Ok(()),
                false => self.close(asks, &mut closing),
            });
            self.shared.ends_work();
            match done {
                Err(fault) => {
                    self.shared.poison(fault);
                    return Closing::new();
                }
                Ok(()) if closing.is_empty() => {}
                Ok(()) => return closing,
            }
        }
    }

    /// Stores entries and releases those who wait for them.
    pub(super) fn store(&mut self, entries: &mut Vec<Entry>) -> Result<(), Fault> {
        let mut waiting = std::mem::take(&mut self.held);
        waiting.extend(entries.drain(..));
        while let Some(entry) = waiting.pop_front() {
            match self.make_room(&entry)? {
                Room::Here => self.encode(entry),
                // Dropping its reply is the answer.
                Room::NotForRequests => {}
                Room::None => self.held.push_back(entry),
            }
        }
        self.write_batch()?;
        let sync_wanted = self
            .written
            .iter()
            .any(|(_, e)| e.level() == Some(Level::Sync));
        self.release(Level::Write);
        let overdue = self
            .unsynced_since
            .is_some_and(|at| at.elapsed() >= SYNC_AFTER);
        if sync_wanted || overdue {
            self.sync()?;
        }
        self.release(Level::Sync);
        self.look_ahead()
    }

    /// Makes all that is written durable.
    pub(super) fn sync(&mut self) -> Result<(), Fault> {
        if self.unsynced_since.is_none() {
            return Ok(());
        }
        let begun = Instant::now();
        self.disk
            .sync_data(&self.segment.file)
            .map_err(|fault| format!("sync failed: {fault}"))?;
        self.unsynced_since = None;
        self.shared.is_durable_to(self.seq);
        self.shared.synced(begun.elapsed());
        Ok(())
    }

    /// An event of the writer's own.
    pub(super) fn event(&self, note: Note, detail: &[(&str, Value)]) -> Entry {
        let mut payload = Vec::new();
        EventRecord {
            note,
            detail,
            time: self.shared.clock.now(),
            mono_ns: self.shared.clock.mono_ns(),
        }
        .render(&self.shared.constants.load(), &mut payload);
        Entry::owing_nobody(Kind::Event, payload)
    }

    /// An outcome that recovery writes.
    pub(super) fn outcome(&self, decision: Uuid, outcome: &Outcome) -> Entry {
        let mut payload = Vec::new();
        OutcomeRecord {
            decision,
            outcome,
            time: self.shared.clock.now(),
            mono_ns: self.shared.clock.mono_ns(),
            commit_us: None,
            total_us: None,
            stamped: None,
            listed: None,
        }
        .render(&self.shared.constants.load(), &mut payload);
        Entry::owing_nobody(Kind::Outcome, payload)
    }

    /// Whether something found no room.
    pub(super) fn holds_back(&self) -> bool {
        !self.held.is_empty()
    }

    fn take_what_waits(
        &self,
        asks: &Receiver<Ask>,
        entries: &mut Vec<Entry>,
        closing: &mut Closing,
    ) {
        let mut bytes = 0_usize;
        while entries.len() < BATCH_ENTRIES && bytes < BATCH_BYTES {
            let Ok(ask) = asks.try_recv() else {
                return;
            };
            take(ask, entries, closing);
            bytes = bytes.saturating_add(entries.last().map_or(0, |e| e.record.size_bytes()));
        }
    }

    /// How long to wait when nothing is asked.
    fn patience(&self) -> Duration {
        if !self.held.is_empty() || self.shared.is_full() {
            return LOOK_FOR_SPACE_EVERY;
        }
        match self.unsynced_since {
            Some(since) => SYNC_AFTER.saturating_sub(since.elapsed()),
            None => LOOK_AT_CLOCK_EVERY,
        }
    }

    fn store_with_notes(&mut self, entries: &mut Vec<Entry>) -> Result<(), Fault> {
        let mut notes = Vec::new();
        if let Some(by_ms) = self.steps.look(&self.shared.clock) {
            notes.push(self.event(Note::ClockStep, &[("by_ms", Value::from(by_ms))]));
        }
        notes.extend(self.unrecorded(NOTE_UNRECORDED_EVERY));
        if notes.is_empty() && entries.is_empty() && self.held.is_empty() && !self.shared.is_full()
        {
            return match self.unsynced_since {
                Some(since) if since.elapsed() >= SYNC_AFTER => self.sync(),
                _ => Ok(()),
            };
        }
        notes.append(entries);
        *entries = notes;
        self.store(entries)
    }

    /// The answers without a record since the last time, where there were any.
    fn unrecorded(&mut self, at_most_every: Duration) -> Option<Entry> {
        if self
            .noted_unrecorded
            .is_some_and(|at| at.elapsed() < at_most_every)
        {
            return None;
        }
        let counts = self.shared.take_unrecorded()?;
        self.noted_unrecorded = Some(Instant::now());
        Some(self.event(Note::Unrecorded, &counts))
    }

    fn encode(&mut self, entry: Entry) {
        let chain = chain_after(&self.chain, &entry.leaf);
        Frame {
            kind: entry.kind,
            // Only the first frame after a sync can say so; those behind it are of its batch.
            after_sync: self.unsynced_since.is_none() && self.batch.is_empty(),
            seq: self.seq,
            chain,
            payload: entry.record.leaf(),
            disclosure: entry.record.disclosure(),
        }
        .append_to(&mut self.batch);
        self.written.push((self.seq, entry));
        self.chain = chain;
        self.seq = self.seq.saturating_add(1);
    }

    fn write_batch(&mut self) -> Result<(), Fault> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let Segment { file, path, .. } = &self.segment;
        match self.disk.is_still(file, path, self.segment.size_bytes) {
            Ok(true) => {}
            Ok(false) => return Err(format!("{} was replaced underneath", path.display())),
            Err(fault) => return Err(format!("looking at the segment failed: {fault}")),
        }
        self.unsynced_since.get_or_insert_with(Instant::now);
        write_whole(&*self.disk, file, &self.batch, self.segment.offset)
            .map_err(|fault| format!("write failed: {fault}"))?;
        self.segment.offset = self.segment.offset.saturating_add(as_u64(self.batch.len()));
        self.batch.clear();
        self.batch.shrink_to(BATCH_BYTES);
        for (seq, entry) in &mut self.written {
            self.shared.wrote(*seq);
            if let Some(owed) = entry.hold.as_mut().and_then(|hold| hold.owed.as_mut()) {
                owed.stored();
            }
        }
        Ok(())
    }

    /// Tells those who wait for no more than this level.
    fn release(&mut self, reached: Level) {
        let all = std::mem::take(&mut self.written);
        for (seq, entry) in all {
            match entry.level() {
                Some(Level::Sync) if reached == Level::Write => self.written.push((seq, entry)),
                _ => entry.release(seq),
            }
        }
    }

    /// The last records, each batch synced before the next. Releasing a record that nobody waits
    /// for any more hands in an outcome, so what waits is taken until nothing does.
    fn close(&mut self, asks: &Receiver<Ask>, closing: &mut Closing) -> Result<(), Fault> {
        let mut last: Vec<Entry> = self.unrecorded(Duration::ZERO).into_iter().collect();
        loop {
            self.take_what_waits(asks, &mut last, closing);
            if last.is_empty() {
                break;
            }
            self.shared.stopped_waiting(&last);
            self.store(&mut last)?;
        }
        self.sync()?;
        let open = Value::from(self.shared.owed_now());
        last.push(self.event(Note::Stop, &[("open", open)]));
        self.store(&mut last)?;
        self.sync()
    }
}

/// Where a writer goes on.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    pub(super) origin: String,
    pub(super) boot_id: String,
    pub(super) segment_bytes: u64,
    pub(super) segment: Segment,
    pub(super) seq: u64,
    pub(super) chain: Digest,
}

/// Those who wait for the end.
pub(super) type Closing = Vec<tokio::sync::oneshot::Sender<()>>;

fn take(ask: Ask, entries: &mut Vec<Entry>, closing: &mut Closing) {
    match ask {
        Ask::Store(entry) => entries.push(entry),
        Ask::Close(reply) => closing.push(reply),
    }
}

fn as_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Begun early enough for an unwaited write to be durable within 100 ms.
const SYNC_AFTER: Duration = Duration::from_millis(75);
const LOOK_FOR_SPACE_EVERY: Duration = Duration::from_millis(200);
const LOOK_AT_CLOCK_EVERY: Duration = Duration::from_secs(1);
const NOTE_UNRECORDED_EVERY: Duration = Duration::from_secs(1);
const BATCH_ENTRIES: usize = 4096;
const BATCH_BYTES: usize = 1 << 20;
