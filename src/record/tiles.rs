//! Lays a log out as files that anybody can serve and check without us.
//!
//! In: records in order. Out: `tile/<L>/<N>[.p/<W>]`, 256 hashes each, and
//! `tile/entries/<N>[.p/<W>]`, 256 records each, a 16-bit length before each one.
//!
//! All of it is derived: it can be thrown away and made again from the segments. A tile is written
//! under another name, made durable and only then given its own, so that a file under its name is
//! whole. Tiles that are full never change; a partial one goes when the full one is there.
//!
//! Never: a tile that another part of the tree contradicts; [`Tiles`] only reads, `TileWriter`
//! only goes on where its last sizes end.
//!
//! C2SP tlog-tiles; RFC 6962 2.1.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Disk, put_all};
use super::frame::{Digest, leaf_hash};
use super::merkle::{Frontier, Nodes};

/// The tiles in a folder, to be read.
#[derive(Clone, Debug)]
pub struct Tiles {
    folder: PathBuf,
}

/// The right edge of a log, to be gone on with.
#[derive(Debug)]
pub(super) struct TileWriter {
    folder: PathBuf,
    tree: Frontier,
    /// The hashes of the last tile of each level, fewer than 256.
    edges: Vec<Vec<Digest>>,
    /// The records of the last bundle, as they will be written.
    bundle: Vec<u8>,
    /// Full tiles that are not on the disk yet.
    full: Vec<(PathBuf, Vec<u8>)>,
    /// Folders of partial tiles that full ones stand in for now.
    stale: Vec<PathBuf>,
}

impl Tiles {
    /// The tiles in this folder.
    pub fn at(folder: &Path) -> Tiles {
        Tiles {
            folder: folder.to_owned(),
        }
    }

    /// The first hashes of a tile, from the full file or from a partial one that has them.
    fn hashes(&self, level: usize, index: u64, count: usize) -> io::Result<Vec<Digest>> {
        let bytes = self.read(&tile_path(level, index), count, |bytes| {
            bytes.len() >= count.saturating_mul(32)
        })?;
        let (hashes, _) = bytes.as_chunks::<32>();
        Ok(hashes.get(..count).unwrap_or_default().to_vec())
    }

    /// The leaf hashes of the tile that record `seq` is in, as many as there are of it.
    pub(super) fn leaves(&self, seq: u64) -> io::Result<Vec<Digest>> {
        let path = self.folder.join(tile_path(0, seq / WIDTH));
        let bytes = match fs::read(&path) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                let widest = widths(&path)?.into_iter().max();
                let widest = widest.ok_or(fault)?;
                fs::read(partial_path(&path, widest))?
            }
            read => read?,
        };
        Ok(bytes.as_chunks::<32>().0.to_vec())
    }

    /// The first bytes of a bundle: so many records.
    fn bundle(&self, index: u64, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = self.read(&bundle_path(index), count, |_| true)?;
        let end = end_of_record(&bytes, count)?;
        bytes.truncate(end);
        Ok(bytes)
    }

    fn read(
        &self,
        path: &Path,
        count: usize,
        is_enough: impl Fn(&[u8]) -> bool,
    ) -> io::Result<Vec<u8>> {
        let path = self.folder.join(path);
        let read = match fs::read(&path) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                let wide = widths(&path)?.into_iter().filter(|width| *width >= count);
                fs::read(partial_path(&path, wide.min().ok_or(fault)?))?
            }
            read => read?,
        };
        match is_enough(&read) {
            true => Ok(read),
            false => Err(damaged(&path)),
        }
    }
}

impl Nodes for Tiles {
    type Fault = io::Error;

    fn node(&self, height: u32, index: u64) -> io::Result<Digest> {
        let (level, within) = (height / 8, height % 8);
        let level = usize::try_from(level).unwrap_or(usize::MAX);
        let first = index << within;
        let begin = usize::try_from(first % WIDTH).unwrap_or(0);
        let end = begin.saturating_add(1 << within);
        let hashes = self.hashes(level, first / WIDTH, end)?;
        let mut tree = Frontier::default();
        let inside = hashes.get(begin..end).unwrap_or_default();
        inside.iter().for_each(|hash| tree.push(*hash));
        Ok(tree.root())
    }
}

impl TileWriter {
    /// A log without records.
    pub(super) fn begin(folder: &Path) -> TileWriter {
        TileWriter {
            folder: folder.to_owned(),
            tree: Frontier::default(),
            edges: Vec::new(),
            bundle: Vec::new(),
            full: Vec::new(),
            stale: Vec::new(),
        }
    }

