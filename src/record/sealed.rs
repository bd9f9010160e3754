//! Packs the segments that are never written again, behind everybody's back.
//!
//! In: the folder of an open journal. Out: `<first-seq>.seg.zst` in the place of each `.seg` but the
//! newest; `packed` says what is in it.
//!
//! A segment is packed into a file of another name, made durable, given its own name, and that made
//! durable; at a later look it is unpacked and held against the plain one byte for byte, and only
//! then does the plain one go. So at every moment, and after a crash at any, the whole segment is
//! there under one of its two names; where it is under both, readers take the plain one. The looks
//! are seconds apart, so that a reader who lists the folder meanwhile finds one of the two.
//!
//! [`rewrite`] changes a sealed segment, as erasing asks for. It and the packing take turns.
//!
//! Never: on the way of a request, or of a stop. The thread is the last in line for the processor,
//! and what it cannot do now it tries again later; the records are safe without it.
//!
//! Why Zstandard: ten times smaller, where LZ4 makes it five; unpacked at 1 GB/s; `zstd -d` is on
//! every auditor's machine and RFC 8878 says what it does; the index depends on it already. Its code
//! is C (BSD), so a packed file is unpacked within fixed memory and its checksum is looked at.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::disk::{Disk, write_whole};
use super::journal_error::JournalError;
use super::packed::{self, HEAD_BYTES, Unpacked};
use super::segment;

/// The running thread.
#[derive(Debug)]
pub(super) struct Packing {
    /// Looked at between two pieces.
    ends: Arc<AtomicBool>,
    /// Wakes it.
    wake: Sender<()>,
    thread: JoinHandle<()>,
}

impl Packing {
    /// Sets it going beside an open journal.
    pub(super) fn start(disk: Arc<dyn Disk>, folder: &Path) -> Result<Packing, JournalError> {
        let inside = folder.to_owned();
        let (wake, woken) = channel();
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let thread = std::thread::Builder::new()
            .name("packing".to_owned())
            .spawn(move || {
                // Without the right to be last in line it is one thread among others.
                let _ = rustix::process::nice(LAST);
                run(&*disk, &inside, &told, &woken);
            })
            .map_err(|e| JournalError::io("start a thread for", folder, e))?;
        Ok(Packing { ends, wake, thread })
    }

    /// Ends it; a segment that is being packed is left as it was.
    pub(super) fn finish(self) {
        self.ends.store(true, Ordering::Release);
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::error!("the thread that packs segments ended in a fault of ours");
        }
    }
}

fn run(disk: &dyn Disk, folder: &Path, ends: &AtomicBool, woken: &Receiver<()>) {
    let mut pause = LOOK_EVERY;
    while let Err(RecvTimeoutError::Timeout) = woken.recv_timeout(pause) {
        pause = LOOK_EVERY;
        if let Err(fault) = look(disk, folder, ends)
            && !ends.load(Ordering::Acquire)
        {
            tracing::warn!(%fault, "a segment could not be packed; it stays as it is");
            pause = AFTER_A_FAULT;
        }
    }
}

/// Packs all that is sealed now. For who holds the journal's lock, and for tests.
///
/// # Errors
///
/// As reading and writing the segments.
pub fn pack_all(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    look(disk, folder, &ON)?;
    look(disk, folder, &ON)
}

/// One look at the folder: what was packed before is held against the plain one, which then goes;
/// what was not is packed.
fn look(disk: &dyn Disk, folder: &Path, ends: &AtomicBool) -> io::Result<()> {
    let listed = segment::list(folder)?;
    let sealed = listed.split_last().map_or(&[][..], |(_, sealed)| sealed);
    let plain = sealed.iter().filter(|(_, path)| !segment::is_packed(path));
    for (_, path) in plain {
        let _turn = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        let packed = segment::packed_name(path);
        match packed.exists() {
            false => write_packed(disk, &mut File::open(path)?, &packed, ends)?,
            true if is_same(path, &packed, ends)? => {
                fs::remove_file(path)?;
                disk.sync_folder(folder)?;
            }
            // Left by a crash or a failing disk: once more.
            true => fs::remove_file(&packed)?,
        }
    }
    Ok(())
}

/// Whether a packed file unpacks to the segment, but for the zeros at its end.
fn is_same(plain: &Path, packed: &Path, ends: &AtomicBool) -> io::Result<bool> {
    let mut plain = File::open(plain)?;
    let mut unpacked = Unpacked::of(File::open(packed)?)?;
    let (mut ours, mut theirs) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    loop {
        go_on(ends)?;
        let read = unpacked.read(&mut theirs)?;
        if read == 0 {
            break;
        }
        let room = ours.get_mut(..read).unwrap_or_default();
        match plain.read_exact(room) {
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            done => done?,
        }
        if ours.get(..read) != theirs.get(..read) {
            return Ok(false);
        }
    }
    if unpacked.is_damaged() {
        return Ok(false);
    }
    loop {
        match plain.read(&mut ours)? {
            0 => return Ok(true),
            read if ours.iter().take(read).any(|byte| *byte != 0) => return Ok(false),
            _ => {}
        }
    }
}

