//! Says what a bundle proves, and what not.
//!
//! In: a bundle, and what its reader knows from elsewhere: keys, checkpoints, witnesses. Out: what is
//! proved, what is not, and each thing that is wrong, with its file.
//!
//! What follows from the records is made anew and compared: the rows in every form, the counts, the
//! report. So a hash that fits is not the only thing that speaks for a file.
//!
//! Never: believes the manifest; asks a network; writes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::tz::TimeZone;

use super::archive::{self, Entry};
use super::manifest::{FileSaid, Manifest};
use super::report;
use super::tally::Tally;
use crate::record::Evidence;

mod files;
mod journal;
mod keys;
mod journals;
mod rows;

/// What a bundle proves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many rows it has.
    pub rows: u64,
    /// Rows by decision.
    pub decisions: BTreeMap<String, u64>,
    /// What is wrong, each with its file; the first 50.
    pub faults: Vec<String>,
    /// How much is wrong.
    pub fault_count: u64,
    /// What is proved.
    pub proved: Vec<String>,
    /// What is not.
    pub unproved: Vec<String>,
    /// Whether keys that the reader knew signed every checkpoint.
    pub is_vouched: bool,
}

/// A bundle that is looked through.
#[derive(Debug)]
struct Bundle<'b> {
    path: &'b Path,
    entries: BTreeMap<String, Entry>,
    manifest: Manifest,
    zone: TimeZone,
}

impl Checked {
    fn fault(&mut self, file: &str, what: impl std::fmt::Display) {
        self.fault_count = self.fault_count.saturating_add(1);
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(format!("{file}: {what}"));
        }
    }

    fn proved(&mut self, what: impl Into<String>) {
        self.proved.push(what.into());
    }

    fn unproved(&mut self, what: impl Into<String>) {
        self.unproved.push(what.into());
    }
}

/// Checks a bundle. `progress` is told how many bytes of how many are read, and how many rows.
///
/// # Errors
///
/// When the file cannot be read.
pub fn check(
    path: &Path,
    evidence: &Evidence,
    mut progress: impl FnMut(u64, u64, u64),
) -> io::Result<Checked> {
    let mut found = Checked::default();
    let (entries, faults) = archive::list(path, |done, total| progress(done, total, 0))?;
    for fault in faults {
        found.fault("the tar", fault);
    }
    files::sums(path, &entries, &mut found)?;
    let entries: BTreeMap<String, Entry> = entries
        .into_iter()
        .map(|entry| (entry.name.clone(), entry))
        .collect();
    let Some(manifest) = files::manifest(path, &entries, &mut found)? else {
        found.unproved("anything about the rows: the manifest cannot be read");
        return Ok(found);
    };
    files::names(&entries, manifest.journals.len(), &mut found);
    let zone = TimeZone::get(&manifest.query.zone).unwrap_or_else(|_| {
        found.fault(super::MANIFEST, "`query.zone` is no time zone");
        TimeZone::UTC
    });
    let bundle = Bundle {
        path,
        entries,
        manifest,
        zone,
    };
    let mut journals = journals::check(&bundle, evidence, &mut found)?;
    let tally = rows::check(&bundle, &mut journals, &mut found, |row| {
        progress(1, 1, row)
    })?;
    let said = journals
        .iter()
        .map(|journal| journal.said(&tally))
        .collect();
    journals::judge(&bundle, &journals, &mut found);
    compare(&bundle, &tally, said, &mut found);
    found.unproved(format!(
        "who exported (`{}`) and when ({}): that is what the exporter said",
        bundle.manifest.exported_by, bundle.manifest.exported_at
    ));
    found.rows = tally.rows;
    found.decisions = tally.decisions;
    Ok(found)
}

/// Makes manifest, report and the texts about the bundle anew.
fn compare(
    bundle: &Bundle<'_>,
    tally: &Tally,
    journals: Vec<super::manifest::JournalSaid>,
    found: &mut Checked,
) {
    let before = found.fault_count;
    let mut anew = bundle.manifest.clone();
    anew.take(tally);
    anew.journals = journals;
    let files = bundle.entries.values();
    let files = files.filter(|entry| entry.name != super::MANIFEST && entry.name != super::SUMS);
    let said = |entry: &Entry| FileSaid {
        bytes: entry.bytes,
        sha256: entry.sha256.clone(),
    };
    anew.files = files
        .map(|entry| (entry.name.clone(), said(entry)))
        .collect();
    for member in files::differing(&bundle.manifest, &anew) {
        let what = format!("`{member}` is not what the other files say");
        found.fault(super::MANIFEST, what);
    }
    let is_as = |name: &str, expected: &str, found: &mut Checked| {
        let Some(entry) = bundle.entries.get(name) else {
            return true;
        };
        match entry.text(bundle.path) {
            Ok(text) => text == expected,
            Err(fault) => {
                found.fault(name, fault);
                true
            }
        }
    };
    if !is_as(super::MANIFEST, &bundle.manifest.text(), found) {
        found.fault(super::MANIFEST, "it is not written as stile writes it");
    }
    let expected = [
        (super::REPORT, report::text(&bundle.manifest, tally)),
        (super::HOW_TO, super::HOW_TO_TEXT.to_owned()),
        (super::PROGRAM, super::PROGRAM_TEXT.to_owned()),
    ];
    for (name, expected) in expected {
        if !is_as(name, &expected, found) {
            let what = "it is not the one that these rows lead to";
            other(bundle, name, what, found);
        }
    }
    if found.fault_count == before {
        found.proved("manifest and report say what the rows say, and every count is right");
    }
}

/// What is not as this version makes it: wrong, unless another version made it.
fn other(bundle: &Bundle<'_>, name: &str, what: &str, found: &mut Checked) {
    let (theirs, ours) = (&bundle.manifest.version, env!("CARGO_PKG_VERSION"));
    match theirs == ours {
        true => found.fault(name, what),
        false => found.unproved(format!(
            "`{name}` beyond its digest: stile {theirs} made it, and this is {ours}"
        )),
    }
}

/// How many faults are kept in words.
const MOST_FAULTS: usize = 50;
