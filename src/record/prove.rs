//! Writes proofs that a record is in the log, and checks them without it.
//!
//! In: the journal's folder and a record's number; or the text of a proof and the keys that are
//! trusted. Out: a proof that anybody can check; or what it proves.
//!
//! A proof of inclusion carries the record itself as `extra`, so that the file is all there is to
//! keep. A proof that a log only grew has the form of a request to a witness: the old size, the
//! hashes, the new checkpoint; the old checkpoint is what its holder has.
//!
//! Never: a proof that does not hold here first.
//!
//! C2SP tlog-proof; C2SP tlog-witness.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::Checkpoint;
use super::epoch::{Vkeys, last_path};
use super::frame::{Digest, leaf_hash};
use super::journal_error::JournalError;
use super::merkle::{consistency, frontier_of, inclusion, is_consistent, root_by_inclusion};
use super::read::record_at;
use super::signed_note::{SignedNote, Vkey};
use super::tiles::Tiles;
use super::tree::{CHECKPOINT, WITNESSED};

/// What a proof proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// The log.
    pub origin: String,
    /// How many records the checkpoint covers.
    pub size: u64,
    /// The record, with its number; nothing where the proof is of growth alone.
    pub record: Option<(u64, String)>,
    /// The size it grew from.
    pub from: Option<u64>,
    /// The keys that signed it, of those that are trusted.
    pub signed_by: Vec<String>,
}

/// The proof that a record is in the log, as of a signed size.
///
/// # Errors
///
/// When record, checkpoint or tiles are not here or do not fit.
pub fn prove_inclusion(
    folder: &Path,
    tiles: &Path,
    seq: u64,
    to: Option<u64>,
) -> Result<String, JournalError> {
    let (note, checkpoint) = signed(folder, to, seq.saturating_add(1))?;
    let payload = record_at(folder, seq)?.payload;
    let unread = |e| JournalError::io("read tiles in", tiles, e);
    let proof = inclusion(&Tiles::at(tiles), seq, checkpoint.size).map_err(unread)?;
    let root = root_by_inclusion(leaf_hash(&payload), seq, checkpoint.size, &proof);
    if root != Some(checkpoint.root) {
        return Err(unfit(tiles));
    }
    let extra = STANDARD.encode(&payload);
    Ok(format!(
        "{PROOF}\nextra {extra}\nindex {seq}\n{}\n{note}",
        lines(&proof)
    ))
}

/// The proof that the log of a signed size only grew since an older one.
///
/// # Errors
///
/// When checkpoint or tiles are not here or do not fit.
pub fn prove_consistency(
    folder: &Path,
    tiles: &Path,
    from: u64,
    to: Option<u64>,
) -> Result<String, JournalError> {
    let (note, checkpoint) = signed(folder, to, from)?;
    let there = Tiles::at(tiles);
    let unread = |e| JournalError::io("read tiles in", tiles, e);
    let old = frontier_of(&there, from).map_err(unread)?.root();
    let proof = consistency(&there, from, checkpoint.size).map_err(unread)?;
    if !is_consistent((from, old), (checkpoint.size, checkpoint.root), &proof) {
        return Err(unfit(tiles));
    }
    Ok(format!("old {from}\n{}\n{note}", lines(&proof)))
}