/// Does something to the newest segment of a journal; none of it when this one is not the newest any
/// more. Nothing is packed meanwhile.
///
/// # Errors
///
/// As listing the folder, and as `change`.
pub(super) fn while_newest<T>(
    folder: &Path,
    first_seq: u64,
    change: impl FnOnce() -> io::Result<T>,
) -> io::Result<Option<T>> {
    let _turn = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    let listed = segment::list(folder)?;
    let is_newest = listed.last().is_some_and(|(first, _)| *first == first_seq);
    is_newest.then(change).transpose()
}

/// Does something to sealed segments while nothing is packed.
///
/// # Errors
///
/// As `what`.
pub(super) fn alone<T>(what: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let _turn = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    what()
}

/// Changes a sealed segment whole, plain or packed: `change` gets its bytes, head and frames, without
/// the room at its end. Whoever reads meanwhile finds the old bytes or the new ones. The chain goes
/// over what it covers as before, so only what no record's leaf holds can be changed.
///
/// For a process that has the journal open or holds its lock.
///
/// # Errors
///
/// When there is no such sealed segment, it cannot be unpacked, or as writing it.
pub fn rewrite(
    disk: &dyn Disk,
    folder: &Path,
    first_seq: u64,
    change: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let _turn = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    let listed = segment::list(folder)?;
    let sealed = listed.split_last().map_or(&[][..], |(_, sealed)| sealed);
    let found = sealed.iter().find(|(first, _)| *first == first_seq);
    let (_, path) = found.ok_or_else(|| {
        let fault = format!("no sealed segment begins with record {first_seq}");
        io::Error::new(io::ErrorKind::NotFound, fault)
    })?;
    let mut bytes = whole(path)?;
    change(&mut bytes)?;
    if segment::is_packed(path) {
        return write_packed(disk, &mut &*bytes, path, &ON);
    }
    // The old bytes, packed a moment ago, must not outlive this.
    match fs::remove_file(segment::packed_name(path)) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
        _ => disk.sync_folder(folder)?,
    }
    let (fresh, file) = beside(path)?;
    write_whole(disk, &file, &bytes, 0)?;
    give_name(disk, &file, &fresh, path)
}

/// A sealed segment's bytes.
fn whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if !segment::is_packed(path) {
        File::open(path)?.read_to_end(&mut bytes)?;
        let last = bytes.iter().rposition(|byte| *byte != 0);
        let most = usize::try_from(packed::MOST_ZEROS).unwrap_or(usize::MAX);
        bytes.truncate(last.map_or(0, |last| last.saturating_add(most)));
        return Ok(bytes);
    }
    let mut unpacked = Unpacked::of(File::open(path)?)?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match unpacked.read(&mut piece)? {
            0 if unpacked.is_damaged() => {
                let fault = format!("{} cannot be unpacked", path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, fault));
            }
            0 => return Ok(bytes),
            read => bytes.extend_from_slice(piece.get(..read).unwrap_or_default()),
        }
    }
}

/// Makes the packed file, durable under its name.
fn write_packed(
    disk: &dyn Disk,
    mut segment: impl Read,
    path: &Path,
    ends: &AtomicBool,
) -> io::Result<()> {
    let (fresh, file) = beside(path)?;
    let out = Onto {
        disk,
        ends,
        file: &file,
        at: as_u64(HEAD_BYTES),
    };
    let written = packed::pack(&mut segment, out)
        .and_then(|head| write_whole(disk, &file, &head.bytes(), 0))
        .and_then(|()| give_name(disk, &file, &fresh, path));
    if written.is_err() {
        // On a full disk its bytes are wanted.
        let _ = fs::remove_file(&fresh);
    }
    written
}

fn beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let fresh = PathBuf::from(name);
    match fs::remove_file(&fresh) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(&fresh)?;
    Ok((fresh, file))
}

fn give_name(disk: &dyn Disk, file: &File, fresh: &Path, path: &Path) -> io::Result<()> {
    disk.sync_all(file)?;
    disk.rename(fresh, path)?;
    match path.parent() {
        Some(folder) => disk.sync_folder(folder),
        None => Ok(()),
    }
}

/// Writes one piece after the other through the journal's disk.
struct Onto<'a> {
    disk: &'a dyn Disk,
    ends: &'a AtomicBool,
    file: &'a File,
    at: u64,
}

impl Write for Onto<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        go_on(self.ends)?;
        write_whole(self.disk, self.file, bytes, self.at)?;
        self.at = self.at.saturating_add(as_u64(bytes.len()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn go_on(ends: &AtomicBool) -> io::Result<()> {
    match ends.load(Ordering::Acquire) {
        true => Err(io::Error::other("it was told to end")),
        false => Ok(()),
    }
}

fn as_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Whose turn it is to change sealed segments: one process has the journal, and in it one hand.
static TURNS: Mutex<()> = Mutex::new(());
/// For who does not end midway.
static ON: AtomicBool = AtomicBool::new(false);

/// The nicest there is (nice(2)).
const LAST: i32 = 19;
const LOOK_EVERY: Duration = Duration::from_secs(2);
const AFTER_A_FAULT: Duration = Duration::from_secs(30);
const PIECE_BYTES: usize = 256 * 1024;
