//! Packs a segment that is never written again, and unpacks it while it is read.
//!
//! In: the bytes of a segment. Out: a packed file: a head of 32 bytes, then one Zstandard frame of
//! the segment without the room at its end. Or the way back, as a reader in constant memory.
//!
//! The head is a skippable frame (RFC 8878, 3.1.2), so that `zstd -d` unpacks the whole file and
//! nothing of ours is needed to read what is in it:
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 8 | `5e 2a 4d 18 18 00 00 00`: a skippable frame of 24 bytes |
//! | 8 | 8 | magic `73 74 69 6c 65 f5 0d 7a` |
//! | 16 | 8 | bytes of the segment when unpacked, big-endian |
//! | 24 | 4 | CRC-32C of all after byte 31, big-endian |
//! | 28 | 4 | CRC-32C of bytes 0 to 27, big-endian |
//!
//! Zstandard's own checksum is of what it unpacks to; a changed byte of its headers can leave that
//! as it was. The one in our head is of the bytes that lie there, so none can be changed unseen.
//!
//! Never: unpacks more than the head says, or with more memory than packing took.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use zstd::stream::raw::{CParameter, DParameter};
use zstd::stream::{Encoder, read};

/// What stands behind the name of a segment that is packed.
pub(super) const ENDING: &str = ".zst";
/// Bytes of a packed file before what is packed.
pub(super) const HEAD_BYTES: usize = 32;

/// What the head of a packed file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PackedHead {
    /// Bytes of the segment.
    pub(super) unpacked_bytes: u64,
    /// CRC-32C of what follows the head.
    pub(super) sum: u32,
}

impl PackedHead {
    /// The bytes of the head.
    pub(super) fn bytes(self) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        head[..16].copy_from_slice(&BEGINNING);
        head[16..24].copy_from_slice(&self.unpacked_bytes.to_be_bytes());
        head[24..28].copy_from_slice(&self.sum.to_be_bytes());
        let sum = crc32c::crc32c(&head[..28]);
        head[28..].copy_from_slice(&sum.to_be_bytes());
        head
    }

    /// Reads a head; none where the bytes are none.
    fn read(head: &[u8; HEAD_BYTES]) -> Option<PackedHead> {
        let (said, sum) = head.split_last_chunk::<4>()?;
        let (begin, rest) = said.split_first_chunk::<16>()?;
        let (unpacked, body) = rest.split_first_chunk::<8>()?;
        let is_whole = crc32c::crc32c(said) == u32::from_be_bytes(*sum) && *begin == BEGINNING;
        is_whole.then_some(PackedHead {
            unpacked_bytes: u64::from_be_bytes(*unpacked),
            sum: u32::from_be_bytes(*body.first_chunk::<4>()?),
        })
    }
}

/// Packs what `segment` gives into `out`, without the room at its end; gives back the head that
/// belongs before it. Up to [`MOST_ZEROS`] zeros stay: an erased record may end in some.
pub(super) fn pack(segment: &mut impl Read, out: impl Write) -> io::Result<PackedHead> {
    let mut packer = Encoder::new(Summed { out, sum: 0 }, LEVEL)?;
    packer.set_parameter(CParameter::ChecksumFlag(true))?;
    packer.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
    let mut window = vec![0; PIECE_BYTES];
    let (mut bytes, mut zeros) = (0_u64, 0_u64);
    loop {
        let read = match segment.read(&mut window) {
            Ok(0) => break,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let piece = window.get(..read).unwrap_or_default();
        // Zeros are kept back until something follows them.
        let Some(last) = piece.iter().rposition(|byte| *byte != 0) else {
            zeros = zeros.saturating_add(as_u64(read));
            continue;
        };
        bytes = bytes.saturating_add(zeros);
        io::copy(&mut io::repeat(0).take(zeros), &mut packer)?;
        let kept = piece.get(..=last).unwrap_or_default();
        packer.write_all(kept)?;
        bytes = bytes.saturating_add(as_u64(kept.len()));
        zeros = as_u64(piece.len().saturating_sub(kept.len()));
    }
    let zeros = zeros.min(MOST_ZEROS);
    bytes = bytes.saturating_add(zeros);
    io::copy(&mut io::repeat(0).take(zeros), &mut packer)?;
    let Summed { sum, mut out } = packer.finish()?;
    out.flush()?;
    Ok(PackedHead {
        unpacked_bytes: bytes,
        sum,
    })
}

/// How many bytes a packed file has when unpacked, by its head; none where that is bad.
pub(super) fn unpacked_bytes(path: &Path) -> io::Result<u64> {
    let mut head = [0; HEAD_BYTES];
    match File::open(path)?.read_exact(&mut head) {
        Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        read => read.map(|()| PackedHead::read(&head).map_or(0, |head| head.unpacked_bytes)),
    }
}

/// The segment in a packed file, from its beginning to its end.
pub(super) struct Unpacked {
    inner: Option<read::Decoder<'static, BufReader<Summed<File>>>>,
    sum: u32,
    left: u64,
    is_damaged: bool,
}

impl Unpacked {
    /// Opens a packed file. One with a bad head reads as empty and damaged.
    ///
    /// # Errors
    ///
    /// As reading the file.
    pub(super) fn of(mut file: File) -> io::Result<Unpacked> {
        let mut head = [0; HEAD_BYTES];
        let read = match file.read_exact(&mut head) {
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => None,
            read => read.map(|()| PackedHead::read(&head))?,
        };
        let Some(head) = read else {
            return Ok(Unpacked::damaged());
        };
        let summed = Summed { out: file, sum: 0 };
        let mut inner = read::Decoder::with_buffer(BufReader::with_capacity(PIECE_BYTES, summed))?;
        inner.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
        Ok(Unpacked {
            inner: Some(inner),
            sum: head.sum,
            left: head.unpacked_bytes,
            is_damaged: false,
        })
    }

    fn damaged() -> Unpacked {
        Unpacked {
            inner: None,
            sum: 0,
            left: 0,
            is_damaged: true,
        }
    }

    /// Whether it ended before it should have, or is not what was packed. Known at the end only.
    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// The next bytes; none at the end, and none where nothing more can be unpacked.
    ///
    /// # Errors
    ///
    /// As reading the file.
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let Some(inner) = self.inner.as_mut().filter(|_| !room.is_empty()) else {
            return Ok(0);
        };
        match inner.read(room) {
            Ok(0) => self.end(),
            Ok(read) => match self.left.checked_sub(as_u64(read)) {
                Some(left) => {
                    self.left = left;
                    return Ok(read);
                }
                None => self.give_up(),
            },
            // The kernel's faults have numbers, what cannot be unpacked has none.
            Err(fault) if fault.raw_os_error().is_some() => return Err(fault),
            Err(_) => self.give_up(),
        }
        Ok(0)
    }

    /// Everything was unpacked: is it all, and was it that?
    fn end(&mut self) {
        let sum = self.inner.take().map(|inner| inner.get_ref().get_ref().sum);
        self.is_damaged = self.left > 0 || sum != Some(self.sum);
    }

    fn give_up(&mut self) {
        *self = Unpacked::damaged();
    }
}

