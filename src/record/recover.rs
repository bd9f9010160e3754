//! Finds out at start-up where the journal ends, and what a crash left open.
//!
//! In: the journal's folder. Out: a `Found`: the segment to go on in, where, after which chain
//! value, which allows have no outcome; or a refusal to start.
//!
//! A `start` event is written after the outcomes of all earlier allows, so reading begins at the
//! segment with the last one: the cost is two readings of what was written since the last start.
//! Everything read is checked: checksum, sequence, chain, form. What was announced to be erased and
//! is not, is erased first.
//!
//! What follows the last good frame of the last segment is a torn tail when nobody can have been
//! promised it: no whole frame follows, or only frames of the same unsynced stretch and another
//! boot. It is kept beside the segment as `<first-seq>-<offset>.torn` before it is cut off.
//!
//! Never: a gap closed in silence. Damage below a frame that was written after a sync refuses the
//! start.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use uuid::Uuid;

use super::audit_record::Note;
use super::disk::{Disk, write_whole};
use super::erasure;
use super::erasure::announced::{SinceStart, since_start};
use super::frame::{Digest, chain_after, first_chain, hex, leaf_hash, sha256};
use super::gist::Gist;
use super::journal_error::JournalError;
use super::prune;
use super::ranges::Ranges;
use super::scan::{Scan, Step};
use super::segment::{self, Segment, SegmentHead};
use crate::clock::Time;

/// What recovery did, for the start-up message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// How many records there are, the ones that recovery added included.
    pub next_seq: u64,
    /// Whether the last process closed the journal in order; true for a new one.
    pub was_closed: bool,
    /// The torn tail that was cut off.
    pub torn: Option<Torn>,
    /// How many allows were left without an outcome and got `unknown`.
    pub unknown: usize,
    /// The erasure that a crash had cut off and recovery completed.
    pub erased: Option<Completed>,
    /// The pruning that a crash had cut off and the start completed: its event, up to where, how many
    /// segments were left.
    pub pruned: Option<(u64, u64, usize)>,
    /// The latest time in the records read: no wall clock should be far before it.
    pub last_time: Option<Time>,
}

/// An erasure that was announced before a crash and completed after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completed {
    /// The event that announced it.
    pub of: u64,
    /// How many records were still to be erased.
    pub records: u64,
}

/// The bytes of a torn tail, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The file that keeps them.
    pub file: String,
    /// How many.
    pub bytes: usize,
    /// Their SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// Where the journal ends.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) segment: Segment,
    pub(super) seq: u64,
    pub(super) chain: Digest,
    /// Allows without an outcome, in the order of their records.
    pub(super) open: Vec<Uuid>,
    pub(super) was_closed: bool,
    pub(super) torn: Option<Torn>,
    /// Whether what was cut off had been promised.
    pub(super) is_gap: bool,
    pub(super) last_time: Option<Time>,
    pub(super) erased: Option<Completed>,
    /// What was to be taken away before a crash: the event, and up to where.
    pub(super) pruning: Option<(u64, prune::Announced)>,
}

/// What a journal must be to be gone on with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) folder: &'a Path,
    pub(super) origin: &'a str,
    pub(super) boot_id: &'a str,
    pub(super) segment_bytes: u64,
    pub(super) now: Time,
    /// From which record on damage may be set aside, where an operator accepts that.
    pub(super) accepts_from: Option<u64>,
}

/// Finds the end of a journal, or begins one.
pub(super) fn recover(disk: &dyn Disk, expected: Expected<'_>) -> Result<Found, JournalError> {
    let folder = expected.folder;
    let listed = segment::list(folder).map_err(|e| JournalError::io("read", folder, e))?;
    // The name has no meaning before it is given away.
    let _ = std::fs::remove_file(folder.join(segment::NEXT));
    let Some((_, last_path)) = listed.last() else {
        return begin(disk, expected);
    };
    if segment::is_packed(last_path) {
        return Err(damage(last_path, 0, NOT_THE_LAST));
    }
    let SinceStart {
        from,
        open,
        pruning,
    } = since_start(&listed)?;
    let erased = complete(disk, folder, &open)?;
    let mut walk = Walk::new(expected);
    for (first_seq, path) in listed.get(from..).unwrap_or_default() {
        walk.segment(*first_seq, path, path == last_path)?;
    }
    let (segment, torn) = reopen(disk, expected, &walk, last_path)?;
    let mut open: Vec<(u64, Uuid)> = walk.open.into_iter().map(|(id, seq)| (seq, id)).collect();
    open.sort_unstable();
    Ok(Found {
        segment,
        seq: walk.seq.unwrap_or(0),
        chain: walk.chain,
        open: open.into_iter().map(|(_, id)| id).collect(),
        was_closed: walk.was_closed && torn.is_none(),
        torn,
        is_gap: walk.is_gap,
        last_time: walk.last_time,
        erased,
        pruning,
    })
}

