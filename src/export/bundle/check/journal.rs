//! A journal of a bundle: the digests of what rows may say of its records, and which are used.
//!
//! In: rows, one after the other. Out: whether a record may say that, once.

use crate::export::bundle::manifest::JournalSaid;
use crate::export::bundle::tally::Tally;
use crate::record::frame::Digest;

/// A journal of a bundle.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) number: usize,
    pub(super) origin: String,
    pub(super) size: u64,
    pub(super) root: String,
    /// The records, in order: number, digest of the text that a row says of it.
    pub(super) texts: Vec<(u64, Digest)>,
    /// Whether a row is made of it.
    pub(super) used: Vec<bool>,
    /// The records that name keys: where in `texts`, and which.
    pub(super) rotations: Vec<(usize, String)>,
}

impl Journal {
    /// Whether a row may say this of a record; the record is then used.
    pub(super) fn has(&mut self, seq: u64, text: &Digest) -> Result<(), &'static str> {
        let Ok(at) = self.texts.binary_search_by_key(&seq, |(seq, _)| *seq) else {
            return Err("is not among the leaves");
        };
        let is_same = self.texts.get(at).is_some_and(|(_, known)| known == text);
        match self.used.get_mut(at) {
            Some(used) if is_same && !*used => {
                *used = true;
                Ok(())
            }
            Some(used) if *used => Err("is in two rows"),
            _ => Err("is another in the leaves"),
        }
    }

    /// What the manifest should say of it.
    pub(super) fn said(&self, tally: &Tally) -> JournalSaid {
        JournalSaid {
            leaves: u64::try_from(self.texts.len()).unwrap_or(u64::MAX),
            origin: self.origin.clone(),
            root: self.root.clone(),
            rows: tally.origins.get(&self.origin).copied().unwrap_or(0),
            size: self.size,
        }
    }

    /// Whether every record of the tree is here.
    pub(super) fn is_whole(&self) -> bool {
        u64::try_from(self.texts.len()).is_ok_and(|count| count == self.size)
    }
}
