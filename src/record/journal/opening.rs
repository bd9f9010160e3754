//! Opens the journal: takes the folder, recovers, writes the start, sets the writer going.
//!
//! In: settings, a clock and who writes. Out: an [`Opened`] journal whose first records are durable,
//! or a [`JournalError`].
//!
//! The order matters: nothing is touched before the lock is held, and the `start` event comes after
//! the outcomes of all earlier allows, because the next recovery reads from there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

use serde_json::Value;
use uuid::{NoContext, Timestamp, Uuid};

use super::Journal;
use crate::clock::{Clock, Time};
use crate::record::audit_record::{Constants, Note};
use crate::record::disk::{Disk, RealDisk};
use crate::record::erasure::{Means, orders};
use crate::record::fingerprint::FingerprintKey;
use crate::record::flood::Flood;
use crate::record::journal_error::JournalError;
use crate::record::lock::{self, Lock};
use crate::record::mandate::{self, Forked, Mandate};
use crate::record::outcome::{End, Outcome};
use crate::record::prune;
use crate::record::recover::{self, Expected, Found, RecoveryReport};
use crate::record::sealed::Packing;
use crate::record::settings::JournalSettings;
use crate::record::spent::Spent;
use crate::record::tree::{Tree, tiles_of};
use crate::record::writer::{Intake, Place, Shared, Writer};

/// Who writes.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Version and build of this program: `1.2.0+abc`.
    pub version: String,
    /// The digest of the settings in force: `sha256:…`.
    pub config_digest: String,
}

/// A journal, and what was found when it was opened.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// What recovery did.
    pub recovered: RecoveryReport,
}

impl Journal {
    /// Opens the journal in a folder, or begins one there; recovers what a crash left.
    ///
    /// # Errors
    ///
    /// A [`JournalError`] with its exit code; nothing was changed unless the disk failed midway.
    pub fn open(
        settings: JournalSettings,
        clock: Clock,
        identity: Identity,
    ) -> Result<Opened, JournalError> {
        Journal::open_on(settings, clock, identity, Arc::new(RealDisk))
    }

    /// The same where an operator decided what the journal would refuse.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    pub fn open_by(
        settings: JournalSettings,
        clock: Clock,
        identity: Identity,
        mandate: &Mandate,
    ) -> Result<Opened, JournalError> {
        Journal::open_all(settings, clock, identity, Arc::new(RealDisk), mandate)
    }

    /// The same on a disk that a test stands in for.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    pub fn open_on(
        settings: JournalSettings,
        clock: Clock,
        identity: Identity,
        disk: Arc<dyn Disk>,
    ) -> Result<Opened, JournalError> {
        Journal::open_all(settings, clock, identity, disk, &Mandate::default())
    }

    fn open_all(
        settings: JournalSettings,
        clock: Clock,
        identity: Identity,
        disk: Arc<dyn Disk>,
        mandate: &Mandate,
    ) -> Result<Opened, JournalError> {
        check_settings(&settings)?;
        let folder = open_folder(&settings.folder)?;
        let lock = Lock::take(&folder, &identity.version, clock.now().as_ms())?;
        let forked = match &mandate.fork {
            Some(origin) => mandate::set_aside(&*disk, &settings, origin)?,
            None => None,
        };
        let key = FingerprintKey::open(&folder)?;
        let boot_id = boot_id();
        let accepts = mandate.accept_gap.as_ref();
        let found = recover::recover(
            &*disk,
            Expected {
                folder: &folder,
                origin: &settings.origin,
                boot_id: &boot_id,
                segment_bytes: settings.segment_bytes,
                now: clock.now(),
                accepts_from: accepts.map(|_| mandate::signed_in(&folder)),
            },
        )?;
        mandate::check_anchors(&settings, found.seq)?;
        let spent = Spent::open(Arc::clone(&disk), &folder, clock.now())?;
        let tree = Tree::open(Arc::new(RealDisk), &settings, found.seq, clock.clone())?;
        let boot = format!("{boot_id}/{}", process_id(clock.now()));
        let Identity {
            version,
            config_digest,
        } = identity;
        let constants = Constants::new(&settings.origin, &boot, &version, &config_digest);
        let shared = Arc::new(Shared::new(clock, constants));
        let (found, mut report) = split(found);
        if let Some(open) = found.pruning {
            let segments = prune::complete(&*disk, &settings, open)?;
            report.pruned = segments.map(|segments| (open.0, open.1.before, segments));
        }
        if let Some(last) = report.last_time {
            shared.latest(last);
        }
        let decided = decided(&found, accepts, forked);
        let eraser_disk = Arc::clone(&disk);
        let place = Place {
            disk,
            folder: folder.clone(),
            origin: settings.origin.clone(),
            boot_id,
            segment_bytes: settings.segment_bytes,
            segment: found.segment,
            seq: found.seq,
            chain: found.chain,
        };
        let mut writer = Writer::new(place, Arc::clone(&shared));
        write_first(&mut writer, &report, &found.open, decided)?;
        report.next_seq = writer.seq;
        let (asks, waiting) = mpsc::channel();
        let flood = Flood::new(settings.flood_threshold, settings.queue);
        let intake = Arc::new(Intake::new(Arc::clone(&shared), asks, settings.queue));
        let board = tree.board();
        let means = Means {
            disk: eraser_disk,
            board: Arc::clone(&board),
            folder: folder.clone(),
            tiles: tiles_of(&settings),
            turns: Arc::default(),
        };
        orders::serve(&intake, means.clone())
            .map_err(|e| JournalError::io("start a thread for", &folder, e))?;
        let tree = tree.start(Arc::clone(&shared), &intake)?;
        let packing = match settings.compress {
            true => Some(Packing::start(Arc::new(RealDisk), &settings.folder)?),
            false => None,
        };
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                let last_word = LastWord(shared);
                let closing = writer.run(&waiting);
                // Whoever waits for a record now hears that there is none.
                drop(waiting);
                tree.finish(last_word.0.is_poisoned());
                if let Some(packing) = packing {
                    packing.finish();
                }
                drop(lock);
                for reply in closing {
                    let _ = reply.send(());
                }
            })
            .map_err(|e| JournalError::io("start a thread for", &settings.folder, e))?;
        let journal = Journal {
            intake,
            key: Arc::new(key),
            spent: Arc::new(spent),
            levels: settings.levels,
            commit_ms: settings.commit_ms,
            board,
            flood: Arc::new(flood),
            means,
        };
        Ok(Opened {
            journal,
            recovered: report,
        })
    }
}

