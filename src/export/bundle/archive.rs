//! Puts files into a plain tar, and takes them out again.
//!
//! In: names and bytes in the order of the names. Out: the tar; or where each file is in one.
//!
//! A head says name and size and nothing about whose machine it was made on: owner 0, mode 0644,
//! the moment 0. So every byte of a tar follows from the names and contents, and a tar whose heads or
//! blanks are others is told as such.
//!
//! Never: unpacks anything; a checker reads where it lies.
//!
//! POSIX.1-1988 (ustar).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use tar::{EntryType, Header};

use super::spool::Digesting;

/// A file in a tar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name.
    pub(super) name: String,
    /// Where its bytes begin.
    pub(super) offset: u64,
    /// How many there are.
    pub(super) bytes: u64,
    /// SHA-256 in hex.
    pub(super) sha256: String,
}

/// Puts one file.
pub(super) fn put(
    out: &mut impl Write,
    name: &str,
    bytes: u64,
    content: &mut impl Read,
) -> io::Result<()> {
    out.write_all(head(name, bytes)?.as_bytes())?;
    let copied = io::copy(&mut content.take(bytes), out)?;
    if copied != bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    out.write_all(&vec![0; blanks_behind(bytes)])
}

/// Puts the end.
pub(super) fn end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

/// The files of a tar, in their order, and what is wrong with it as a tar.
pub(super) fn list(
    path: &Path,
    mut progress: impl FnMut(u64, u64),
) -> io::Result<(Vec<Entry>, Vec<String>)> {
    let file = File::open(path)?;
    let total = file.metadata()?.len();
    let mut tar = Reading {
        input: BufReader::with_capacity(256 * 1024, file),
        at: 0,
    };
    let mut entries: Vec<Entry> = Vec::new();
    let mut faults = Vec::new();
    loop {
        let at = tar.at;
        let block = tar.block()?;
        let Some(block) = block else {
            faults.push(format!("byte {at}: the tar ends without its end mark"));
            break;
        };
        if block.iter().all(|byte| *byte == 0) {
            let second = tar.block()?;
            let is_end = second.is_some_and(|block| block.iter().all(|byte| *byte == 0));
            if !is_end || tar.block()?.is_some() || tar.at != total {
                faults.push(format!(
                    "byte {at}: something stands behind the end of the tar"
                ));
            }
            break;
        }
        let header = Header::from_byte_slice(&block);
        let name = header.path().ok();
        let name = name.and_then(|path| path.to_str().map(str::to_owned));
        let size = header.entry_size();
        let (Some(name), Ok(bytes)) = (name, size) else {
            faults.push(format!("byte {at}: no head of a file"));
            break;
        };
        let plain = head(&name, bytes);
        if !plain.is_ok_and(|plain| plain.as_bytes() == header.as_bytes()) {
            faults.push(format!(
                "`{name}`: its head in the tar is not the plain one"
            ));
        }
        if entries.last().is_some_and(|last| last.name >= name) {
            faults.push(format!(
                "`{name}`: it stands twice or not in the order of names"
            ));
        }
        let offset = tar.at;
        let Some(sha256) = tar.digest(bytes, |at| progress(at, total))? else {
            faults.push(format!("`{name}`: the tar ends within it"));
            break;
        };
        if !tar.blank(blanks_behind(bytes))? {
            faults.push(format!(
                "`{name}`: what fills up its last block is not blank"
            ));
        }
        entries.push(Entry {
            name,
            offset,
            bytes,
            sha256,
        });
    }
    Ok((entries, faults))
}

impl Entry {
    /// Its lines, from the tar at this path.
    pub(super) fn open(&self, path: &Path) -> io::Result<Lines> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        Ok(Lines {
            input: BufReader::with_capacity(64 * 1024, file.take(self.bytes)),
            number: 0,
        })
    }

    /// All of it, if it is not larger than anything of its kind. What is no text is none of stile's.
    pub(super) fn text(&self, path: &Path) -> io::Result<String> {
        if self.bytes > LARGEST_TEXT_BYTES {
            return Err(io::Error::other("it is too large"));
        }
        let mut bytes = Vec::new();
        self.open(path)?.input.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The lines of a file.
#[derive(Debug)]
pub(super) struct Lines {
    input: BufReader<io::Take<File>>,
    /// The number of the line that was read last, from 1.
    pub(super) number: u64,
}

impl Lines {
    /// The next line with its end, which is the last byte of the file in a whole one.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let limit = LARGEST_LINE_BYTES;
        let mut within = (&mut self.input).take(limit);
        let read = within.read_until(b'\n', &mut line)?;
        self.number = self.number.saturating_add(1);
        match read {
            0 => Ok(None),
            _ => Ok(Some(line)),
        }
    }

    /// So many bytes.
    pub(super) fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(count).unwrap_or(u64::MAX);
        (&mut self.input).take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

struct Reading {
    input: BufReader<File>,
    at: u64,
}

impl Reading {
    fn block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        match self.input.read_exact(&mut block) {
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            read => {
                read?;
                self.at = self.at.saturating_add(BLOCK_BYTES);
                Ok(Some(block))
            }
        }
    }

    /// The digest of the next bytes; none when there are not so many.
    fn digest(&mut self, bytes: u64, mut progress: impl FnMut(u64)) -> io::Result<Option<String>> {
        let mut digest = Digesting::new();
        let mut left = bytes;
        while left > 0 {
            let there = self.input.fill_buf()?;
            let some = usize::try_from(left).unwrap_or(usize::MAX).min(there.len());
            if some == 0 {
                return Ok(None);
            }
            digest.update(there.get(..some).unwrap_or_default());
            self.input.consume(some);
            let some = u64::try_from(some).unwrap_or(u64::MAX);
            left = left.saturating_sub(some);
            self.at = self.at.saturating_add(some);
            progress(self.at);
        }
        Ok(Some(digest.finish()))
    }

    fn blank(&mut self, count: usize) -> io::Result<bool> {
        let mut blanks = vec![0; count];
        match self.input.read_exact(&mut blanks) {
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            read => {
                read?;
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                self.at = self.at.saturating_add(count);
                Ok(blanks.iter().all(|byte| *byte == 0))
            }
        }
    }
}

fn head(name: &str, bytes: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    if bytes > LARGEST_FILE_BYTES {
        return Err(io::Error::other("a file of a plain tar has at most 8 GiB"));
    }
    header.set_size(bytes);
    header.set_cksum();
    Ok(header)
}

fn blanks_behind(bytes: u64) -> usize {
    let over = usize::try_from(bytes % BLOCK_BYTES).unwrap_or(0);
    (BLOCK - over) % BLOCK
}

const BLOCK: usize = 512;
const BLOCK_BYTES: u64 = 512;
const LARGEST_FILE_BYTES: u64 = 0o77_777_777_777;
const LARGEST_TEXT_BYTES: u64 = 64 * 1024 * 1024;
const LARGEST_LINE_BYTES: u64 = 4 * 1024 * 1024;
