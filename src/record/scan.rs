//! Reads one segment front to back without believing it.
//!
//! In: an open segment. Out: its head, then frame by frame, until the zeros at its end or the first
//! bytes that are no frame; from there on, if asked, the next bytes that are one.
//!
//! Memory is one buffer, however large the segment. A [`Scan`] knows bytes only; order, chain and
//! meaning are for who reads it: recovery, verification and reading.
//!
//! Never: writes.

use std::io;
use std::path::Path;

use super::frame::{self, Extent, Flaw, Frame, MAGIC};
use super::segment::{SEGMENT_HEAD_BYTES, SegmentHead};
use super::source::Source;

/// A segment being read.
#[derive(Debug)]
pub struct Scan {
    file: Source,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where `start` is in the file.
    offset: u64,
}

/// What comes next in a segment.
#[derive(Debug)]
pub enum Step<'a> {
    /// A whole frame whose checksum fits.
    Frame {
        /// Where it begins in the file.
        offset: u64,
        /// The frame.
        frame: Frame<'a>,
    },
    /// Bytes that are no frame and not only zeros.
    Flaw {
        /// Where they begin in the file.
        offset: u64,
        /// What is wrong with them.
        flaw: Flaw,
    },
    /// Nothing but zeros, or nothing at all.
    End {
        /// Where the frames end in the file.
        offset: u64,
    },
}

/// A frame whose disclosure is not what was written there.
#[derive(Debug)]
pub(super) struct LeafAlone {
    /// Where it begins in the file.
    pub(super) offset: u64,
    bytes: Vec<u8>,
    /// Whether a whole frame comes behind.
    pub(super) is_followed: bool,
}

impl LeafAlone {
    /// The frame, without the disclosure.
    pub(super) fn frame(&self) -> Option<Frame<'_>> {
        Frame::read_leaf(&self.bytes).ok().map(|(frame, _)| frame)
    }
}

impl Scan {
    /// Opens a segment and reads its head; the inner error says what is wrong with the head.
    ///
    /// # Errors
    ///
    /// As opening and reading the file.
    pub fn open(path: &Path) -> io::Result<(Scan, Result<SegmentHead, &'static str>)> {
        let mut scan = Scan {
            file: Source::open(path)?,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            offset: 0,
        };
        scan.fill(SEGMENT_HEAD_BYTES)?;
        let head = SegmentHead::read(scan.ready());
        scan.skip(SEGMENT_HEAD_BYTES.min(scan.ready().len()));
        Ok((scan, head))
    }

