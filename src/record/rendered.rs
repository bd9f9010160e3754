//! A record's bytes on their way to the writer, in one buffer.
//!
//! In: what is personal, then the leaf, as they are rendered: the leaf holds the digest of the
//! other. Out: both, apart.

use super::frame::Disclosure;
use super::whole::whole;

/// A rendered record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The disclosure, then the leaf.
    pub(super) bytes: Vec<u8>,
    /// Where the leaf begins.
    pub(super) leaf_at: usize,
}

impl Rendered {
    /// An empty one with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Rendered {
        Rendered {
            bytes: Vec::with_capacity(bytes),
            leaf_at: 0,
        }
    }

    /// The record without what it says of a person.
    pub fn leaf(&self) -> &[u8] {
        self.bytes.get(self.leaf_at..).unwrap_or_default()
    }

    /// What it says of a person.
    pub fn disclosure(&self) -> Option<Disclosure<'_>> {
        let bytes = self.bytes.get(..self.leaf_at).unwrap_or_default();
        Disclosure::of_whole(bytes)
    }

    /// The record as one line of JSON, personal members in their places.
    pub fn whole(&self) -> Vec<u8> {
        match self.disclosure() {
            Some(disclosure) => whole(self.leaf(), disclosure.object()),
            None => self.leaf().to_vec(),
        }
    }

    /// How many bytes both have.
    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// A record that says nothing of a person.
impl From<Vec<u8>> for Rendered {
    fn from(leaf: Vec<u8>) -> Rendered {
        Rendered {
            bytes: leaf,
            leaf_at: 0,
        }
    }
}
