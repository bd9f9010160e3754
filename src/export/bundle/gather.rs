//! Takes from a journal what proves that rows are in it.
//!
//! In: the journal's folder and the places of records, each with the digest of the text that a row
//! says of it. Out: the records as they are there, the proof, the checkpoint, the keys.
//!
//! The journal is read once from its first segment that matters to its last; segments between that
//! hold nothing of the kind are passed over.
//!
//! Never: a proof that does not hold here first; a row that says something else than its record.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::spool::{Spool, Spooled};
use super::{agree, multiproof};
use crate::export::ExportError;
use crate::record::checkpoint::Checkpoint;
use crate::record::frame::{Digest, leaf_hash};
use crate::record::tiles::Tiles;
use crate::record::{Follower, Record, segment};

/// What proves that rows are in a journal.
#[derive(Debug)]
pub(super) struct Gathered {
    /// The records, each behind its number and a tab.
    pub(super) leaves: Spooled,
    /// How many.
    pub(super) count: u64,
    /// The hashes beside them.
    pub(super) proof: Spooled,
    /// The note.
    pub(super) note: String,
    /// What it says.
    pub(super) checkpoint: Checkpoint,
    /// The public keys.
    pub(super) vkeys: String,
}

/// A journal's folder and that of its tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folders<'f> {
    pub(super) journal: &'f Path,
    pub(super) tiles: &'f Path,
}

/// Gathers it. The places are in order, each one once.
pub(super) fn gather(
    from: Folders<'_>,
    needed: &[(u64, Digest)],
    near: &Path,
    mut progress: impl FnMut(u64),
) -> Result<Gathered, ExportError> {
    let unwritten = |fault: std::io::Error| ExportError::io(near, "written", &fault);
    let last = needed.last().map_or(0, |(seq, _)| *seq);
    let (note, checkpoint) = covering(from.journal, last)?;
    let path = from.journal.join("vkeys");
    let vkeys = fs::read_to_string(&path).map_err(|e| ExportError::io(&path, "read", &e))?;
    let mut leaves = Spool::begin(near).map_err(unwritten)?;
    let mut hashes: Vec<(u64, Digest)> = Vec::with_capacity(needed.len());
    let mut reading = Reading::begin(from.journal)?;
    for (done, (seq, text)) in (1_u64..).zip(needed) {
        let record = reading.record(*seq)?;
        let kept = agree::kept(&record);
        if agree::text_of_kept(&kept) != *text {
            let fault = format!("record {seq} is not in the journal as the index has it");
            let hint = "make it anew (`stile audit index --rebuild`), or add `--scan`; \
                        `stile audit verify` says whether the journal is whole";
            return Err(ExportError::new(fault, hint));
        }
        hashes.push((*seq, leaf_hash(agree::leaf(&kept))));
        leaves
            .put(format!("{seq}\t").as_bytes())
            .map_err(unwritten)?;
        leaves.put(&kept).map_err(unwritten)?;
        leaves.put(b"\n").map_err(unwritten)?;
        progress(done);
    }
    let proof = proof(from.tiles, &hashes, &checkpoint, near)?;
    Ok(Gathered {
        leaves: leaves.finish().map_err(unwritten)?,
        count: u64::try_from(hashes.len()).unwrap_or(u64::MAX),
        proof,
        note,
        checkpoint,
        vkeys,
    })
}

fn proof(
    tiles: &Path,
    hashes: &[(u64, Digest)],
    checkpoint: &Checkpoint,
    near: &Path,
) -> Result<Spooled, ExportError> {
    let unwritten = |fault: std::io::Error| ExportError::io(near, "written", &fault);
    let places: Vec<u64> = hashes.iter().map(|(seq, _)| *seq).collect();
    let mut beside: Vec<Digest> = Vec::new();
    let proved = multiproof::prove(&Tiles::at(tiles), &places, checkpoint.size, &mut |hash| {
        beside.push(hash);
    });
    proved.map_err(|fault| ExportError::io(tiles, "read", &fault))?;
    let root = multiproof::root(hashes, checkpoint.size, &mut beside.iter().copied());
    if root != Some(checkpoint.root) {
        let fault = "the records do not sum up to the checkpoint";
        let hint = "`stile audit verify` says what is wrong; \
                    `stile audit tiles --rebuild` makes the tiles anew";
        return Err(ExportError::new(fault, hint));
    }
    let mut written = Spool::begin(near).map_err(unwritten)?;
    written.put(PROOF.as_bytes()).map_err(unwritten)?;
    for hash in &beside {
        let line = STANDARD.encode(hash) + "\n";
        written.put(line.as_bytes()).map_err(unwritten)?;
    }
    written.finish().map_err(unwritten)
}

/// The newest checkpoint that is cosigned, or else signed, and covers this record. A record of now
/// is covered about a second later.
fn covering(journal: &Path, seq: u64) -> Result<(String, Checkpoint), ExportError> {
    for _ in 0..TRIES {
        for name in ["witnessed", "checkpoint"] {
            let Ok(note) = fs::read_to_string(journal.join(name)) else {
                continue;
            };
            let parsed = Checkpoint::parse(&note);
            if let Ok((_, checkpoint)) = parsed
                && checkpoint.size > seq
            {
                return Ok((note, checkpoint));
            }
        }
        sleep(BETWEEN);
    }
    let fault = format!(
        "no checkpoint in `{}` covers record {seq}",
        journal.display()
    );
    let hint = "one is signed a second after a record, by a stile that runs; \
                with a copy of a journal, add `until:` to the query";
    Err(ExportError::new(fault, hint))
}

/// A journal that is read forwards.
struct Reading<'j> {
    journal: &'j Path,
    segments: Vec<u64>,
    follower: Follower,
    /// The first record of the segment that is read.
    segment: Option<u64>,
}

impl<'j> Reading<'j> {
    fn begin(journal: &'j Path) -> Result<Reading<'j>, ExportError> {
        let listed = segment::list(journal).map_err(|e| ExportError::io(journal, "read", &e))?;
        Ok(Reading {
            journal,
            segments: listed.into_iter().map(|(first, _)| first).collect(),
            follower: Follower::from(journal, 0),
            segment: None,
        })
    }

    /// This record, which lies behind the one before.
    fn record(&mut self, seq: u64) -> Result<Record, ExportError> {
        let holding = self.segments.iter().rev().find(|first| **first <= seq);
        let holding = holding.copied();
        if holding.is_none() || holding != self.segment {
            self.follower = Follower::from(self.journal, seq);
            self.segment = holding;
        }
        while let Some(record) = self.follower.advance()? {
            if record.seq == seq {
                return Ok(record);
            }
            if record.seq > seq {
                break;
            }
        }
        let fault = format!("record {seq} is not in `{}`", self.journal.display());
        let hint = "its segment was taken away: name a copy that has it with `--journal`";
        Err(ExportError::new(fault, hint))
    }
}

/// The first line of a proof.
pub(super) const PROOF: &str = "stile multiproof 1\n";
const TRIES: u32 = 40;
const BETWEEN: Duration = Duration::from_millis(100);