/// What a proof proves to someone who trusts these keys and holds this older checkpoint.
///
/// # Errors
///
/// A sentence on why it proves nothing.
pub fn check_proof(
    text: &str,
    trusted: &[Vkey],
    held: Option<&Checkpoint>,
) -> Result<Proved, String> {
    let (head, note) = text
        .split_once("\n\n")
        .ok_or("no empty line stands before the checkpoint")?;
    let (note, checkpoint) = Checkpoint::parse(note)?;
    let mut signed_by = Vec::new();
    for vkey in trusted {
        if note.signed_by(vkey)?.is_some() {
            signed_by.push(vkey.to_string());
        }
    }
    if signed_by.is_empty() {
        return Err("none of the trusted keys signed its checkpoint".to_owned());
    }
    let mut proved = Proved {
        origin: checkpoint.origin.clone(),
        size: checkpoint.size,
        record: None,
        from: None,
        signed_by,
    };
    let mut lines = head.lines().peekable();
    if lines.next_if_eq(&PROOF).is_some() {
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let payload = extra.and_then(|line| STANDARD.decode(line.strip_prefix("extra ")?).ok());
        let payload = payload.ok_or("it carries no record")?;
        let index = number(lines.next(), "index ").ok_or("it names no index")?;
        let proof = hashes(lines).ok_or("a hash of the proof is not 32 bytes in base 64")?;
        let root = root_by_inclusion(leaf_hash(&payload), index, checkpoint.size, &proof);
        if root != Some(checkpoint.root) {
            return Err(format!(
                "the record is not number {index} of what the checkpoint sums up"
            ));
        }
        let record = String::from_utf8(payload).map_err(|_| "the record is no text")?;
        proved.record = Some((index, record));
        return Ok(proved);
    }
    let from = number(lines.next(), "old ").ok_or("it begins like no proof that is known")?;
    let proof = hashes(lines).ok_or("a hash of the proof is not 32 bytes in base 64")?;
    let held = held.ok_or("it is a proof of growth: give the older checkpoint too")?;
    if held.origin != checkpoint.origin || held.size != from {
        return Err(format!(
            "the older checkpoint is `{}` at {}, the proof begins at {from}",
            held.origin, held.size
        ));
    }
    let (old, new) = ((from, held.root), (checkpoint.size, checkpoint.root));
    match is_consistent(old, new, &proof) {
        true => proved.from = Some(from),
        false => return Err(format!("the log did not grow out of those {from} records")),
    }
    Ok(proved)
}

/// The keys that a folder lists: the log's and those of its epochs.
///
/// # Errors
///
/// When the list cannot be read.
pub fn listed_keys(folder: &Path) -> Result<Vec<Vkey>, JournalError> {
    let listed = Vkeys::read(folder)?;
    Ok(listed.log.into_iter().chain(listed.epochs).collect())
}

/// A checkpoint of this size, or the newest that is cosigned or else signed and large enough.
fn signed(
    folder: &Path,
    to: Option<u64>,
    at_least: u64,
) -> Result<(SignedNote, Checkpoint), JournalError> {
    let epochs = u64::try_from(Vkeys::read(folder)?.epochs.len()).unwrap_or(u64::MAX);
    let paths = [folder.join(WITNESSED), folder.join(CHECKPOINT)];
    let paths = paths
        .into_iter()
        .chain((1..=epochs).map(|n| last_path(folder, n)));
    let mut sizes = Vec::new();
    for path in paths {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let parsed = Checkpoint::parse(&text);
        let (note, checkpoint) = parsed.map_err(|fault| JournalError::refused(&path, fault))?;
        let fits = to.is_none_or(|to| to == checkpoint.size);
        if fits && checkpoint.size >= at_least {
            return Ok((note, checkpoint));
        }
        sizes.push(checkpoint.size.to_string());
    }
    let fault = "no checkpoint that is kept here covers it";
    let hint = match sizes.is_empty() {
        true => "none is here yet: one is signed about a second after a record".to_owned(),
        false => format!("those here cover {} records", sizes.join(", ")),
    };
    Err(JournalError::refused(folder, fault).hint(hint))
}

fn lines(proof: &[Digest]) -> String {
    let lines = proof.iter().map(|hash| STANDARD.encode(hash) + "\n");
    lines.collect()
}

fn number(line: Option<&str>, word: &str) -> Option<u64> {
    let text = line?.strip_prefix(word)?;
    let number = text.parse::<u64>().ok()?;
    (number.to_string() == text).then_some(number)
}

fn hashes<'t>(lines: impl Iterator<Item = &'t str>) -> Option<Vec<Digest>> {
    lines
        .map(|line| STANDARD.decode(line).ok()?.try_into().ok())
        .collect()
}

fn unfit(tiles: &Path) -> JournalError {
    JournalError::refused(tiles, "the tiles do not sum up to the checkpoint").hint(
        "`stile audit verify` says what is wrong; `stile audit tiles --rebuild` makes them anew",
    )
}

const PROOF: &str = "c2sp.org/tlog-proof@v1";
