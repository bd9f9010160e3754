//! Keeps what a receiver would not take.
//!
//! In: items and why they were refused. Out: a line of JSON for each, synced before the position
//! moves on, so that nothing is lost in silence.
//!
//! The file is `NAME.refused.jsonl` beside the positions, for its owner only.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::source::Item;
use crate::clock::Time;

/// Where refused items of a destination are kept, beside its position.
pub(super) fn file_beside(position: &Path) -> PathBuf {
    position.with_extension("refused.jsonl")
}

/// Adds items to the file.
pub(super) fn keep(file: &Path, items: &[Item], why: &str, now: Time) -> Result<(), String> {
    let kept = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut open = options
            .append(true)
            .create(true)
            .mode(OWNER_ONLY)
            .open(file)?;
        for item in items {
            let line = json!({
                "refused_ms": now.as_ms(),
                "why": why,
                "seq": item.row.seq,
                "record": item.members,
                "outcome": item.row.outcome.as_ref().map(|(_, text)| text),
            });
            open.write_all(format!("{line}\n").as_bytes())?;
        }
        open.sync_all()
    };
    kept().map_err(|fault| format!("`{}` cannot be written: {fault}", file.display()))
}

const OWNER_ONLY: u32 = 0o600;
