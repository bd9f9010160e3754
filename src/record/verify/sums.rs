//! Holds the records against everything that was ever signed over them.
//!
//! In: leaf by leaf the records; the checkpoints in the journal's folder, those that its epochs
//! ended with, and those that an auditor brings. Out: which of them the records are, the first
//! record that is not what was signed, and what nobody outside vouches for.
//!
//! All records are read, so no proof is needed: the root at the size of each checkpoint is computed
//! and compared. Where one differs and the tiles still sum up to what was signed, they tell which
//! record was changed; else it lies behind the last checkpoint that holds.

use std::fs;
use std::path::Path;

use super::evidence::Evidence;
use super::verification::{Break, HeldCheckpoint, Sums, Verification, Witnessed};
use crate::record::checkpoint::Checkpoint;
use crate::record::epoch::{Vkeys, last_path};
use crate::record::frame::{Digest, hex};
use crate::record::journal_error::JournalError;
use crate::record::merkle::{Frontier, frontier_of};
use crate::record::signed_note::{SignedNote, Vkey};
use crate::record::tiles::Tiles;
use crate::record::tree::{CHECKPOINT, TILES, WITNESSED};

/// A comparison under way.
#[derive(Debug)]
pub(super) struct Summing<'e> {
    evidence: &'e Evidence,
    tiles: Tiles,
    vkeys: Vkeys,
    /// By size.
    wanted: Vec<Wanted>,
    /// The first that the records have not reached.
    at: usize,
    tree: Option<Frontier>,
    /// The key that each `key.rotate` names: record, epoch, vkey.
    named: Vec<(u64, u64, String)>,
    faults: Vec<String>,
    of_tiles: OfTiles,
    last_time: u64,
}

/// A checkpoint that the records must sum up to.
#[derive(Debug)]
struct Wanted {
    whose: Whose,
    note: SignedNote,
    checkpoint: Checkpoint,
    computed: Option<Digest>,
    time: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whose {
    /// The newest in the folder.
    Own,
    /// The newest with cosignatures in the folder.
    Witnessed,
    /// The last of this epoch.
    Epoch(u64),
    /// The auditor's, by the name of its file.
    Held(String),
}

/// What the tiles say the leaves are.
#[derive(Debug, Default)]
struct OfTiles {
    leaves: Vec<Digest>,
    /// The tile that those are of.
    index: Option<u64>,
    first_other: Option<u64>,
}

impl<'e> Summing<'e> {
    /// Reads what was signed, before the first record is read: a journal in use only grows.
    pub(super) fn begin(
        folder: &Path,
        evidence: &'e Evidence,
    ) -> Result<Summing<'e>, JournalError> {
        let tiles = evidence.tiles.clone().unwrap_or_else(|| folder.join(TILES));
        let mut summing = Summing {
            evidence,
            tiles: Tiles::at(&tiles),
            vkeys: Vkeys::default(),
            wanted: Vec::new(),
            at: 0,
            tree: Some(Frontier::default()),
            named: Vec::new(),
            faults: Vec::new(),
            of_tiles: OfTiles::default(),
            last_time: 0,
        };
        summing.want(Whose::Own, &folder.join(CHECKPOINT));
        summing.want(Whose::Witnessed, &folder.join(WITNESSED));
        match Vkeys::read(folder) {
            Ok(vkeys) => summing.vkeys = vkeys,
            Err(JournalError::Refused { fault, .. }) => {
                summing.faults.push(format!("`vkeys`: {fault}"));
            }
            Err(other) => return Err(other),
        }
        let known = u64::try_from(summing.vkeys.epochs.len()).unwrap_or(u64::MAX);
        for epoch in 1..=known {
            summing.want(Whose::Epoch(epoch), &last_path(folder, epoch));
        }
        for held in &evidence.held {
            summing.wanted.push(Wanted {
                whose: Whose::Held(held.name.clone()),
                note: held.note.clone(),
                checkpoint: held.checkpoint.clone(),
                computed: None,
                time: 0,
            });
        }
        summing.wanted.sort_by_key(|wanted| wanted.checkpoint.size);
        Ok(summing)
    }

    /// The records begin here; where older ones were taken away, the tiles stand in for them.
    pub(super) fn begins_at(&mut self, seq: u64) {
        if seq > 0 {
            self.tree = frontier_of(&self.tiles, seq).ok();
        }
        self.meet();
    }

