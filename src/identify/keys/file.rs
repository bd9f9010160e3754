//! Reads the key set of an issuer from a file, for sites without a network.
//!
//! In: the path that `keys_file` names. Out: a [`KeySet`] with at least one usable key, or a
//! [`SetupError`] that says what is in the file instead.

use std::io::Read;
use std::path::Path;

use crate::identify::key_set::{KeySet, NoKeySet};
use crate::setup_error::SetupError;

/// Reads and checks it.
pub(super) fn read(file: &Path) -> Result<KeySet, SetupError> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file)
        .and_then(|open| open.take(LARGEST_BYTES + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        let said = error.to_string().to_lowercase();
        let fault = SetupError::in_file(file, format!("the key set cannot be read: {said}"));
        return Err(fault.hint("relative paths start at the folder of the settings file"));
    }
    if bytes.len() as u64 > LARGEST_BYTES {
        let fault = SetupError::in_file(file, "the key set is over 1 MiB");
        return Err(fault.hint(WANTED));
    }
    let set = KeySet::read(&bytes).map_err(|fault| {
        let what = match fault {
            NoKeySet::NotOne => "this is not a JWK set",
            NoKeySet::TooManyKeys => "the key set has more than 128 keys",
        };
        SetupError::in_file(file, what).hint(WANTED)
    })?;
    if set.usable() == 0 {
        let why: Vec<String> = (set.facts().iter())
            .map(|key| {
                let why = key.why.unwrap_or("it is not used");
                format!("key `{}`: {why}", key.id.escape_debug())
            })
            .collect();
        let what = match why.is_empty() {
            true => "the key set has no key".to_owned(),
            false => format!("the key set has no usable key; {}", why.join("; ")),
        };
        return Err(SetupError::in_file(file, what).hint(WANTED));
    }
    Ok(set)
}

const LARGEST_BYTES: u64 = 1024 * 1024;
const WANTED: &str = "it is what the issuer's `jwks_uri` answers: {\"keys\": [...]}";
