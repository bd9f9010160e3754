//! Holds the keys that sign checkpoints, and changes one of them for each epoch.
//!
//! In: the folder of the journal. Out: `Keys`: the log's own key, which never changes, so that
//! witnesses and other programs know the log by it; and the epoch's key, which is wiped when the
//! epoch ends, so that who steals today's keys cannot sign yesterday anew.
//!
//! | file | what |
//! | --- | --- |
//! | `keys/log.key` | seed of the log's key |
//! | `keys/epoch-<n>.key` | seed of the key of epoch n |
//! | `keys/epoch-<n>.next` | seed of the key of the epoch to come |
//! | `vkeys` | `log <vkey>`, then `epoch <n> <vkey>` for each epoch |
//!
//! An epoch ends in four steps, each of which finds done what a crash left done: the next key is
//! made; a `key.rotate` record names its vkey; the last checkpoint under the old key covers that
//! record and is kept in `epochs/`; the next key takes its place and the old one is overwritten and
//! removed.
//!
//! Never: a key that others may read; a new key in the place of one that is missing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::disk::{Disk, put, write_whole};
use super::journal_error::JournalError;
use super::signed_note::{Signature, SigningKey, Vkey};
use crate::clock::Time;

/// The keys of one log.
#[derive(Debug)]
pub(super) struct Keys {
    journal: PathBuf,
    origin: String,
    log: SigningKey,
    log_born: Time,
    epoch: SigningKey,
    number: u64,
    born: Time,
    next: Option<(SigningKey, Time)>,
}

/// The public keys of a log, as its `vkeys` lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vkeys {
    /// The key that never changes.
    pub log: Option<Vkey>,
    /// The keys of the epochs, the first is of epoch 1.
    pub epochs: Vec<Vkey>,
}

