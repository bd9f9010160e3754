//! Remembers how far a destination is.
//!
//! In: what the receiver has confirmed. Out: the same after a restart, whatever ended the process.
//!
//! One small file for each destination in the folder `leave` of the journal's, replaced as a whole
//! (temporary file, fsync, rename, fsync of the folder). Beside the place it keeps digests of some of
//! the last records that left: a journal that lost its end in a power cut or was restored from a
//! copy has others there, and then all that followed the last common record leaves again.
//!
//! Never: ahead of what was confirmed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::record::frame::hex;
use crate::record::{Follower, JournalError, Record, follow};

/// How far a destination is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Position {
    /// The first record that has not left.
    pub(super) next_seq: u64,
    /// Decisions before it that wait for their outcome, where both leave together.
    pub(super) waiting: Vec<u64>,
    /// Some of the last records that left, the newest last.
    marks: Vec<Mark>,
}

/// A record, recognisable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) seq: u64,
    /// SHA-256 of its bytes, in hex.
    digest: String,
}

/// Where to go on, and what has to be told about that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Resumed {
    pub(super) position: Position,
    /// Records that were taken out of the journal before they left.
    pub(super) missed: u64,
    /// Records that leave again, because the journal is not what it was.
    pub(super) again: u64,
}

impl Mark {
    pub(super) fn of(record: &Record) -> Mark {
        Mark {
            seq: record.seq,
            digest: hex(digest(&SHA256, &record.payload).as_ref()),
        }
    }

    /// Whether the journal still has this record; one that has been taken out with all before it
    /// cannot be asked.
    fn holds(&self, folder: &Path, first: u64) -> Result<bool, JournalError> {
        if self.seq < first {
            return Ok(true);
        }
        let found = Follower::from(folder, self.seq).advance()?;
        Ok(found.is_some_and(|record| Mark::of(&record) == *self))
    }
}

impl Position {
    /// After this record, with these decisions waiting.
    pub(super) fn advance(&mut self, to: Mark, waiting: Vec<u64>) {
        self.next_seq = to.seq.saturating_add(1);
        self.waiting = waiting;
        self.marks.push(to);
        self.thin();
    }

    /// Of those that are as far back, to a power of two, the oldest and the newest stay: few in all,
    /// and always some far back.
    fn thin(&mut self) {
        let newest = self.next_seq;
        let band = |mark: &Mark| newest.saturating_sub(mark.seq).max(1).ilog2();
        let mut kept: Vec<Mark> = Vec::with_capacity(self.marks.len());
        for same in self.marks.chunk_by(|a, b| band(a) == band(b)) {
            kept.extend(same.first().cloned());
            kept.extend(same.last().filter(|_| same.len() > 1).cloned());
        }
        self.marks = kept;
    }

    /// Where to go on in the journal as it is now.
    pub(super) fn resume(mut self, folder: &Path) -> Result<Resumed, JournalError> {
        let first = follow::first_seq(folder)?.unwrap_or(0);
        let before = self.next_seq;
        while let Some(last) = self.marks.last() {
            if last.holds(folder, first)? {
                break;
            }
            self.marks.pop();
        }
        let after = self.marks.last().map_or(0, |mark| mark.seq + 1);
        self.next_seq = after.max(first);
        self.waiting
            .retain(|seq| *seq >= first && *seq < self.next_seq);
        Ok(Resumed {
            missed: first
                .saturating_sub(after)
                .min(first.saturating_sub(before)),
            again: before.saturating_sub(self.next_seq),
            position: self,
        })
    }
}

/// Where the position of a destination is kept.
pub(super) fn file_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(FOLDER).join(format!("{name}.position"))
}

/// The position in a file; the beginning where there is none.
pub(super) fn load(file: &Path) -> Result<Position, String> {
    match fs::read(file) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(Position::default()),
        Err(fault) => Err(format!("`{}` cannot be read: {fault}", file.display())),
        Ok(text) => serde_json::from_slice(&text).map_err(|_| {
            format!(
                "`{}` is no position of ours; remove it, and everything leaves once more",
                file.display()
            )
        }),
    }
}

/// Makes the folder of positions, where it is not there.
pub(super) fn make_room(file: &Path) -> Result<(), String> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .map_err(|fault| format!("`{}` cannot be made: {fault}", folder.display()))
}

/// Replaces the file by this position.
pub(super) fn store(file: &Path, position: &Position) -> Result<(), String> {
    let stored = || -> io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        let beside = file.with_extension("position.new");
        let mut new = File::create(&beside)?;
        new.write_all(&serde_json::to_vec(position)?)?;
        new.sync_all()?;
        fs::rename(&beside, file)?;
        File::open(folder)?.sync_all()
    };
    stored().map_err(|fault| format!("`{}` cannot be written: {fault}", file.display()))
}

/// The first record that one of these destinations has yet to take, and which one.
pub(super) fn behind<'n>(
    folder: &Path,
    names: impl Iterator<Item = &'n str>,
) -> Option<(u64, String)> {
    let each = names.map(|name| {
        let position = load(&file_of(folder, name)).unwrap_or_default();
        let waiting = position.waiting.iter().copied();
        let first = waiting.min().unwrap_or(position.next_seq);
        (first.min(position.next_seq), name.to_owned())
    });
    each.min()
}

const FOLDER: &str = "leave";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::frame::{Frame, Kind};

    fn mark(seq: u64) -> Mark {
        Mark::of(&Record::of(&Frame {
            kind: Kind::Event,
            after_sync: false,
            seq,
            chain: [0; 32],
            payload: &seq.to_be_bytes(),
            disclosure: None,
        }))
    }

    #[test]
    fn marks_stay_few_and_reach_far_back() {
        let mut position = Position::default();
        for seq in 0..20_000 {
            position.advance(mark(seq), Vec::new());
        }
        assert_eq!(position.next_seq, 20_000);
        assert!(position.marks.len() < 40, "{}", position.marks.len());
        let newest = position.marks.last().map(|mark| mark.seq);
        assert_eq!(newest, Some(19_999));
        assert!(position.marks.iter().any(|mark| mark.seq < 12_000));
        assert!(position.marks.is_sorted_by_key(|mark| mark.seq));
    }

    #[test]
    fn a_position_is_read_as_it_was_stored_and_nothing_else_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = file_of(folder.path(), "siem");
        assert_eq!(load(&file), Ok(Position::default()));
        let mut position = Position::default();
        position.advance(mark(7), vec![3, 5]);
        make_room(&file).unwrap();
        store(&file, &position).unwrap();
        assert_eq!(load(&file).as_ref(), Ok(&position));
        let whole = fs::read(&file).unwrap();
        for text in [&whole[..whole.len() - 1], b"", b"{}", b"7"] {
            fs::write(&file, text).unwrap();
            assert!(load(&file).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }
}
