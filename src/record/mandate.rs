//! What an operator decides where the journal refuses to decide: a gap, or another log.
//!
//! In: a [`Mandate`] from the command line. Out: the old log set aside for a new one to begin, with
//! what the new one says of it (`Forked`).
//!
//! Setting aside moves what is of the old log into a folder within the journal's, by the same name
//! when it is tried again after a crash. What must outlive it stays: the lock, the key of token
//! fingerprints, and the tokens that were spent.
//!
//! Never: anything of the old log changed or removed.

use std::fs;
use std::io;
use std::path::Path;

use super::anchor::held_in_folder;
use super::checkpoint::Checkpoint;
use super::disk::Disk;
use super::epoch::Vkeys;
use super::frame::hex;
use super::journal_error::JournalError;
use super::scan::Scan;
use super::segment;
use super::settings::{AnchorPlace, JournalSettings};
use super::tree::CHECKPOINT;

/// What an operator decided for one start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mandate {
    /// Whoever accepts that damaged records at the end are set aside, where no checkpoint covers them.
    pub accept_gap: Option<String>,
    /// The origin of the log to begin in the old one's place: the one in the settings.
    pub fork: Option<String>,
}

/// What a new log says of the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forked {
    pub(super) from: String,
    /// How many records of it were signed, and their root, where there was a checkpoint.
    pub(super) signed: Option<(u64, String)>,
    /// The folder that it is in now.
    pub(super) folder: String,
}

/// Sets the log in a folder aside for the one of the settings; nothing where that is there already.
pub(super) fn set_aside(
    disk: &dyn Disk,
    settings: &JournalSettings,
    origin: &str,
) -> Result<Option<Forked>, JournalError> {
    let folder = &settings.folder;
    if origin != settings.origin {
        let fault = format!(
            "`--fork {origin}` is not `journal.origin`: `{}`",
            settings.origin
        );
        return Err(JournalError::refused(folder, fault)
            .hint("name the new log in the settings first, then on the command line"));
    }
    let io = |fault| JournalError::io("set the log aside in", folder, fault);
    let listed = segment::list(folder).map_err(io)?;
    let Some((_, first)) = listed.first() else {
        return Ok(None);
    };
    let (_, head) = Scan::open(first).map_err(io)?;
    let from = match head {
        Ok(head) if head.origin == origin => return Ok(None),
        Ok(head) => head.origin,
        Err(_) => "unreadable".to_owned(),
    };
    let name = format!("forked-{}", from.replace('/', "_"));
    let aside = folder.join(&name);
    fs::create_dir_all(&aside).map_err(io)?;
    // Read where it is now, or where an earlier try has moved it to.
    let text = fs::read_to_string(folder.join(CHECKPOINT))
        .or_else(|_| fs::read_to_string(aside.join(CHECKPOINT)));
    let signed = text.ok().and_then(|text| Checkpoint::parse(&text).ok());
    move_all(disk, folder, &aside).map_err(io)?;
    Ok(Some(Forked {
        from,
        signed: signed.map(|(_, signed)| (signed.size, hex(&signed.root))),
        folder: name,
    }))
}

fn move_all(disk: &dyn Disk, folder: &Path, aside: &Path) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if !STAYS.contains(&text.as_ref()) && !text.starts_with("forked-") {
            names.push(name);
        }
    }
    // The segments go last, in order: while one is there, it can be told that this was not done.
    names.sort_by_key(|name| (name.to_string_lossy().contains(".seg"), name.clone()));
    for name in names {
        disk.rename(&folder.join(&name), &aside.join(&name))?;
    }
    disk.sync_folder(aside)?;
    disk.sync_folder(folder)
}

/// How many records the newest checkpoint covers that this log signed and that lies in its folder.
pub(super) fn signed_in(folder: &Path) -> u64 {
    let text = fs::read_to_string(folder.join(CHECKPOINT)).ok();
    let read = text.and_then(|text| Checkpoint::parse(&text).ok());
    read.map_or(0, |(_, signed)| signed.size)
}

/// Refuses a journal that is older than what an anchor in a folder holds of it: a copy was restored.
/// Anchors that are asked over the network tell the same when they are first asked.
pub(super) fn check_anchors(settings: &JournalSettings, records: u64) -> Result<(), JournalError> {
    let Ok(Vkeys { log: Some(log), .. }) = Vkeys::read(&settings.folder) else {
        return Ok(());
    };
    for anchor in &settings.tree.anchors {
        let AnchorPlace::Folder { folder } = &anchor.place else {
            continue;
        };
        let held = held_in_folder(folder, &settings.origin);
        let Some((note, held)) = held.and_then(|text| Checkpoint::parse(&text).ok()) else {
            continue;
        };
        let is_ours = matches!(note.signed_by(&log), Ok(Some(_)));
        if is_ours && held.size > records {
            let fault = format!(
                "the anchor `{}` holds a checkpoint over {} records and {records} are here: an older \
                 copy was restored",
                anchor.name, held.size
            );
            return Err(JournalError::refused(&settings.folder, fault).hint(
                "bring the newest copy back; where there is none, give `journal.origin` a new name \
                 and begin that log with `stile serve --fork NEW-ORIGIN`",
            ));
        }
    }
    Ok(())
}

const STAYS: &[&str] = &["LOCK", "fingerprint.key", "spent"];
