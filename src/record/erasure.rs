//! Takes what records say of a person out of the journal, and leaves every proof as it is.
//!
//! In: which records, why and on whose word. Out: zeros over their disclosures, between two events:
//! `redaction` is synced before the first byte is overwritten, `redaction.done` comes when the last
//! one is.
//!
//! A disclosure becomes a checksum and zeros over salt and object; its length and everything else of
//! the segment stay. In the segment that is written to it is overwritten where it lies; a sealed one,
//! packed or not, is written anew beside itself and put in its place. An event names exact records. A range of them may
//! go over records that have no disclosure, and over those that were erased before.
//!
//! After a crash in the middle the next start erases what was announced and is not done, before it
//! checks anything else. Doing it twice changes nothing.
//!
//! Never: a person's name in an event; an erasure that is not announced, or of what a hold is on; a byte
//! of a leaf touched.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::audit_record::Note;
use super::disk::{Disk, write_whole};
use super::frame::{Disclosure, Frame};
use super::hold::{self, Hold, holds};
use super::journal_error::JournalError;
use super::ranges::Ranges;
use super::read::{Record, read};
use super::scan::{Scan, Step};
use super::sealed;
use super::segment;
use super::tree::Board;
use super::writer::Intake;

pub(super) mod announced;
pub mod orders;

/// What is to be erased, and on whose word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The records.
    pub seqs: Ranges,
    /// How many of them say something of a person.
    pub records: u64,
    /// Why: no name of whom it is about.
    pub reason: String,
    /// Who decided it, or under which rule.
    pub authority: String,
    /// Who asked stile for it.
    pub by: String,
}

/// A hold that is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifting {
    /// The hold's number.
    pub of: u64,
    /// Why.
    pub reason: String,
    /// Who decided it, or under which rule.
    pub authority: String,
    /// Who asked stile for it.
    pub by: String,
}

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// How many records said something of a person and do not any more.
    pub records: u64,
    /// The event that says that it is done.
    pub done_at: u64,
}

/// Which of these records say something of a person, as ranges for an event; and how many.
///
/// # Errors
///
/// As reading the journal.
fn disclosed_of(
    folder: &Path,
    mut is_meant: impl FnMut(&Record) -> bool,
) -> Result<(Ranges, u64), JournalError> {
    let mut ranges = Ranges::default();
    let mut count = 0_u64;
    let mut joins = false;
    for record in read(folder)? {
        let record = record?;
        if record.disclosure().is_none_or(|beside| beside.is_erased()) {
            continue;
        }
        let meant = is_meant(&record);
        if meant {
            ranges.push(record.seq, record.seq, joins);
            count = count.saturating_add(1);
        }
        joins = meant;
    }
    Ok((ranges, count))
}

/// The same for records that are known by their numbers.
///
/// # Errors
///
/// As reading the journal.
pub fn disclosed_among(folder: &Path, seqs: &BTreeSet<u64>) -> Result<(Ranges, u64), JournalError> {
    disclosed_of(folder, |record| seqs.contains(&record.seq))
}

/// The same without those that a hold is on; and how many these are.
///
/// # Errors
///
/// As reading the journal and its holds.
pub fn disclosed_and_free(
    folder: &Path,
    seqs: &BTreeSet<u64>,
) -> Result<(Ranges, u64, u64), JournalError> {
    let holds = holds(folder)?;
    let mut held = 0_u64;
    let (ranges, count) = disclosed_of(folder, |record| {
        let is_meant = seqs.contains(&record.seq);
        let is_held = is_meant && hold::is_on(&holds, record);
        held = held.saturating_add(u64::from(is_held));
        is_meant && !is_held
    })?;
    Ok((ranges, count, held))
}

/// The same for all that are older than a moment and free of holds, without the count of the others.
///
/// # Errors
///
/// As reading the journal and its holds.
pub fn disclosed_before(folder: &Path, before_ms: u64) -> Result<(Ranges, u64), JournalError> {
    let holds = holds(folder)?;
    disclosed_of(folder, |record| {
        hold::time_of(record).is_some_and(|time| time < before_ms) && !hold::is_on(&holds, record)
    })
}

/// Who erases and prunes in a journal that is open.
#[derive(Debug)]
pub struct Eraser {
    pub(super) intake: Arc<Intake>,
    pub(super) means: Means,
}

