//! Seals what is kept where others can read it.
//!
//! In: bytes, a key, and what they are for. Out: the same that only the key opens, for nothing else.
//!
//! What a provider gave for later (refresh and ID token) is sealed with a key made of the session's
//! cookie: whoever has the database has neither. A sign-in that has begun is sealed with a key of all
//! instances and kept by the browser, so that whoever begins ten thousand of them costs us nothing.
//!
//! AES-256-GCM with a random nonce; RFC 5116.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::random::random;

/// A key that seals for one purpose.
pub(super) struct Seal {
    key: LessSafeKey,
    purpose: &'static str,
}

impl Seal {
    /// With this key; what is sealed for one purpose opens for no other.
    pub(super) fn new(key: &[u8; 32], purpose: &'static str) -> Option<Seal> {
        let key = UnboundKey::new(&AES_256_GCM, key).ok()?;
        Some(Seal {
            key: LessSafeKey::new(key),
            purpose,
        })
    }

    /// Seals; nothing when the machine gives no randomness.
    pub(super) fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut sealed = plain.to_vec();
        let aad = Aad::from(self.purpose);
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// Opens; nothing when it was sealed otherwise, or changed.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(self.purpose), &mut plain);
        let length = opened.ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_and_nothing_else_does() {
        let seal = Seal::new(&[7; 32], "a").unwrap();
        let sealed = seal.seal(b"plain").unwrap();
        assert_eq!(seal.open(&sealed).unwrap(), b"plain");
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(seal.open(&changed), None, "byte {place}");
        }
        for length in 0..sealed.len() {
            assert_eq!(seal.open(&sealed[..length]), None, "cut to {length}");
        }
        let other_key = Seal::new(&[8; 32], "a").unwrap();
        let other_purpose = Seal::new(&[7; 32], "b").unwrap();
        assert_eq!(other_key.open(&sealed), None);
        assert_eq!(other_purpose.open(&sealed), None);
    }

    #[test]
    fn the_same_is_never_sealed_alike() {
        let seal = Seal::new(&[7; 32], "a").unwrap();
        assert_ne!(seal.seal(b"plain"), seal.seal(b"plain"));
    }
}
