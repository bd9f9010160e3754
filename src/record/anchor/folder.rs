//! Keeps checkpoints as files in a folder that takes new files and changes none: an object store
//! with a retention lock, mounted or mirrored.
//!
//! In: checkpoints. Out: `<origin, slashes as _>/<size, 20 digits>.checkpoint`.
//!
//! A file that is there already is compared, never written again. The newest one there must be of
//! our past before anything is added.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::held::is_ours;
use super::{Anchor, Missed, Published};
use crate::record::checkpoint::Checkpoint;
use crate::record::signed_note::Signature;
use crate::record::tiles::Tiles;

/// A folder of checkpoints.
#[derive(Debug)]
pub(super) struct FolderAnchor {
    root: PathBuf,
    folder: PathBuf,
    tiles: Tiles,
}

impl FolderAnchor {
    pub(super) fn new(root: &Path, origin: &str, tiles: Tiles) -> FolderAnchor {
        FolderAnchor {
            root: root.to_owned(),
            folder: root.join(origin.replace('/', "_")),
            tiles,
        }
    }

    fn newest(&self) -> io::Result<Option<PathBuf>> {
        newest_in(&self.folder)
    }
}

fn newest_in(folder: &Path) -> io::Result<Option<PathBuf>> {
    let mut newest = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            newest = newest.max(Some(path));
        }
    }
    Ok(newest)
}

/// The newest checkpoint that such a folder holds of a log, as it was written.
pub(in crate::record) fn held_in_folder(root: &Path, origin: &str) -> Option<String> {
    let newest = newest_in(&root.join(origin.replace('/', "_"))).ok()??;
    fs::read_to_string(newest).ok()
}

impl Anchor for FolderAnchor {
    fn keep(&mut self, _: u64, newest: &Published) -> Result<Option<Signature>, Missed> {
        if !self.root.is_dir() {
            let why = format!("there is no folder `{}`", self.root.display());
            return Err(Missed::Now(why));
        }
        let made = fs::create_dir_all(&self.folder).and_then(|()| self.newest());
        if let Some(path) = made.map_err(now)? {
            let text = fs::read_to_string(&path).map_err(now)?;
            is_ours(&text, newest, &self.tiles)?;
        }
        let size = newest.checkpoint.size;
        let path = self.folder.join(format!("{size:020}.{ENDING}"));
        let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {
                return same(&path, newest);
            }
            opened => opened.map_err(now)?,
        };
        file.write_all(newest.note.to_string().as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::File::open(&self.folder)?.sync_all())
            .map_err(now)?;
        Ok(None)
    }
}

/// A file of this size that is there says the same, whoever signed it.
fn same(path: &Path, newest: &Published) -> Result<Option<Signature>, Missed> {
    let text = fs::read_to_string(path).map_err(now)?;
    match Checkpoint::parse(&text) {
        Ok((_, held)) if held == newest.checkpoint => Ok(None),
        Ok(_) => Err(Missed::Conflict(format!(
            "`{}` holds another past of this size",
            path.display()
        ))),
        Err(fault) => Err(Missed::Conflict(format!("`{}`: {fault}", path.display()))),
    }
}

fn now(fault: io::Error) -> Missed {
    Missed::Now(fault.to_string())
}

const ENDING: &str = "checkpoint";