    /// Reads on. After a [`Step::Flaw`] it stays where it is; see [`Scan::resume`].
    ///
    /// # Errors
    ///
    /// As reading the file.
    pub fn advance(&mut self) -> io::Result<Step<'_>> {
        let offset = self.offset;
        self.fill(8)?;
        if self.ready().first().is_none_or(|first| *first == 0) {
            return match self.only_zeros_follow()? {
                true if self.file.is_damaged() => Ok(Step::Flaw {
                    offset,
                    flaw: Flaw::Packed,
                }),
                true => Ok(Step::End { offset }),
                false => Ok(Step::Flaw {
                    offset,
                    flaw: Flaw::Magic,
                }),
            };
        }
        if let Err(flaw) = self.fill_frame()? {
            return Ok(Step::Flaw { offset, flaw });
        }
        Ok(match self.take_frame() {
            Ok(frame) => Step::Frame { offset, frame },
            Err(flaw) => Step::Flaw { offset, flaw },
        })
    }

    /// The frame that is ready, which the scan then is behind; where there is none, it stays.
    fn take_frame(&mut self) -> Result<Frame<'_>, Flaw> {
        // Field by field, so that the checksums are computed once.
        let Scan {
            buffer,
            start,
            end,
            offset,
            ..
        } = self;
        let frame = Frame::read(buffer.get(*start..*end).unwrap_or_default())?;
        let size = frame.size_bytes();
        *start = start.saturating_add(size);
        *offset = offset.saturating_add(u64::try_from(size).unwrap_or(u64::MAX));
        Ok(frame)
    }

    /// Looks beyond a flaw for the next whole frame and goes there; `false` when there is none.
    ///
    /// # Errors
    ///
    /// As reading the file.
    pub fn resume(&mut self) -> io::Result<bool> {
        self.skip(1);
        self.seek_frame()
    }

    /// The frame at a [`Flaw::Disclosure`], without its disclosure: its leaf is whole. Where it
    /// begins, and its bytes. The scan then stands at the next whole frame, if there is one.
    ///
    /// # Errors
    ///
    /// As reading the file.
    pub(super) fn leaf_alone(&mut self) -> io::Result<Option<LeafAlone>> {
        let offset = self.offset;
        let Ok((frame, _)) = Frame::read_leaf(self.ready()) else {
            return Ok(None);
        };
        let size = frame.size_bytes();
        let bytes = self.ready().get(..size).unwrap_or_default().to_vec();
        self.skip(size);
        Ok(Some(LeafAlone {
            offset,
            bytes,
            is_followed: self.seek_frame()?,
        }))
    }

    fn seek_frame(&mut self) -> io::Result<bool> {
        while self.fill(frame::HEAD_BYTES)? {
            let [first, ..] = MAGIC;
            let Some(candidate) = self.ready().iter().position(|byte| *byte == first) else {
                self.skip(self.ready().len());
                continue;
            };
            self.skip(candidate);
            if self.has_whole()? {
                return Ok(true);
            }
            self.skip(1);
        }
        Ok(false)
    }

    /// The next frame, where a whole one is there already. Else it stays where it is: what lies there
    /// may be in the middle of being written.
    ///
    /// # Errors
    ///
    /// As reading the file.
    pub fn next_whole(&mut self) -> io::Result<Option<Frame<'_>>> {
        if self.fill_frame()?.is_err() {
            return Ok(None);
        }
        Ok(self.take_frame().ok())
    }

    /// Whether a whole frame comes next.
    ///
    /// # Errors
    ///
    /// As reading the file.
    pub(super) fn has_whole(&mut self) -> io::Result<bool> {
        Ok(self.fill_frame()?.is_ok() && Frame::read(self.ready()).is_ok())
    }

    /// Sees to it that the frame that begins here is ready; how many bytes it has.
    fn fill_frame(&mut self) -> io::Result<Result<usize, Flaw>> {
        loop {
            let (bytes, is_all) = match frame::extent(self.ready()) {
                Err(flaw) => return Ok(Err(flaw)),
                Ok(Extent::Whole(bytes)) => (bytes, true),
                Ok(Extent::AtLeast(bytes)) => (bytes, false),
            };
            match self.fill(bytes)? {
                true if is_all => return Ok(Ok(bytes)),
                true => {}
                false => return Ok(Err(self.short())),
            }
        }
    }

    /// Forgets what it has read ahead, so that the same place is read again: while someone writes,
    /// bytes read a moment ago may have been half of a frame.
    ///
    /// # Errors
    ///
    /// As seeking in the file.
    pub fn look_again(&mut self) -> io::Result<()> {
        // What is packed is written no more.
        if self.file.seek(self.offset)? {
            self.start = 0;
            self.end = 0;
        }
        Ok(())
    }

    /// Where it reads next in the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn ready(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn skip(&mut self, bytes: usize) {
        let bytes = bytes.min(self.end.saturating_sub(self.start));
        self.start = self.start.saturating_add(bytes);
        self.offset = self
            .offset
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Sees to it that so many bytes are ready; `false` when the file has fewer.
    fn fill(&mut self, bytes: usize) -> io::Result<bool> {
        if self.ready().len() >= bytes {
            return Ok(true);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end = self.end.saturating_sub(self.start);
        self.start = 0;
        while self.end < bytes {
            let most = self.end.saturating_add(PIECE_BYTES).min(self.buffer.len());
            let room = self.buffer.get_mut(self.end..most).unwrap_or_default();
            match self.file.read(room) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end = self.end.saturating_add(read),
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(true)
    }

    /// Reads to the end of the file when there are only zeros; else stays before what is none.
    fn only_zeros_follow(&mut self) -> io::Result<bool> {
        if self.ready().iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        // By position: reading on with the file's own cursor would lose the place.
        let ready = u64::try_from(self.ready().len()).unwrap_or(u64::MAX);
        let mut at = self.offset.saturating_add(ready);
        let mut window = vec![0; BUFFER_BYTES / 4];
        loop {
            match self.file.read_at(&mut window, at) {
                None => {
                    self.skip(self.ready().len());
                    match self.fill(1)? {
                        true if !is_zero(self.ready()) => return Ok(false),
                        true => {}
                        false => return Ok(true),
                    }
                }
                Some(Ok(0)) => return Ok(true),
                Some(Ok(read)) => {
                    let seen = window.get(..read).unwrap_or_default();
                    if !is_zero(seen) {
                        return Ok(false);
                    }
                    at = at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
                }
                Some(Err(fault)) if fault.kind() == io::ErrorKind::Interrupted => {}
                Some(Err(fault)) => return Err(fault),
            }
        }
    }

    /// Why a frame is not all there.
    fn short(&self) -> Flaw {
        match self.file.is_damaged() {
            true => Flaw::Packed,
            false => Flaw::TooShort,
        }
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<64>();
    words.iter().all(|w| w == &[0; 64]) && rest.iter().all(|b| *b == 0)
}

/// Larger than the largest frame, so that one always fits.
const BUFFER_BYTES: usize = 1 << 20;

/// Read at a time: what was read is still in the processor's cache when it is summed up.
const PIECE_BYTES: usize = 1 << 16;
