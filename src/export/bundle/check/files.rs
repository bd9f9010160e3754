//! Holds the files of a bundle against the digests in it.
//!
//! In: the files. Out: the manifest, and each file that is missing, foreign or another.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use serde_json::Value;

use super::{Bundle, Checked, Entry};
use crate::export::bundle::manifest::{FORM, Manifest};
use crate::export::bundle::{MANIFEST, NAMES, SUMS, checkpoint_of, leaves_of, proof_of, vkeys_of};

/// Holds every file against `SHA256SUMS`.
pub(super) fn sums(path: &Path, entries: &[Entry], found: &mut Checked) -> io::Result<()> {
    let Some(sums) = entries.iter().find(|entry| entry.name == SUMS) else {
        found.fault(SUMS, "it is missing");
        return Ok(());
    };
    let text = String::from_utf8_lossy(&sums.open(path)?.bytes(LARGEST_SUMS)?).into_owned();
    let mut listed = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let pair = line.split_once("  ");
        let is_first = pair.is_some_and(|(sum, name)| listed.insert(name, sum).is_none());
        if !is_first {
            let what = format!("line {}: no digest of one more file", at.saturating_add(1));
            found.fault(SUMS, what);
        }
    }
    let expected: String = listed
        .iter()
        .map(|(name, sum)| format!("{sum}  {name}\n"))
        .collect();
    if expected != text {
        found.fault(SUMS, "it is not written as stile writes it");
    }
    let mut seen = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.name != SUMS) {
        if !seen.insert(&entry.name) {
            found.fault(&entry.name, "it is there twice");
        }
        match listed.get(entry.name.as_str()) {
            None => found.fault(&entry.name, "`SHA256SUMS` does not know it"),
            Some(sum) if *sum != entry.sha256 => {
                found.fault(
                    &entry.name,
                    "it is not the file that was put in: another digest",
                );
            }
            Some(_) => {}
        }
    }
    for name in listed.keys() {
        if !entries.iter().any(|entry| entry.name == *name) {
            found.fault(name, "it is missing");
        }
    }
    if found.fault_count == 0 {
        let files = entries.len();
        found.proved(format!(
            "the digests of all {files} files are those they were put in with"
        ));
    }
    Ok(())
}

/// Whether the files are those that a bundle of so many journals has.
pub(super) fn names(entries: &BTreeMap<String, Entry>, journals: usize, found: &mut Checked) {
    let mut expected: BTreeSet<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    for number in 1..=journals {
        let of = [leaves_of, proof_of, checkpoint_of, vkeys_of];
        expected.extend(of.map(|name| name(number)));
    }
    for name in entries.keys().filter(|name| !expected.contains(*name)) {
        found.fault(name, "a bundle has no such file");
    }
    for name in expected.iter().filter(|name| !entries.contains_key(*name)) {
        found.fault(name, "it is missing");
    }
}

/// Reads the manifest.
pub(super) fn manifest(
    path: &Path,
    entries: &BTreeMap<String, Entry>,
    found: &mut Checked,
) -> io::Result<Option<Manifest>> {
    let Some(entry) = entries.get(MANIFEST) else {
        found.fault(MANIFEST, "it is missing");
        return Ok(None);
    };
    let read = match entry.text(path) {
        Ok(text) => serde_json::from_str::<Manifest>(&text).map_err(|error| error.to_string()),
        Err(fault) => Err(fault.to_string()),
    };
    match read {
        Ok(manifest) if manifest.bundle == FORM => Ok(Some(manifest)),
        Ok(manifest) => {
            let form = manifest.bundle;
            found.fault(
                MANIFEST,
                format!("form {form} is not known: only {FORM} is"),
            );
            Ok(None)
        }
        Err(fault) => {
            found.fault(MANIFEST, fault);
            Ok(None)
        }
    }
}

/// The members in which two manifests differ, as deep as they have names.
pub(super) fn differing(one: &Manifest, other: &Manifest) -> Vec<String> {
    let value = |manifest: &Manifest| serde_json::to_value(manifest).unwrap_or_default();
    let mut differing = Vec::new();
    compare(&value(one), &value(other), "", &mut differing);
    differing
}

fn compare(one: &Value, other: &Value, at: &str, differing: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let inner = match at {
                    "" => name.clone(),
                    at => format!("{at}.{name}"),
                };
                let null = Value::Null;
                let (a, b) = (a.get(name).unwrap_or(&null), b.get(name).unwrap_or(&null));
                compare(a, b, &inner, differing);
            }
        }
        (a, b) if a != b => differing.push(at.to_owned()),
        _ => {}
    }
}

const LARGEST_SUMS: usize = 16 * 1024 * 1024;

/// A file as text; empty where it cannot be read, which is told.
pub(super) fn text(bundle: &Bundle<'_>, name: &str, found: &mut Checked) -> io::Result<String> {
    let Some(entry) = bundle.entries.get(name) else {
        return Ok(String::new());
    };
    match entry.text(bundle.path) {
        Ok(text) => Ok(text),
        Err(fault) => {
            found.fault(name, fault);
            Ok(String::new())
        }
    }
}
