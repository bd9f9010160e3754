//! The last scene: somebody edits the journal, in a copy.
//!
//! In: the journal of the running stile. Out: `stile audit verify` over it, and over a copy with one
//! byte flipped.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Stage;
use super::story::Story;
use crate::proxy::copy_folder;
use crate::world::World;

/// Plays it.
pub(super) fn play(world: &World, stage: &Stage, story: &mut Story) -> io::Result<()> {
    story.scene("Somebody edits the journal (one byte, in a copy)");
    let (whole, said) = verify(stage, &world.stile.journal())?;
    story.holds(
        &format!("the journal as it is: {}", first_line(&said)),
        whole,
    );
    let copy = world.stile.folder().path().join("copy");
    copy_folder(&world.stile.journal(), &copy)?;
    flip_a_byte(&copy)?;
    let (whole, said) = verify(stage, &copy)?;
    story.holds(
        &format!("one byte flipped: {}", broken_line(&said)),
        !whole && said.contains(BROKEN),
    );
    fs::remove_dir_all(&copy)
}

fn verify(stage: &Stage, folder: &Path) -> io::Result<(bool, String)> {
    let output = Command::new(&stage.program)
        .args(["audit", "verify"])
        .arg(folder)
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.status.success(), said))
}

/// Flips a bit in the middle of what is written, not of what is preallocated.
fn flip_a_byte(folder: &Path) -> io::Result<()> {
    let mut segments: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "seg") {
            segments.push(path);
        }
    }
    segments.sort();
    let first = segments
        .first()
        .ok_or_else(|| io::Error::other("no segment"))?;
    let mut permissions = fs::metadata(first)?.permissions();
    #[allow(clippy::permissions_set_readonly_false, reason = "a throw-away copy")]
    permissions.set_readonly(false);
    fs::set_permissions(first, permissions)?;
    let mut bytes = fs::read(first)?;
    let written = bytes.iter().rposition(|b| *b != 0).unwrap_or(0);
    if let Some(byte) = bytes.get_mut(written / 2) {
        *byte ^= 1;
    }
    fs::write(first, bytes)
}

fn first_line(said: &str) -> &str {
    said.lines()
        .find(|line| line.contains(INTACT))
        .unwrap_or("it does not verify")
}

fn broken_line(said: &str) -> &str {
    said.lines()
        .find(|line| line.contains(BROKEN))
        .unwrap_or("nothing was found")
}

const BROKEN: &str = "BROKEN";
const INTACT: &str = "INTACT";
