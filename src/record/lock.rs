//! Sees to it that one process at a time has the journal, on a disk that keeps what it promises.
//!
//! In: the journal's folder. Out: a [`Lock`], held until it is dropped; or who holds it.
//!
//! The lock is the kernel's, on the open `LOCK` file, so that it ends with the process however that
//! ends. What is written in the file is for people only.
//!
//! A network file system is refused: neither its locks nor its syncs mean what they say.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use super::journal_error::JournalError;

/// The journal is ours while this lives.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the journal for this process. Waits up to a second for one that is just ending.
    pub(super) fn take(folder: &Path, version: &str, now_ms: u64) -> Result<Lock, JournalError> {
        let path = folder.join(LOCK);
        let io = |doing| {
            let path = path.clone();
            move |fault| JournalError::io(doing, &path, fault)
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io("open"))?;
        for attempt in 0.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(fault)) => return Err(io("lock")(fault)),
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let mut owner = String::new();
                    let _ = (&mut file).take(512).read_to_string(&mut owner);
                    let owner = owner.trim().to_owned();
                    return Err(JournalError::Locked { path, owner });
                }
            }
        }
        let pid = std::process::id();
        let owner = format!("pid {pid}, stile {version}, since {now_ms} ms\n");
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(owner.as_bytes()))
            .map_err(io("write"))?;
        Ok(Lock { _file: file })
    }
}

/// Whether a process has the journal open now. Takes the lock for a moment where nobody has it.
pub fn is_in_use(folder: &Path) -> bool {
    File::open(folder.join(LOCK))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The process that has the journal open now, by what it wrote into the lock; `None` where nobody
/// has it.
///
/// What is written there is for people only, so whether that process really has the file open is
/// looked up as well: a number left behind, or one of another container, is nobody.
pub fn holder(folder: &Path) -> Option<u32> {
    if !is_in_use(folder) {
        return None;
    }
    let path = folder.join(LOCK).canonicalize().ok()?;
    let mut owner = String::new();
    File::open(&path)
        .and_then(|file| file.take(512).read_to_string(&mut owner))
        .ok()?;
    let pid: u32 = owner
        .strip_prefix("pid ")?
        .split(',')
        .next()?
        .parse()
        .ok()?;
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let has_it = open
        .flatten()
        .any(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == path));
    has_it.then_some(pid)
}

/// Refuses a folder on a network file system.
pub(super) fn check_file_system(folder: &Path) -> Result<(), JournalError> {
    let facts =
        rustix::fs::statfs(folder).map_err(|e| JournalError::io("look at", folder, e.into()))?;
    // The field's width differs between machines; the magics have 32 bits.
    let magic = facts.f_type as u32;
    match network_file_system(magic) {
        None => Ok(()),
        Some(name) => {
            let fault = format!("the journal's folder is on a network file system ({name})");
            Err(JournalError::refused(folder, fault)
                .hint("its locks and syncs cannot be relied on: use a local disk"))
        }
    }
}

/// The name of the network file system with this `f_type`.
fn network_file_system(magic: u32) -> Option<&'static str> {
    let known = NETWORK.iter().find(|(number, _)| *number == magic);
    known.map(|(_, name)| *name)
}

const LOCK: &str = "LOCK";
const ATTEMPTS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// The `f_type` of statfs(2).
const NETWORK: &[(u32, &str)] = &[
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x00c3_6400, "ceph"),
    (0x0102_1997, "9p"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "afs"),
    (0x0bd0_0bd0, "lustre"),
    (0x7375_7245, "coda"),
    (0x0000_564c, "ncp"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_refused_by_their_number_and_local_ones_are_not() {
        // The numbers are those of statfs(2) and of linux/magic.h.
        for (magic, name) in [(0x6969, "nfs"), (0xff53_4d42, "cifs"), (0x0102_1997, "9p")] {
            assert_eq!(network_file_system(magic), Some(name));
        }
        // ext4, xfs, btrfs, tmpfs, overlayfs, zfs.
        for magic in [
            0xef53,
            0x5846_5342,
            0x9123_683e,
            0x0102_1994,
            0x794c_7630,
            0x2fc1_2fc1,
        ] {
            assert_eq!(network_file_system(magic), None, "{magic:x}");
        }
        assert!(check_file_system(Path::new("/proc")).is_ok());
    }
}
