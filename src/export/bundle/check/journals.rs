//! Holds the records of a bundle against the trees of their journals, and those against keys.
//!
//! In: leaves, proofs, checkpoints, keys, what the reader knows. Out: the digests of what rows may
//! say, and whether each tree has them.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Bundle, Checked};
use crate::export::bundle::gather::PROOF;
use crate::export::bundle::manifest::JournalSaid;
use crate::export::bundle::tally::Tally;
use crate::export::bundle::{agree, checkpoint_of, leaves_of, multiproof, proof_of, vkeys_of};
use crate::record::checkpoint::Checkpoint;
use crate::record::frame::{Digest, leaf_hash};
use crate::record::signed_note::SignedNote;
use crate::record::{Evidence, Vkey};

/// A journal of a bundle.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) number: usize,
    pub(super) origin: String,
    size: u64,
    root: String,
    /// The records, in order: number, digest of the text that a row says of it.
    texts: Vec<(u64, Digest)>,
    /// Whether a row is made of it.
    used: Vec<bool>,
    /// The records that name keys: where in `texts`, what they say.
    rotations: Vec<(usize, String)>,
}

impl Journal {
    /// Whether a row may say this of a record; the record is then used.
    pub(super) fn has(&mut self, seq: u64, text: &Digest) -> Result<(), &'static str> {
        let Ok(at) = self.texts.binary_search_by_key(&seq, |(seq, _)| *seq) else {
            return Err("is not among the leaves");
        };
        let is_same = self.texts.get(at).is_some_and(|(_, known)| known == text);
        match self.used.get_mut(at) {
            Some(used) if is_same && !*used => {
                *used = true;
                Ok(())
            }
            Some(used) if *used => Err("is in two rows"),
            _ => Err("is another in the leaves"),
        }
    }

    /// What the manifest should say of it.
    pub(super) fn said(&self, tally: &Tally) -> JournalSaid {
        JournalSaid {
            leaves: u64::try_from(self.texts.len()).unwrap_or(u64::MAX),
            origin: self.origin.clone(),
            root: self.root.clone(),
            rows: tally.origins.get(&self.origin).copied().unwrap_or(0),
            size: self.size,
        }
    }

    /// Whether every record of the tree is here.
    pub(super) fn is_whole(&self) -> bool {
        u64::try_from(self.texts.len()).is_ok_and(|count| count == self.size)
    }
}

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
        signed(bundle, &journal, &note, found)?;
        vouched(&journal, &note, &checkpoint, evidence, found);
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
        if kept
            .windows(KEY_ROTATE.len())
            .any(|window| window == KEY_ROTATE)
        {
            let text = String::from_utf8_lossy(agree::leaf(kept)).into_owned();
            journal.rotations.push((journal.texts.len(), text));
        }
        journal.texts.push((seq, agree::text_of_kept(kept)));
        journal.used.push(false);
        hashes.push((seq, leaf_hash(agree::leaf(kept))));
    }
    Ok((journal, hashes))
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

