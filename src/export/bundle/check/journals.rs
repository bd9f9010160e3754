//! Holds the records of a bundle against the trees of their journals, and those against keys.
//!
//! In: leaves, proofs, checkpoints, keys, what the reader knows. Out: the digests of what rows may
//! say, and whether each tree has them.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::files::text;
use super::journal::Journal;
use super::{Bundle, Checked, keys};
use crate::export::bundle::gather::PROOF;
use crate::export::bundle::{agree, checkpoint_of, leaves_of, multiproof, proof_of};
use crate::record::Evidence;
use crate::record::checkpoint::Checkpoint;
use crate::record::frame::{Digest, leaf_hash};

/// Checks the journals.
pub(super) fn check(
    bundle: &Bundle<'_>,
    evidence: &Evidence,
    found: &mut Checked,
) -> io::Result<Vec<Journal>> {
    let mut journals = Vec::new();
    found.is_vouched = !evidence.pinned.is_empty();
    for (number, said) in (1_usize..).zip(&bundle.manifest.journals) {
        let (mut journal, leaves) = leaves(bundle, number, &said.origin, found)?;
        let name = checkpoint_of(number);
        let note = text(bundle, &name, found)?;
        let parsed = Checkpoint::parse(&note);
        let (note, checkpoint) = match parsed {
            Ok(parsed) => parsed,
            Err(fault) => {
                found.fault(&name, fault);
                found.is_vouched = false;
                journals.push(journal);
                continue;
            }
        };
        if checkpoint.origin != said.origin {
            found.fault(
                &name,
                format!("it is of `{}`, not of `{}`", checkpoint.origin, said.origin),
            );
        }
        journal.size = checkpoint.size;
        journal.root = STANDARD.encode(checkpoint.root);
        summed(bundle, &journal, &leaves, &checkpoint, found)?;
        keys::signed(bundle, &journal, &note, found)?;
        keys::vouched(&journal, &note, &checkpoint, evidence, found);
        journals.push(journal);
    }
    Ok(journals)
}

/// Says what is left over when the rows have taken their records.
pub(super) fn judge(bundle: &Bundle<'_>, journals: &[Journal], found: &mut Checked) {
    for journal in journals {
        let name = leaves_of(journal.number);
        let unused = journal.used.iter().enumerate().filter(|(_, used)| !**used);
        for (at, _) in unused {
            if !journal
                .rotations
                .iter()
                .any(|(rotation, _)| *rotation == at)
            {
                let seq = journal.texts.get(at).map_or(0, |(seq, _)| *seq);
                found.fault(&name, format!("record {seq} belongs to no row"));
            }
        }
        match journal.is_whole() {
            true => found.proved(format!(
                "no row of `{}` up to record {} is missing: every record of the tree is here",
                journal.origin,
                journal.size.saturating_sub(1)
            )),
            false => found.unproved(format!(
                "that no row of `{}` was left out: {} of {} records of the tree are here",
                journal.origin,
                journal.texts.len(),
                journal.size
            )),
        }
    }
    if bundle.manifest.journals.is_empty() {
        found.unproved("that there are no such rows: a bundle without rows proves nothing");
        found.is_vouched = false;
    }
}

/// Reads the leaves: what rows may say of them, and their hashes.
fn leaves(
    bundle: &Bundle<'_>,
    number: usize,
    origin: &str,
    found: &mut Checked,
) -> io::Result<(Journal, Vec<(u64, Digest)>)> {
    let name = leaves_of(number);
    let mut journal = Journal {
        number,
        origin: origin.to_owned(),
        size: 0,
        root: String::new(),
        texts: Vec::new(),
        used: Vec::new(),
        rotations: Vec::new(),
    };
    let mut hashes: Vec<(u64, Digest)> = Vec::new();
    let Some(entry) = bundle.entries.get(&name) else {
        return Ok((journal, hashes));
    };
    let mut lines = entry.open(bundle.path)?;
    while let Some(line) = lines.next()? {
        let tab = line.iter().position(|byte| *byte == b'\t');
        let number = tab.and_then(|tab| std::str::from_utf8(line.get(..tab)?).ok());
        let seq =
            number.and_then(|text| text.parse::<u64>().ok().filter(|n| n.to_string() == text));
        let kept = tab.and_then(|tab| line.get(tab.saturating_add(1)..)?.strip_suffix(b"\n"));
        let (Some(seq), Some(kept)) = (seq, kept) else {
            found.fault(
                &name,
                format!("line {}: no number, tab, record", lines.number),
            );
            continue;
        };
        if hashes.last().is_some_and(|(last, _)| *last >= seq) {
            found.fault(
                &name,
                format!("line {}: record {seq} is out of order", lines.number),
            );
            continue;
        }
        if let Some(vkey) = named_key(agree::leaf(kept)) {
            journal.rotations.push((journal.texts.len(), vkey));
        }
        journal.texts.push((seq, agree::text_of_kept(kept)));
        journal.used.push(false);
        hashes.push((seq, leaf_hash(agree::leaf(kept))));
    }
    Ok((journal, hashes))
}

/// The key that a record names, if it is one that does.
fn named_key(leaf: &[u8]) -> Option<String> {
    if !leaf
        .windows(KEY_ROTATE.len())
        .any(|window| window == KEY_ROTATE)
    {
        return None;
    }
    let members: Value = serde_json::from_slice(leaf).ok()?;
    let is_rotation = members.get("event")?.as_str()? == KEY_ROTATE_WORD;
    let vkey = members.pointer("/detail/vkey")?.as_str()?;
    is_rotation.then(|| vkey.to_owned())
}

/// Whether leaves and proof lead to the checkpoint's root.
fn summed(
    bundle: &Bundle<'_>,
    journal: &Journal,
    leaves: &[(u64, Digest)],
    checkpoint: &Checkpoint,
    found: &mut Checked,
) -> io::Result<()> {
    let name = proof_of(journal.number);
    let Some(entry) = bundle.entries.get(&name) else {
        return Ok(());
    };
    let mut lines = entry.open(bundle.path)?;
    if lines.next()?.is_none_or(|line| line != PROOF.as_bytes()) {
        found.fault(&name, "it begins like no proof that is known");
        return Ok(());
    }
    let mut hashes: Vec<Digest> = Vec::new();
    while let Some(line) = lines.next()? {
        let text = line.strip_suffix(b"\n");
        let hash = text.and_then(|text| STANDARD.decode(text).ok()?.try_into().ok());
        let Some(hash) = hash else {
            found.fault(&name, format!("line {}: no hash in base 64", lines.number));
            return Ok(());
        };
        hashes.push(hash);
    }
    let root = multiproof::root(leaves, checkpoint.size, &mut hashes.into_iter());
    match root == Some(checkpoint.root) {
        true => found.proved(format!(
            "each of the {} records of `{}` is in the tree of its first {} records",
            leaves.len(),
            journal.origin,
            checkpoint.size
        )),
        false => {
            let what = format!(
                "with `{}` it does not lead to the root in `{}`",
                leaves_of(journal.number),
                checkpoint_of(journal.number)
            );
            found.fault(&name, what);
        }
    }
    Ok(())
}

const KEY_ROTATE: &[u8] = KEY_ROTATE_WORD.as_bytes();
const KEY_ROTATE_WORD: &str = "key.rotate";