impl Keys {
    /// Takes the keys from the journal's folder, or makes the first ones there.
    pub(super) fn open(
        disk: &dyn Disk,
        journal: &Path,
        origin: &str,
        now: Time,
    ) -> Result<Keys, JournalError> {
        let folder = journal.join(FOLDER);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|e| JournalError::io("make", &folder, e))?;
        let listed = Vkeys::read(journal)?;
        let found = numbers(&folder, ".key").map_err(|e| JournalError::io("read", &folder, e))?;
        let number = found.last().copied().unwrap_or(1);
        let is_new = listed == Vkeys::default() && number == 1;
        let known = u64::try_from(listed.epochs.len()).unwrap_or(u64::MAX);
        if number < known {
            let fault = format!("the signing key of epoch {known} is missing");
            let path = folder.join(epoch_name(known, "key"));
            return Err(JournalError::refused(&path, fault).hint(RESTORE));
        }
        if number > known.saturating_add(1) {
            let fault = "the keys of earlier epochs are not listed";
            let path = journal.join(VKEYS);
            return Err(JournalError::refused(&path, fault).hint("restore it from a copy"));
        }
        let take = |path: PathBuf| take_or_make(disk, &path, origin, now, is_new);
        let (log, log_born) = take(folder.join(LOG_KEY))?;
        let (epoch, born) = take(folder.join(epoch_name(number, "key")))?;
        let coming = folder.join(epoch_name(number.saturating_add(1), "next"));
        let next = match coming.exists() {
            true => Some(take_or_make(disk, &coming, origin, now, false)?),
            false => None,
        };
        let keys = Keys {
            journal: journal.to_owned(),
            origin: origin.to_owned(),
            log,
            log_born,
            epoch,
            number,
            born,
            next,
        };
        keys.check(listed)?;
        keys.list(disk)?;
        if keys.is_over() && keys.next.is_none() {
            return Err(JournalError::refused(&coming, "a signing key is missing").hint(RESTORE));
        }
        for old in found.into_iter().filter(|old| *old < number) {
            wipe(disk, &folder.join(epoch_name(old, "key")))?;
        }
        Ok(keys)
    }

    /// Which epoch it is.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Since when the log has its key.
    pub(super) fn log_born(&self) -> Time {
        self.log_born
    }

    /// When the epoch began.
    pub(super) fn born(&self) -> Time {
        self.born
    }

    /// The public half of the key to come, where one is made.
    pub(super) fn next_vkey(&self) -> Option<&Vkey> {
        self.next.as_ref().map(|(key, _)| key.vkey())
    }

    /// The public halves of the keys in use.
    pub(super) fn vkeys(&self) -> [&Vkey; 2] {
        [self.log.vkey(), self.epoch.vkey()]
    }

    /// Both signatures over a text.
    pub(super) fn sign(&self, text: &str) -> Vec<Signature> {
        vec![self.log.sign(text), self.epoch.sign(text)]
    }

    /// Makes the key of the next epoch, where it is not made yet.
    pub(super) fn prepare(&mut self, disk: &dyn Disk, now: Time) -> Result<(), JournalError> {
        if self.next.is_none() {
            let path = self.path(self.number.saturating_add(1), "next");
            self.next = Some(take_or_make(disk, &path, &self.origin, now, true)?);
        }
        Ok(())
    }

    /// Keeps the last checkpoint of the epoch that ends.
    pub(super) fn keep_last(&self, disk: &dyn Disk, note: &str) -> Result<(), JournalError> {
        let path = last_path(&self.journal, self.number);
        let folder = self.journal.join(LAST);
        let kept = super::disk::make_folders(disk, &folder);
        kept.and_then(|()| put(disk, &path, note.as_bytes(), 0o444))
            .map_err(|e| JournalError::io("write", &path, e))
    }

    /// Whether the last checkpoint of this epoch was kept: then nothing may be signed under its key
    /// any more.
    pub(super) fn is_over(&self) -> bool {
        last_path(&self.journal, self.number).exists()
    }

    /// Puts the next key in the old one's place and wipes the old one.
    pub(super) fn turn(&mut self, disk: &dyn Disk) -> Result<(), JournalError> {
        let Some((key, born)) = self.next.take() else {
            return Ok(());
        };
        let (old, next) = (self.number, self.number.saturating_add(1));
        let (from, to) = (self.path(next, "next"), self.path(next, "key"));
        let moved = disk.rename(&from, &to);
        if let Err(fault) = moved.and_then(|()| disk.sync_folder(&self.journal.join(FOLDER))) {
            self.next = Some((key, born));
            return Err(JournalError::io("rename", &from, fault));
        }
        self.epoch = key;
        self.born = born;
        self.number = next;
        self.list(disk)?;
        wipe(disk, &self.path(old, "key"))
    }

    fn path(&self, number: u64, ending: &str) -> PathBuf {
        self.journal.join(FOLDER).join(epoch_name(number, ending))
    }

    /// What is listed must be of these keys.
    fn check(&self, listed: Vkeys) -> Result<(), JournalError> {
        let index = usize::try_from(self.number.saturating_sub(1)).unwrap_or(usize::MAX);
        let log = listed.log.is_none_or(|vkey| vkey == *self.log.vkey());
        let epoch = listed.epochs.get(index);
        if log && epoch.is_none_or(|vkey| vkey == self.epoch.vkey()) {
            return Ok(());
        }
        let fault = "the signing keys are not those that `vkeys` lists";
        Err(JournalError::refused(&self.journal.join(FOLDER), fault).hint(RESTORE))
    }

    /// Sees to it that `vkeys` has the keys in use.
    fn list(&self, disk: &dyn Disk) -> Result<(), JournalError> {
        let path = self.journal.join(VKEYS);
        let mut listed = Vkeys::read(&self.journal)?;
        let before = listed.clone();
        listed.log.get_or_insert_with(|| self.log.vkey().clone());
        if u64::try_from(listed.epochs.len()).unwrap_or(u64::MAX) < self.number {
            listed.epochs.push(self.epoch.vkey().clone());
        }
        if listed == before {
            return Ok(());
        }
        put(disk, &path, listed.text().as_bytes(), 0o644)
            .map_err(|e| JournalError::io("write", &path, e))
    }
}

