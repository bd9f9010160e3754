//! Reads, checks and writes text that keys vouch for.
//!
//! In: the text of a note, and the vkeys that are trusted. Out: a [`SignedNote`] and who signed it;
//! or a line of signature by a [`SigningKey`].
//!
//! A note is its text, an empty line, and a line for each signature: an em dash, the key's name, and
//! base 64 of the key's id and the signature. Two kinds of keys are known: Ed25519 over the text
//! (type 1), and the cosignature of a witness over a time and the text (type 4).
//!
//! Lines of unknown keys are passed over; a line of a known key that does not hold spoils the note.
//!
//! Never: a private key that is printed, or left in memory when it is dropped.
//!
//! C2SP signed-note; C2SP tlog-cosignature; RFC 8032.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::frame::{hex, sha256};

/// What a key's signatures say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// The log: this is my text.
    Log,
    /// A witness: at this time it was consistent with all that I saw before.
    Witness,
}

/// A key that signatures are checked with, and its name.
#[derive(Clone, PartialEq, Eq)]
pub struct Vkey {
    /// The name that its signatures carry.
    pub name: String,
    /// What its signatures say.
    pub kind: KeyKind,
    id: [u8; 4],
    public: [u8; 32],
}

/// A line of signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The key's name.
    pub name: String,
    /// The key's id.
    pub id: [u8; 4],
    /// What the key made.
    pub bytes: Vec<u8>,
}

/// A note as it was read; nothing is believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    /// The text, its last line break included.
    pub text: String,
    /// The signatures, in order.
    pub signatures: Vec<Signature>,
}

/// A private key and its name.
pub struct SigningKey {
    vkey: Vkey,
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
}

impl KeyKind {
    fn byte(self) -> u8 {
        match self {
            KeyKind::Log => 1,
            KeyKind::Witness => 4,
        }
    }
}

impl Vkey {
    /// A key of these bytes.
    pub fn new(name: &str, kind: KeyKind, public: [u8; 32]) -> Vkey {
        let hash = sha256(&[name.as_bytes(), b"\n", &[kind.byte()], &public]);
        let [a, b, c, d, ..] = hash;
        Vkey {
            name: name.to_owned(),
            kind,
            id: [a, b, c, d],
            public,
        }
    }

    /// Reads `name+id+key`.
    ///
    /// # Errors
    ///
    /// A few words on what is wrong.
    pub fn parse(text: &str) -> Result<Vkey, &'static str> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("a vkey is name+id+key");
        };
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("the name of a vkey has no spaces and is not empty");
        }
        let bytes = STANDARD
            .decode(key)
            .map_err(|_| "the key of a vkey is base 64")?;
        let Some(([kind], public)) = bytes.split_first_chunk::<1>() else {
            return Err("the key of a vkey is empty");
        };
        let kind = match kind {
            1 => KeyKind::Log,
            4 => KeyKind::Witness,
            _ => {
                return Err(
                    "the vkey is of a type that is not known: Ed25519 is 1, a witness is 4",
                );
            }
        };
        let public = public
            .try_into()
            .map_err(|_| "an Ed25519 key has 32 bytes")?;
        let vkey = Vkey::new(name, kind, public);
        match hex(&vkey.id) == id {
            true => Ok(vkey),
            false => Err("the id of the vkey is not the one of its name and key"),
        }
    }

    /// The same key saying something else.
    #[must_use]
    pub fn as_kind(&self, kind: KeyKind) -> Vkey {
        Vkey::new(&self.name, kind, self.public)
    }

    /// Whether a line claims to be of this key.
    pub fn made(&self, line: &Signature) -> bool {
        line.name == self.name && line.id == self.id
    }

    fn verify(&self, text: &str, signature: &[u8]) -> Option<Signed> {
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        match self.kind {
            KeyKind::Log => key
                .verify(text.as_bytes(), signature)
                .ok()
                .map(|()| Signed { time_s: None }),
            KeyKind::Witness => {
                let (time, signature) = signature.split_first_chunk::<8>()?;
                let time_s = u64::from_be_bytes(*time);
                let said = cosigned(time_s, text);
                let held = time_s <= LATEST_S && key.verify(said.as_bytes(), signature).is_ok();
                held.then_some(Signed {
                    time_s: Some(time_s),
                })
            }
        }
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.kind.byte()][..], &self.public].concat();
        write!(
            f,
            "{}+{}+{}",
            self.name,
            hex(&self.id),
            STANDARD.encode(key)
        )
    }
}

impl fmt::Debug for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A signature that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// When a witness says it was, s since 1970.
    pub time_s: Option<u64>,
}

