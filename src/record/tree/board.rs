//! What others may know of the tree and its anchors.
//!
//! In: what the tree and the anchors' threads report. Out: [`TreeState`] for readiness and metrics,
//! the events to be written, the exposure window.
//!
//! The exposure window is how much of the newest past somebody with this host could still change
//! unseen: the time since the newest checkpoint that is kept outside was made, and none when nothing
//! came after it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use serde::{Deserialize, Serialize};

use super::ANCHORED;
use crate::clock::{Clock, Time};
use crate::record::audit_record::Note;
use crate::record::checkpoint::Checkpoint;
use crate::record::settings::TreeSettings;
use crate::record::signed_note::{Signature, SignedNote};

/// A checkpoint that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::record) struct Published {
    pub(in crate::record) made: Time,
    pub(in crate::record) checkpoint: Checkpoint,
    pub(in crate::record) note: SignedNote,
}

/// What all parts of a tree share.
#[derive(Debug)]
pub(in crate::record) struct Board {
    clock: Clock,
    settings: TreeSettings,
    log_born: Time,
    opened: Time,
    integrated: AtomicU64,
    newest: ArcSwapOption<Published>,
    contradicted: AtomicBool,
    fault: Mutex<Option<String>>,
    anchors: Mutex<BTreeMap<String, Kept>>,
    remembered: Mutex<BTreeMap<String, Taken>>,
    witnessed: Mutex<Option<SignedNote>>,
    witnessed_written: Mutex<Option<SignedNote>>,
}

/// What one anchor keeps.
#[derive(Clone, Debug, Default)]
struct Kept {
    taken: Option<Taken>,
    fault: Option<String>,
    conflict: Option<String>,
    conflict_noted: bool,
    stale_noted: bool,
}

/// A checkpoint that an anchor has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Taken {
    /// How many records it covers.
    size: u64,
    /// When it was made, ms since 1970.
    made: u64,
    /// When the anchor took it, ms since 1970.
    at: u64,
}

/// How the tree stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeState {
    /// Records in the tree.
    pub integrated: u64,
    /// Records that the newest checkpoint covers.
    pub signed: u64,
    /// Records that the newest checkpoint covers that is kept outside.
    pub anchored: u64,
    /// How much of the newest past could be changed unseen, in ms.
    pub exposure_ms: u64,
    /// What keeps the tree from going on.
    pub fault: Option<String>,
    /// Whether what was signed before is not what is there.
    pub contradicted: bool,
    /// Whether an anchor is required and none has answered for too long.
    pub unanchored: bool,
    /// Each anchor.
    pub anchors: Vec<AnchorState>,
}

/// How one anchor stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorState {
    /// Its name.
    pub name: String,
    /// When it last took a checkpoint, ms since 1970.
    pub answered_ms: Option<u64>,
    /// Why the last try failed.
    pub fault: Option<String>,
    /// Whether it holds another past.
    pub conflict: bool,
}

impl Board {
    pub(super) fn new(clock: Clock, log_born: Time, settings: TreeSettings) -> Board {
        let names = settings.anchors.iter().map(|anchor| anchor.name.clone());
        let anchors = names.map(|name| (name, Kept::default())).collect();
        Board {
            opened: clock.now(),
            clock,
            log_born,
            integrated: AtomicU64::new(0),
            newest: ArcSwapOption::empty(),
            contradicted: AtomicBool::new(false),
            fault: Mutex::new(None),
            anchors: Mutex::new(anchors),
            remembered: Mutex::new(BTreeMap::new()),
            witnessed: Mutex::new(None),
            witnessed_written: Mutex::new(None),
            settings,
        }
    }

    pub(in crate::record) fn now(&self) -> Time {
        self.clock.now()
    }

    /// The newest checkpoint.
    pub(in crate::record) fn newest(&self) -> Option<Arc<Published>> {
        self.newest.load_full()
    }

    pub(super) fn take_up(&self, published: Published) {
        self.integrated(published.checkpoint.size);
        self.newest.store(Some(Arc::new(published)));
    }

    pub(super) fn publish(&self, published: &Arc<Published>) {
        self.newest.store(Some(Arc::clone(published)));
    }

    pub(super) fn integrated(&self, size: u64) {
        self.integrated.store(size, Ordering::Relaxed);
    }

    pub(super) fn contradicted(&self) {
        self.contradicted.store(true, Ordering::Relaxed);
    }

    /// What keeps the tree from going on, said once.
    pub(super) fn fault(&self, fault: Option<String>) {
        let mut before = locked(&self.fault);
        if let Some(fault) = fault
            .as_ref()
            .filter(|fault| Some(*fault) != before.as_ref())
        {
            tracing::error!("no checkpoint can be signed: {fault}");
        }
        *before = fault;
    }

    /// An anchor has taken a checkpoint.
    pub(in crate::record) fn took(&self, name: &str, published: &Published) {
        let taken = Taken {
            size: published.checkpoint.size,
            made: published.made.as_ms(),
            at: self.now().as_ms(),
        };
        self.change(name, |kept| {
            kept.taken = Some(taken);
            kept.fault = None;
            kept.stale_noted = false;
        });
    }

