//! Makes, names and recognises the files that frames lie in.
//!
//! In: a folder and where the journal stands. Out: a `Segment` that is durable under its name
//! before its first frame is written, or the [`SegmentHead`] of one that exists.
//!
//! A segment is `<first-seq, 20 digits>.seg`: a head of 512 bytes, then frames, then zeros up to
//! the preallocated size. All integers of the head are big-endian:
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 8 | magic `73 74 69 6c 65 f5 0d 0a` |
//! | 8 | 4 | format version: 1 |
//! | 12 | 4 | bytes of the head: 512 |
//! | 16 | 4 | CRC-32C of all the rest: bytes 0 to 15, then 20 to 511 |
//! | 20 | 8 | sequence number of its first frame |
//! | 28 | 32 | chain value before its first frame |
//! | 60 | 8 | when it was made, ms since 1970 |
//! | 68 | 2 | bytes of the origin, 1 to 255 |
//! | 70 | 2 | bytes of the boot id, at most 64 |
//! | 72 | n | origin, boot id, zeros |
//!
//! A segment is made as `next.tmp`, filled with its head, synced, renamed and its folder synced;
//! only then does it take a frame. Once another one follows it, it is made read-only, and later
//! packed: `<first-seq>.seg.zst`, `packed` says what is in it.
//!
//! Never: a record changed after that.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::disk::{Disk, write_whole};
use super::frame::Digest;
use super::packed;

/// Bytes of a segment before its first frame.
pub const SEGMENT_HEAD_BYTES: usize = 512;

/// What the head of a segment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHead {
    /// The log's name.
    pub origin: String,
    /// The kernel's boot id when it was made.
    pub boot_id: String,
    /// The sequence number of its first frame.
    pub first_seq: u64,
    /// The chain value before its first frame.
    pub previous_chain: Digest,
    /// When it was made, ms since 1970.
    pub made_ms: u64,
}

impl SegmentHead {
    /// The bytes of the head.
    pub fn bytes(&self) -> [u8; SEGMENT_HEAD_BYTES] {
        let mut rest = Vec::with_capacity(SEGMENT_HEAD_BYTES);
        rest.extend_from_slice(&self.first_seq.to_be_bytes());
        rest.extend_from_slice(&self.previous_chain);
        rest.extend_from_slice(&self.made_ms.to_be_bytes());
        rest.extend_from_slice(&length_of(&self.origin).to_be_bytes());
        rest.extend_from_slice(&length_of(&self.boot_id).to_be_bytes());
        rest.extend_from_slice(self.origin.as_bytes());
        rest.extend_from_slice(self.boot_id.as_bytes());
        rest.resize(SEGMENT_HEAD_BYTES - BEFORE_REST, 0);
        let begin = beginning();
        let crc = crc32c::crc32c_append(crc32c::crc32c(&begin), &rest);
        let mut head = [0; SEGMENT_HEAD_BYTES];
        head[..16].copy_from_slice(&begin);
        head[16..BEFORE_REST].copy_from_slice(&crc.to_be_bytes());
        head[BEFORE_REST..].copy_from_slice(&rest);
        head
    }

    /// Reads a head; the error says what is wrong with it.
    ///
    /// # Errors
    ///
    /// A few words on what is wrong.
    pub fn read(bytes: &[u8]) -> Result<SegmentHead, &'static str> {
        let head = bytes
            .first_chunk::<SEGMENT_HEAD_BYTES>()
            .ok_or("the file is shorter than a segment's head")?;
        let (begin, after) = head.split_first_chunk::<16>().ok_or(NOT_READABLE)?;
        let (crc, rest) = after.split_first_chunk::<4>().ok_or(NOT_READABLE)?;
        if begin != &beginning() {
            return Err("it does not begin like a segment of format 1");
        }
        if crc32c::crc32c_append(crc32c::crc32c(begin), rest) != u32::from_be_bytes(*crc) {
            return Err("the checksum of its head does not fit");
        }
        let (first_seq, rest) = rest.split_first_chunk::<8>().ok_or(NOT_READABLE)?;
        let (previous_chain, rest) = rest.split_first_chunk::<32>().ok_or(NOT_READABLE)?;
        let (made, rest) = rest.split_first_chunk::<8>().ok_or(NOT_READABLE)?;
        let (origin_bytes, rest) = rest.split_first_chunk::<2>().ok_or(NOT_READABLE)?;
        let (boot_bytes, rest) = rest.split_first_chunk::<2>().ok_or(NOT_READABLE)?;
        let (origin, rest) = text_of(rest, *origin_bytes).ok_or(NOT_READABLE)?;
        let (boot_id, _) = text_of(rest, *boot_bytes).ok_or(NOT_READABLE)?;
        Ok(SegmentHead {
            origin,
            boot_id,
            first_seq: u64::from_be_bytes(*first_seq),
            previous_chain: *previous_chain,
            made_ms: u64::from_be_bytes(*made),
        })
    }
}

/// A segment that takes frames.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// Where the next frame goes.
    pub(super) offset: u64,
    /// The preallocated size.
    pub(super) size_bytes: u64,
}

