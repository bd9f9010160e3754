//! Gives the records of a journal from one on, and goes on while it is written to.
//!
//! In: the journal's folder and a sequence number. Out: each record, or nothing yet.
//!
//! For what is derived from the journal and keeps up with it. Older segments may have been taken
//! away: then the first record that is left comes first. Checked on the way are checksums and that
//! no number is missing; the rest is for [`verify`](super::verify()).
//!
//! Never: takes half a frame for a record, or for the end of a segment that is never written again.

use std::path::{Path, PathBuf};

use super::journal_error::JournalError;
use super::read::Record;
use super::scan::Scan;
use super::segment;

/// A reader that stays at the end.
#[derive(Debug)]
pub struct Follower {
    folder: PathBuf,
    next_seq: u64,
    open: Option<(Scan, PathBuf)>,
    /// Whether a record was given: from then on none may be missing.
    began: bool,
}

impl Follower {
    /// A reader that begins at this sequence number, or at the first one that is left.
    pub fn from(folder: &Path, seq: u64) -> Follower {
        Follower {
            folder: folder.to_owned(),
            next_seq: seq,
            open: None,
            began: false,
        }
    }

    /// The next record; none when it is not there yet.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or is not the one that should follow.
    pub fn advance(&mut self) -> Result<Option<Record>, JournalError> {
        loop {
            let Some((scan, path)) = self.open.as_mut() else {
                match self.open_next()? {
                    true => continue,
                    false => return Ok(None),
                }
            };
            let found = scan.next_whole();
            let Some(frame) = found.map_err(|fault| JournalError::io("read", path, fault))? else {
                match self.turn()? {
                    true => continue,
                    false => return Ok(None),
                }
            };
            if frame.seq < self.next_seq {
                continue;
            }
            if frame.seq > self.next_seq && self.began {
                let fault = format!("record {} is out of order", frame.seq);
                return Err(JournalError::refused(path, fault));
            }
            self.next_seq = frame.seq.saturating_add(1);
            self.began = true;
            return Ok(Some(Record::of(&frame)));
        }
    }

    /// Opens the segment that holds the next record, or the first that is left.
    fn open_next(&mut self) -> Result<bool, JournalError> {
        let listed = self.listed()?;
        let holding = listed
            .iter()
            .rev()
            .find(|(first, _)| *first <= self.next_seq);
        let Some((_, path)) = holding.or(listed.first()) else {
            return Ok(false);
        };
        let (scan, head) = Scan::open(path).map_err(|e| JournalError::io("read", path, e))?;
        head.map_err(|fault| JournalError::refused(path, fault))?;
        self.open = Some((scan, path.clone()));
        Ok(true)
    }

    /// What to do where no frame is: leave for the segment that begins here, look again, or wait.
    fn turn(&mut self) -> Result<bool, JournalError> {
        let listed = self.listed()?;
        let Some((scan, path)) = self.open.as_mut() else {
            return Ok(true);
        };
        // Listed after the last look: what follows was begun when this one was whole. Compared by
        // the plain name: this one may have been packed meanwhile.
        let own = segment::plain_name(path);
        let next = listed
            .iter()
            .find(|(_, other)| segment::plain_name(other) > own);
        match next {
            Some((first, _)) if *first <= self.next_seq || !self.began => {
                self.next_seq = self.next_seq.max(*first);
                self.open = None;
                Ok(true)
            }
            Some(_) => {
                scan.look_again()
                    .map_err(|e| JournalError::io("read", path, e))?;
                match scan
                    .has_whole()
                    .map_err(|e| JournalError::io("read", path, e))?
                {
                    true => Ok(true),
                    false => {
                        let fault = format!("record {} cannot be read", self.next_seq);
                        Err(JournalError::refused(path.as_path(), fault)
                            .hint("run `stile audit verify`"))
                    }
                }
            }
            None => {
                scan.look_again()
                    .map_err(|e| JournalError::io("read", path, e))?;
                Ok(false)
            }
        }
    }

    fn listed(&self) -> Result<Vec<(u64, PathBuf)>, JournalError> {
        segment::list(&self.folder).map_err(|e| JournalError::io("read", &self.folder, e))
    }
}

/// The sequence number of the first record that a journal still has.
///
/// # Errors
///
/// As listing the folder.
pub fn first_seq(folder: &Path) -> Result<Option<u64>, JournalError> {
    let listed = segment::list(folder).map_err(|e| JournalError::io("read", folder, e))?;
    Ok(listed.first().map(|(first, _)| *first))
}
