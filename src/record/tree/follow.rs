//! Reads records back behind the writer.
//!
//! In: how far the disk is synced. Out: each record up to there, once, in order.
//!
//! Never: reads beyond what is synced, so that it meets no half frame and no zeros.

use std::path::{Path, PathBuf};

use super::Fault;
use crate::record::scan::{Scan, Step};
use crate::record::segment;

/// A reader that stays behind the writer.
#[derive(Debug)]
pub(super) struct Follow {
    folder: PathBuf,
    scan: Option<(u64, Scan)>,
    next: u64,
}

impl Follow {
    /// A reader of the records from this one on.
    pub(super) fn from(folder: &Path, next: u64) -> Follow {
        Follow {
            folder: folder.to_owned(),
            scan: None,
            next,
        }
    }

    /// Hands over the records before `until`, `most` of them.
    pub(super) fn feed(
        &mut self,
        until: u64,
        most: usize,
        take: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<(), Unread> {
        if let Some((_, scan)) = &mut self.scan {
            scan.look_again().map_err(said)?;
        }
        let mut taken = 0;
        while self.next < until && taken < most {
            let Some((first, scan)) = &mut self.scan else {
                self.scan = Some(self.open(None)?);
                continue;
            };
            match scan.advance().map_err(said)? {
                // Reading begins at the head of a segment.
                Step::Frame { frame, .. } if frame.seq < self.next => {}
                Step::Frame { frame, .. } if frame.seq == self.next => {
                    take(frame.seq, frame.payload);
                    self.next = self.next.saturating_add(1);
                    taken = taken.saturating_add(1);
                }
                Step::Frame { .. } => return Err(self.missing()),
                Step::End { .. } => {
                    let ended = *first;
                    self.scan = Some(self.open(Some(ended))?);
                }
                Step::Flaw { flaw, .. } => {
                    let fault = format!("record {} cannot be read: {}", self.next, flaw.word());
                    self.scan = None;
                    return Err(Unread::Lost(self.next, fault));
                }
            }
        }
        Ok(())
    }

    /// Opens the segment that the next record is in.
    fn open(&self, ended: Option<u64>) -> Result<(u64, Scan), Unread> {
        let listed = segment::list(&self.folder).map_err(said)?;
        let (first, path) = listed
            .into_iter()
            .rfind(|(first, _)| *first <= self.next)
            .filter(|(first, _)| Some(*first) != ended)
            .ok_or_else(|| self.missing())?;
        match Scan::open(&path).map_err(said)? {
            (scan, Ok(_)) => Ok((first, scan)),
            (_, Err(fault)) => {
                let fault = format!("{}: {fault}", path.display());
                Err(Unread::Lost(self.next, fault))
            }
        }
    }

    fn missing(&self) -> Unread {
        let fault = format!("record {} is not in the segments", self.next);
        Unread::Lost(self.next, fault)
    }
}

/// Why a record that the disk confirmed was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// The file could not be read at the moment.
    Fault(Fault),
    /// It was read, and this record is not there or not whole.
    Lost(u64, Fault),
}

fn said(fault: impl std::fmt::Display) -> Unread {
    Unread::Fault(super::said(fault))
}
