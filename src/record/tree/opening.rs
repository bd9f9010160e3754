//! Takes the tree up where the last process left it.
//!
//! In: the settings, and how many records there are. Out: a [`Tree`] that may go on from what was
//! signed, or a refusal to start.
//!
//! Never: a start over fewer records than were signed.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Board, CHECKPOINT, Follow, Published, Tree, tiles_of};
use crate::clock::Clock;
use crate::record::checkpoint::Checkpoint;
use crate::record::disk::{Disk, make_folders};
use crate::record::epoch::Keys;
use crate::record::journal_error::JournalError;
use crate::record::settings::JournalSettings;
use crate::record::tiles::TileWriter;

impl Tree {
    /// Takes it up in a journal that has so many records.
    pub(in crate::record) fn open(
        disk: Arc<dyn Disk>,
        settings: &JournalSettings,
        records: u64,
        clock: Clock,
    ) -> Result<Tree, JournalError> {
        let journal = settings.folder.clone();
        let tiles = tiles_of(settings);
        let keys = Keys::open(&*disk, &journal, &settings.origin, clock.now())?;
        let board = Board::new(clock, keys.log_born(), settings.tree.clone());
        let signed = last_signed(&journal, &settings.origin, &keys)?;
        make_folders(&*disk, &tiles).map_err(|e| JournalError::io("make", &tiles, e))?;
        let mut writer = TileWriter::begin(&tiles);
        let mut expected = None;
        if let Some((note, checkpoint)) = signed {
            let (size, root) = (checkpoint.size, checkpoint.root);
            if size > records {
                return Err(fewer(&journal, size, records));
            }
            match TileWriter::resume(&tiles, size) {
                Ok(there) if there.tree().root() == root => writer = there,
                _ => expected = Some((size, root)),
            }
            board.take_up(Published {
                made: board.now(),
                checkpoint,
                note,
            });
            board.recall(&journal);
        }
        if expected.is_some() {
            tracing::warn!(
                "{} does not sum up to the last checkpoint; it is made again",
                tiles.display()
            );
        }
        Ok(Tree {
            follow: Follow::from(&journal, writer.tree().size()),
            disk,
            journal,
            tiles,
            origin: settings.origin.clone(),
            settings: settings.tree.clone(),
            keys,
            writer,
            expected,
            signed_at: None,
            named: None,
            board: Arc::new(board),
        })
    }
}

/// The newest checkpoint, where there is one; it must be ours.
fn last_signed(
    journal: &Path,
    origin: &str,
    keys: &Keys,
) -> Result<Option<(crate::record::signed_note::SignedNote, Checkpoint)>, JournalError> {
    let path = journal.join(CHECKPOINT);
    let text = match fs::read_to_string(&path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|e| JournalError::io("read", &path, e))?,
    };
    let refused = |fault: &str| {
        JournalError::refused(&path, format!("the last checkpoint does not hold: {fault}"))
            .hint("`stile audit verify` says what else is wrong; restore the folder from a copy")
    };
    let (note, checkpoint) = Checkpoint::parse(&text).map_err(refused)?;
    if checkpoint.origin != origin {
        return Err(refused("it is of another log"));
    }
    let [log, _] = keys.vkeys();
    match note.signed_by(log) {
        Ok(Some(_)) => Ok(Some((note, checkpoint))),
        Ok(None) => Err(refused("it is not signed by this log")),
        Err(fault) => Err(refused(fault)),
    }
}

fn fewer(journal: &Path, size: u64, records: u64) -> JournalError {
    let fault = format!("{size} records were signed and {records} are there");
    JournalError::refused(journal, fault).hint(
        "an end was cut off or an older copy restored: bring the newest copy back, or begin another \
         log: another folder and another origin",
    )
}
