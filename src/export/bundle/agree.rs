//! Says when a row and a leaf agree: the one place that knows how a record's text comes from what
//! its journal signs.
//!
//! In: a record of the journal, or a line of a bundle's leaves; the text of a row. Out: the bytes
//! that are hashed into the tree, and whether the text is theirs.

use crate::record::Record;
use crate::record::frame::{Digest, sha256};

/// What stands in a bundle's leaves for a record, behind its number.
pub(super) fn kept(record: &Record) -> &[u8] {
    &record.payload
}

/// The bytes of the leaf in what is kept of a record.
pub(super) fn leaf(kept: &[u8]) -> &[u8] {
    kept
}

/// The digest of the text that a row says of a record, from what is kept of it.
pub(super) fn text_of_kept(kept: &[u8]) -> Digest {
    text(String::from_utf8_lossy(kept).as_bytes())
}

/// The digest of the text in a row.
pub(super) fn text(of_row: &[u8]) -> Digest {
    sha256(&[of_row])
}
