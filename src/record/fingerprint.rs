//! Turns a token into a fingerprint that means something in this journal only.
//!
//! In: a token's id or digest. Out: HMAC-SHA256 under a random key in `fingerprint.key`.
//!
//! Two records with one fingerprint are of one token; without the key nobody can tell whether a
//! token they hold is the one in a record, or link two journals.
//!
//! Never: the `jti` or the token itself in a record; the key in a copy that leaves with the
//! segments, unless someone copies it on purpose.
//!
//! A key file that others may read, or of the wrong size, refuses the start.
//!
//! RFC 2104.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use aws_lc_rs::{hmac, rand};
use zeroize::Zeroizing;

use super::journal_error::JournalError;

/// The key of the fingerprints of one journal.
pub(super) struct FingerprintKey(hmac::Key);

impl std::fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[fingerprint key]")
    }
}

impl FingerprintKey {
    /// Takes the key from the journal's folder, or makes it there.
    pub(super) fn open(folder: &Path) -> Result<FingerprintKey, JournalError> {
        let path = folder.join(NAME);
        let opened = match File::open(&path) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => make(folder, &path),
            other => other,
        };
        let mut file = opened.map_err(|fault| JournalError::io("open", &path, fault))?;
        let facts = file
            .metadata()
            .map_err(|fault| JournalError::io("look at", &path, fault))?;
        if facts.mode() & 0o077 != 0 {
            let fault = "the fingerprint key can be read by others";
            return Err(JournalError::refused(&path, fault).hint("chmod 600 it"));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
        (&mut file)
            .take(KEY_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|fault| JournalError::io("read", &path, fault))?;
        if bytes.len() != KEY_BYTES {
            let fault = "the fingerprint key is not 32 bytes long";
            return Err(JournalError::refused(&path, fault).hint(
                "restore it, or move it away for a new one: old fingerprints stop matching",
            ));
        }
        Ok(FingerprintKey::of_bytes(&bytes))
    }

    /// A key of the bytes given.
    pub(super) fn of_bytes(bytes: &[u8]) -> FingerprintKey {
        FingerprintKey(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The fingerprint of a token that has an id; ids are unique per issuer only.
    pub(super) fn of_token_id(&self, issuer: &str, jti: &str) -> [u8; 32] {
        self.sign(&[b"jti\0", issuer.as_bytes(), b"\0", jti.as_bytes()])
    }

    /// The fingerprint of a token that has none.
    pub(super) fn of_token(&self, digest: &[u8; 32]) -> [u8; 32] {
        self.sign(&[b"token\0", digest])
    }

    fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hmac = hmac::Context::with_key(&self.0);
        for part in parts {
            hmac.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(hmac.sign().as_ref());
        out
    }
}

/// A key is whole under its name or not there.
fn make(folder: &Path, path: &Path) -> io::Result<File> {
    let mut bytes = Zeroizing::new([0_u8; KEY_BYTES]);
    rand::fill(bytes.as_mut()).map_err(|_| io::Error::other("no randomness to be had"))?;
    let fresh = folder.join("fingerprint.tmp");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes.as_ref())?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    File::open(folder)?.sync_all()?;
    File::open(path)
}

const NAME: &str = "fingerprint.key";
const KEY_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        FingerprintKey::open(folder.path()).unwrap();
        let path = folder.path().join(NAME);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(FingerprintKey::open(folder.path()).is_err());
    }

    #[test]
    fn a_fingerprint_stays_over_restarts_and_differs_by_issuer() {
        let folder = tempfile::tempdir().unwrap();
        let first = FingerprintKey::open(folder.path()).unwrap();
        let second = FingerprintKey::open(folder.path()).unwrap();
        let of = |key: &FingerprintKey, issuer| key.of_token_id(issuer, "jti-1");
        assert_eq!(of(&first, "https://a"), of(&second, "https://a"));
        assert_ne!(of(&first, "https://a"), of(&first, "https://b"));
    }
}
