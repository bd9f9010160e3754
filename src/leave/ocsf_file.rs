//! Adds records to the end of a file, in the words of OCSF.
//!
//! In: requests with their outcomes, and events. Out: a line of JSON for each, synced to the disk.
//!
//! A file that was renamed or removed is made anew under its name, so any program may rotate it and
//! needs to tell nobody. A last line that was cut off by a killed process or a full disk is taken
//! away before the next is written: what it was about is written again.
//!
//! Never: a byte before the last whole line changed; a file that others may read made.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use super::receiver::{AtOnce, Missed, Receiver, Taken};
use super::source::Item;
use crate::clock::Time;
use crate::export::ocsf::ocsf;

/// One file.
#[derive(Debug)]
pub(super) struct OcsfFile {
    path: PathBuf,
    open: Option<File>,
}

impl OcsfFile {
    pub(super) fn at(path: PathBuf) -> OcsfFile {
        OcsfFile { path, open: None }
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let file = self.current()?;
        file.write_all(lines)?;
        file.sync_data()
    }

    /// The file that is under its name now.
    fn current(&mut self) -> io::Result<&mut File> {
        let same = |open: &File| -> io::Result<bool> {
            let (ours, there) = (open.metadata()?, std::fs::metadata(&self.path)?);
            Ok(ours.dev() == there.dev() && ours.ino() == there.ino())
        };
        let kept = self.open.take();
        let kept = kept.filter(|open| same(open).unwrap_or(false));
        let file = match kept {
            Some(file) => file,
            None => self.begin()?,
        };
        Ok(self.open.insert(file))
    }

    fn begin(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        let options = options.read(true).append(true).create(true);
        let mut file = options.mode(OWNER_ONLY).open(&self.path)?;
        let length = file.metadata()?.len();
        let whole = whole_lines(&mut file, length)?;
        if whole < length {
            file.set_len(whole)?;
        }
        if let Some(folder) = self.path.parent() {
            // The name of a new file must be as durable as what is in it.
            let folder = if folder.as_os_str().is_empty() {
                ".".as_ref()
            } else {
                folder
            };
            File::open(folder)?.sync_all()?;
        }
        Ok(file)
    }
}

impl Receiver for OcsfFile {
    fn send(&mut self, items: &[Item], _: Time) -> Result<Taken, Missed> {
        let mut lines = Vec::new();
        for item in items {
            lines.extend_from_slice(ocsf(&item.row).to_string().as_bytes());
            lines.push(b'\n');
        }
        self.append(&lines).map(|()| Taken::All).map_err(|fault| {
            // What was written of it in part is taken away when the file is opened anew.
            self.open = None;
            let path = self.path.display();
            Missed::now(format!("`{path}` cannot be written: {fault}"))
        })
    }

    fn at_once(&self) -> AtOnce {
        AT_ONCE
    }
}

/// Bytes up to the end of the last whole line.
fn whole_lines(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    let mut block = vec![0; BLOCK];
    while end > 0 {
        let begin = end.saturating_sub(BLOCK as u64);
        let part = usize::try_from(end - begin).unwrap_or(BLOCK).min(BLOCK);
        let part = block.get_mut(..part).unwrap_or_default();
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            let at = u64::try_from(at).unwrap_or(0);
            return Ok(begin.saturating_add(at).saturating_add(1));
        }
        end = begin;
    }
    Ok(0)
}

const BLOCK: usize = 64 * 1024;
const OWNER_ONLY: u32 = 0o600;
/// What is at hand stays in memory meanwhile, some ten kilobytes for each.
const AT_ONCE: AtOnce = AtOnce {
    items: 1_024,
    bytes: 2 * 1024 * 1024,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_is_taken_away_and_whole_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ocsf.jsonl");
        let long = "x".repeat(3 * BLOCK);
        for (before, after) in [
            (String::new(), "new\n".to_owned()),
            ("a\n".to_owned(), "a\nnew\n".to_owned()),
            ("a\nb".to_owned(), "a\nnew\n".to_owned()),
            ("cut".to_owned(), "new\n".to_owned()),
            (format!("a\n{long}"), "a\nnew\n".to_owned()),
            (format!("{long}\n"), format!("{long}\nnew\n")),
        ] {
            std::fs::write(&path, before).unwrap();
            OcsfFile::at(path.clone()).append(b"new\n").unwrap();
            assert!(std::fs::read_to_string(&path).unwrap() == after);
        }
    }

    #[test]
    fn a_rotated_file_is_made_anew_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ocsf.jsonl");
        let mut file = OcsfFile::at(path.clone());
        file.append(b"1\n").unwrap();
        file.append(b"2\n").unwrap();
        let rotated = folder.path().join("ocsf.jsonl.1");
        std::fs::rename(&path, &rotated).unwrap();
        file.append(b"3\n").unwrap();
        std::fs::remove_file(&path).unwrap();
        file.append(b"4\n").unwrap();
        let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
        assert_eq!(
            (read(&rotated), read(&path)),
            ("1\n2\n".into(), "4\n".into())
        );
    }
}
