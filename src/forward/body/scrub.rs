//! Blots the upstream's keys out of an answer's body as it passes.
//!
//! In: a body in pieces. Out: the same number of bytes, with `*` in the place of a key: as it is, in
//! base64 wherever it begins in the encoded text (RFC 4648, 4 and 5), and percent-encoded (RFC 3986,
//! 2.1).
//!
//! Only what may be the beginning of a key waits for the next piece, so a stream is not held up.
//!
//! Never: a length changed; a piece of a key let through because the next one was not there yet.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::{Bytes, BytesMut};
use zeroize::Zeroizing;

use crate::forward::headers::Keys;

/// What is looked for, and what waits.
pub(crate) struct Scrub {
    /// The longest first: a longer key is not let through in part because a shorter begins it.
    needles: Vec<Zeroizing<Vec<u8>>>,
    waiting: BytesMut,
}

impl Scrub {
    /// For these keys.
    pub(crate) fn of(keys: &Keys) -> Scrub {
        let mut needles: Vec<_> = keys.revealed().flat_map(spellings).collect();
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        Scrub {
            needles,
            waiting: BytesMut::new(),
        }
    }

    /// The next piece, as far as it can be told apart from a key.
    pub(crate) fn pass(&mut self, piece: &Bytes) -> Bytes {
        self.waiting.extend_from_slice(piece);
        self.blot(false)
    }

    /// What still waits when nothing comes any more.
    pub(crate) fn rest(&mut self) -> Option<Bytes> {
        let rest = self.blot(true);
        (!rest.is_empty()).then_some(rest)
    }

    /// All of a body at once.
    pub(crate) fn whole(mut self, body: Bytes) -> Bytes {
        self.waiting.extend_from_slice(&body);
        self.blot(true)
    }

    fn blot(&mut self, is_last: bool) -> Bytes {
        let mut bytes = std::mem::take(&mut self.waiting);
        let mut at = 0;
        while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
            match self.met(rest, is_last) {
                Met::Nothing => at += 1,
                Met::Key(length) => {
                    rest.iter_mut().take(length).for_each(|byte| *byte = BLOT);
                    at += length;
                }
                Met::Beginning => break,
            }
        }
        self.waiting = bytes.split_off(at.min(bytes.len()));
        bytes.freeze()
    }

    /// How many bytes wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn met(&self, rest: &[u8], is_last: bool) -> Met {
        for needle in &self.needles {
            if rest.starts_with(needle) {
                return Met::Key(needle.len());
            }
            if !is_last && needle.starts_with(rest) {
                return Met::Beginning;
            }
        }
        Met::Nothing
    }
}

impl std::fmt::Debug for Scrub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scrub({} spellings)", self.needles.len())
    }
}

enum Met {
    Nothing,
    Key(usize),
    Beginning,
}

/// The ways to write a key.
fn spellings(key: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let mut all = vec![Zeroizing::new(key.as_bytes().to_vec())];
    for upper in [true, false] {
        all.push(Zeroizing::new(percent(key, upper)));
    }
    for before in 0..3 {
        // Of the encoded text those characters that are the key's alone, whatever is around it.
        let mut text = Zeroizing::new(vec![0; before]);
        text.extend_from_slice(key.as_bytes());
        let first = (before * 8).div_ceil(6);
        let end = text.len() * 8 / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = Zeroizing::new(engine.encode(&*text));
            let own = encoded.as_bytes().get(first..end).unwrap_or_default();
            all.push(Zeroizing::new(own.to_vec()));
        }
    }
    all
}

fn percent(key: &str, upper: bool) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => encoded.push(byte),
            _ if byte.is_ascii_alphanumeric() => encoded.push(byte),
            _ if upper => encoded.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            _ => encoded.extend_from_slice(format!("%{byte:02x}").as_bytes()),
        }
    }
    encoded
}

