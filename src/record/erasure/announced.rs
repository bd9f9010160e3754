//! Finds erasures and prunings that were announced and not done.
//!
//! In: segments, some of whose disclosures may be half erased. Out: which records are to be erased,
//! and the events that say so.
//!
//! Never: an event that a power cut may take away again: one behind a record that is damaged and was
//! not being erased does not count, because nothing was overwritten in its name.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::record::audit_record::Note;
use crate::record::frame::{Frame, Kind};
use crate::record::gist::Gist;
use crate::record::journal_error::JournalError;
use crate::record::prune;
use crate::record::ranges::Ranges;
use crate::record::scan::{Scan, Step};

/// What the newest segments say of the last start and of erasures.
#[derive(Debug, Default)]
pub(in crate::record) struct SinceStart {
    /// The last segment that holds a `start` event, or the first there is.
    pub(in crate::record) from: usize,
    /// What was announced and is not done: the event, and the records it names.
    pub(in crate::record) open: Vec<(u64, Ranges)>,
    /// The same of segments that were to be taken away.
    pub(in crate::record) pruning: Option<(u64, prune::Announced)>,
}

/// Something in a segment that says how far an erasure is.
#[derive(Debug)]
enum Seen {
    Announced(u64, Ranges),
    Done,
    Pruning(u64, prune::Announced),
    Pruned,
    /// A whole leaf, with something else beside it than it should be.
    Damaged(u64),
}

#[derive(Deserialize)]
struct Detail {
    seqs: String,
}

/// Reads the segments from the one with the last start on.
pub(in crate::record) fn since_start(
    listed: &[(u64, PathBuf)],
) -> Result<SinceStart, JournalError> {
    let mut newest_first = Vec::new();
    let mut from = 0;
    for (index, (_, path)) in listed.iter().enumerate().rev() {
        let read = read_one(path).map_err(|fault| JournalError::io("read", path, fault))?;
        let (started, seen) = read;
        newest_first.push(seen);
        if started {
            from = index;
            break;
        }
    }
    let (mut open, mut damaged, mut pruning) = (Vec::new(), Vec::new(), None);
    for seen in newest_first.into_iter().rev().flatten() {
        match seen {
            Seen::Announced(seq, ranges) => open.push((seq, ranges)),
            Seen::Done => open.clear(),
            Seen::Pruning(seq, announced) => pruning = Some((seq, announced)),
            Seen::Pruned => pruning = None,
            Seen::Damaged(seq) => damaged.push(seq),
        }
    }
    let is_meant = |open: &[(u64, Ranges)], seq| open.iter().any(|(_, ranges)| ranges.has(seq));
    while let Some(first) = damaged.iter().find(|seq| !is_meant(&open, **seq)) {
        let before = open.len();
        open.retain(|(event, _)| event < first);
        if open.len() == before {
            break;
        }
    }
    Ok(SinceStart {
        from,
        open,
        pruning,
    })
}

/// Whether a `start` is in this segment, and what it says of erasures.
fn read_one(path: &Path) -> io::Result<(bool, Vec<Seen>)> {
    let (mut scan, _) = Scan::open(path)?;
    let (mut started, mut seen) = (false, Vec::new());
    loop {
        match scan.advance()? {
            Step::Frame { frame, .. } if frame.kind == Kind::Event => {
                started |= is_start(&frame);
                seen.extend(seen_in(&frame));
            }
            Step::Frame { .. } => {}
            Step::End { .. } => return Ok((started, seen)),
            Step::Flaw { .. } => match scan.leaf_alone()? {
                Some(alone) if alone.is_followed => {
                    seen.extend(alone.frame().map(|frame| Seen::Damaged(frame.seq)));
                }
                _ => return Ok((started, seen)),
            },
        }
    }
}

fn is_start(frame: &Frame<'_>) -> bool {
    Gist::read(frame).is_ok_and(|gist| gist.event == Some(Note::Start.word()))
}

fn seen_in(frame: &Frame<'_>) -> Option<Seen> {
    let gist = Gist::read(frame).ok()?;
    match gist.event? {
        word if word == Note::RedactionDone.word() => Some(Seen::Done),
        word if word == Note::PruneDone.word() => Some(Seen::Pruned),
        word if word == Note::Prune.word() => {
            let announced = serde_json::from_str(gist.detail?.get()).ok()?;
            Some(Seen::Pruning(frame.seq, announced))
        }
        word if word == Note::Redaction.word() => {
            let detail: Detail = serde_json::from_str(gist.detail?.get()).ok()?;
            Some(Seen::Announced(frame.seq, Ranges::parse(&detail.seqs)?))
        }
        _ => None,
    }
}
