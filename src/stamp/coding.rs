//! Unpacks and packs bodies.
//!
//! In: bytes in one coding. Out: the bytes in it, bounded; and back.
//!
//! One member of gzip or one frame of Zstandard is one body: what follows it some receivers read and
//! some do not, so it is refused. What is unpacked is counted while it grows.
//!
//! RFC 1952; RFC 8878; RFC 9659 (a window of 8 MiB at most).

use std::io::{Read, Write};

use super::flaw::Flaw;
use super::held::Room;

/// How bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// The coding of this name, in any case.
    ///
    /// # Errors
    ///
    /// [`Flaw::Media`] for any other.
    pub fn named(name: &str) -> Result<Coding, Flaw> {
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Coding::Identity),
            "gzip" => Ok(Coding::Gzip),
            "zstd" => Ok(Coding::Zstd),
            _ => Err(Flaw::Media(
                "the body's coding is not gzip, zstd or identity",
            )),
        }
    }

    /// What is in these bytes, of at most so many.
    ///
    /// # Errors
    ///
    /// [`Flaw::Unclear`] for what is not exactly one member or frame, [`Flaw::TooLarge`],
    /// [`Flaw::NoRoom`].
    pub fn unpack(self, packed: Vec<u8>, most: usize, room: &mut Room) -> Result<Vec<u8>, Flaw> {
        let unpacked = match self {
            Coding::Identity => return Ok(packed),
            Coding::Gzip => {
                let mut gzip = flate2::bufread::GzDecoder::new(packed.as_slice());
                let unpacked = drain(&mut gzip, most, room)?;
                ends(gzip.into_inner())?;
                unpacked
            }
            Coding::Zstd => {
                room.grow(WINDOW)?;
                let mut zstd = zstd::Decoder::with_buffer(packed.as_slice())
                    .map_err(broken)?
                    .single_frame();
                zstd.window_log_max(WINDOW.ilog2()).map_err(broken)?;
                let unpacked = drain(&mut zstd, most, room)?;
                ends(zstd.finish())?;
                room.shrink(WINDOW);
                unpacked
            }
        };
        room.shrink(packed.len());
        Ok(unpacked)
    }

    /// These bytes packed.
    ///
    /// # Errors
    ///
    /// [`Flaw::NoRoom`].
    pub fn pack(self, bytes: Vec<u8>, room: &mut Room) -> Result<Vec<u8>, Flaw> {
        let mut packed = Vec::new();
        let failed = |_| Flaw::NoRoom;
        match self {
            Coding::Identity => return Ok(bytes),
            Coding::Gzip => {
                let level = flate2::Compression::fast();
                let mut gzip = flate2::write::GzEncoder::new(&mut packed, level);
                gzip.write_all(&bytes).map_err(failed)?;
                gzip.finish().map_err(failed)?;
            }
            Coding::Zstd => {
                let mut zstd = zstd::Encoder::new(&mut packed, 1).map_err(failed)?;
                zstd.write_all(&bytes).map_err(failed)?;
                zstd.finish().map_err(failed)?;
            }
        }
        room.grow(packed.len())?;
        room.shrink(bytes.len());
        Ok(packed)
    }
}

fn drain(from: &mut impl Read, most: usize, room: &mut Room) -> Result<Vec<u8>, Flaw> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        let count = from.read(&mut piece).map_err(broken)?;
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else {
            return Ok(bytes);
        };
        if count > most.saturating_sub(bytes.len()) {
            return Err(Flaw::TooLarge);
        }
        room.grow(count)?;
        bytes.extend_from_slice(read);
    }
}

fn ends(rest: &[u8]) -> Result<(), Flaw> {
    match rest {
        [] => Ok(()),
        _ => Err(Flaw::Unclear("something follows the packed body")),
    }
}

fn broken(_: std::io::Error) -> Flaw {
    Flaw::Unclear("the packed body cannot be unpacked")
}

/// The largest window of Zstandard that its users may count on.
const WINDOW: usize = 8 * 1024 * 1024;

const PIECE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Held;

    const BOTH: [Coding; 2] = [Coding::Gzip, Coding::Zstd];

    #[test]
    fn what_was_packed_is_unpacked_and_all_memory_given_back() {
        let held = Held::new(64 << 20);
        let bytes: Vec<u8> = (0..300_000u32)
            .flat_map(|n| (n / 7).to_le_bytes())
            .collect();
        for coding in BOTH {
            let mut room = held.room();
            room.grow(bytes.len()).unwrap();
            let packed = coding.pack(bytes.clone(), &mut room).unwrap();
            assert_eq!(held.taken(), packed.len());
            assert!(packed.len() < bytes.len());
            let again = coding.unpack(packed, bytes.len(), &mut room).unwrap();
            assert!(again == bytes);
            assert_eq!(held.taken(), bytes.len());
        }
        assert_eq!(held.taken(), 0);
    }

    #[test]
    fn a_bomb_a_second_member_and_a_cut_end_are_refused() {
        let held = Held::new(64 << 20);
        for coding in BOTH {
            let packed = coding.pack(vec![7; 1_000_000], &mut held.room()).unwrap();
            let unpack = |packed: Vec<u8>, most| coding.unpack(packed, most, &mut held.room());
            assert_eq!(unpack(packed.clone(), 1_000_000).unwrap().len(), 1_000_000);
            assert_eq!(unpack(packed.clone(), 999_999), Err(Flaw::TooLarge));
            let twice = [packed.clone(), packed.clone()].concat();
            assert!(matches!(unpack(twice, 1 << 30), Err(Flaw::Unclear(_))));
            for cut in [0, 1, packed.len() / 2, packed.len() - 1] {
                let cut = packed[..cut].to_vec();
                assert!(matches!(unpack(cut, 1 << 30), Err(Flaw::Unclear(_))));
            }
            let small = Held::new(9 << 20);
            let tight = coding.unpack(packed, 1 << 30, &mut small.room());
            let fits = matches!(tight, Ok(ref bytes) if bytes.len() == 1_000_000);
            assert!(fits, "{coding:?}");
            assert_eq!(small.taken(), 0);
        }
    }

    #[test]
    fn a_window_above_the_bound_is_refused() {
        let mut packed = Vec::new();
        let mut zstd = zstd::Encoder::new(&mut packed, 1).unwrap();
        zstd.window_log(24).unwrap();
        zstd.include_contentsize(false).unwrap();
        zstd.write_all(&vec![1; 20 << 20]).unwrap();
        zstd.finish().unwrap();
        let held = Held::new(64 << 20);
        let unpacked = Coding::Zstd.unpack(packed, 64 << 20, &mut held.room());
        assert!(matches!(unpacked, Err(Flaw::Unclear(_))));
    }

    #[test]
    fn other_codings_are_refused() {
        assert_eq!(Coding::named("GZIP"), Ok(Coding::Gzip));
        for name in ["br", "deflate", "gzip, gzip", "x-gzip", "snappy"] {
            assert!(matches!(Coding::named(name), Err(Flaw::Media(_))), "{name}");
        }
    }
}