impl std::fmt::Debug for Unpacked {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let left = self.left;
        to.debug_struct("Unpacked")
            .field("left", &left)
            .finish_non_exhaustive()
    }
}

/// Sums up what passes.
#[derive(Debug)]
struct Summed<T> {
    out: T,
    sum: u32,
}

impl<T: Write> Write for Summed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        let passed = bytes.get(..written).unwrap_or_default();
        self.sum = crc32c::crc32c_append(self.sum, passed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<T: Read> Read for Summed<T> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.out.read(room)?;
        let passed = room.get(..read).unwrap_or_default();
        self.sum = crc32c::crc32c_append(self.sum, passed);
        Ok(read)
    }
}

fn as_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

const BEGINNING: [u8; 16] = *b"\x5e\x2a\x4d\x18\x18\0\0\0stile\xf5\rz";
/// Levels above this one cost four times as much for a tenth less.
const LEVEL: i32 = 3;
/// 4 MiB: what packing and unpacking keep in memory.
const WINDOW_LOG: u32 = 22;
const PIECE_BYTES: usize = 256 * 1024;

/// Zeros that may belong to the last frame: as many as one has bytes.
pub(super) const MOST_ZEROS: u64 = 1 << 17;

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(segment: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        let head = pack(&mut &*segment, &mut body).unwrap();
        [&head.bytes()[..], &body].concat()
    }

    fn unpacked(bytes: &[u8]) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.zst");
        std::fs::write(&path, bytes).unwrap();
        let mut reader = Unpacked::of(File::open(&path).unwrap()).unwrap();
        let (mut out, mut window) = (Vec::new(), [0; 1000]);
        loop {
            match reader.read(&mut window).unwrap() {
                0 => return (!reader.is_damaged()).then_some(out),
                read => out.extend_from_slice(&window[..read]),
            }
        }
    }

    fn segment() -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..60_000_u32).flat_map(u32::to_be_bytes).collect();
        // Zeros within are the segment's, those at its end are room that was never used.
        bytes.splice(5_000..5_000, vec![0; PIECE_BYTES * 2]);
        bytes.extend_from_slice(&[1, 0, 0, 0]);
        bytes
    }

    #[test]
    fn what_is_packed_unpacks_to_the_same_without_the_room_at_its_end() {
        let segment = segment();
        assert_eq!(unpacked(&packed(&segment)).as_deref(), Some(&segment[..]));
        assert_eq!(unpacked(&packed(&[])).as_deref(), Some(&[][..]));
        let most = usize::try_from(MOST_ZEROS).unwrap();
        let room = [&segment[..segment.len() - 3], &vec![0; 1 << 20]].concat();
        let kept = &room[..segment.len() - 3 + most];
        assert_eq!(unpacked(&packed(&room)).as_deref(), Some(kept));
    }

    #[test]
    fn a_changed_byte_anywhere_is_found() {
        let packed = packed(b"a short segment, so that each byte can be tried; a short segment");
        for at in 0..packed.len() {
            for bit in 0..8 {
                let mut changed = packed.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(unpacked(&changed), None, "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_cut_anywhere_and_anything_behind_the_end_are_found() {
        let packed = packed(b"a short segment, so that each cut can be tried; a short segment");
        for at in 0..packed.len() {
            assert_eq!(unpacked(&packed[..at]), None, "{at}");
        }
        assert_eq!(unpacked(&[&packed[..], b"x"].concat()), None);
        let twice = [&packed[..], &packed[HEAD_BYTES..]].concat();
        assert_eq!(unpacked(&twice), None);
    }

    #[test]
    fn more_than_the_head_says_is_not_unpacked() {
        let mut body = Vec::new();
        let mut head = pack(&mut &vec![1; 100_000][..], &mut body).unwrap();
        head.unpacked_bytes = 99_999;
        assert_eq!(unpacked(&[&head.bytes()[..], &body].concat()), None);
    }
}
