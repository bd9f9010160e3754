//! What the writer and everybody else look at: counters, no locks.
//!
//! In: what happened. Out: [`JournalState`] for readiness and metrics, and the word of poison.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use super::entry::{Ask, Entry, Hold};
use crate::clock::{Clock, Time};
use crate::record::audit_record::{Constants, EventRecord, Note};
use crate::record::frame::Kind;
use crate::record::settings::Level;
use crate::refusal::Reason;

/// What all parts of one open journal share.
#[derive(Debug)]
pub(in crate::record) struct Shared {
    pub(in crate::record) clock: Clock,
    pub(in crate::record) constants: ArcSwap<Constants>,
    waiting: AtomicUsize,
    owed: AtomicU64,
    next_seq: AtomicU64,
    durable: AtomicU64,
    records: AtomicU64,
    syncs: AtomicU64,
    last_sync_us: AtomicU64,
    begun: Instant,
    /// Microseconds after `begun` when the writer began what it does now; 0 when it does nothing.
    busy_since_us: AtomicU64,
    full: AtomicBool,
    closed: AtomicBool,
    unavailable: AtomicU64,
    backpressure: AtomicU64,
    shared_refusals: AtomicU64,
    /// Where records that were stored were then not found: the first of each stretch.
    lost: AtomicU64,
    /// One more than the record that was found lost last; 0 for none.
    lost_last: AtomicU64,
    /// The latest moment seen, in this run or in the records of the one before.
    latest_ms: AtomicU64,
    poisoned: AtomicBool,
    poison: watch::Sender<Option<Arc<str>>>,
}

/// Where entries go in. The writer holds none, so that it ends when everybody else is gone.
#[derive(Debug)]
pub(in crate::record) struct Intake {
    pub(in crate::record) shared: Arc<Shared>,
    asks: Sender<Ask>,
    room: usize,
}

/// What readiness and metrics want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalState {
    /// The sequence number that comes next: how many records there are.
    pub next_seq: u64,
    /// Records that wait for the writer.
    pub waiting: usize,
    /// Allows whose outcome is not handed in yet.
    pub owed: u64,
    /// Records written since the start.
    pub records: u64,
    /// Syncs since the start.
    pub syncs: u64,
    /// How long the last sync took, in µs.
    pub last_sync_us: u64,
    /// How long the writer has been at what it does now, in µs: the storage hangs when this grows.
    pub busy_us: u64,
    /// No room for requests until space is back.
    pub full: bool,
    /// The disk failed; nothing more is committed by this process.
    pub poisoned: bool,
    /// Closed in order.
    pub closed: bool,
    /// Answers `audit_unavailable` that are not noted in the journal yet.
    pub unavailable: u64,
    /// Answers `audit_backpressure` that are not noted in the journal yet.
    pub backpressure: u64,
    /// Answers that shared a record since the start, under a declared flood.
    pub shared_refusals: u64,
    /// Records that the disk confirmed and that were not there, or not whole, when they were read
    /// back: every record is, within a second. What lies behind the first such one is not read, so
    /// this counts places.
    pub lost: u64,
}

impl JournalState {
    /// Whether a commit begun now may succeed within `commit_ms`.
    pub fn is_ready(&self, commit_ms: u64) -> bool {
        !self.full && !self.poisoned && !self.closed && self.busy_us / 1000 <= commit_ms
    }
}

impl Intake {
    pub(in crate::record) fn new(shared: Arc<Shared>, asks: Sender<Ask>, room: usize) -> Intake {
        Intake { shared, asks, room }
    }

