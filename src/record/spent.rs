//! Remembers which tokens did what may be done once for each token, over restarts too.
//!
//! In: a token's fingerprint, when it ends, and the time. Out: nothing once the use is durable, or
//! a refusal: `replayed`, `overloaded` when no more can be remembered, `audit_unavailable` when the
//! disk does not take it.
//!
//! One file beside the segments, `spent`, a line for each use. It is made with the first use, so
//! most journals have none. A line is synced before the decision is stored, so whatever went
//! upstream is in it; a use that came to nothing is taken back in memory, and a crash in between
//! leaves the token spent. A line that a crash cut off was waited for by nobody and is dropped.
//! Every start writes the file anew without the tokens that have ended.
//!
//! The journal itself could tell as much, but only by reading all of it that is younger than the
//! longest life of a token; this file is never longer than [`MOST_BYTES`].
//!
//! Never: the `jti` or the token itself; a use that is believed after a failed sync.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::{Disk, is_full, write_whole};
use super::frame::hex;
use super::journal_error::JournalError;
use crate::clock::Time;
use crate::identify::{Use, Used};
use crate::refusal::{Reason, Refusal};

/// The tokens spent so far that have not ended.
#[derive(Debug)]
pub(super) struct Spent {
    used: Used,
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    /// None before the first use.
    file: Option<File>,
    end: u64,
}

/// Why a use is not durable.
#[derive(Debug)]
pub(super) enum Unspent {
    /// The request ends here; nothing else is wrong.
    Refused(Refusal),
    /// The disk can no longer be believed.
    Poisonous(io::Error),
}

impl Spent {
    /// Reads what earlier runs spent.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        now: Time,
    ) -> Result<Spent, JournalError> {
        let spent = Spent {
            used: Used::up_to(MOST_TOKENS),
            disk,
            folder: folder.to_owned(),
            lines: Mutex::default(),
        };
        let path = folder.join(NAME);
        let text = match std::fs::read(&path) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(spent),
            read => read.map_err(|fault| JournalError::io("read", &path, fault))?,
        };
        for line in whole_lines(&text) {
            let (key, end) = parsed(line).ok_or_else(|| {
                JournalError::refused(&path, "a line does not name a spent token").hint(
                    "restore the file, or move it away once the tokens of that time have ended: \
                     without it they can be used again",
                )
            })?;
            if end > now && spent.used.take(key, end, now) == Use::NoRoom {
                return Err(JournalError::refused(
                    &path,
                    "more tokens than are remembered",
                ));
            }
        }
        let lines = spent
            .written_anew(now)
            .map_err(|fault| JournalError::io("write", &path, fault))?;
        Ok(Spent {
            lines: Mutex::new(lines),
            ..spent
        })
    }

    /// Spends a token; durable when this returns. Blocks while the disk works.
    pub(super) fn spend(&self, key: [u8; 32], end: Time, now: Time) -> Result<(), Unspent> {
        match self.used.take(key, end, now) {
            Use::First => {}
            Use::Again => return Err(Unspent::Refused(Refusal::new(Reason::Replayed))),
            Use::NoRoom => {
                let refusal = Refusal::new(Reason::Overloaded);
                return Err(Unspent::Refused(refusal.noting(
                    "no more tokens that count once can be remembered until some end",
                )));
            }
        }
        self.write(key, end, now).map_err(|fault| {
            self.used.give_back(key, end);
            if is_full(&fault) {
                let refusal = Refusal::new(Reason::AuditUnavailable);
                return Unspent::Refused(refusal.noting("no room to remember a spent token"));
            }
            Unspent::Poisonous(fault)
        })
    }

    /// Takes a use back that came to nothing.
    pub(super) fn give_back(&self, key: [u8; 32], end: Time) {
        self.used.give_back(key, end);
    }

    fn write(&self, key: [u8; 32], end: Time, now: Time) -> io::Result<()> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.file.is_none() || lines.end >= MOST_BYTES {
            // The new use is among those that are written.
            *lines = self.written_anew(now)?;
            return Ok(());
        }
        let Some(file) = &lines.file else {
            return Err(io::Error::other("the file is gone"));
        };
        let line = line(key, end);
        write_whole(&*self.disk, file, line.as_bytes(), lines.end)?;
        self.disk.sync_data(file)?;
        lines.end = lines.end.saturating_add(line.len() as u64);
        Ok(())
    }

    /// The whole file under its name, or the old one.
    fn written_anew(&self, now: Time) -> io::Result<Lines> {
        let fresh = self.folder.join(FRESH);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        let text: String = self
            .used
            .all(now)
            .into_iter()
            .map(|(end, key)| line(key, end))
            .collect();
        write_whole(&*self.disk, &file, text.as_bytes(), 0)?;
        self.disk.sync_all(&file)?;
        self.disk.rename(&fresh, &self.folder.join(NAME))?;
        self.disk.sync_folder(&self.folder)?;
        Ok(Lines {
            file: Some(file),
            end: text.len() as u64,
        })
    }
}

