//! Holds a file of the bundle until its size is known.
//!
//! In: bytes. Out: the same, with their number, lines and digest.
//!
//! On the disk where the bundle will be, without a name: nothing is left of it, however the export
//! ends.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};

use crate::record::frame::hex;

/// A file in the making.
#[derive(Debug)]
pub(super) struct Spool {
    file: BufWriter<File>,
    bytes: u64,
    digest: Digesting,
}

/// A file that is whole.
#[derive(Debug)]
pub(super) struct Spooled {
    /// At its first byte.
    pub(super) file: File,
    /// How long it is.
    pub(super) bytes: u64,
    /// SHA-256 in hex.
    pub(super) sha256: String,
}

/// A digest in the making.
pub(super) struct Digesting(Context);

impl Spool {
    /// An empty one, on the disk of this path.
    pub(super) fn begin(near: &Path) -> io::Result<Spool> {
        let folder = near.parent().filter(|p| !p.as_os_str().is_empty());
        let file = tempfile::tempfile_in(folder.unwrap_or(Path::new(".")))?;
        Ok(Spool {
            file: BufWriter::with_capacity(64 * 1024, file),
            bytes: 0,
            digest: Digesting::new(),
        })
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(more);
        self.file.write_all(bytes)
    }

    pub(super) fn finish(self) -> io::Result<Spooled> {
        let mut file = self.file.into_inner().map_err(|error| error.into_error())?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Spooled {
            file,
            bytes: self.bytes,
            sha256: self.digest.finish(),
        })
    }
}

impl Digesting {
    pub(super) fn new() -> Digesting {
        Digesting(Context::new(&SHA256))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// In hex.
    pub(super) fn finish(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

impl std::fmt::Debug for Digesting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digesting")
    }
}