    /// A witness cosigned a checkpoint: it is kept beside the journal, with all cosignatures of the
    /// same checkpoint.
    pub(in crate::record) fn cosigned(&self, published: &Published, line: Signature) {
        let mut witnessed = locked(&self.witnessed);
        let mut note = match witnessed.take() {
            Some(before) if before.text == published.note.text => before,
            Some(newer) if size_of(&newer) > published.checkpoint.size => {
                *witnessed = Some(newer);
                return;
            }
            _ => published.note.clone(),
        };
        note.signatures
            .retain(|other| (&other.name, other.id) != (&line.name, line.id));
        note.signatures.push(line);
        *witnessed = Some(note);
    }

    /// The newest cosigned checkpoint, when it has changed.
    pub(super) fn take_witnessed(&self) -> Option<SignedNote> {
        let witnessed = locked(&self.witnessed).clone();
        let mut written = locked(&self.witnessed_written);
        (*written != witnessed).then(|| written.clone_from(&witnessed))?;
        witnessed
    }

    /// An anchor could not be reached or did not take it.
    pub(in crate::record) fn missed(&self, name: &str, why: String) {
        tracing::warn!(anchor = name, "a checkpoint was not taken: {why}");
        self.change(name, |kept| kept.fault = Some(why));
    }

    /// An anchor holds another past. That does not heal by itself.
    pub(in crate::record) fn conflicts(&self, name: &str, why: String) {
        tracing::error!(anchor = name, "the anchor holds another past: {why}");
        self.change(name, |kept| {
            kept.conflict.get_or_insert(why);
        });
    }

    /// How many records the checkpoint covers that an anchor took last.
    pub(in crate::record) fn size_with(&self, name: &str) -> u64 {
        let anchors = locked(&self.anchors);
        let kept = anchors.get(name).and_then(|kept| kept.taken);
        kept.map_or(0, |taken| taken.size)
    }

    /// The events that are to be written now.
    pub(super) fn take_notes(&self) -> Vec<(Note, String, String)> {
        let now = self.now();
        let mut notes = Vec::new();
        for (name, kept) in locked(&self.anchors).iter_mut() {
            if let Some(why) = kept.conflict.clone().filter(|_| !kept.conflict_noted) {
                kept.conflict_noted = true;
                notes.push((Note::AnchorConflict, name.clone(), why));
            }
            if !kept.stale_noted && self.is_stale(kept, now) {
                kept.stale_noted = true;
                let why = kept.fault.clone();
                let why = why.unwrap_or_else(|| "no answer yet".to_owned());
                notes.push((Note::AnchorStale, name.clone(), why));
            }
        }
        notes
    }

    /// What is to be kept on the disk, when it has changed.
    pub(super) fn to_remember(&self) -> Option<String> {
        let taken: BTreeMap<String, Taken> = locked(&self.anchors)
            .iter()
            .filter_map(|(name, kept)| Some((name.clone(), kept.taken?)))
            .collect();
        let mut remembered = locked(&self.remembered);
        if *remembered == taken {
            return None;
        }
        remembered.clone_from(&taken);
        serde_json::to_string(&taken).ok().map(|text| text + "\n")
    }

    /// Reads what was kept.
    pub(super) fn recall(&self, journal: &Path) {
        let text = std::fs::read_to_string(journal.join(ANCHORED)).unwrap_or_default();
        let Ok(taken) = serde_json::from_str::<BTreeMap<String, Taken>>(&text) else {
            return;
        };
        for (name, kept) in locked(&self.anchors).iter_mut() {
            kept.taken = taken.get(name).copied();
        }
        *locked(&self.remembered) = taken;
    }

    /// How it all stands.
    pub(in crate::record) fn state(&self, records: u64) -> TreeState {
        let now = self.now();
        let anchors = locked(&self.anchors);
        let outside = anchors.values().filter_map(|kept| kept.taken);
        let best = outside.max_by_key(|taken| taken.size);
        let anchored = best.map_or(0, |taken| taken.size);
        let since = best.map_or(self.log_born, |taken| Time::from_ms(taken.made));
        // Here a start is no answer: a restart must not make an instance ready that was not.
        let answered = |kept: &Kept| kept.taken.map_or(self.log_born, |t| Time::from_ms(t.at));
        let most = self.settings.anchor_max_age_ms;
        let is_fresh = |kept: &Kept| now.ms_since(answered(kept)) <= most;
        TreeState {
            integrated: self.integrated.load(Ordering::Relaxed),
            signed: self.newest().map_or(0, |p| p.checkpoint.size),
            anchored,
            exposure_ms: if anchored < records {
                now.ms_since(since)
            } else {
                0
            },
            fault: locked(&self.fault).clone(),
            contradicted: self.contradicted.load(Ordering::Relaxed),
            unanchored: self.settings.anchor_required && !anchors.values().any(is_fresh),
            anchors: anchors
                .iter()
                .map(|(name, kept)| AnchorState {
                    name: name.clone(),
                    answered_ms: kept.taken.map(|taken| taken.at),
                    fault: kept.fault.clone(),
                    conflict: kept.conflict.is_some(),
                })
                .collect(),
        }
    }

    /// Whether an anchor has not answered for too long; a start counts as an answer.
    fn is_stale(&self, kept: &Kept, now: Time) -> bool {
        let at = kept
            .taken
            .map_or(self.opened, |taken| Time::from_ms(taken.at));
        now.ms_since(at.max(self.opened)) > self.settings.anchor_max_age_ms
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Kept)) {
        if let Some(kept) = locked(&self.anchors).get_mut(name) {
            change(kept);
        }
    }
}

fn size_of(note: &SignedNote) -> u64 {
    Checkpoint::read(&note.text).map_or(0, |checkpoint| checkpoint.size)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