/// What that is done with, whether the journal is open or not.
#[derive(Clone, Debug)]
pub(super) struct Means {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) board: Arc<Board>,
    pub(super) folder: PathBuf,
    pub(super) tiles: PathBuf,
    /// Whose turn it is: see [`Means::turn`].
    pub(super) turns: Arc<Mutex<()>>,
}

impl Means {
    /// One at a time erases, prunes, or begins or ends a hold: a hold that is confirmed is on all that
    /// is there at that moment, and nothing that was looked at before it goes after it.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Eraser {
    /// Announces it, does it, and says so. Waits: not for a thread that serves requests.
    ///
    /// # Errors
    ///
    /// When a hold is on one of the records; when the journal takes no event now, or a segment cannot
    /// be written: what was announced is then erased by the next start.
    pub fn erase(&self, erasure: &Erasure) -> Result<Erased, JournalError> {
        let _turn = self.means.turn();
        hold::check(&self.means.folder, &erasure.seqs)?;
        let mut announced_at = None;
        for piece in erasure.seqs.pieces(MOST_TEXT) {
            let detail = [
                ("authority", Value::from(erasure.authority.as_str())),
                ("by", Value::from(erasure.by.as_str())),
                ("reason", Value::from(erasure.reason.as_str())),
                ("records", Value::from(erasure.records)),
                ("seqs", Value::from(piece.to_string())),
            ];
            let seq = self.note(Note::Redaction, &detail)?;
            announced_at.get_or_insert(seq);
        }
        let Some(announced_at) = announced_at else {
            return Ok(Erased::default());
        };
        let records = overwrite(&*self.means.disk, &self.means.folder, &erasure.seqs)?;
        let detail = [
            ("of", Value::from(announced_at)),
            ("records", Value::from(records)),
        ];
        let done_at = self.note(Note::RedactionDone, &detail)?;
        Ok(Erased { records, done_at })
    }

    /// Begins a hold; its number.
    ///
    /// # Errors
    ///
    /// When the journal takes no event now.
    pub fn hold(&self, hold: &Hold) -> Result<u64, JournalError> {
        let _turn = self.means.turn();
        let mut detail = vec![
            ("authority", Value::from(hold.authority.as_str())),
            ("by", Value::from(hold.by.as_str())),
            ("from_ms", Value::from(hold.from_ms)),
            ("reason", Value::from(hold.reason.as_str())),
        ];
        detail.extend(hold.to_ms.map(|to_ms| ("to_ms", Value::from(to_ms))));
        self.note(Note::Hold, &detail)
    }

    /// Ends the hold of this number.
    ///
    /// # Errors
    ///
    /// When there is none; when the journal takes no event now.
    pub fn lift(&self, lifting: &Lifting) -> Result<u64, JournalError> {
        let _turn = self.means.turn();
        if !holds(&self.means.folder)?
            .iter()
            .any(|hold| hold.id == lifting.of)
        {
            let fault = format!("no hold {} is in force", lifting.of);
            return Err(JournalError::refused(&self.means.folder, fault)
                .hint("`stile audit hold list` gives those there are"));
        }
        let detail = [
            ("authority", Value::from(lifting.authority.as_str())),
            ("by", Value::from(lifting.by.as_str())),
            ("of", Value::from(lifting.of)),
            ("reason", Value::from(lifting.reason.as_str())),
        ];
        self.note(Note::HoldLifted, &detail)
    }

    pub(super) fn note(&self, note: Note, detail: &[(&str, Value)]) -> Result<u64, JournalError> {
        self.intake.note_blocking(note, detail).ok_or_else(|| {
            JournalError::refused(&self.means.folder, "the journal takes no event now")
                .hint("nothing is erased that was not announced; try again when it is ready")
        })
    }
}

/// Overwrites the disclosures of these records, each segment synced; how many there were.
pub(super) fn overwrite(
    disk: &dyn Disk,
    folder: &Path,
    seqs: &Ranges,
) -> Result<u64, JournalError> {
    let listed = segment::list(folder).map_err(|e| JournalError::io("read", folder, e))?;
    let nexts = listed.iter().skip(1).map(|(first, _)| *first);
    let mut count = 0_u64;
    for ((first, path), next) in listed.iter().zip(nexts.chain([u64::MAX])) {
        if seqs.meets(*first, next.saturating_sub(1)) {
            let places = places_in(path, seqs);
            let here =
                places.and_then(|places| overwrite_at(disk, folder, (*first, path), &places));
            let here = here.map_err(|fault| JournalError::io("erase in", path, fault))?;
            count = count.saturating_add(here);
        }
    }
    Ok(count)
}