impl Vkeys {
    /// Reads the list in a journal's folder; empty where there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is not well-formed.
    pub fn read(journal: &Path) -> Result<Vkeys, JournalError> {
        let path = journal.join(VKEYS);
        let text = match fs::read_to_string(&path) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vkeys::default()),
            read => read.map_err(|e| JournalError::io("read", &path, e))?,
        };
        let mut found = Vkeys::default();
        for (at, line) in text.lines().enumerate() {
            let refused = |what: &str| {
                let fault = format!("line {}: {what}", at.saturating_add(1));
                JournalError::refused(&path, fault).hint("restore it from a copy")
            };
            let epoch = found.epochs.len().saturating_add(1);
            let of_epoch = format!("epoch {epoch} ");
            if let Some(vkey) = line.strip_prefix("log ") {
                found.log = Some(Vkey::parse(vkey).map_err(refused)?);
            } else if let Some(vkey) = line.strip_prefix(&of_epoch) {
                found.epochs.push(Vkey::parse(vkey).map_err(refused)?);
            } else {
                return Err(refused("neither `log VKEY` nor the next `epoch N VKEY`"));
            }
        }
        Ok(found)
    }

    fn text(&self) -> String {
        let log = self.log.iter().map(|vkey| format!("log {vkey}\n"));
        let epochs = self.epochs.iter().enumerate();
        let epochs = epochs.map(|(at, vkey)| format!("epoch {} {vkey}\n", at.saturating_add(1)));
        log.chain(epochs).collect()
    }
}

/// Where the last checkpoint of an epoch is kept.
pub(super) fn last_path(journal: &Path, number: u64) -> PathBuf {
    journal.join(LAST).join(format!("{number}.checkpoint"))
}

/// The numbers of files `epoch-<n><ending>`, in order.
fn numbers(folder: &Path, ending: &str) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| {
            let number = name.strip_prefix("epoch-")?.strip_suffix(ending)?;
            number.parse::<u64>().ok()
        });
        found.extend(number);
    }
    found.sort_unstable();
    Ok(found)
}

fn epoch_name(number: u64, ending: &str) -> String {
    format!("epoch-{number}.{ending}")
}

/// Reads a key; makes it where it is missing and may be made.
fn take_or_make(
    disk: &dyn Disk,
    path: &Path,
    origin: &str,
    now: Time,
    may_make: bool,
) -> Result<(SigningKey, Time), JournalError> {
    let mut file = match File::open(path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound && may_make => {
            return make(disk, path, origin, now);
        }
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
            return Err(JournalError::refused(path, "a signing key is missing").hint(RESTORE));
        }
        opened => opened.map_err(|e| JournalError::io("open", path, e))?,
    };
    let facts = file
        .metadata()
        .map_err(|e| JournalError::io("look at", path, e))?;
    if facts.mode() & 0o077 != 0 {
        let fault = "the signing key can be read by others";
        return Err(JournalError::refused(path, fault).hint("chmod 600 it"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
    (&mut file)
        .take(KEY_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| JournalError::io("read", path, e))?;
    let parts = bytes.split_first_chunk::<8>();
    let parts = parts.and_then(|(born, seed)| Some((born, <[u8; 32]>::try_from(seed).ok()?)));
    let Some((born, seed)) = parts else {
        let fault = "the signing key is not 40 bytes long";
        return Err(JournalError::refused(path, fault).hint(RESTORE));
    };
    let key = SigningKey::of_seed(origin, Zeroizing::new(seed))
        .map_err(|fault| JournalError::refused(path, fault))?;
    Ok((key, Time::from_ms(u64::from_be_bytes(*born))))
}

fn make(
    disk: &dyn Disk,
    path: &Path,
    origin: &str,
    now: Time,
) -> Result<(SigningKey, Time), JournalError> {
    let mut seed = Zeroizing::new([0_u8; 32]);
    let filled = rand::fill(seed.as_mut()).map_err(|_| io::Error::other("no randomness"));
    filled.map_err(|e| JournalError::io("make", path, e))?;
    let key = SigningKey::of_seed(origin, seed)
        .map_err(|fault| JournalError::io("make", path, io::Error::other(fault)))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES));
    bytes.extend_from_slice(&now.as_ms().to_be_bytes());
    bytes.extend_from_slice(key.seed().as_ref());
    put(disk, path, &bytes, 0o600).map_err(|e| JournalError::io("write", path, e))?;
    Ok((key, now))
}

