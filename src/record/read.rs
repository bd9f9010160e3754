//! Gives the records of a journal one after the other.
//!
//! In: the journal's folder. Out: each record with its sequence number and kind.
//!
//! Sequence and checksums are checked on the way, the chain is not: that is what
//! [`verify`](super::verify()) is for. It ends in silence at the end of the last segment, whatever
//! lies there, so that a journal in use can be read.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use super::frame::{Disclosure, Frame, Kind};
use super::journal_error::JournalError;
use super::scan::{Scan, Step};
use super::segment;
use super::whole::whole;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its sequence number.
    pub seq: u64,
    /// What it is about.
    pub kind: Kind,
    /// The leaf, exactly: a line of JSON without what it says of a person.
    pub payload: Vec<u8>,
    /// What lies beside the leaf; empty where nothing ever did.
    beside: Vec<u8>,
}

impl Record {
    /// The record in a frame.
    pub fn of(frame: &Frame<'_>) -> Record {
        Record {
            seq: frame.seq,
            kind: frame.kind,
            payload: frame.payload.to_vec(),
            beside: frame
                .disclosure
                .map_or_else(Vec::new, |d| d.bytes().to_vec()),
        }
    }

    /// What it says of a person, beside the leaf.
    pub fn disclosure(&self) -> Option<Disclosure<'_>> {
        Disclosure::of_whole(&self.beside)
    }

    /// The record as one line of JSON, personal members in their places. Of one that was erased the
    /// leaf as it is: its member `personal` says that there was something.
    pub fn whole(&self) -> Cow<'_, [u8]> {
        match self.disclosure().filter(|beside| !beside.is_erased()) {
            Some(beside) => Cow::Owned(whole(&self.payload, beside.object())),
            None => Cow::Borrowed(&self.payload),
        }
    }
}

/// The records of a journal, in order.
#[derive(Debug)]
pub struct Records {
    segments: IntoIter<(u64, PathBuf)>,
    scan: Option<(Scan, PathBuf)>,
    next_seq: Option<u64>,
}

/// Reads the journal in a folder.
///
/// # Errors
///
/// As listing the folder.
pub fn read(folder: &Path) -> Result<Records, JournalError> {
    let listed = segment::list(folder).map_err(|e| JournalError::io("read", folder, e))?;
    Ok(Records {
        segments: listed.into_iter(),
        scan: None,
        next_seq: None,
    })
}

/// One record by its number.
///
/// # Errors
///
/// When it is not there or cannot be read.
pub fn record_at(folder: &Path, seq: u64) -> Result<Record, JournalError> {
    let mut listed = segment::list(folder).map_err(|e| JournalError::io("read", folder, e))?;
    if let Some((first, _)) = listed.first().filter(|(first, _)| *first > seq) {
        let fault = format!("record {seq} is not here: the journal begins with {first}");
        return Err(JournalError::refused(folder, fault)
            .hint("`stile audit verify` says whether the records before were pruned"));
    }
    let from = listed.iter().rposition(|(first, _)| *first <= seq);
    listed.drain(..from.unwrap_or(0));
    let records = Records {
        segments: listed.into_iter(),
        scan: None,
        next_seq: None,
    };
    for record in records {
        let record = record?;
        if record.seq == seq {
            return Ok(record);
        }
    }
    let fault = format!("record {seq} is not here");
    Err(JournalError::refused(folder, fault).hint("`stile audit verify` says which records are"))
}

/// How many records there are, by the names of the segments and the frames in the last one.
///
/// # Errors
///
/// As reading the folder and its last segment.
pub fn extent(folder: &Path) -> Result<u64, JournalError> {
    let listed = segment::list(folder).map_err(|e| JournalError::io("read", folder, e))?;
    let (Some((first, _)), Some((last, path))) = (listed.first(), listed.last()) else {
        return Ok(0);
    };
    let unread = |error| JournalError::io("read", path, error);
    let (mut scan, _) = Scan::open(path).map_err(unread)?;
    let mut in_last = 0_u64;
    while let Step::Frame { .. } = scan.advance().map_err(unread)? {
        in_last = in_last.saturating_add(1);
    }
    Ok(last.saturating_sub(*first).saturating_add(in_last))
}

impl Iterator for Records {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((scan, path)) = self.scan.as_mut() else {
                match self.open_next()? {
                    Ok(()) => continue,
                    Err(error) => return Some(Err(self.stop(error))),
                }
            };
            let (seq, record) = match scan.advance() {
                Ok(Step::Frame { frame, .. }) => (frame.seq, Record::of(&frame)),
                Ok(Step::Flaw { offset, flaw }) if !self.segments.as_slice().is_empty() => {
                    let fault = format!("byte {offset}: {}", flaw.word());
                    let error = JournalError::refused(path, fault);
                    return Some(Err(self.stop(error)));
                }
                Ok(Step::End { .. } | Step::Flaw { .. }) => {
                    self.scan = None;
                    continue;
                }
                Err(fault) => {
                    let error = JournalError::io("read", path, fault);
                    return Some(Err(self.stop(error)));
                }
            };
            if self.next_seq.is_some_and(|expected| expected != seq) {
                let error = JournalError::refused(path, format!("record {seq} is out of order"));
                return Some(Err(self.stop(error)));
            }
            self.next_seq = seq.checked_add(1);
            return Some(Ok(record));
        }
    }
}

impl Records {
    fn open_next(&mut self) -> Option<Result<(), JournalError>> {
        let (_, path) = self.segments.next()?;
        Some(match Scan::open(&path) {
            Err(fault) => Err(JournalError::io("read", &path, fault)),
            Ok((_, Err(fault))) => Err(JournalError::refused(&path, fault)),
            Ok((scan, Ok(_))) => {
                self.scan = Some((scan, path));
                Ok(())
            }
        })
    }

    /// After an error there is nothing more.
    fn stop(&mut self, error: JournalError) -> JournalError {
        self.segments = Vec::new().into_iter();
        self.scan = None;
        error
    }
}
