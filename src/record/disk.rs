//! Does to the disk what the journal asks, so that a test can stand in the way.
//!
//! In: an open file and what to do with it. Out: what the kernel said.
//!
//! Everything by which a write can fail goes through a [`Disk`]; reading does not. [`RealDisk`] is
//! the kernel, one system call per method and no second try except after an interruption.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, syncfs};

/// The calls by which the journal changes a disk.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Writes at an offset; may write less than it was given.
    ///
    /// # Errors
    ///
    /// As pwrite(2).
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes the file's bytes durable.
    ///
    /// # Errors
    ///
    /// As fdatasync(2).
    fn sync_data(&self, file: &File) -> io::Result<()>;

    /// Makes the file's bytes and its own facts durable.
    ///
    /// # Errors
    ///
    /// As fsync(2).
    fn sync_all(&self, file: &File) -> io::Result<()>;

    /// Reserves room from offset 0 and makes the file so long.
    ///
    /// # Errors
    ///
    /// As fallocate(2).
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()>;

    /// Gives a file another name in the same folder.
    ///
    /// # Errors
    ///
    /// As rename(2).
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    ///
    /// As open(2) and fsync(2).
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Whether the path still leads to this very file, linked and so many bytes long.
    ///
    /// # Errors
    ///
    /// As fstat(2) and stat(2).
    fn is_still(&self, file: &File, path: &Path, bytes: u64) -> io::Result<bool>;
}

/// The kernel.
#[derive(Clone, Copy, Debug)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_all(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        fallocate(file, FallocateFlags::empty(), 0, bytes).map_err(io::Error::from)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn is_still(&self, file: &File, path: &Path, bytes: u64) -> io::Result<bool> {
        let open = file.metadata()?;
        let named = match std::fs::metadata(path) {
            Ok(named) => named,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(fault) => return Err(fault),
        };
        let same = open.ino() == named.ino() && open.dev() == named.dev();
        Ok(same && open.nlink() > 0 && open.len() == bytes)
    }
}

/// Writes all of it in one call, or says why not. An interruption is tried again; a short write is
/// a fault, because what follows it is unknown.
pub(super) fn write_whole(
    disk: &dyn Disk,
    file: &File,
    bytes: &[u8],
    offset: u64,
) -> io::Result<()> {
    loop {
        match disk.write_at(file, bytes, offset) {
            Ok(written) if written == bytes.len() => return Ok(()),
            Ok(written) => {
                let fault = format!("short write: {written} of {} bytes", bytes.len());
                return Err(io::Error::new(io::ErrorKind::WriteZero, fault));
            }
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
}

/// Writes a file whole under another name, makes it durable and gives it its own: whoever looks
/// finds the old bytes or the new ones.
pub(super) fn put(disk: &dyn Disk, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let fresh = fresh_beside(path);
    let file = create(&fresh, mode)?;
    write_whole(disk, &file, bytes, 0)?;
    disk.sync_all(&file)?;
    disk.rename(&fresh, path)?;
    match path.parent() {
        Some(folder) => disk.sync_folder(folder),
        None => Ok(()),
    }
}

/// The same for many files below a folder, with folders made where they are missing. Many are made
/// durable by one call for the whole file system: a call for each would take the disk from those
/// who wait for it.
pub(super) fn put_all(disk: &dyn Disk, root: &Path, files: &[(PathBuf, &[u8])]) -> io::Result<()> {
    let mut folders = BTreeSet::new();
    let mut written = Vec::new();
    for (path, bytes) in files {
        if let Some(folder) = path.parent()
            && folders.insert(folder)
        {
            make_folders(disk, folder)?;
        }
        let file = create(&fresh_beside(path), 0o644)?;
        write_whole(disk, &file, bytes, 0)?;
        written.push(file);
    }
    if written.len() > SYNCED_ONE_BY_ONE {
        syncfs(File::open(root)?)?;
    } else {
        written.iter().try_for_each(|file| disk.sync_all(file))?;
    }
    for (path, _) in files {
        disk.rename(&fresh_beside(path), path)?;
    }
    folders
        .iter()
        .try_for_each(|folder| disk.sync_folder(folder))
}

/// Makes a folder and those above it, each durable in the one it is in.
pub(super) fn make_folders(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folders(disk, above)?;
        match std::fs::create_dir(folder) {
            Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => return Err(fault),
            _ => disk.sync_folder(above)?,
        }
    }
    Ok(())
}

fn create(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)
}

fn fresh_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

/// Whether the disk says that it is full, for us or for all.
pub(super) fn is_full(fault: &io::Error) -> bool {
    matches!(
        fault.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Beyond so many files one call for the file system costs less than one for each.
const SYNCED_ONE_BY_ONE: usize = 8;