/// Where the disclosures of a segment begin that are meant, and how long each is: 0 where one was cut
/// off in the middle of being erased.
fn places_in(path: &Path, seqs: &Ranges) -> io::Result<Vec<(u64, usize)>> {
    let (mut scan, head) = Scan::open(path)?;
    head.map_err(io::Error::other)?;
    let mut places: Vec<(u64, usize)> = Vec::new();
    loop {
        match scan.advance()? {
            Step::Frame { offset, frame } => places.extend(place_of(offset, &frame, seqs)),
            Step::End { .. } => break,
            Step::Flaw { .. } => {
                // An erasure that was cut off: the leaf is whole, what follows is half of each.
                let follows = match scan.leaf_alone()? {
                    Some(alone) => {
                        let meant = alone.frame().filter(|frame| seqs.has(frame.seq));
                        places.extend(meant.map(|frame| (end_of(alone.offset, &frame), 0)));
                        alone.is_followed
                    }
                    None => scan.resume()?,
                };
                if !follows {
                    break;
                }
            }
        }
    }
    Ok(places)
}

/// Zeros at these places of a segment; how many were not zeros before.
fn overwrite_at(
    disk: &dyn Disk,
    folder: &Path,
    (first, path): (u64, &Path),
    places: &[(u64, usize)],
) -> io::Result<u64> {
    if places.is_empty() {
        return Ok(0);
    }
    let in_place = || zero_in_place(disk, path, places);
    if let Some(count) = sealed::while_newest(folder, first, in_place)? {
        return Ok(count);
    }
    // It may be packed, or be about to be: what was packed a moment ago must not outlive this.
    let mut count = 0;
    sealed::rewrite(disk, folder, first, |bytes| {
        count = zero(bytes, places);
        Ok(())
    })?;
    Ok(count)
}

/// Zeros in the segment that is being written to.
fn zero_in_place(disk: &dyn Disk, path: &Path, places: &[(u64, usize)]) -> io::Result<u64> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut count = 0_u64;
    for (at, size) in places {
        let mut head = [0; 2];
        file.read_exact_at(&mut head, *at)?;
        let Some(size) = size_of(&head, *size) else {
            continue;
        };
        let mut beside = vec![0; size];
        file.read_exact_at(&mut beside, *at)?;
        let zeros = Disclosure::zeros(head);
        if beside != zeros {
            write_whole(disk, &file, &zeros, *at)?;
            count = count.saturating_add(1);
        }
    }
    disk.sync_all(&file)?;
    Ok(count)
}

/// The same in the bytes of a segment.
fn zero(bytes: &mut [u8], places: &[(u64, usize)]) -> u64 {
    let mut count = 0_u64;
    for (at, size) in places {
        let Some(rest) = usize::try_from(*at).ok().and_then(|at| bytes.get_mut(at..)) else {
            continue;
        };
        let Some(head) = rest.first_chunk::<2>().copied() else {
            continue;
        };
        let beside = size_of(&head, *size).and_then(|size| rest.get_mut(..size));
        let zeros = Disclosure::zeros(head);
        let differs = |beside: &&mut [u8]| beside.len() == zeros.len() && **beside != *zeros;
        if let Some(beside) = beside.filter(differs) {
            beside.copy_from_slice(&zeros);
            count = count.saturating_add(1);
        }
    }
    count
}

/// How long a disclosure is that was found with this size, or cut off with none; none where nothing
/// tells.
fn size_of(head: &[u8; 2], found: usize) -> Option<usize> {
    match found {
        0 => Disclosure::size_of(head).ok(),
        found => Some(found),
    }
}

/// Where the disclosure of a record that is meant begins, and how long it is.
fn place_of(offset: u64, frame: &Frame<'_>, seqs: &Ranges) -> Option<(u64, usize)> {
    let beside = frame.disclosure.filter(|beside| !beside.is_erased())?;
    let leaf = Frame {
        disclosure: None,
        ..*frame
    };
    let place = (end_of(offset, &leaf), beside.bytes().len());
    seqs.has(frame.seq).then_some(place)
}

fn end_of(offset: u64, leaf: &Frame<'_>) -> u64 {
    offset.saturating_add(u64::try_from(leaf.size_bytes()).unwrap_or(u64::MAX))
}

/// The text of the records in one event: with reason and authority it stays under the cap.
const MOST_TEXT: usize = 4_000;
