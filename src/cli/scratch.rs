//! A folder for a moment: made for one command, gone after it.
//!
//! In: files to lay into it. Out: its path.
//!
//! Never: readable for others, left behind.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::trouble::Trouble;
use crate::setup_error::SetupError;

/// The folder.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A new and empty one, in the folder that `TMPDIR` names.
    pub(super) fn new() -> Result<Scratch, Trouble> {
        let name = format!("stile-{}", uuid::Uuid::now_v7().simple());
        let scratch = Scratch(std::env::temp_dir().join(name));
        let made = fs::DirBuilder::new().mode(0o700).create(&scratch.0);
        made.map_err(|error| unwritten(&scratch.0, &error))?;
        Ok(scratch)
    }

    /// A copy of a folder with all below it.
    pub(super) fn copy_of(folder: &Path) -> Result<Scratch, Trouble> {
        let scratch = Scratch::new()?;
        copy(folder, &scratch.0).map_err(|error| unwritten(folder, &error))?;
        Ok(scratch)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Lays a file into it.
    pub(super) fn lay(&self, name: &Path, bytes: &[u8]) -> Result<(), Trouble> {
        let to = self.0.join(name);
        let folder = to.parent().unwrap_or(&self.0);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&to, bytes));
        written.map_err(|error| unwritten(&to, &error))
    }

    /// Adds text at the end of a file, which may be new.
    pub(super) fn append(&self, name: &str, text: &str) -> Result<(), Trouble> {
        let path = self.0.join(name);
        let before = match fs::read_to_string(&path) {
            Ok(before) => before,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(unwritten(&path, &error)),
        };
        self.lay(
            Path::new(name),
            format!("{}\n{text}", before.trim_end()).as_bytes(),
        )
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is a copy of what is elsewhere.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&to)?;
            copy(&entry.path(), &to)?;
        } else {
            fs::write(&to, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

fn unwritten(path: &Path, error: &std::io::Error) -> Trouble {
    let said = error.to_string().to_lowercase();
    let what = format!("a copy of the policies cannot be laid out: {said}");
    Trouble::Unknown(SetupError::in_file(path, what).hint("TMPDIR names another place for it"))
}