/// Erases what was announced and not done before a crash, so that what is read next is whole.
fn complete(
    disk: &dyn Disk,
    folder: &Path,
    open: &[(u64, Ranges)],
) -> Result<Option<Completed>, JournalError> {
    let Some((of, _)) = open.first() else {
        return Ok(None);
    };
    let mut records = 0_u64;
    for (_, seqs) in open {
        records = records.saturating_add(erasure::overwrite(disk, folder, seqs)?);
    }
    Ok(Some(Completed { of: *of, records }))
}

fn begin(disk: &dyn Disk, expected: Expected<'_>) -> Result<Found, JournalError> {
    let folder = expected.folder;
    let chain = first_chain(expected.origin);
    let head = SegmentHead {
        origin: expected.origin.to_owned(),
        boot_id: expected.boot_id.to_owned(),
        first_seq: 0,
        previous_chain: chain,
        made_ms: expected.now.as_ms(),
    };
    let segment = segment::prepare(disk, folder, expected.segment_bytes)
        .and_then(|file| segment::install(disk, folder, file, &head))
        .map_err(|e| JournalError::io("begin a segment in", folder, e))?;
    Ok(Found {
        segment,
        seq: 0,
        chain,
        open: Vec::new(),
        was_closed: true,
        torn: None,
        is_gap: false,
        last_time: None,
        erased: None,
        pruning: None,
    })
}

/// The reading of the segments since the last start, in order.
#[derive(Debug)]
struct Walk<'a> {
    expected: Expected<'a>,
    seq: Option<u64>,
    chain: Digest,
    open: HashMap<Uuid, u64>,
    was_closed: bool,
    last_time: Option<Time>,
    /// Where the good frames of the last segment end, and whether there is more.
    end: u64,
    is_torn: bool,
    /// The same, of records that were promised: an operator accepts it.
    is_gap: bool,
}

