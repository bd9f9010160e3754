//! Gives the bytes of a segment, whether it lies there plain or packed.
//!
//! In: the path of a segment as it was listed. Out: its bytes from the beginning on; of a plain one
//! also those at any place, because it may still be written.
//!
//! A segment that was listed plain may be packed by the time it is opened; then the packed one is.
//!
//! Never: writes.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::packed::Unpacked;
use super::segment::{is_packed, packed_name};

/// The bytes of a segment.
#[derive(Debug)]
pub(super) enum Source {
    /// As it was written.
    Plain(File),
    /// As it was packed.
    Packed(Box<Unpacked>),
}

impl Source {
    /// Opens a segment.
    ///
    /// # Errors
    ///
    /// As opening and reading the file.
    pub(super) fn open(path: &Path) -> io::Result<Source> {
        let unpacked = |path: &Path| {
            let unpacked = Unpacked::of(File::open(path)?)?;
            Ok(Source::Packed(Box::new(unpacked)))
        };
        if is_packed(path) {
            return unpacked(path);
        }
        match File::open(path) {
            Ok(file) => Ok(Source::Plain(file)),
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => {
                unpacked(&packed_name(path)).map_err(|_| gone)
            }
            Err(fault) => Err(fault),
        }
    }

    /// The next bytes; none at the end.
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::Plain(file) => file.read(room),
            Source::Packed(unpacked) => unpacked.read(room),
        }
    }

    /// The bytes at a place; nothing of a packed one, which is read from front to back only.
    pub(super) fn read_at(&self, room: &mut [u8], offset: u64) -> Option<io::Result<usize>> {
        match self {
            Source::Plain(file) => Some(file.read_at(room, offset)),
            Source::Packed(_) => None,
        }
    }

    /// Goes to a place; `false` of a packed one, which stays where it is.
    pub(super) fn seek(&mut self, offset: u64) -> io::Result<bool> {
        match self {
            Source::Plain(file) => file.seek(io::SeekFrom::Start(offset)).map(|_| true),
            Source::Packed(_) => Ok(false),
        }
    }

    /// Whether a packed one ended before it should have, or is not what was packed.
    pub(super) fn is_damaged(&self) -> bool {
        match self {
            Source::Plain(_) => false,
            Source::Packed(unpacked) => unpacked.is_damaged(),
        }
    }
}