    /// Goes on behind the first `size` records, from what is on the disk.
    pub(super) fn resume(folder: &Path, size: u64) -> io::Result<TileWriter> {
        let tiles = Tiles::at(folder);
        let mut writer = TileWriter::begin(folder);
        let mut peaks = Vec::new();
        let mut left = size;
        while left > 0 {
            let width = usize::try_from(left % WIDTH).unwrap_or(0);
            let hashes = match width {
                0 => Vec::new(),
                _ => tiles.hashes(writer.edges.len(), left / WIDTH, width)?,
            };
            writer.edges.push(hashes);
            left /= WIDTH;
        }
        for hashes in writer.edges.iter().rev() {
            peaks.extend(peaks_of(hashes));
        }
        let width = usize::try_from(size % WIDTH).unwrap_or(0);
        if width > 0 {
            writer.bundle = tiles.bundle(size / WIDTH, width)?;
        }
        writer.tree = Frontier::of_peaks(size, peaks).ok_or_else(|| damaged(folder))?;
        Ok(writer)
    }

    /// The tree so far.
    pub(super) fn tree(&self) -> &Frontier {
        &self.tree
    }

    /// Appends a record.
    pub(super) fn push(&mut self, payload: &[u8]) {
        let leaf = leaf_hash(payload);
        let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        self.bundle.extend_from_slice(&length.to_be_bytes());
        self.bundle.extend_from_slice(payload);
        self.tree.push(leaf);
        if self.tree.size().is_multiple_of(WIDTH) {
            let index = (self.tree.size() / WIDTH).saturating_sub(1);
            let bytes = std::mem::take(&mut self.bundle);
            self.is_full(bundle_path(index), bytes);
        }
        self.enter(0, leaf);
    }

    /// How many files wait to be written.
    pub(super) fn waiting(&self) -> usize {
        self.full.len()
    }

    /// Writes what is full; with `edge` the partial tiles of this size as well, so that a
    /// checkpoint of it can be published.
    pub(super) fn flush(&mut self, disk: &dyn Disk, edge: bool) -> io::Result<()> {
        let mut files: Vec<(PathBuf, &[u8])> = Vec::new();
        let edges: Vec<(PathBuf, Vec<u8>)> = match edge {
            true => self.edge(),
            false => Vec::new(),
        };
        for (path, bytes) in self.full.iter().chain(&edges) {
            files.push((self.folder.join(path), bytes));
        }
        put_all(disk, &self.folder, &files)?;
        self.full.clear();
        for stale in self.stale.drain(..) {
            // What is left of it is a few files that nobody asks for.
            let _ = fs::remove_dir_all(self.folder.join(stale));
        }
        Ok(())
    }

    fn enter(&mut self, level: usize, hash: Digest) {
        let mut hash = hash;
        for level in level.. {
            if self.edges.len() <= level {
                self.edges.push(Vec::with_capacity(256));
            }
            let Some(edge) = self.edges.get_mut(level) else {
                return;
            };
            edge.push(hash);
            if edge.len() < 256 {
                return;
            }
            let tile = std::mem::take(edge);
            let mut tree = Frontier::default();
            tile.iter().for_each(|hash| tree.push(*hash));
            hash = tree.root();
            let span = WIDTH.saturating_pow(u32::try_from(level).unwrap_or(u32::MAX));
            let index = (self.tree.size() / span / WIDTH).saturating_sub(1);
            self.is_full(tile_path(level, index), tile.concat());
        }
    }

    fn is_full(&mut self, path: PathBuf, bytes: Vec<u8>) {
        self.stale.push(partials_path(&path));
        self.full.push((path, bytes));
    }

    /// The partial tiles of this size.
    fn edge(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut index = self.tree.size();
        for (level, hashes) in self.edges.iter().enumerate() {
            index /= WIDTH;
            if !hashes.is_empty() {
                let path = partial_path(&tile_path(level, index), hashes.len());
                files.push((path, hashes.concat()));
            }
        }
        let width = usize::try_from(self.tree.size() % WIDTH).unwrap_or(0);
        if width > 0 {
            let path = partial_path(&bundle_path(self.tree.size() / WIDTH), width);
            files.push((path, self.bundle.clone()));
        }
        files
    }
}

