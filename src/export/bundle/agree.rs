//! Says when a row and a leaf agree: the one place that knows how a record's text comes from what
//! its journal signs.
//!
//! In: a record of the journal, or a line of a bundle's leaves; the text of a row. Out: the bytes
//! that are hashed into the tree, and whether the text is theirs.
//!
//! Of a record that says something of a person, salt and object stand behind the leaf, each after a
//! tab, which no leaf contains. Without the salt the digest in the leaf would prove nothing.

use std::borrow::Cow;

use crate::record::frame::{Digest, hex, sha256};
use crate::record::{Record, rejoined};

/// What stands in a bundle's leaves for a record, behind its number.
pub(super) fn kept(record: &Record) -> Cow<'_, [u8]> {
    let beside = record.disclosure().filter(|beside| !beside.is_erased());
    match beside {
        None => Cow::Borrowed(&record.payload),
        Some(beside) => {
            let salt = hex(beside.salt());
            Cow::Owned([&record.payload, salt.as_bytes(), beside.object()].join(&b'\t'))
        }
    }
}

/// The bytes of the leaf in what is kept of a record.
pub(super) fn leaf(kept: &[u8]) -> &[u8] {
    kept.split(|byte| *byte == b'\t').next().unwrap_or_default()
}

/// The digest of the text that a row says of a record, from what is kept of it. Of no row's text
/// when what stands behind the leaf is not what the leaf says.
pub(super) fn text_of_kept(kept: &[u8]) -> Digest {
    let mut parts = kept.splitn(3, |byte| *byte == b'\t');
    let leaf = parts.next().unwrap_or_default();
    let whole = match (parts.next(), parts.next()) {
        (None, _) => Some(Cow::Borrowed(leaf)),
        (Some(salt), Some(object)) => rejoined(leaf, salt, object).map(Cow::Owned),
        (Some(_), None) => None,
    };
    text(
        whole
            .map_or_else(String::new, |whole| {
                String::from_utf8_lossy(&whole).into_owned()
            })
            .as_bytes(),
    )
}

/// The digest of the text in a row.
pub(super) fn text(of_row: &[u8]) -> Digest {
    sha256(&[of_row])
}
