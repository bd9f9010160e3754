//! Writes a file that has its name only when it is whole.
//!
//! In: bytes. Out: the file; or `FILE.partial`, where something stood in the way.
//!
//! The bytes are on the disk before the name is given. The mode is 0600: what is handed out names
//! people.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::ExportError;

/// A file that is not whole yet.
#[derive(Debug)]
pub(super) struct Partial {
    file: BufWriter<File>,
    partial: PathBuf,
    path: PathBuf,
}

impl Partial {
    /// Begins one; what an earlier try left is written over.
    pub(super) fn begin(path: &Path) -> Result<Partial, ExportError> {
        let mut name = OsString::from(path.as_os_str());
        name.push(".partial");
        let partial = PathBuf::from(name);
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial);
        let file = opened.map_err(|fault| ExportError::io(&partial, "made", &fault))?;
        Ok(Partial {
            file: BufWriter::with_capacity(BUFFER, file),
            partial,
            path: path.to_owned(),
        })
    }

    /// Gives it its name.
    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        let whole = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| std::fs::rename(&self.partial, &self.path))
            .and_then(|()| {
                let parent = self.path.parent().filter(|p| !p.as_os_str().is_empty());
                File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
            });
        whole.map_err(|fault| self.fault(&fault))
    }

    /// The error of a write to it.
    pub(super) fn fault(&self, fault: &io::Error) -> ExportError {
        ExportError::io(&self.partial, "written", fault)
    }
}

impl Write for Partial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

const BUFFER: usize = 256 * 1024;
