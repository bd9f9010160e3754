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
use crate::record::checkpoint::Checkpoint;
use crate::record::epoch::{Vkeys, last_path};
use crate::record::frame::Digest;
use crate::record::journal_error::JournalError;
use crate::record::merkle::{Frontier, consistency, frontier_of, is_consistent};
use crate::record::signed_note::SignedNote;
use crate::record::tiles::Tiles;
use crate::record::tree::{CHECKPOINT, TILES, WITNESSED};

mod closing;

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
            self.prove_older(seq);
        }
        self.meet();
    }

    /// Checkpoints over less than what is gone: the tiles prove that what is here grew out of them.
    fn prove_older(&mut self, seq: u64) {
        let Some(root) = self.tree.as_ref().map(Frontier::root) else {
            return;
        };
        for wanted in &mut self.wanted {
            let (size, signed) = (wanted.checkpoint.size, wanted.checkpoint.root);
            if size == 0 || size >= seq {
                continue;
            }
            let Ok(old) = frontier_of(&self.tiles, size) else {
                continue;
            };
            let proof = consistency(&self.tiles, size, seq).unwrap_or_default();
            wanted.computed = match is_consistent((size, signed), (seq, root), &proof) {
                true => Some(signed),
                false => Some(old.root()).filter(|old| *old != signed),
            };
        }
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
