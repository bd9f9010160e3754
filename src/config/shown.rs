//! Shows the settings that hold, defaults filled in, and where each of them came from.
//!
//! In: the file as read, with defaults. Out: a list of [`Shown`] values, and a digest of them all.
//!
//! The list is the file again: written back as YAML it loads to the same settings.
//!
//! Never: what a key file holds. It is shown as the first digits of its SHA-256, so that two
//! machines can be compared.

use std::path::Path;

use serde_json::Value;

use super::file::File;
use super::origin::{Origin, Place};
use super::tree::{self, Node};

/// One value that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its path: `issuers[0].url`.
    pub key: String,
    /// The value as the file would say it.
    pub value: String,
    /// For a file with a key: the first digits of the SHA-256 of what it holds.
    pub digest: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

/// Every value that holds, in the order of the documentation, and the digest of them all.
pub(super) fn shown(file: &File, site: &str, root: &Node, folder: &Path) -> (Vec<Shown>, String) {
    let mut whole = serde_json::to_value(file).unwrap_or(Value::Null);
    fill_computed(&mut whole, site);
    without_nothing(&mut whole);
    let digest = sha256_hex(whole.to_string().as_bytes());
    let mut leaves = Vec::new();
    flatten(&whole, &Place::nowhere(), &mut leaves);
    let list = leaves
        .into_iter()
        .map(|(key, value)| Shown {
            digest: key
                .ends_with("key_file")
                .then(|| content_digest(&folder.join(&value)))
                .flatten(),
            origin: origin_of(root, &key),
            key,
            value,
        })
        .collect();
    (list, digest)
}

/// The defaults that depend on other values: they are filled in where the settings are made.
fn fill_computed(whole: &mut Value, site: &str) {
    let issuers = whole.get_mut("issuers").and_then(Value::as_array_mut);
    for issuer in issuers.into_iter().flatten() {
        let openid = issuer.get("dialect").and_then(Value::as_str) == Some("openid");
        let Some(keys) = issuer.as_object_mut() else {
            continue;
        };
        if keys.get("audiences").is_none_or(Value::is_null) {
            keys.insert("audiences".into(), vec![site].into());
        }
        if openid && keys.get("claims").is_none_or(Value::is_null) {
            let preset = serde_json::to_value(super::file::Claims::default());
            keys.insert("claims".into(), preset.unwrap_or(Value::Null));
        }
    }
}

fn without_nothing(value: &mut Value) {
    match value {
        Value::Object(keys) => {
            keys.retain(|_, value| !value.is_null());
            keys.values_mut().for_each(without_nothing);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nothing),
        _ => {}
    }
}

fn flatten(value: &Value, place: &Place, leaves: &mut Vec<(String, String)>) {
    match value {
        Value::Object(keys) => keys
            .iter()
            .for_each(|(key, value)| flatten(value, &place.key(key), leaves)),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(index, value)| flatten(value, &place.index(index), leaves)),
        Value::String(text) => leaves.push((place.path.clone(), text.clone())),
        other => leaves.push((place.path.clone(), other.to_string())),
    }
}

/// Where the value at this path came from; nobody wrote what is not in the tree.
fn origin_of(node: &Node, path: &str) -> Origin {
    if node.place.path == path {
        return node.place.origin.clone();
    }
    let inner: Vec<&Node> = match &node.value {
        tree::Value::Keys(keys) => keys.iter().map(|(_, node)| node).collect(),
        tree::Value::List(list) => list.iter().collect(),
        _ => return Origin::Default,
    };
    let leads = |inner: &&&Node| {
        let rest = path.strip_prefix(&inner.place.path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    match inner.iter().find(leads) {
        Some(next) => origin_of(next, path),
        None => Origin::Default,
    }
}

fn content_digest(file: &Path) -> Option<String> {
    let held = zeroize::Zeroizing::new(std::fs::read(file).ok()?);
    sha256_hex(&held).get(..DIGEST_DIGITS).map(str::to_owned)
}

fn sha256_hex(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Enough to tell two keys apart, too few to guess one by.
const DIGEST_DIGITS: usize = 8;
