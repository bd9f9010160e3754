//! Holds who may do what against `tests/who.golden`, and writes that file when asked.
//!
//! In: the policy folder and the matrix of now. Out: the lines that went and the lines that came.
//!
//! A folder without the file is not compared.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::cli::trouble::Trouble;
use crate::setup_error::SetupError;

/// What changed since the file was written; lines begin with `-` or `+`.
pub(super) fn changes(folder: &Path, now: impl FnOnce() -> String) -> Result<Vec<String>, Trouble> {
    let file = place(folder);
    let before = match fs::read_to_string(&file) {
        Ok(before) => before,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(trouble(&file, "cannot be read", &why)),
    };
    let now = now();
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) = (said(&before), said(&now));
    let went = old.difference(&new).map(|line| format!("- {line}"));
    let came = new.difference(&old).map(|line| format!("+ {line}"));
    let mut changes: Vec<String> = went.chain(came).collect();
    changes.sort_by(|a, b| a.get(2..).cmp(&b.get(2..)));
    Ok(changes)
}

/// Writes the file anew.
pub(super) fn accept(folder: &Path, now: &str) -> Result<PathBuf, Trouble> {
    let file = place(folder);
    match fs::write(&file, now) {
        Ok(()) => Ok(file),
        Err(why) => Err(trouble(&file, "cannot be written", &why)),
    }
}

fn said(text: &str) -> BTreeSet<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

fn place(folder: &Path) -> PathBuf {
    folder.join("tests/who.golden")
}

fn trouble(file: &Path, what: &str, why: &std::io::Error) -> Trouble {
    Trouble::Unknown(SetupError::in_file(file, format!("{what}: {why}")))
}