    /// The next record.
    pub(super) fn leaf(&mut self, seq: u64, leaf: Digest, time: u64) {
        self.last_time = time;
        let Some(tree) = self.tree.as_mut().filter(|tree| tree.size() == seq) else {
            // Behind a break nothing can be summed up; the break is told already.
            self.tree = None;
            return;
        };
        tree.push(leaf);
        self.of_tiles.compare(&self.tiles, seq, &leaf);
        self.meet();
    }

    /// A record that names the next key.
    pub(super) fn names(&mut self, seq: u64, detail: Option<&serde_json::value::RawValue>) {
        #[derive(serde::Deserialize)]
        struct Detail {
            epoch: u64,
            vkey: String,
        }
        let read = detail.and_then(|raw| serde_json::from_str::<Detail>(raw.get()).ok());
        match read {
            Some(Detail { epoch, vkey }) => self.named.push((seq, epoch, vkey)),
            None => self.faults.push(format!("record {seq} names no key")),
        }
    }

    fn meet(&mut self) {
        let Some(tree) = &self.tree else {
            return;
        };
        while let Some(wanted) = self.wanted.get_mut(self.at) {
            let size = wanted.checkpoint.size;
            if size > tree.size() {
                return;
            }
            if size == tree.size() {
                wanted.computed = Some(tree.root());
                wanted.time = self.last_time;
            }
            self.at = self.at.saturating_add(1);
        }
    }

