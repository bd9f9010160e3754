//! Makes the tiles of a journal anew from its segments.
//!
//! In: a journal that no process has open. Out: a folder of tiles that sums up to the newest
//! checkpoint, in the old one's place.
//!
//! Never: takes the old tiles away before the new ones are whole and are what was signed.

use std::fs;
use std::path::Path;

use super::checkpoint::Checkpoint;
use super::disk::{Disk, RealDisk, make_folders, put};
use super::journal_error::JournalError;
use super::lock::Lock;
use super::read::read;
use super::tiles::TileWriter;
use super::tree::CHECKPOINT;
use crate::clock::Time;

/// Makes them anew; says after each record how many there are. Gives back how many are signed.
///
/// # Errors
///
/// When the journal is in use, cannot be read, or is not what was signed.
pub fn rebuild_tiles(
    folder: &Path,
    tiles: &Path,
    now: Time,
    mut progress: impl FnMut(u64, u64),
) -> Result<u64, JournalError> {
    let _lock = Lock::take(folder, env!("CARGO_PKG_VERSION"), now.as_ms())?;
    let path = folder.join(CHECKPOINT);
    let text = fs::read_to_string(&path).map_err(|e| JournalError::io("read", &path, e))?;
    let (_, signed) =
        Checkpoint::parse(&text).map_err(|fault| JournalError::refused(&path, fault))?;
    let fresh = tiles.with_extension("new");
    let io = |e| JournalError::io("write", &fresh, e);
    let _ = fs::remove_dir_all(&fresh);
    make_folders(&RealDisk, &fresh).map_err(io)?;
    let mut writer = TileWriter::begin(&fresh);
    for record in read(folder)? {
        if writer.tree().size() >= signed.size {
            break;
        }
        let record = record?;
        if record.seq != writer.tree().size() {
            let fault = format!("record {} is not here", writer.tree().size());
            return Err(JournalError::refused(folder, fault)
                .hint("tiles can be made from the first record on only: keep those there are"));
        }
        writer.push(&record.payload);
        if writer.waiting() >= MOST_WAITING {
            writer.flush(&RealDisk, false).map_err(io)?;
        }
        progress(writer.tree().size(), signed.size);
    }
    writer.flush(&RealDisk, true).map_err(io)?;
    let sum = writer.tree();
    if (sum.size(), sum.root()) != (signed.size, signed.root) {
        let fault = format!("its {} records are not what was signed", sum.size());
        return Err(JournalError::refused(folder, fault).hint("`stile audit verify` says more"));
    }
    put(&RealDisk, &fresh.join(CHECKPOINT), text.as_bytes(), 0o644).map_err(io)?;
    let old = tiles.with_extension("old");
    let _ = fs::remove_dir_all(&old);
    if tiles.exists() {
        RealDisk.rename(tiles, &old).map_err(io)?;
    }
    RealDisk.rename(&fresh, tiles).map_err(io)?;
    if let Some(above) = tiles.parent() {
        RealDisk.sync_folder(above).map_err(io)?;
    }
    let _ = fs::remove_dir_all(&old);
    Ok(signed.size)
}

/// Full tiles and bundles before they are written out.
const MOST_WAITING: usize = 512;