impl<'a> Walk<'a> {
    fn new(expected: Expected<'a>) -> Walk<'a> {
        Walk {
            expected,
            seq: None,
            chain: [0; 32],
            open: HashMap::new(),
            was_closed: false,
            last_time: None,
            end: 0,
            is_torn: false,
            is_gap: false,
        }
    }

    fn segment(&mut self, named: u64, path: &Path, is_last: bool) -> Result<(), JournalError> {
        let io = |fault| JournalError::io("read", path, fault);
        let (mut scan, head) = Scan::open(path).map_err(io)?;
        let head = head.map_err(|fault| damage(path, 0, fault))?;
        self.check_head(&head, named, path)?;
        loop {
            match scan.advance().map_err(io)? {
                Step::Frame { offset, frame } => {
                    let chain = chain_after(&self.chain, &leaf_hash(frame.payload));
                    if Some(frame.seq) != self.seq || frame.chain != chain {
                        let fault = "a record is not the one that should follow";
                        return Err(damage(path, offset, fault));
                    }
                    let gist = Gist::read(&frame).map_err(|f| damage(path, offset, f))?;
                    self.take(frame.seq, &gist);
                    self.chain = chain;
                    self.seq = frame.seq.checked_add(1);
                }
                Step::End { offset } => {
                    self.end = offset;
                    return Ok(());
                }
                Step::Flaw { offset, flaw } => {
                    if !is_last || was_promised(&mut scan, &head, self.expected).map_err(io)? {
                        let accepts = self.expected.accepts_from;
                        let is_covered = accepts.is_none_or(|from| self.seq < Some(from));
                        if !is_last || is_covered {
                            return Err(damage(path, offset, flaw.word()));
                        }
                        self.is_gap = true;
                    }
                    self.end = offset;
                    self.is_torn = true;
                    return Ok(());
                }
            }
        }
    }

    fn check_head(
        &mut self,
        head: &SegmentHead,
        named: u64,
        path: &Path,
    ) -> Result<(), JournalError> {
        if head.origin != self.expected.origin {
            let fault = format!("this is the journal of `{}`", head.origin);
            let hint = format!("`{}` needs a folder of its own", self.expected.origin);
            return Err(JournalError::refused(path, fault).hint(hint));
        }
        let follows = self
            .seq
            .is_none_or(|seq| seq == head.first_seq && self.chain == head.previous_chain);
        let begins_well = head.first_seq > 0 || head.previous_chain == first_chain(&head.origin);
        if !follows || !begins_well || head.first_seq != named {
            return Err(damage(
                path,
                0,
                "the segment is not the one that should follow",
            ));
        }
        self.seq = Some(head.first_seq);
        self.chain = head.previous_chain;
        Ok(())
    }

    fn take(&mut self, seq: u64, gist: &Gist<'_>) {
        let time = Time::from_ms(gist.time);
        self.last_time = self.last_time.max(Some(time));
        self.was_closed = gist.event == Some(Note::Stop.word());
        if let Some(id) = gist.allow() {
            self.open.insert(id, seq);
        }
        if let Some(of) = gist.of {
            self.open.remove(&of);
        }
        if gist.event == Some(Note::Start.word()) {
            self.open.clear();
        }
    }
}

/// Whether whole frames follow a flaw that prove it was synced once.
fn was_promised(scan: &mut Scan, head: &SegmentHead, expected: Expected<'_>) -> io::Result<bool> {
    while scan.resume()? {
        // Within one boot the kernel loses nothing of what a killed process wrote.
        if head.boot_id == expected.boot_id {
            return Ok(true);
        }
        while let Step::Frame { frame, .. } = scan.advance()? {
            if frame.after_sync {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Opens the last segment for writing, without its torn tail and with everything durable.
fn reopen(
    disk: &dyn Disk,
    expected: Expected<'_>,
    walk: &Walk<'_>,
    path: &Path,
) -> Result<(Segment, Option<Torn>), JournalError> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    let file = opened.map_err(|e| JournalError::io("open", path, e))?;
    let io = |e| JournalError::io("recover", path, e);
    let size_bytes = file
        .metadata()
        .map_err(io)?
        .len()
        .max(expected.segment_bytes);
    let torn = match walk.is_torn {
        true => {
            let ending = if walk.is_gap { "gap" } else { "torn" };
            let name = format!("{:020}-{}.{ending}", named_seq(path), walk.end);
            Some(keep_torn(disk, expected.folder, &file, name, walk.end).map_err(io)?)
        }
        false => None,
    };
    if torn.is_some() {
        file.set_len(walk.end).map_err(io)?;
    }
    if file.metadata().map_err(io)?.len() < size_bytes {
        disk.allocate(&file, size_bytes).map_err(io)?;
    }
    disk.sync_all(&file).map_err(io)?;
    disk.sync_folder(expected.folder).map_err(io)?;
    let segment = Segment {
        file,
        path: path.to_owned(),
        offset: walk.end,
        size_bytes,
    };
    Ok((segment, torn))
}

fn named_seq(path: &Path) -> u64 {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.and_then(|stem| stem.parse().ok()).unwrap_or(0)
}

fn keep_torn(
    disk: &dyn Disk,
    folder: &Path,
    file: &File,
    name: String,
    offset: u64,
) -> io::Result<Torn> {
    let left = file.metadata()?.len().saturating_sub(offset);
    let mut bytes = vec![0; usize::try_from(left).unwrap_or(0)];
    file.read_exact_at(&mut bytes, offset)?;
    let last = bytes.iter().rposition(|byte| *byte != 0);
    bytes.truncate(last.map_or(0, |last| last.saturating_add(1)));
    let kept = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(folder.join(&name))?;
    write_whole(disk, &kept, &bytes, 0)?;
    disk.sync_all(&kept)?;
    disk.sync_folder(folder)?;
    Ok(Torn {
        file: name,
        bytes: bytes.len(),
        sha256: hex(&sha256(&[&bytes])),
    })
}

fn damage(path: &Path, offset: u64, fault: &str) -> JournalError {
    JournalError::refused(
        path,
        format!("the journal is damaged at byte {offset}: {fault}"),
    )
    .hint(
        "keep a copy of the folder, run `stile audit verify` on it, then restore it. Where no \
         checkpoint covers what is damaged, `stile serve --accept-gap YOUR-NAME` sets it aside; else \
         give `journal.origin` a new name and begin that log with `stile serve --fork NEW-ORIGIN`",
    )
}

const NOT_THE_LAST: &str = "it is packed, so another segment followed it, and that one is not here";
