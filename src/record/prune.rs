//! Takes the oldest segments out of the journal, and leaves every sum over them as it is.
//!
//! In: how old records must be, why and on whose word. Out: fewer files, between two events: `prune`
//! is synced and under a checkpoint before the first file goes, `prune.done` comes when the last one
//! is gone.
//!
//! Whole sealed segments go, from the oldest on, with the bundles of their records in the tiles. The
//! hashes of the tiles stay: they stand in for what is gone, so that the root over all records is the
//! one that was signed, and a checkpoint of years ago can still be shown to be of this log's past.
//!
//! A segment stays, and all behind it, while a record in it is younger than asked, while a hold is on
//! one, while it has the event of a hold that is in force, and while somebody who takes records
//! elsewhere has not taken all of it.
//!
//! After a crash in the middle the next start takes the rest away.
//!
//! Never: the newest segment; a file that no signed event named.
//!
//! C2SP tlog-tiles, "Pruning".

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::audit_record::Note;
use super::disk::Disk;
use super::erasure::Eraser;
use super::gist::Gist;
use super::hold::{Hold, holds};
use super::journal_error::JournalError;
use super::mandate::signed_in;
use super::scan::{Scan, Step};
use super::sealed;
use super::segment;
use super::settings::JournalSettings;
use super::tiles::take_bundles_away;
use super::tree::tiles_of;

/// What is to be taken away, and on whose word.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
pub struct Pruning {
    /// Records of this moment and younger ones stay, ms since 1970.
    pub younger_from_ms: u64,
    /// The first record that somebody has yet to take elsewhere, and who; it stays.
    pub wanted: Option<(u64, String)>,
    /// Why.
    pub reason: String,
    /// Who decided it, or under which rule.
    pub authority: String,
    /// Who asked stile for it.
    pub by: String,
}

/// What can be taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prunable {
    /// The first record that is here.
    pub first_seq: u64,
    /// The first one that stays; all before it can go.
    pub before: u64,
    /// The segments that those are in.
    pub segments: usize,
    /// Their bytes on the disk.
    pub bytes: u64,
    /// What keeps the next one here, in words.
    pub kept_by: String,
}

/// What was taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many records went.
    pub records: u64,
    /// The event that says that it is done; 0 where nothing was to be done.
    pub done_at: u64,
}

/// What the event says that matters later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Announced {
    /// The first record that stays.
    pub(super) before: u64,
}

impl Pruning {
    /// What of a journal can be taken away under these terms.
    ///
    /// # Errors
    ///
    /// As reading segments and holds.
    pub fn prunable(&self, folder: &Path) -> Result<Prunable, JournalError> {
        let listed = segment::list(folder).map_err(|e| JournalError::io("read", folder, e))?;
        let first_seq = listed.first().map_or(0, |(first, _)| *first);
        let mut found = Prunable {
            first_seq,
            before: first_seq,
            kept_by: "it is the newest segment".to_owned(),
            ..Prunable::default()
        };
        let mut in_force = None;
        for (here, next) in listed.iter().zip(listed.iter().skip(1)) {
            let ((first, path), (next, _)) = (here, next);
            if let Some((seq, who)) = self.wanted.as_ref().filter(|(seq, _)| seq < next) {
                found.kept_by = format!("`{who}` has yet to take record {seq}");
                break;
            }
            if !self.is_old(path)? {
                found.kept_by = "it has younger records".to_owned();
                break;
            }
            // Read only where a segment would go: it is all of the journal.
            let holds = match &in_force {
                Some(holds) => holds,
                None => in_force.insert(holds(folder)?),
            };
            if let Some(hold) = on_segment(holds, (*first, *next), path)? {
                found.kept_by = format!("the hold {} is on it ({})", hold.id, hold.reason);
                break;
            }
            found.before = *next;
            found.segments = found.segments.saturating_add(1);
            let bytes = path.metadata().map_or(0, |meta| meta.len());
            found.bytes = found.bytes.saturating_add(bytes);
        }
        Ok(found)
    }

    /// Whether all records of a segment are older.
    fn is_old(&self, path: &Path) -> Result<bool, JournalError> {
        any_time(path, |time| time >= self.younger_from_ms).map(|younger| !younger)
    }
}