/// Overwrites a key and takes it away. A disk that copies on write keeps the old bytes.
fn wipe(disk: &dyn Disk, path: &Path) -> Result<(), JournalError> {
    let wiped = || -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        write_whole(disk, &file, &[0; KEY_BYTES], 0)?;
        disk.sync_all(&file)?;
        fs::remove_file(path)?;
        path.parent()
            .map_or(Ok(()), |folder| disk.sync_folder(folder))
    };
    wiped().map_err(|e| JournalError::io("wipe", path, e))
}

const FOLDER: &str = "keys";
const LAST: &str = "epochs";
const VKEYS: &str = "vkeys";
const LOG_KEY: &str = "log.key";
const KEY_BYTES: usize = 40;
const RESTORE: &str =
    "restore `keys` from a copy, or begin another log: another folder and another origin";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::record::disk::RealDisk;

    fn open(folder: &Path) -> Result<Keys, JournalError> {
        Keys::open(&RealDisk, folder, "log.example/a", Time::from_ms(5))
    }

    #[test]
    fn keys_stay_over_restarts_and_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path()).unwrap();
        let vkeys = first.vkeys().map(Vkey::clone);
        assert_eq!(open(folder.path()).unwrap().vkeys().map(Vkey::clone), vkeys);
        let listed = Vkeys::read(folder.path()).unwrap();
        assert_eq!(listed.log.as_ref(), Some(&vkeys[0]));
        assert_eq!(listed.epochs, vkeys[1..]);
    }

    #[test]
    fn a_missing_foreign_or_open_key_refuses_the_start() {
        for name in [LOG_KEY, "epoch-1.key"] {
            let folder = tempfile::tempdir().unwrap();
            open(folder.path()).unwrap();
            let path = folder.path().join(FOLDER).join(name);
            let key = fs::read(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            assert_eq!(open(folder.path()).unwrap_err().exit_code(), 78);
            fs::remove_file(&path).unwrap();
            assert_eq!(open(folder.path()).unwrap_err().exit_code(), 78);
            let mut other = key.clone();
            other[20] ^= 1;
            put(&RealDisk, &path, &other, 0o600).unwrap();
            assert_eq!(open(folder.path()).unwrap_err().exit_code(), 78);
            put(&RealDisk, &path, &key, 0o600).unwrap();
            open(folder.path()).unwrap();
        }
    }

    #[test]
    fn the_old_key_is_gone_after_the_turn() {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = open(folder.path()).unwrap();
        let old = keys.vkeys()[1].clone();
        keys.prepare(&RealDisk, Time::from_ms(9)).unwrap();
        let next = keys.next_vkey().cloned().unwrap();
        // A crash here: the same next key is found again.
        let mut keys = open(folder.path()).unwrap();
        assert_eq!(keys.next_vkey(), Some(&next));
        keys.turn(&RealDisk).unwrap();
        assert_eq!((keys.number(), keys.vkeys()[1]), (2, &next));
        assert!(!folder.path().join("keys/epoch-1.key").exists());
        let keys = open(folder.path()).unwrap();
        assert_eq!((keys.number(), keys.born()), (2, Time::from_ms(9)));
        assert_eq!(Vkeys::read(folder.path()).unwrap().epochs, [old, next]);
    }
}