    /// Hands over an entry that someone waits for, while the queue has room: the last quarter of it
    /// is for those who are known, so that strangers are refused first.
    pub(in crate::record) fn ask(&self, entry: Entry, is_known: bool) -> Result<(), Reason> {
        let shared = &self.shared;
        if shared.closed.load(Ordering::Acquire) || shared.is_poisoned() || shared.is_full() {
            return Err(Reason::AuditUnavailable);
        }
        let room = match is_known {
            true => self.room,
            false => self.room.saturating_sub(self.room / 4),
        };
        // Counted before it is sent, so that no two can take the last place.
        if shared.waiting.fetch_add(1, Ordering::AcqRel) >= room {
            shared.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(Reason::AuditBackpressure);
        }
        self.asks.send(Ask::Store(entry)).map_err(|_| {
            shared.waiting.fetch_sub(1, Ordering::AcqRel);
            Reason::AuditUnavailable
        })
    }

    /// Hands over the outcome of an allow. Its place was taken when the allow was stored, so there
    /// are never more of them than requests in flight; it waits for nothing.
    pub(in crate::record) fn hand_in_outcome(&self, entry: Entry) {
        self.shared.owed.fetch_sub(1, Ordering::AcqRel);
        // A writer that is gone leaves the allow to recovery, which writes `unknown`.
        let _ = self.asks.send(Ask::Store(entry));
    }

    /// Stores an event from a thread that may wait; its number, or nothing where the journal takes
    /// none now.
    pub(in crate::record) fn note_blocking(
        &self,
        note: Note,
        detail: &[(&str, Value)],
    ) -> Option<u64> {
        let mut payload = Vec::new();
        EventRecord {
            note,
            detail,
            time: self.shared.clock.now(),
            mono_ns: self.shared.clock.mono_ns(),
        }
        .render(&self.shared.constants.load(), &mut payload);
        let (reply, answer) = oneshot::channel();
        let hold = Hold {
            level: Level::Sync,
            reply,
            owed: None,
        };
        self.ask(Entry::held(Kind::Event, payload.into(), hold), true)
            .ok()?;
        answer.blocking_recv().ok().map(|stored| stored.seq)
    }

    /// Whether it takes entries still.
    pub(in crate::record) fn is_open(&self) -> bool {
        !self.shared.closed.load(Ordering::Acquire) && !self.shared.is_poisoned()
    }

    /// Asks the writer to end in order.
    pub(in crate::record) fn ask_to_close(&self, reply: tokio::sync::oneshot::Sender<()>) {
        self.shared.closed.store(true, Ordering::Release);
        let _ = self.asks.send(Ask::Close(reply));
    }
}

impl Shared {
    pub(in crate::record) fn new(clock: Clock, constants: Constants) -> Shared {
        Shared {
            clock,
            constants: ArcSwap::from_pointee(constants),
            waiting: AtomicUsize::new(0),
            owed: AtomicU64::new(0),
            next_seq: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            records: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            last_sync_us: AtomicU64::new(0),
            begun: Instant::now(),
            busy_since_us: AtomicU64::new(0),
            full: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            unavailable: AtomicU64::new(0),
            backpressure: AtomicU64::new(0),
            shared_refusals: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            lost_last: AtomicU64::new(0),
            latest_ms: AtomicU64::new(0),
            poisoned: AtomicBool::new(false),
            poison: watch::Sender::new(None),
        }
    }

    /// The latest moment seen so far, this one included.
    pub(in crate::record) fn latest(&self, time: Time) -> Time {
        let before = self.latest_ms.fetch_max(time.as_ms(), Ordering::Relaxed);
        Time::from_ms(before).max(time)
    }

    pub(in crate::record) fn stopped_waiting(&self, entries: &[Entry]) {
        let held = entries.iter().filter(|entry| entry.hold.is_some()).count();
        self.waiting.fetch_sub(held, Ordering::AcqRel);
    }

    pub(in crate::record) fn owes_one_more(&self) {
        self.owed.fetch_add(1, Ordering::AcqRel);
    }

    pub(in crate::record) fn owed_now(&self) -> u64 {
        self.owed.load(Ordering::Acquire)
    }