impl Segment {
    /// Bytes that are left for frames.
    pub(super) fn left_bytes(&self) -> u64 {
        self.size_bytes.saturating_sub(self.offset)
    }

    /// Nobody writes to it again.
    pub(super) fn seal(&self) -> io::Result<()> {
        self.file.set_permissions(Permissions::from_mode(0o400))
    }
}

/// Makes the file that will be the next segment, empty and as large as it will be.
pub(super) fn prepare(disk: &dyn Disk, folder: &Path, size_bytes: u64) -> io::Result<File> {
    let path = folder.join(NEXT);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    let made = disk
        .allocate(&file, size_bytes)
        .and_then(|()| disk.sync_all(&file));
    if let Err(fault) = made {
        // Half a reserve is none, and on a full disk its bytes are wanted.
        let _ = std::fs::remove_file(&path);
        return Err(fault);
    }
    Ok(file)
}

/// Gives a prepared file its head and its name; after this it may take frames.
pub(super) fn install(
    disk: &dyn Disk,
    folder: &Path,
    file: File,
    head: &SegmentHead,
) -> io::Result<Segment> {
    write_whole(disk, &file, &head.bytes(), 0)?;
    disk.sync_all(&file)?;
    let path = path_of(folder, head.first_seq);
    disk.rename(&folder.join(NEXT), &path)?;
    disk.sync_folder(folder)?;
    Ok(Segment {
        size_bytes: file.metadata()?.len(),
        file,
        path,
        offset: u64::try_from(SEGMENT_HEAD_BYTES).unwrap_or(u64::MAX),
    })
}

/// The path of a segment by the sequence number of its first frame.
pub fn path_of(folder: &Path, first_seq: u64) -> PathBuf {
    folder.join(format!("{first_seq:020}.seg"))
}

/// The segments of a folder by name: first sequence number and path, in order. One that is there
/// plain and packed is listed plain.
///
/// # Errors
///
/// As reading the folder.
pub fn list(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
        let plain = name.strip_suffix(packed::ENDING).unwrap_or(name);
        let digits = plain.strip_suffix(".seg").filter(|d| d.len() == 20);
        if let Some(first_seq) = digits.and_then(|d| d.parse::<u64>().ok()) {
            found.push((first_seq, path));
        }
    }
    // The plain name is the beginning of the packed one, so it comes first.
    found.sort();
    found.dedup_by_key(|(first_seq, _)| *first_seq);
    Ok(found)
}

/// Whether the segment under this name is packed.
pub fn is_packed(path: &Path) -> bool {
    path.as_os_str()
        .as_encoded_bytes()
        .ends_with(packed::ENDING.as_bytes())
}

/// How many bytes a segment has, unpacked where it is packed.
///
/// # Errors
///
/// As reading the file.
pub fn size_bytes(path: &Path) -> io::Result<u64> {
    match is_packed(path) {
        true => packed::unpacked_bytes(path),
        false => Ok(path.metadata()?.len()),
    }
}

/// What a segment was called before it was packed.
pub(super) fn plain_name(path: &Path) -> PathBuf {
    match is_packed(path) {
        true => path.with_extension(""),
        false => path.to_owned(),
    }
}

/// What a plain segment is called when packed.
pub(super) fn packed_name(plain: &Path) -> PathBuf {
    let mut name = plain.as_os_str().to_owned();
    name.push(packed::ENDING);
    PathBuf::from(name)
}

/// The files that recovery kept bytes of torn tails in, by name.
///
/// # Errors
///
/// As reading the folder.
pub fn torn_files(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".torn") {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

/// The name of the segment to come.
pub(super) const NEXT: &str = "next.tmp";

fn beginning() -> [u8; 16] {
    let mut begin = [0; 16];
    begin[..8].copy_from_slice(b"stile\xf5\r\n");
    begin[8..12].copy_from_slice(&1_u32.to_be_bytes());
    begin[12..].copy_from_slice(&512_u32.to_be_bytes());
    begin
}

fn length_of(text: &str) -> u16 {
    u16::try_from(text.len()).unwrap_or(u16::MAX)
}

fn text_of(bytes: &[u8], length: [u8; 2]) -> Option<(String, &[u8])> {
    let (text, rest) = bytes.split_at_checked(usize::from(u16::from_be_bytes(length)))?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

const BEFORE_REST: usize = 20;
const NOT_READABLE: &str = "its head cannot be read";

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> SegmentHead {
        SegmentHead {
            origin: "stile.example.com/main".to_owned(),
            boot_id: "2f9a1c2e-0000-4000-8000-000000000000".to_owned(),
            first_seq: 42,
            previous_chain: [3; 32],
            made_ms: 1_795_434_000_123,
        }
    }

    #[test]
    fn a_head_reads_back_as_written() {
        assert_eq!(SegmentHead::read(&head().bytes()), Ok(head()));
    }

    #[test]
    fn a_changed_byte_anywhere_in_the_head_is_found() {
        for at in 0..SEGMENT_HEAD_BYTES {
            let mut bytes = head().bytes();
            bytes[at] ^= 1;
            assert!(SegmentHead::read(&bytes).is_err(), "byte {at}");
        }
    }
}