/// What recovery found, and the same as it is reported.
fn split(found: Found) -> (Found, RecoveryReport) {
    let report = RecoveryReport {
        next_seq: found.seq,
        was_closed: found.was_closed,
        torn: found.torn.clone(),
        unknown: found.open.len(),
        last_time: found.last_time,
        erased: found.erased,
        pruned: None,
    };
    (found, report)
}

/// An event's detail.
type Detail = Vec<(&'static str, Value)>;

/// What an operator decided, as it is written down.
fn decided(found: &Found, accepts: Option<&String>, forked: Option<Forked>) -> Vec<(Note, Detail)> {
    let mut decided: Vec<(Note, Detail)> = Vec::new();
    if let (true, Some(cut), Some(by)) = (found.is_gap, &found.torn, accepts) {
        let detail = vec![
            ("by", Value::from(by.as_str())),
            ("bytes", Value::from(cut.bytes)),
            ("file", Value::from(cut.file.as_str())),
            ("from", Value::from(found.seq)),
            ("sha256", Value::from(cut.sha256.as_str())),
        ];
        decided.push((Note::Gap, detail));
    }
    if let Some(forked) = forked {
        let mut detail = vec![
            ("folder", Value::from(forked.folder)),
            ("from", Value::from(forked.from)),
        ];
        if let Some((records, root)) = forked.signed {
            detail.push(("records", Value::from(records)));
            detail.push(("root", Value::from(root)));
        }
        decided.push((Note::Fork, detail));
    }
    decided
}

/// What an operator decided, what recovery did, the outcomes it owes, and the start, durable before
/// anything else.
fn write_first(
    writer: &mut Writer,
    report: &RecoveryReport,
    open: &[Uuid],
    decided: Vec<(Note, Detail)>,
) -> Result<(), JournalError> {
    let is_gap = decided.iter().any(|(note, _)| *note == Note::Gap);
    let mut first: Vec<_> = decided
        .iter()
        .map(|(note, detail)| writer.event(*note, detail))
        .collect();
    if let Some(torn) = report.torn.as_ref().filter(|_| !is_gap) {
        let detail = [
            ("bytes", Value::from(torn.bytes)),
            ("file", Value::from(torn.file.as_str())),
            ("sha256", Value::from(torn.sha256.as_str())),
        ];
        first.push(writer.event(Note::Recovered, &detail));
    }
    for decision in open {
        first.push(writer.outcome(*decision, &Outcome::of(End::Unknown)));
    }
    if let Some(completed) = report.erased {
        let detail = [
            ("of", Value::from(completed.of)),
            ("records", Value::from(completed.records)),
        ];
        first.push(writer.event(Note::RedactionDone, &detail));
    }
    if let Some((of, before, segments)) = report.pruned {
        let detail = [
            ("before", Value::from(before)),
            ("of", Value::from(of)),
            ("segments", Value::from(segments)),
        ];
        first.push(writer.event(Note::PruneDone, &detail));
    }
    let start = [
        ("unknown", Value::from(open.len())),
        ("was_closed", Value::from(report.was_closed)),
    ];
    first.push(writer.event(Note::Start, &start));
    let path = writer.segment.path.clone();
    let stored = writer.store(&mut first).and_then(|()| writer.sync());
    match stored {
        Err(fault) => Err(JournalError::io(
            "write",
            &path,
            std::io::Error::other(fault),
        )),
        Ok(()) if writer.holds_back() => {
            let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
            Err(JournalError::io("write", &path, full))
        }
        Ok(()) => Ok(()),
    }
}

fn check_settings(settings: &JournalSettings) -> Result<(), JournalError> {
    let refused = |fault: String| Err(JournalError::refused(&settings.folder, fault));
    match settings.origin.len() {
        1..=255 => {}
        long => return refused(format!("the origin has {long} bytes, not 1 to 255")),
    }
    match settings.segment_bytes {
        SMALLEST_SEGMENT.. => Ok(()),
        small => refused(format!(
            "a segment of {small} bytes is too small for one record"
        )),
    }
}

fn open_folder(folder: &Path) -> Result<PathBuf, JournalError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|e| JournalError::io("make", folder, e))?;
    lock::check_file_system(folder)?;
    Ok(folder.to_owned())
}

fn boot_id() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    read.map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
}

/// Should the writer's thread panic, nobody is left waiting in the belief that it lives.
struct LastWord(Arc<Shared>);

impl Drop for LastWord {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison("the writer panicked".to_owned());
        }
    }
}

/// An id for this run: restarts within one boot are told apart by it.
fn process_id(now: Time) -> Uuid {
    let nanos = u32::try_from(now.as_ms() % 1000).unwrap_or(0) * 1_000_000;
    Uuid::new_v7(Timestamp::from_unix(NoContext, now.as_secs(), nanos))
}

/// Head, one largest frame, and the part kept for outcomes.
const SMALLEST_SEGMENT: u64 = 128 * 1024;
