//! The records of a chunk, compressed, and where their outcomes are.
//!
//! In: up to 256 records that follow one another. Out: bytes, and the records again.
//!
//! A chunk is the compressed sequence of: place in the chunk (1 byte), kind (1 byte), length
//! (4 bytes, big-endian), record. Its links are four bytes for each place, big-endian: how many
//! records behind the decision at this place its outcome is; zero where there is none.

use crate::record::frame::Kind;

use super::index_error::IndexError;

/// One record in a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) place: u8,
    pub(super) kind: Kind,
    /// The record, whole.
    pub(super) text: Vec<u8>,
}

/// How far behind each place its outcome is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Links(Vec<u32>);

/// Compresses records.
pub(super) fn packed(records: &[Kept]) -> Result<Vec<u8>, IndexError> {
    let mut plain = Vec::new();
    for record in records {
        let kind = KINDS
            .iter()
            .position(|kind| *kind == record.kind)
            .unwrap_or(0);
        plain.push(record.place);
        plain.push(u8::try_from(kind).unwrap_or(0));
        let length = u32::try_from(record.text.len()).unwrap_or(u32::MAX);
        plain.extend_from_slice(&length.to_be_bytes());
        plain.extend_from_slice(&record.text);
    }
    zstd::bulk::compress(&plain, LEVEL).map_err(|e| IndexError::database("compress", e))
}

/// The records of a chunk.
pub(super) fn unpacked(bytes: &[u8]) -> Result<Vec<Kept>, IndexError> {
    let plain = zstd::bulk::decompress(bytes, LARGEST).map_err(IndexError::damaged_by)?;
    let mut rest = plain.as_slice();
    let mut records = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<6>() {
        let [place, kind, a, b, c, d] = *head;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let cut = after
            .split_at_checked(length)
            .zip(KINDS.get(usize::from(kind)));
        let Some(((text, after), kind)) = cut else {
            return Err(IndexError::damaged("a chunk ends too early"));
        };
        records.push(Kept {
            place,
            kind: *kind,
            text: text.to_vec(),
        });
        rest = after;
    }
    Ok(records)
}

impl Links {
    pub(super) fn none() -> Links {
        Links(vec![0; 256])
    }

    /// As the database kept them.
    pub(super) fn of_bytes(bytes: &[u8]) -> Result<Links, IndexError> {
        let plain = zstd::bulk::decompress(bytes, 1024).map_err(IndexError::damaged_by)?;
        let (words, _) = plain.as_chunks::<4>();
        Ok(Links(
            words.iter().map(|w| u32::from_be_bytes(*w)).collect(),
        ))
    }

    pub(super) fn bytes(&self) -> Result<Vec<u8>, IndexError> {
        let plain: Vec<u8> = self.0.iter().flat_map(|link| link.to_be_bytes()).collect();
        zstd::bulk::compress(&plain, LEVEL).map_err(|e| IndexError::database("compress", e))
    }

    /// How far behind this place its outcome is.
    pub(super) fn get(&self, place: u8) -> Option<u64> {
        let link = self.0.get(usize::from(place)).filter(|link| **link != 0);
        link.map(|link| u64::from(*link))
    }

    /// Notes it. An outcome that is four thousand million records behind cannot be noted.
    pub(super) fn set(&mut self, place: u8, behind: u64) {
        if let Some(link) = self.0.get_mut(usize::from(place)) {
            *link = u32::try_from(behind).unwrap_or(0);
        }
    }
}

const KINDS: [Kind; 4] = [Kind::Decision, Kind::Outcome, Kind::Session, Kind::Event];
const LEVEL: i32 = 1;
/// 256 of the largest records.
const LARGEST: usize = 256 * 66_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_links_come_back_as_they_were_put_in() {
        let record = |place, kind, text: &[u8]| Kept {
            place,
            kind,
            text: text.to_vec(),
        };
        let records = [
            record(0, Kind::Event, b"{}"),
            record(1, Kind::Decision, &[b'x'; 60_000]),
            record(255, Kind::Outcome, b"a\nb"),
        ];
        assert_eq!(unpacked(&packed(&records).unwrap()).unwrap(), records);
        let mut links = Links::none();
        links.set(1, 254);
        let links = Links::of_bytes(&links.bytes().unwrap()).unwrap();
        assert_eq!((links.get(0), links.get(1)), (None, Some(254)));
    }

    #[test]
    fn a_damaged_chunk_is_found() {
        let mut bytes = packed(&[]).unwrap();
        bytes.pop();
        assert!(unpacked(&bytes).is_err());
        let cut = zstd::bulk::compress(&[0, 0, 0, 0, 0, 9, 1], 1).unwrap();
        assert!(unpacked(&cut).is_err());
    }
}