impl SignedNote {
    /// Reads a note.
    ///
    /// # Errors
    ///
    /// A few words on what makes it none.
    pub fn parse(note: &str) -> Result<SignedNote, &'static str> {
        if note.len() > LARGEST_NOTE_BYTES {
            return Err("the note is too long");
        }
        if note.contains(|c: char| c < ' ' && c != '\n') {
            return Err("the note has control characters");
        }
        let (text, lines) = note
            .rsplit_once("\n\n")
            .ok_or("no empty line stands before signatures")?;
        let signatures = lines
            .strip_suffix('\n')
            .ok_or("the last line is not ended")?
            .split('\n')
            .map(Signature::parse)
            .collect::<Result<_, _>>()?;
        Ok(SignedNote {
            text: format!("{text}\n"),
            signatures,
        })
    }

    /// Whether this key signed it.
    ///
    /// # Errors
    ///
    /// When a line says so and does not hold.
    pub fn signed_by(&self, vkey: &Vkey) -> Result<Option<Signed>, &'static str> {
        let mut found = None;
        for line in &self.signatures {
            if vkey.made(line) {
                let signed = vkey.verify(&self.text, &line.bytes);
                found = Some(signed.ok_or("a signature is not the key's over this text")?);
            }
        }
        Ok(found)
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Signature {
    /// Reads one line, without its end.
    ///
    /// # Errors
    ///
    /// A few words on what makes it none.
    pub fn parse(line: &str) -> Result<Signature, &'static str> {
        let (name, coded) = line
            .strip_prefix("\u{2014} ")
            .and_then(|rest| rest.split_once(' '))
            .ok_or("a line behind the text is no signature")?;
        let bytes = STANDARD
            .decode(coded)
            .map_err(|_| "a signature is not base 64")?;
        match bytes.split_first_chunk::<4>() {
            Some((id, bytes)) if !name.is_empty() && !bytes.is_empty() => Ok(Signature {
                name: name.to_owned(),
                id: *id,
                bytes: bytes.to_vec(),
            }),
            _ => Err("a signature is too short"),
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let coded = STANDARD.encode([&self.id[..], &self.bytes].concat());
        write!(f, "\u{2014} {} {coded}", self.name)
    }
}

impl SigningKey {
    /// The key of a log that this seed makes.
    ///
    /// # Errors
    ///
    /// When the seed makes none.
    pub fn of_seed(name: &str, seed: Zeroizing<[u8; 32]>) -> Result<SigningKey, &'static str> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_ref())
            .map_err(|_| "the seed makes no Ed25519 key")?;
        let public = pair.public_key().as_ref();
        let public = public.try_into().map_err(|_| "the key has not 32 bytes")?;
        Ok(SigningKey {
            vkey: Vkey::new(name, KeyKind::Log, public),
            seed,
            pair,
        })
    }

    /// The key to check with.
    pub fn vkey(&self) -> &Vkey {
        &self.vkey
    }

    /// The bytes that the key is made from.
    pub(super) fn seed(&self) -> &Zeroizing<[u8; 32]> {
        &self.seed
    }

    /// Signs a text.
    pub fn sign(&self, text: &str) -> Signature {
        Signature {
            name: self.vkey.name.clone(),
            id: self.vkey.id,
            bytes: self.pair.sign(text.as_bytes()).as_ref().to_vec(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[signing key of {}]", self.vkey)
    }
}

/// What a witness signs.
pub fn cosigned(time_s: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

/// Sixteen signatures of the largest kind that is known, and a long text.
const LARGEST_NOTE_BYTES: usize = 1 << 17;
/// Times beyond this are none (C2SP tlog-cosignature, "Format").
const LATEST_S: u64 = (1 << 63) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C2SP signed-note and its published key.
    const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n";
    const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const LINE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

    fn note() -> String {
        format!("{TEXT}\n{LINE}\n")
    }

    #[test]
    fn a_note_of_another_program_holds_and_reads_back() {
        let read = SignedNote::parse(&note()).unwrap();
        let vkey = Vkey::parse(VKEY).unwrap();
        assert_eq!(vkey.to_string(), VKEY);
        assert_eq!(read.signed_by(&vkey), Ok(Some(Signed { time_s: None })));
        assert_eq!(read.to_string(), note());
    }

    #[test]
    fn a_changed_text_or_signature_does_not_hold() {
        let vkey = Vkey::parse(VKEY).unwrap();
        let other = SignedNote::parse(&note().replace("problem is", "problem was")).unwrap();
        assert!(other.signed_by(&vkey).is_err());
        let other = SignedNote::parse(&note().replace("ZJkuBS9UG", "ZJkuBS9UH")).unwrap();
        assert!(other.signed_by(&vkey).is_err());
        assert!(Vkey::parse(&VKEY.replace("c74f", "c74e")).is_err());
    }

    #[test]
    fn an_unknown_key_says_nothing() {
        let key = SigningKey::of_seed("PeterNeumann", Zeroizing::new([7; 32])).unwrap();
        let mut read = SignedNote::parse(&note()).unwrap();
        assert_eq!(read.signed_by(key.vkey()), Ok(None));
        read.signatures.push(key.sign(TEXT));
        let read = SignedNote::parse(&read.to_string()).unwrap();
        assert!(read.signed_by(key.vkey()).unwrap().is_some());
        assert!(
            read.signed_by(&Vkey::parse(VKEY).unwrap())
                .unwrap()
                .is_some()
        );
        assert_eq!(format!("{key:?}").matches("BwcH").count(), 0);
    }

    #[test]
    fn what_is_no_note_is_refused() {
        for text in [
            "",
            "a\n",
            "a\n\n",
            "a\n\nb\n",
            "a\n\n\u{2014} n\n",
            "a\n\n\u{2014} n AAAA\n",
            "a\tb\n\n\u{2014} n AAAAAAAA\n",
            "a\n\n\u{2014} n AAAAAAAA",
        ] {
            assert!(SignedNote::parse(text).is_err(), "{text:?}");
        }
        assert!(SignedNote::parse("a\n\n\u{2014} n AAAAAAAA\n").is_ok());
    }
}