const BLOT: u8 = b'*';

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const KEY: &str = "ls-key/with+signs=0123456789";

    fn keys(keys: &[&str]) -> Keys {
        Keys::new(
            keys.iter()
                .map(|key| Secret::new((*key).to_owned()))
                .collect(),
        )
    }

    /// The body in pieces of so many bytes.
    fn scrubbed(keys: &Keys, body: &[u8], size: usize) -> Vec<u8> {
        let mut scrub = Scrub::of(keys);
        let mut out = Vec::new();
        for piece in body.chunks(size) {
            out.extend_from_slice(&scrub.pass(&Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&scrub.rest().unwrap_or_default());
        out
    }

    fn mentions(body: &[u8], needle: &[u8]) -> bool {
        body.windows(needle.len()).any(|window| window == needle)
    }

    #[test]
    fn a_key_is_blotted_out_in_each_spelling_and_at_each_border_of_pieces() {
        let encoded = |before: &str| STANDARD_NO_PAD.encode(format!("{before}{KEY}:after"));
        let safe = URL_SAFE_NO_PAD.encode(format!("u:{KEY}"));
        let bodies = [
            KEY.to_owned(),
            "ls-key%2Fwith%2Bsigns%3D0123456789".to_owned(),
            "ls-key%2fwith%2bsigns%3d0123456789".to_owned(),
            encoded(""),
            encoded("u"),
            encoded("u:"),
            safe,
        ];
        for spelled in bodies {
            let body = format!("{{\"before\": \"{spelled}\", \"after\": 1}}");
            let whole = scrubbed(&keys(&[KEY]), body.as_bytes(), body.len());
            let text = String::from_utf8(whole.clone()).unwrap();
            assert!(text.contains("*******************"), "{spelled}: {text}");
            assert_eq!(text.len(), body.len());
            assert!(text.starts_with("{\"before\": \"") && text.ends_with("\", \"after\": 1}"));
            for size in 1..=body.len() {
                let pieces = scrubbed(&keys(&[KEY]), body.as_bytes(), size);
                assert_eq!(pieces, whole, "pieces of {size}");
            }
        }
    }

    #[test]
    fn what_is_no_key_passes_byte_for_byte() {
        for body in [
            "",
            "ls-key",
            "ls-key/with+signs=012345678",
            "ls-kls-kls-key/",
            "\0\u{fffd}*",
        ] {
            for size in 1..=body.len().max(1) {
                let passed = scrubbed(&keys(&[KEY]), body.as_bytes(), size);
                assert_eq!(passed, body.as_bytes(), "{body}");
            }
        }
    }

    #[test]
    fn a_key_that_begins_another_and_one_after_a_false_start_are_found() {
        let both = keys(&["abcdefgh", "abcdefghijkl"]);
        for size in 1..=16 {
            assert_eq!(scrubbed(&both, b"abcdefghijkl", size), b"************");
            assert_eq!(scrubbed(&both, b"abcdefghijk", size), b"********ijk");
            assert_eq!(scrubbed(&both, b"abcdefghijk!", size), b"********ijk!");
            assert_eq!(scrubbed(&both, b"abcabcdefgh.", size), b"abc********.");
            assert!(!mentions(
                &scrubbed(&both, b"xabcdefghabcdefgh", size),
                b"abcdefgh"
            ));
        }
    }

    #[test]
    fn only_what_may_begin_a_key_waits() {
        let mut scrub = Scrub::of(&keys(&[KEY]));
        assert_eq!(
            scrub.pass(&Bytes::from_static(b"data: 1\n\n")),
            "data: 1\n\n"
        );
        assert_eq!(scrub.waiting(), 0);
        assert_eq!(scrub.pass(&Bytes::from_static(b"key: ls-k")), "key: ");
        assert_eq!(scrub.waiting(), 4);
        assert_eq!(scrub.pass(&Bytes::from_static(b"!")), "ls-k!");
    }
}