    pub(in crate::record) fn wrote(&self, seq: u64) {
        self.next_seq
            .store(seq.saturating_add(1), Ordering::Release);
        self.records.fetch_add(1, Ordering::Relaxed);
    }

    /// All before this record is on the disk.
    pub(in crate::record) fn is_durable_to(&self, seq: u64) {
        self.durable.store(seq, Ordering::Release);
    }

    /// The first record that may not be on the disk yet.
    pub(in crate::record) fn durable_to(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    pub(in crate::record) fn synced(&self, took: Duration) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.last_sync_us.store(us(took), Ordering::Relaxed);
    }

    pub(in crate::record) fn begins_work(&self) {
        let now = us(self.begun.elapsed()).max(1);
        self.busy_since_us.store(now, Ordering::Relaxed);
    }

    pub(in crate::record) fn ends_work(&self) {
        self.busy_since_us.store(0, Ordering::Relaxed);
    }

    pub(in crate::record) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    pub(in crate::record) fn is_full_now(&self, full: bool) {
        self.full.store(full, Ordering::Release);
    }

    /// So many answers shared a record.
    pub(in crate::record) fn shared(&self, answers: u64) {
        self.shared_refusals.fetch_add(answers, Ordering::Relaxed);
    }

    /// A record that the disk confirmed is not there, or not whole. Told again, it is the same one.
    pub(in crate::record) fn is_lost(&self, seq: u64) {
        let told = seq.saturating_add(1);
        if self.lost_last.swap(told, Ordering::Relaxed) != told {
            self.lost.fetch_add(1, Ordering::Relaxed);
            tracing::error!(record = seq, "a stored record cannot be read back");
        }
    }

    /// Counts an answer that has no record of its own.
    pub(in crate::record) fn went_unrecorded(&self, reason: Reason) {
        match reason {
            Reason::AuditBackpressure => self.backpressure.fetch_add(1, Ordering::Relaxed),
            _ => self.unavailable.fetch_add(1, Ordering::Relaxed),
        };
    }

    /// The counts of such answers, set back to zero.
    pub(in crate::record) fn take_unrecorded(&self) -> Option<[(&'static str, Value); 2]> {
        let backpressure = self.backpressure.swap(0, Ordering::Relaxed);
        let unavailable = self.unavailable.swap(0, Ordering::Relaxed);
        (backpressure > 0 || unavailable > 0).then(|| {
            [
                ("audit_backpressure", Value::from(backpressure)),
                ("audit_unavailable", Value::from(unavailable)),
            ]
        })
    }

    /// Nothing more is committed. The first fault is the one that counts.
    pub(in crate::record) fn poison(&self, fault: String) {
        self.poisoned.store(true, Ordering::Release);
        tracing::error!(%fault, "the journal can no longer be written");
        self.poison.send_if_modified(|poison| match poison {
            Some(_) => false,
            None => {
                *poison = Some(Arc::from(fault));
                true
            }
        });
    }

    pub(in crate::record) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    pub(in crate::record) fn poison_watch(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.poison.subscribe()
    }

    pub(in crate::record) fn state(&self) -> JournalState {
        let busy_since_us = self.busy_since_us.load(Ordering::Relaxed);
        JournalState {
            next_seq: self.next_seq.load(Ordering::Acquire),
            waiting: self.waiting.load(Ordering::Acquire),
            owed: self.owed_now(),
            records: self.records.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
            last_sync_us: self.last_sync_us.load(Ordering::Relaxed),
            busy_us: match busy_since_us {
                0 => 0,
                since => us(self.begun.elapsed()).saturating_sub(since),
            },
            full: self.is_full(),
            poisoned: self.is_poisoned(),
            closed: self.closed.load(Ordering::Acquire),
            unavailable: self.unavailable.load(Ordering::Relaxed),
            backpressure: self.backpressure.load(Ordering::Relaxed),
            shared_refusals: self.shared_refusals.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
        }
    }
}

fn us(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