impl Eraser {
    /// Announces it, does it, and says so. Waits: not for a thread that serves requests.
    ///
    /// # Errors
    ///
    /// When the journal takes no event now, when no checkpoint comes to cover the event, or when a
    /// file cannot be removed: what was announced is then taken away by the next start.
    pub fn prune(&self, pruning: &Pruning) -> Result<Pruned, JournalError> {
        let _turn = self.means.turn();
        let found = pruning.prunable(&self.means.folder)?;
        let records = found.before.saturating_sub(found.first_seq);
        if records == 0 {
            return Ok(Pruned::default());
        }
        let detail = [
            ("authority", Value::from(pruning.authority.as_str())),
            ("before", Value::from(found.before)),
            ("by", Value::from(pruning.by.as_str())),
            ("from", Value::from(found.first_seq)),
            ("reason", Value::from(pruning.reason.as_str())),
        ];
        let of = self.note(Note::Prune, &detail)?;
        self.wait_for_a_checkpoint(of)?;
        let unmade = |e| JournalError::io("take segments out of", &self.means.folder, e);
        let segments = take_away(
            &*self.means.disk,
            &self.means.folder,
            &self.means.tiles,
            found.before,
        );
        let detail = [
            ("before", Value::from(found.before)),
            ("of", Value::from(of)),
            ("segments", Value::from(segments.map_err(unmade)?)),
        ];
        let done_at = self.note(Note::PruneDone, &detail)?;
        Ok(Pruned { records, done_at })
    }

    /// Nothing goes before somebody could prove that it was said.
    fn wait_for_a_checkpoint(&self, seq: u64) -> Result<(), JournalError> {
        for _ in 0..LOOKS {
            let newest = self.means.board.newest();
            if newest.is_some_and(|newest| newest.checkpoint.size > seq) {
                return Ok(());
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        let fault = format!("no checkpoint covers the event {seq} that announces it");
        Err(JournalError::refused(&self.means.folder, fault)
            .hint("nothing was taken away; `/readyz` says what keeps the tree from going on"))
    }
}

/// Takes away what was announced and signed and is not gone, at a start; how many segments.
pub(super) fn complete(
    disk: &dyn Disk,
    settings: &JournalSettings,
    (of, announced): (u64, Announced),
) -> Result<Option<usize>, JournalError> {
    let folder = &settings.folder;
    if signed_in(folder) <= of {
        return Ok(None);
    }
    let tiles = tiles_of(settings);
    let taken = take_away(disk, folder, &tiles, announced.before);
    taken
        .map(Some)
        .map_err(|e| JournalError::io("take segments out of", folder, e))
}

/// Removes the segments before a record, oldest first, each made durable: whatever a power cut leaves,
/// no segment is missing between two others.
fn take_away(disk: &dyn Disk, folder: &Path, tiles: &Path, before: u64) -> io::Result<usize> {
    let taken = sealed::alone(|| {
        let listed = segment::list(folder)?;
        let mut taken = 0_usize;
        for ((_, path), (next, _)) in listed.iter().zip(listed.iter().skip(1)) {
            if *next > before {
                break;
            }
            let plain = segment::plain_name(path);
            for name in [segment::packed_name(&plain), plain] {
                match fs::remove_file(&name) {
                    Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
                    _ => {}
                }
            }
            disk.sync_folder(folder)?;
            taken = taken.saturating_add(1);
        }
        Ok(taken)
    })?;
    take_bundles_away(tiles, before)?;
    Ok(taken)
}

/// The hold that keeps a segment.
fn on_segment<'h>(
    holds: &'h [Hold],
    (first, next): (u64, u64),
    path: &Path,
) -> Result<Option<&'h Hold>, JournalError> {
    for hold in holds {
        if (first..next).contains(&hold.id) || any_time(path, |time| hold.is_on(time))? {
            return Ok(Some(hold));
        }
    }
    Ok(None)
}

/// Whether a record of a segment has such a time. One that cannot be read has any.
fn any_time(path: &Path, is: impl Fn(u64) -> bool) -> Result<bool, JournalError> {
    let unread = |e| JournalError::io("read", path, e);
    let (mut scan, head) = Scan::open(path).map_err(unread)?;
    head.map_err(|fault| JournalError::refused(path, fault))?;
    loop {
        match scan.advance().map_err(unread)? {
            Step::Frame { frame, .. } => match Gist::read(&frame) {
                Ok(gist) if !is(gist.time) => {}
                _ => return Ok(true),
            },
            Step::End { .. } => return Ok(false),
            Step::Flaw { .. } => return Ok(true),
        }
    }
}

/// Together half a minute.
const LOOKS: u32 = 300;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