/// `<fingerprint> <end in ms>` with leading zeros, so that every line is equally long.
fn line(key: [u8; 32], end: Time) -> String {
    format!("{} {:020}\n", hex(&key), end.as_ms())
}

/// All lines but one that was cut off at the end.
fn whole_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let lines = text.get(..whole).unwrap_or_default();
    lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
}

fn parsed(line: &[u8]) -> Option<([u8; 32], Time)> {
    let text = std::str::from_utf8(line).ok()?;
    let (digits, end) = text.split_once(' ')?;
    let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16)?).ok();
    let mut key = [0; 32];
    if digits.len() != 64 || end.len() != 20 {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let (high, low) = (digit(*pair.first()?)?, digit(*pair.get(1)?)?);
        *byte = high << 4 | low;
    }
    Some((key, Time::from_ms(end.parse().ok()?)))
}

const NAME: &str = "spent";
const FRESH: &str = "spent.tmp";
const MOST_TOKENS: usize = 100_000;
/// Twice as long as [`MOST_TOKENS`] lines; then it is written anew.
const MOST_BYTES: u64 = 2 * 86 * MOST_TOKENS as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::disk::RealDisk;

    const NOW: Time = Time::from_ms(1_000_000);
    const LATER: Time = Time::from_ms(2_000_000);

    fn open(folder: &Path, now: Time) -> Result<Spent, JournalError> {
        Spent::open(Arc::new(RealDisk), folder, now)
    }

    fn reason(outcome: Result<(), Unspent>) -> Option<Reason> {
        match outcome {
            Ok(()) => None,
            Err(Unspent::Refused(refusal)) => Some(refusal.reason()),
            Err(Unspent::Poisonous(fault)) => panic!("{fault}"),
        }
    }

    #[test]
    fn a_token_is_spent_over_restarts_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path(), NOW).unwrap();
        assert!(!folder.path().join(NAME).exists());
        assert_eq!(reason(first.spend([1; 32], LATER, NOW)), None);
        assert_eq!(reason(first.spend([2; 32], LATER, NOW)), None);
        for _ in 0..3 {
            let again = open(folder.path(), NOW).unwrap();
            for key in [[1; 32], [2; 32]] {
                let outcome = reason(again.spend(key, LATER, NOW));
                assert_eq!(outcome, Some(Reason::Replayed));
            }
        }
        let ended = open(folder.path(), LATER).unwrap();
        assert_eq!(std::fs::read(folder.path().join(NAME)).unwrap(), b"");
        assert_eq!(ended.used.all(LATER), []);
    }

    #[test]
    fn a_use_given_back_counts_no_more_and_a_crash_spends_it() {
        let folder = tempfile::tempdir().unwrap();
        let spent = open(folder.path(), NOW).unwrap();
        assert_eq!(reason(spent.spend([1; 32], LATER, NOW)), None);
        spent.give_back([1; 32], LATER);
        let again = open(folder.path(), NOW).unwrap();
        let outcome = reason(again.spend([1; 32], LATER, NOW));
        assert_eq!(outcome, Some(Reason::Replayed), "as after a crash");
        assert_eq!(
            reason(spent.spend([1; 32], LATER, NOW)),
            None,
            "still running"
        );
    }

    #[test]
    fn a_line_cut_off_at_any_byte_is_dropped_and_a_damaged_one_refuses_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let whole = format!("{}{}", line([1; 32], LATER), line([2; 32], LATER));
        for cut in 86..whole.len() {
            std::fs::write(&path, &whole.as_bytes()[..cut]).unwrap();
            let spent = open(folder.path(), NOW).unwrap();
            assert_eq!(spent.used.all(NOW), [(LATER, [1; 32])], "{cut}");
            assert_eq!(std::fs::metadata(&path).unwrap().len(), 86);
        }
        for damaged in [
            whole.replacen('0', "g", 1),
            whole.replacen(' ', "", 1),
            format!("x\n{whole}"),
        ] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(open(folder.path(), NOW).unwrap_err().exit_code(), 78);
        }
    }
}