/// Whether the keys of the bundle signed the checkpoint.
fn signed(
    bundle: &Bundle<'_>,
    journal: &Journal,
    note: &SignedNote,
    found: &mut Checked,
) -> io::Result<()> {
    let (name, of_keys) = (checkpoint_of(journal.number), vkeys_of(journal.number));
    let text = text(bundle, &of_keys, found)?;
    let mut epochs = Vec::new();
    let mut log = None;
    for (at, line) in text.lines().enumerate() {
        let next = format!("epoch {} ", epochs.len().saturating_add(1));
        let key = match (line.strip_prefix("log "), line.strip_prefix(&next)) {
            (Some(vkey), _) if at == 0 => Vkey::parse(vkey).map(|vkey| log = Some(vkey)),
            (_, Some(vkey)) => Vkey::parse(vkey).map(|vkey| epochs.push(vkey)),
            _ => Err("neither `log VKEY` nor the next `epoch N VKEY`"),
        };
        if let Err(fault) = key {
            found.fault(&of_keys, format!("line {}: {fault}", at.saturating_add(1)));
        }
    }
    let listed = epochs.iter().enumerate();
    let listed = listed.map(|(at, vkey)| format!("epoch {} {vkey}\n", at.saturating_add(1)));
    let listed: String = listed.collect();
    let written = log.iter().map(|vkey| format!("log {vkey}\n{listed}"));
    if !written.into_iter().any(|written| written == text) {
        found.fault(&of_keys, "it is not written as stile writes it");
    }
    let made = |vkey: &Vkey| note.signed_by(vkey);
    match log.as_ref().map(made) {
        Some(Ok(Some(_))) => {}
        Some(Err(fault)) => found.fault(&name, fault),
        _ => found.fault(
            &name,
            format!("the log's key in `{of_keys}` did not sign it"),
        ),
    }
    let by = epochs
        .iter()
        .rposition(|vkey| matches!(made(vkey), Ok(Some(_))));
    let Some(by) = by else {
        found.fault(&name, format!("no epoch's key in `{of_keys}` signed it"));
        return Ok(());
    };
    let epoch = by.saturating_add(1);
    let named = |vkey: &Vkey| {
        let vkey = serde_json::Value::from(vkey.to_string()).to_string();
        journal
            .rotations
            .iter()
            .any(|(_, text)| text.contains(&vkey))
    };
    if epoch > 1 && !epochs.get(by).is_some_and(named) {
        found.unproved(format!(
            "that the key of epoch {epoch} was named by the one before"
        ));
    }
    Ok(())
}

/// Whether somebody outside vouches for the checkpoint.
fn vouched(
    journal: &Journal,
    note: &SignedNote,
    checkpoint: &Checkpoint,
    evidence: &Evidence,
    found: &mut Checked,
) {
    let name = checkpoint_of(journal.number);
    let by = |vkey: &&Vkey| matches!(note.signed_by(vkey), Ok(Some(_)));
    match evidence.pinned.iter().find(by) {
        Some(vkey) => found.proved(format!(
            "the tree of `{}` is signed by the key that you know: {vkey}",
            journal.origin
        )),
        None if evidence.pinned.is_empty() => found.unproved(format!(
            "who signed the tree of `{}`: no key was brought from outside (--vkey)",
            journal.origin
        )),
        None => found.fault(&name, "no key that was given with --vkey signed it"),
    }
    for held in evidence
        .held
        .iter()
        .filter(|h| h.checkpoint.origin == journal.origin)
    {
        let of_held = &held.checkpoint;
        match (of_held.size == checkpoint.size, of_held.root == checkpoint.root) {
            (true, true) => found.proved(format!("`{}` is the same tree", held.name)),
            (true, false) => found.fault(&name, format!("`{}` is of another tree", held.name)),
            (false, _) => found.unproved(format!(
                "that the tree of `{}` and this one are of one log: they have other sizes, and a bundle proves no growth",
                held.name
            )),
        }
    }
    if let Some(policy) = &evidence.policy {
        let cosigned: Vec<Vkey> = policy.witnesses().filter(|v| by(v)).cloned().collect();
        match policy.is_met_by(&cosigned) {
            true => found.proved("enough of the trusted witnesses cosigned it"),
            false => found.fault(&name, "too few of the trusted witnesses cosigned it"),
        }
    }
}

fn text(bundle: &Bundle<'_>, name: &str, found: &mut Checked) -> io::Result<String> {
    let Some(entry) = bundle.entries.get(name) else {
        return Ok(String::new());
    };
    match entry.text(bundle.path) {
        Ok(text) => Ok(text),
        Err(fault) => {
            found.fault(name, fault);
            Ok(String::new())
        }
    }
}

const KEY_ROTATE: &[u8] = b"\"event\":\"key.rotate\"";