/// Removes the bundles of records before this one, oldest first, and leaves all hashes: what they are
/// of is in no segment either.
pub(super) fn take_bundles_away(folder: &Path, before: u64) -> io::Result<()> {
    let is_there = |index: u64| folder.join(bundle_path(index)).exists();
    let end = before / WIDTH;
    // Those that are left are in one piece: the first is found by halves.
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        match is_there(middle) {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    for index in low..end {
        let path = folder.join(bundle_path(index));
        match fs::remove_file(&path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            _ => {}
        }
        if index % 1000 == 999
            && let Some(above) = path.parent()
        {
            // Left where something else lies in it.
            let _ = fs::remove_dir(above);
        }
    }
    Ok(())
}

/// The roots of the full subtrees over these hashes, the largest first.
fn peaks_of(hashes: &[Digest]) -> Vec<Digest> {
    let mut peaks = Vec::new();
    let mut begin = 0;
    for bit in (0..8).rev() {
        if hashes.len() >> bit & 1 == 1 {
            let end = begin + (1 << bit);
            let mut tree = Frontier::default();
            let inside = hashes.get(begin..end).unwrap_or_default();
            inside.iter().for_each(|hash| tree.push(*hash));
            peaks.push(tree.root());
            begin = end;
        }
    }
    peaks
}

/// Where the first so many records of a bundle end.
fn end_of_record(bytes: &[u8], count: usize) -> io::Result<usize> {
    let mut at = 0_usize;
    for _ in 0..count {
        let length = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>());
        let length = length.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        at = at.saturating_add(2 + usize::from(u16::from_be_bytes(*length)));
    }
    match at <= bytes.len() {
        true => Ok(at),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn tile_path(level: usize, index: u64) -> PathBuf {
    Path::new("tile").join(level.to_string()).join(split(index))
}

fn bundle_path(index: u64) -> PathBuf {
    Path::new("tile/entries").join(split(index))
}

/// `1234067` is `x001/x234/067`.
fn split(index: u64) -> PathBuf {
    let digits = index.to_string();
    let wide = digits.len().div_ceil(3).saturating_mul(3);
    let digits = format!("{index:0wide$}");
    let (groups, _) = digits.as_bytes().as_chunks::<3>();
    let mut path = PathBuf::new();
    for (at, group) in groups.iter().enumerate() {
        let group = String::from_utf8_lossy(group);
        let last = at.saturating_add(1) == groups.len();
        path.push(match last {
            true => group.into_owned(),
            false => format!("x{group}"),
        });
    }
    path
}

fn partials_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".p");
    PathBuf::from(name)
}

fn partial_path(path: &Path, width: usize) -> PathBuf {
    partials_path(path).join(width.to_string())
}

/// The widths of a tile's partial files.
fn widths(path: &Path) -> io::Result<Vec<usize>> {
    let listed = match fs::read_dir(partials_path(path)) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let mut found = Vec::new();
    for entry in listed {
        let name = entry?.file_name();
        found.extend(name.to_str().and_then(|name| name.parse::<usize>().ok()));
    }
    Ok(found)
}

fn damaged(path: &Path) -> io::Error {
    let fault = format!("{} is shorter than its records", path.display());
    io::Error::new(io::ErrorKind::InvalidData, fault)
}

/// Hashes of a full tile.
const WIDTH: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::disk::RealDisk;
    use crate::record::merkle::{consistency, frontier_of, inclusion, is_consistent};

    #[test]
    fn an_index_is_split_as_documented() {
        assert_eq!(split(1_234_067), Path::new("x001/x234/067"));
        assert_eq!(split(5), Path::new("005"));
        assert_eq!(split(1000), Path::new("x001/000"));
    }

    #[test]
    fn a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = TileWriter::begin(folder.path());
        for n in 0..70_000_u32 {
            writer.push(&n.to_be_bytes());
        }
        writer.flush(&RealDisk, true).unwrap();
        let count = |sub: &str| fs::read_dir(folder.path().join(sub)).unwrap().count();
        assert_eq!(count("tile/0"), 273 + 1);
        assert_eq!(count("tile/entries"), 273 + 1);
        for path in [
            "tile/0/273.p/112",
            "tile/entries/273.p/112",
            "tile/1/000",
            "tile/1/001.p/17",
            "tile/2/000.p/1",
        ] {
            assert!(folder.path().join(path).is_file(), "{path}");
        }
        let tiles = Tiles::at(folder.path());
        let size = writer.tree().size();
        assert_eq!(&frontier_of(&tiles, size).unwrap(), writer.tree());
        assert!(inclusion(&tiles, 69_999, size).is_ok());
        let old = frontier_of(&tiles, 33_333).unwrap();
        let proof = consistency(&tiles, 33_333, size).unwrap();
        let (old, new) = ((33_333, old.root()), (size, writer.tree().root()));
        assert!(is_consistent(old, new, &proof));
    }

    #[test]
    fn what_is_resumed_is_what_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let mut whole = TileWriter::begin(folder.path());
        for n in 0..1_100_u32 {
            let size = u64::from(n);
            if [1, 255, 256, 257, 511, 700, 1024].contains(&n) {
                whole.flush(&RealDisk, true).unwrap();
                let resumed = TileWriter::resume(folder.path(), size).unwrap();
                assert_eq!(resumed.tree, whole.tree, "{n}");
                assert_eq!(resumed.bundle, whole.bundle, "{n}");
                let edges: Vec<_> = whole.edges.iter().filter(|e| !e.is_empty()).collect();
                let again: Vec<_> = resumed.edges.iter().filter(|e| !e.is_empty()).collect();
                assert_eq!(again, edges, "{n}");
            }
            whole.push(&n.to_be_bytes());
        }
        assert!(TileWriter::resume(folder.path(), 1_100).is_err());
    }
}
