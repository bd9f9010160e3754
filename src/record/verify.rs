//! Checks a journal without trusting who wrote it.
//!
//! In: a folder with segments; nothing else is needed, [`Evidence`] proves more. Out: a
//! [`Verification`].
//!
//! Everything is read once, front to back, in constant memory but for the ids of allows that still
//! wait for their outcome. Checked are: segment heads, magic, length, checksum, kind, sequence
//! without gap, the hash chain across segments, that each record is one well-formed line of the
//! kind and log it should be, and that each allow has exactly one outcome and each outcome an
//! allow. After a break the rest is still read, so that the report can say what is good. Against
//! every checkpoint there is, in the folder or brought along, the records are summed up.
//!
//! A journal that a process has open now may end anywhere; a copy or one at rest ends with a `stop`
//! event, or it is `incomplete`.
//!
//! Never: writes.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::audit_record::Note;
use super::frame::{Digest, Flaw, Frame, chain_after, first_chain, hex, leaf_hash};
use super::gist::Gist;
use super::journal_error::JournalError;
use super::lock;
use super::scan::{LeafAlone, Scan, Step};
use super::segment::{self, SegmentHead};

mod erased;
mod evidence;
mod ledger;
mod sums;
mod verification;

pub use evidence::{Evidence, Held, Policy};
use ledger::Ledger;
use sums::Summing;
pub use verification::Verification;
pub use verification::{
    Break, ClockStepSeen, Counts, Ending, HeldCheckpoint, Progress, Pruned, Started, Sums, Verdict,
    Witnessed,
};

/// Checks the journal in a folder.
///
/// # Errors
///
/// When the folder or a segment cannot be read at all.
pub fn verify(folder: &Path, progress: impl FnMut(Progress)) -> Result<Verification, JournalError> {
    run(folder, &Evidence::default(), false, progress)
}

/// The same against what was kept elsewhere: without anything of it, a journal is at best intact.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_with(
    folder: &Path,
    evidence: &Evidence,
    progress: impl FnMut(Progress),
) -> Result<Verification, JournalError> {
    run(folder, evidence, true, progress)
}

fn run(
    folder: &Path,
    evidence: &Evidence,
    looks_outside: bool,
    mut progress: impl FnMut(Progress),
) -> Result<Verification, JournalError> {
    let io = |path: &Path, fault| JournalError::io("read", path, fault);
    let in_use = lock::is_in_use(folder);
    let summing = Summing::begin(folder, evidence)?;
    let listed = segment::list(folder).map_err(|e| io(folder, e))?;
    let mut check = Check::new(in_use, summing);
    check.found.looks_outside = looks_outside;
    check.found.torn_files = segment::torn_files(folder).map_err(|e| io(folder, e))?;
    check.found.segments = listed.len();
    let total_bytes = listed
        .iter()
        .map(|(_, path)| segment::size_bytes(path).unwrap_or(0))
        .sum();
    let mut done_bytes = 0_u64;
    for (index, (named, path)) in listed.iter().enumerate() {
        let is_last = index.saturating_add(1) == listed.len();
        let mut tell = |offset: u64, records| {
            progress(Progress {
                records,
                bytes: done_bytes.saturating_add(offset),
                total_bytes,
            });
        };
        check
            .segment(*named, path, is_last, &mut tell)
            .map_err(|e| io(path, e))?;
        done_bytes = done_bytes.saturating_add(segment::size_bytes(path).unwrap_or(0));
    }
    Ok(check.finish())
}

/// The state of one verification.
#[derive(Debug)]
struct Check<'e> {
    found: Verification,
    ledger: Ledger,
    summing: Summing<'e>,
    in_use: bool,
    /// What should come next; nothing directly after a break.
    expected: Option<(u64, Digest)>,
    /// The first record of the stretch that is good so far.
    good_from: Option<u64>,
    last_good: u64,
    segment: String,
    /// The chain value of the last frame.
    head: Option<Digest>,
}