    fn want(&mut self, whose: Whose, path: &Path) {
        let Ok(text) = fs::read_to_string(path) else {
            return;
        };
        match Checkpoint::parse(&text) {
            Ok((note, checkpoint)) => self.wanted.push(Wanted {
                whose,
                note,
                checkpoint,
                computed: None,
                time: 0,
            }),
            Err(fault) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                self.faults.push(format!("`{name}`: {fault}"));
            }
        }
    }

    /// Everything was read.
    pub(super) fn close(mut self, found: &mut Verification) {
        let mut sums = Sums {
            log_vkey: self.vkeys.log.as_ref().map(ToString::to_string),
            epochs: self.vkeys.epochs.len(),
            ..Sums::default()
        };
        if let Some(tree) = &self.tree {
            sums.size = tree.size();
            sums.root = hex(&tree.root());
        }
        self.check_keys(&mut sums, found);
        self.check_roots(&mut sums, found);
        self.check_witnesses(&mut sums, found);
        self.check_pins(found);
        for fault in std::mem::take(&mut self.faults) {
            found.add_break(Break::of_signature(fault));
        }
        found.sums = sums;
    }

    /// Who signed which checkpoint, and whether each epoch ended as it should.
    fn check_keys(&mut self, sums: &mut Sums, found: &Verification) {
        let log = self.vkeys.log.clone();
        for wanted in &self.wanted {
            let (whose, checkpoint) = (wanted.whose.words(), &wanted.checkpoint);
            if checkpoint.origin != found.origin && !found.origin.is_empty() {
                self.faults.push(format!("{whose} is of another log"));
                continue;
            }
            if let Some(vkey) = &log
                && !matches!(wanted.note.signed_by(vkey), Ok(Some(_)))
                && !matches!(wanted.whose, Whose::Held(_))
            {
                self.faults
                    .push(format!("{whose} is not signed by the log's key"));
            }
            let by = self.epoch_of(&wanted.note);
            match wanted.whose {
                Whose::Own => sums.signed_in_epoch = by,
                Whose::Epoch(epoch) if by != Some(epoch) => {
                    let fault = format!("{whose} is not signed by that epoch's key");
                    self.faults.push(fault);
                }
                _ => {}
            }
        }
        let own = self.find(&Whose::Own).map(|own| own.checkpoint.size);
        let known = u64::try_from(self.vkeys.epochs.len()).unwrap_or(u64::MAX);
        if let (Some(size), Some(last)) = (own, known.checked_sub(1)) {
            sums.signed = Some(size);
            let by = sums.signed_in_epoch;
            let ended = self
                .find(&Whose::Epoch(last))
                .map(|end| end.checkpoint.size);
            if by != Some(known) && !(by == Some(last) && ended.is_some_and(|end| size <= end)) {
                let fault = "the newest checkpoint is not signed by the newest epoch's key";
                self.faults.push(fault.to_owned());
            }
        }
        if let Some(fault) = self.chain_fault(found.first_seq, sums) {
            self.faults.push(fault);
        }
    }

    /// Each epoch's key but the first is named by a record that the key before it signed for.
    fn chain_fault(&self, first_seq: u64, sums: &mut Sums) -> Option<String> {
        for (at, vkey) in self.vkeys.epochs.iter().enumerate().skip(1) {
            let (epoch, before) = (as_u64(at).saturating_add(1), as_u64(at));
            let Some(end) = self.find(&Whose::Epoch(before)) else {
                sums.missing
                    .push(format!("the last checkpoint of epoch {before} is not here"));
                continue;
            };
            let named = self.named.iter().find(|(_, of, _)| *of == epoch);
            match named {
                Some((_, _, named)) if *named != vkey.to_string() => {
                    return Some(format!(
                        "the key of epoch {epoch} is not the one that was named"
                    ));
                }
                Some((seq, ..)) if *seq >= end.checkpoint.size => {
                    return Some(format!(
                        "the key of epoch {epoch} was named behind the end of the one before"
                    ));
                }
                None if first_seq == 0 && sums.size >= end.checkpoint.size => {
                    return Some(format!("no record names the key of epoch {epoch}"));
                }
                _ => {}
            }
        }
        let known = as_u64(self.vkeys.epochs.len());
        // One key may be named already and not be in use yet.
        let stray = self
            .named
            .iter()
            .find(|(_, of, _)| *of > known.saturating_add(1));
        stray.map(|(seq, of, _)| {
            format!("record {seq} names a key of epoch {of}, which is not listed")
        })
    }

    fn check_roots(&mut self, sums: &mut Sums, found: &mut Verification) {
        let mut good = found.first_seq;
        let mut told = false;
        // Behind a break in the segments a sum that differs proves nothing of its own.
        let is_broken = found.break_count > 0;
        for wanted in &self.wanted {
            let size = wanted.checkpoint.size;
            let root = wanted.checkpoint.root;
            let is_held = matches!(wanted.whose, Whose::Held(_));
            let holds = wanted.computed.map(|computed| computed == root);
            if is_held {
                let is_listed = wanted.note.signatures.iter().any(|line| {
                    let listed = self.vkeys.log.iter().chain(&self.vkeys.epochs);
                    let mut known = listed.chain(&self.evidence.pinned);
                    known.any(|vkey| vkey.made(line))
                });
                let fault = match holds {
                    _ if wanted.checkpoint.origin != found.origin => Some("it is of another log"),
                    _ if !is_listed => Some("no key that is listed here signed it"),
                    Some(true) => None,
                    Some(false) => Some("the records are not the ones that it sums up"),
                    None if size > found.next_seq => Some("it covers records that are not here"),
                    None => Some("the records up to it cannot be summed up"),
                };
                let contradicts = fault.is_some() && !(holds.is_none() && self.tree.is_none());
                sums.held.push(HeldCheckpoint {
                    name: wanted.whose.words(),
                    size,
                    fault: fault.map(str::to_owned),
                    contradicts,
                });
            } else if holds.is_none() && size > found.next_seq {
                let last = size.saturating_sub(1);
                sums.missing.push(format!(
                    "records {} to {last} were signed ({}) and are not here",
                    found.next_seq,
                    wanted.whose.words()
                ));
            }
            match holds {
                Some(true) => {
                    good = size;
                    if is_held && self.vkeys_signed(&wanted.note) {
                        sums.outside(size, wanted.time, self.last_time);
                    }
                }
                // Where records are missing at the end, others may have been changed before.
                Some(false) | None if !told => {
                    let changed = self.first_changed(size, root);
                    told = holds == Some(false) || changed.is_some();
                    sums.first_changed = sums.first_changed.or(changed);
                    let fault = match changed {
                        Some(seq) => format!("record {seq} is not the one that was signed"),
                        None if holds.is_none() => continue,
                        None => {
                            let last = size.saturating_sub(1);
                            format!("one of the records {good} to {last} is not what was signed")
                        }
                    };
                    let seq = changed.unwrap_or(good);
                    let hashes = wanted.computed.map(|computed| (root, computed));
                    if !is_held && !is_broken {
                        found.add_break(Break::of_sum(seq, &wanted.whose.file(), fault, hashes));
                    }
                }
                _ => {}
            }
        }
    }

    /// The first record that is not what the tiles say, when the tiles say what was signed.
    fn first_changed(&self, size: u64, root: Digest) -> Option<u64> {
        let signed = frontier_of(&self.tiles, size).ok()?;
        let first = self.of_tiles.first_other?;
        (signed.root() == root && first < size).then_some(first)
    }

    fn check_witnesses(&mut self, sums: &mut Sums, found: &mut Verification) {
        let Some(policy) = &self.evidence.policy else {
            return;
        };
        for wanted in &self.wanted {
            if wanted.computed != Some(wanted.checkpoint.root) {
                continue;
            }
            let mut signed = Vec::new();
            let mut oldest = u64::MAX;
            for vkey in policy.witnesses() {
                match wanted.note.signed_by(vkey) {
                    Ok(Some(by)) => {
                        oldest = oldest.min(by.time_s.unwrap_or(0));
                        signed.push(vkey.clone());
                    }
                    Ok(None) => {}
                    Err(fault) => {
                        let whose = wanted.whose.words();
                        self.faults
                            .push(format!("{whose}, witness {}: {fault}", vkey.name));
                    }
                }
            }
            if policy.is_met_by(&signed)
                && sums
                    .witnessed
                    .as_ref()
                    .is_none_or(|w| w.size < wanted.checkpoint.size)
            {
                sums.outside(wanted.checkpoint.size, wanted.time, self.last_time);
                sums.witnessed = Some(Witnessed {
                    size: wanted.checkpoint.size,
                    time_s: oldest,
                    by: signed.iter().map(|vkey| vkey.name.clone()).collect(),
                });
            }
        }
        if sums.witnessed.is_none() {
            found.policy_unmet = true;
        }
    }

    /// The keys that the auditor wrote down must be in use here.
    fn check_pins(&mut self, found: &Verification) {
        let of_policy = self.evidence.policy.iter().flat_map(|policy| &policy.logs);
        for pinned in self.evidence.pinned.iter().chain(of_policy) {
            let mut listed = self.vkeys.log.iter().chain(&self.vkeys.epochs);
            if !listed.any(|vkey| vkey == pinned) {
                let fault = format!("the key {pinned} does not sign `{}`", found.origin);
                self.faults.push(fault);
            }
        }
    }

    fn vkeys_signed(&self, note: &SignedNote) -> bool {
        let listed = self.vkeys.log.iter().chain(&self.vkeys.epochs);
        let mut known = listed.chain(&self.evidence.pinned);
        known.any(|vkey| matches!(note.signed_by(vkey), Ok(Some(_))))
    }

    fn epoch_of(&self, note: &SignedNote) -> Option<u64> {
        let signed = |vkey: &Vkey| matches!(note.signed_by(vkey), Ok(Some(_)));
        let at = self.vkeys.epochs.iter().position(signed)?;
        Some(as_u64(at).saturating_add(1))
    }

    fn find(&self, whose: &Whose) -> Option<&Wanted> {
        self.wanted.iter().find(|wanted| wanted.whose == *whose)
    }
}

impl OfTiles {
    fn compare(&mut self, tiles: &Tiles, seq: u64, leaf: &Digest) {
        if self.first_other.is_some() {
            return;
        }
        let index = seq / 256;
        if self.index != Some(index) {
            self.index = Some(index);
            self.leaves = tiles.leaves(seq).unwrap_or_default();
        }
        let said = usize::try_from(seq % 256)
            .ok()
            .and_then(|at| self.leaves.get(at));
        if said.is_some_and(|said| said != leaf) {
            self.first_other = Some(seq);
        }
    }
}

impl Whose {
    fn words(&self) -> String {
        match self {
            Whose::Own => "the newest checkpoint".to_owned(),
            Whose::Witnessed => "the newest cosigned checkpoint".to_owned(),
            Whose::Epoch(epoch) => format!("the last checkpoint of epoch {epoch}"),
            Whose::Held(name) => name.clone(),
        }
    }

    fn file(&self) -> String {
        match self {
            Whose::Own => CHECKPOINT.to_owned(),
            Whose::Witnessed => WITNESSED.to_owned(),
            Whose::Epoch(epoch) => format!("epochs/{epoch}.checkpoint"),
            Whose::Held(name) => name.clone(),
        }
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