impl<'e> Check<'e> {
    fn new(in_use: bool, summing: Summing<'e>) -> Check<'e> {
        Check {
            found: Verification {
                in_use,
                ..Verification::default()
            },
            ledger: Ledger::default(),
            summing,
            in_use,
            expected: None,
            good_from: None,
            last_good: 0,
            segment: String::new(),
            head: None,
        }
    }

    fn segment(
        &mut self,
        named: u64,
        path: &Path,
        is_last: bool,
        tell: &mut dyn FnMut(u64, u64),
    ) -> io::Result<()> {
        let is_first = self.segment.is_empty();
        self.segment = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let (mut scan, head) = Scan::open(path)?;
        match head {
            Ok(head) => self.head(&head, named, is_first),
            Err(fault) => self.broken(0, fault, None),
        }
        let mut looks = Looks::default();
        loop {
            match scan.advance()? {
                Step::Frame { offset, frame } => {
                    self.frame(offset, &frame);
                    if self.found.records.is_multiple_of(TELL_EVERY) {
                        tell(offset, self.found.records);
                    }
                }
                Step::End { offset } => {
                    tell(offset, self.found.records);
                    return Ok(());
                }
                Step::Flaw { offset, flaw } => {
                    if is_last && self.in_use && looks.at(offset) {
                        std::thread::sleep(BETWEEN_LOOKS);
                        scan.look_again()?;
                        continue;
                    }
                    if let Some(alone) = scan.leaf_alone()? {
                        if self.leaf_alone(&alone, flaw, is_last) {
                            continue;
                        }
                        return Ok(());
                    }
                    let resumes = scan.resume()?;
                    // A packed one was whole once.
                    if resumes || !is_last || flaw == Flaw::Packed {
                        self.broken(offset, flaw.word(), None);
                    } else if !self.in_use {
                        self.found.torn_tail = Some(offset);
                    }
                    if !resumes {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn head(&mut self, head: &SegmentHead, named: u64, is_first: bool) {
        if is_first {
            self.found.origin.clone_from(&head.origin);
            self.found.first_seq = head.first_seq;
            self.ledger.begins_at(head.first_seq);
            self.summing.begins_at(head.first_seq);
        } else if head.origin != self.found.origin {
            self.broken(0, "the segment is of another log", None);
        }
        let computed = match self.expected {
            Some((_, chain)) => Some(chain),
            None if head.first_seq == 0 => Some(first_chain(&head.origin)),
            None => None,
        };
        let follows = self.expected.is_none_or(|(seq, _)| seq == head.first_seq);
        if head.first_seq != named {
            self.broken(
                0,
                "the segment's name is not its first record's number",
                None,
            );
        } else if !follows {
            self.broken(0, "the segment is not the next one", None);
        } else if computed.is_some_and(|chain| chain != head.previous_chain) {
            let hashes = computed.map(|computed| (head.previous_chain, computed));
            self.broken(0, "the segment does not continue the chain", hashes);
        }
        self.expected = Some((head.first_seq, head.previous_chain));
    }

    /// A whole leaf with something else behind it than it should be; whether there is more.
    fn leaf_alone(&mut self, alone: &LeafAlone, flaw: Flaw, is_last: bool) -> bool {
        if !alone.is_followed && is_last {
            // Its writing was cut off, or is not over.
            if !self.in_use {
                self.found.torn_tail = Some(alone.offset);
            }
            return false;
        }
        if let Some(frame) = alone.frame() {
            self.judge(alone.offset, &frame, Some((flaw.word(), None)));
        }
        alone.is_followed
    }

    fn frame(&mut self, offset: u64, frame: &Frame<'_>) {
        self.judge(offset, frame, None);
    }

    fn judge(&mut self, offset: u64, frame: &Frame<'_>, beside: Option<Fault>) {
        self.found.records = self.found.records.saturating_add(1);
        let leaf = leaf_hash(frame.payload);
        let fault = self.fault_of(frame, &leaf, beside);
        if let Some((fault, hashes)) = fault {
            self.broken_at(frame.seq, offset, fault, hashes);
        } else {
            self.good_from.get_or_insert(frame.seq);
            self.last_good = frame.seq;
        }
        self.expected = Some((frame.seq.saturating_add(1), frame.chain));
        self.found.next_seq = frame.seq.saturating_add(1);
        self.head = Some(frame.chain);
    }

    /// What is wrong with a whole frame: its place, its chain, its words.
    fn fault_of(
        &mut self,
        frame: &Frame<'_>,
        leaf: &Digest,
        beside: Option<Fault>,
    ) -> Option<Fault> {
        let mut fault = None;
        if let Some((seq, chain)) = self.expected {
            let computed = chain_after(&chain, leaf);
            if frame.seq != seq {
                fault = Some(("the record is not the next one", None));
            } else if computed != frame.chain {
                let hashes = Some((frame.chain, computed));
                fault = Some(("this record or the one before it was changed", hashes));
            }
        }
        let gist = Gist::read(frame);
        let time = gist.as_ref().map_or(0, |gist| gist.time);
        self.summing.leaf(frame.seq, *leaf, time);
        let said = match gist {
            Err(said) => Some(said),
            Ok(gist) if gist.log != self.found.origin => Some("the record is of another log"),
            Ok(gist) => {
                if gist.event == Some(Note::KeyRotate.word()) {
                    self.summing.names(frame.seq, gist.detail);
                }
                let is_whole = self.found.break_count == 0 && fault.is_none();
                let said = self.ledger.enter(frame, &gist, &mut self.found);
                // Behind a break a missing partner proves nothing of its own.
                let said = said.filter(|_| is_whole);
                match &beside {
                    None => said.or(self.ledger.beside(frame, &gist, &mut self.found)),
                    Some(_) => said,
                }
            }
        };
        fault.or(said.map(|said| (said, None))).or(beside)
    }

    /// A break between records: at what should have come next.
    fn broken(&mut self, offset: u64, fault: &str, hashes: Option<(Digest, Digest)>) {
        let seq = self.expected.map_or(self.found.next_seq, |(seq, _)| seq);
        self.broken_at(seq, offset, fault, hashes);
        self.expected = None;
    }

    fn broken_at(&mut self, seq: u64, offset: u64, fault: &str, hashes: Option<(Digest, Digest)>) {
        self.end_good();
        self.found.add_break(Break {
            seq,
            segment: self.segment.clone(),
            offset,
            fault: fault.to_owned(),
            stored: hashes.map(|(stored, _)| hex(&stored)),
            computed: hashes.map(|(_, computed)| hex(&computed)),
        });
    }

    fn end_good(&mut self) {
        if let Some(from) = self.good_from.take() {
            self.found.add_good(from, self.last_good);
        }
    }

    fn finish(mut self) -> Verification {
        self.end_good();
        self.found.head = self.head.map_or_else(String::new, |head| hex(&head));
        for seq in self.ledger.unannounced() {
            let fault = "its personal members were erased without a record of it";
            let found = Break::of_sum(seq, "erasure", fault.to_owned(), None);
            self.found.add_break(found);
        }
        self.ledger.close(&mut self.found);
        self.summing.close(&mut self.found);
        self.found.judge();
        self.found
    }
}

/// How often a flaw at one place is looked at again: someone may be in the middle of writing it.
#[derive(Debug, Default)]
struct Looks {
    offset: u64,
    taken: u32,
}

impl Looks {
    /// Whether to look at this place again.
    fn at(&mut self, offset: u64) -> bool {
        if self.offset != offset {
            *self = Looks { offset, taken: 0 };
        }
        self.taken = self.taken.saturating_add(1);
        self.taken <= MOST_LOOKS
    }
}

type Fault = (&'static str, Option<(Digest, Digest)>);

const TELL_EVERY: u64 = 4096;
const MOST_LOOKS: u32 = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);
