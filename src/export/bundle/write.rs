//! Makes a bundle.
//!
//! In: where rows come from, the journals they are of, who asks and when. Out: the file.
//!
//! Rows are read once; what they say of records is held against the journal before anything is
//! written under the bundle's name.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;

use super::gather::{Folders, Gathered, gather};
use super::manifest::{FORM, FileSaid, JournalSaid, Manifest, QuerySaid, SearchedSaid};
use super::spool::{Digesting, Spool, Spooled};
use super::tally::Tally;
use super::{agree, archive, report};
use crate::clock::Time;
use crate::export::file::all_there;
use crate::export::partial::Partial;
use crate::export::source::{Progress, Rows, Searched, Source, origin_of};
use crate::export::{ExportError, Form, Written};
use crate::index::query::shown_in;
use crate::index::{Condition, Field, Query, Row};
use crate::record::frame::Digest;

/// What a bundle is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The query as it was written.
    pub asked: String,
    /// What it means: absolute times, teams put in.
    pub means: Query,
    /// The zone of days and of times in columns.
    pub zone: TimeZone,
    /// Its name.
    pub zone_name: String,
    /// Who makes it.
    pub by: String,
    /// When.
    pub at: Time,
    /// The journals that rows may be of.
    pub journals: Vec<Journal>,
}

/// A journal and its tiles.
#[derive(Clone, Debug)]
pub struct Journal {
    /// Its folder.
    pub folder: PathBuf,
    /// The folder of its tiles.
    pub tiles: PathBuf,
}

/// The places of records in a journal, each with the digest of what a row says of it.
type Needed = BTreeMap<String, Vec<(u64, Digest)>>;

/// Makes it. `progress` is told how far it is: first through the rows, then through their records.
///
/// # Errors
///
/// As reading rows and journals and writing the file, which is then there as `FILE.partial`.
pub fn write(
    path: &Path,
    plan: &Plan,
    source: &mut Source,
    mut progress: impl FnMut(Progress),
) -> Result<Written, ExportError> {
    let mut file = Partial::begin(path)?;
    let word = source.word();
    let mut needed = Needed::new();
    if let Source::Index(_) = source {
        for row in source.rows(&Query::of(rotation()))?.rows {
            need(&mut needed, &row?);
        }
    }
    let searched = source.searched()?;
    let (rows, tally) = spooled(path, plan, source, &mut needed, &mut progress)?;
    needed.retain(|origin, _| tally.origins.contains_key(origin));
    let mut files: BTreeMap<String, Spooled> = rows;
    let mut journals = Vec::new();
    for (number, (origin, mut needed)) in (1_usize..).zip(needed) {
        needed.sort_unstable();
        needed.dedup();
        let total = u64::try_from(needed.len()).unwrap_or(u64::MAX);
        let of = "records proved";
        let from = folder_of(plan, &origin)?;
        let gathered = gather(from, &needed, path, |done| {
            progress(Progress { done, total, of })
        })?;
        journals.push(said(&origin, &gathered, &tally));
        put_journal(&mut files, path, number, gathered)?;
    }
    let mut manifest = Manifest {
        bundle: FORM,
        configs: BTreeMap::new(),
        decisions: BTreeMap::new(),
        exported_at: shown_in(plan.at, &TimeZone::UTC),
        exported_by: plan.by.clone(),
        files: BTreeMap::new(),
        journals,
        outcomes: 0,
        policy_sets: BTreeMap::new(),
        query: QuerySaid {
            asked: plan.asked.clone(),
            means: plan.means.to_string(),
            zone: plan.zone_name.clone(),
        },
        rows: 0,
        searched: searched.iter().map(|s| of_searched(s, &tally)).collect(),
        source: word.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    manifest.take(&tally);
    let mut text = |name: &str, text: &str| -> Result<(), ExportError> {
        let spooled = spool_of(path, text)?;
        files.insert(name.to_owned(), spooled);
        Ok(())
    };
    text(super::REPORT, &report::text(&manifest, &tally))?;
    text(super::HOW_TO, super::HOW_TO_TEXT)?;
    text(super::PROGRAM, super::PROGRAM_TEXT)?;
    manifest.files = files
        .iter()
        .map(|(name, file)| (name.clone(), of_file(file)))
        .collect();
    files.insert(
        super::MANIFEST.to_owned(),
        spool_of(path, &manifest.text())?,
    );
    let sums = files
        .iter()
        .map(|(name, file)| format!("{}  {name}\n", file.sha256));
    let sums: String = sums.collect();
    files.insert(super::SUMS.to_owned(), spool_of(path, &sums)?);
    let bytes = put_all(&mut file, &mut files)?;
    file.finish()?;
    let rows = tally.rows;
    Ok(Written { rows, bytes })
}

/// The records that name the keys of epochs: not rows, but they vouch for the key of the checkpoint.
fn rotation() -> Condition {
    Condition::is(Field::Event, "key.rotate")
}

/// What a scan looks for, so that a journal is read through once: rows, and records that name keys.
fn looked_for(means: &Query) -> Query {
    match means.condition() {
        Some(condition) => Query::of(Condition::any(vec![condition.clone(), rotation()])),
        None => Query::default(),
    }
}

/// The three files of rows; what rows say of records is noted in `needed`.
fn spooled(
    path: &Path,
    plan: &Plan,
    source: &mut Source,
    needed: &mut Needed,
    progress: &mut impl FnMut(Progress),
) -> Result<(BTreeMap<String, Spooled>, Tally), ExportError> {
    let unwritten = |fault: std::io::Error| ExportError::io(path, "written", &fault);
    let forms = [
        (super::CSV, Form::Csv),
        (super::JSONL, Form::Jsonl),
        (super::OCSF, Form::Ocsf),
    ];
    let mut spools = Vec::new();
    for (name, form) in forms {
        let mut spool = Spool::begin(path).map_err(unwritten)?;
        spool.put(form.heading().as_bytes()).map_err(unwritten)?;
        spools.push((name, form, spool));
    }
    let mut tally = Tally::default();
    let is_scan = matches!(source, Source::Journal(_));
    let query = match is_scan {
        true => looked_for(&plan.means),
        false => plan.means.clone(),
    };
    let rows = source.rows(&query)?;
    let (count, span) = (rows.count, rows.span);
    for row in rows.rows {
        let row = row?;
        let is_meant = |row: &Row| row.facts().is_some_and(|facts| plan.means.means(&facts));
        if is_scan && !is_meant(&row) {
            need(needed, &row);
            continue;
        }
        for (_, form, spool) in &mut spools {
            let line = form.line(&row, &plan.zone);
            spool.put(line.as_bytes()).map_err(unwritten)?;
        }
        need(needed, &row);
        tally.count(&row, &plan.zone);
        progress(Rows::progress(count, span, tally.rows, &row));
    }
    all_there(count, tally.rows)?;
    let mut files = BTreeMap::new();
    for (name, _, spool) in spools {
        files.insert(name.to_owned(), spool.finish().map_err(unwritten)?);
    }
    Ok((files, tally))
}

fn need(needed: &mut Needed, row: &Row) {
    let of = needed.entry(row.origin.to_string()).or_default();
    of.push((row.seq, agree::text(row.record.as_bytes())));
    if let Some((seq, outcome)) = &row.outcome {
        of.push((*seq, agree::text(outcome.as_bytes())));
    }
}

/// Where the journal of this name is.
fn folder_of<'p>(plan: &'p Plan, origin: &str) -> Result<Folders<'p>, ExportError> {
    for journal in &plan.journals {
        if origin_of(&journal.folder)? == origin {
            return Ok(Folders {
                journal: &journal.folder,
                tiles: &journal.tiles,
            });
        }
    }
    let fault = format!("rows are of the journal `{origin}`, which is not at hand");
    let hint = format!(
        "name its folder or a copy with `--journal`, or ask with `origin:` for others than `{origin}`"
    );
    Err(ExportError::new(fault, hint))
}

fn said(origin: &str, gathered: &Gathered, tally: &Tally) -> JournalSaid {
    JournalSaid {
        leaves: gathered.count,
        origin: origin.to_owned(),
        root: STANDARD.encode(gathered.checkpoint.root),
        rows: tally.origins.get(origin).copied().unwrap_or(0),
        size: gathered.checkpoint.size,
    }
}

/// What was searched; a row that came in meanwhile counts.
fn of_searched(searched: &Searched, tally: &Tally) -> SearchedSaid {
    let last = tally.last_seq.get(&searched.origin);
    let behind = last.map_or(0, |last| last.saturating_add(1));
    SearchedSaid {
        first: searched.first_seq,
        next: searched.next_seq.max(behind),
        origin: searched.origin.clone(),
    }
}

fn put_journal(
    files: &mut BTreeMap<String, Spooled>,
    near: &Path,
    number: usize,
    gathered: Gathered,
) -> Result<(), ExportError> {
    files.insert(
        super::checkpoint_of(number),
        spool_of(near, &gathered.note)?,
    );
    files.insert(super::vkeys_of(number), spool_of(near, &gathered.vkeys)?);
    files.insert(super::leaves_of(number), gathered.leaves);
    files.insert(super::proof_of(number), gathered.proof);
    Ok(())
}

fn spool_of(near: &Path, text: &str) -> Result<Spooled, ExportError> {
    let unwritten = |fault: std::io::Error| ExportError::io(near, "written", &fault);
    let mut spool = Spool::begin(near).map_err(unwritten)?;
    spool.put(text.as_bytes()).map_err(unwritten)?;
    spool.finish().map_err(unwritten)
}

fn of_file(file: &Spooled) -> FileSaid {
    FileSaid {
        bytes: file.bytes,
        sha256: file.sha256.clone(),
    }
}

/// Puts the files into the tar, each one as it was digested.
fn put_all(file: &mut Partial, files: &mut BTreeMap<String, Spooled>) -> Result<u64, ExportError> {
    let mut counted = Counting { file, bytes: 0 };
    let put = (|| {
        for (name, spooled) in files.iter_mut() {
            let mut content = Redigesting {
                input: &mut spooled.file,
                digest: Digesting::new(),
            };
            archive::put(&mut counted, name, spooled.bytes, &mut content)?;
            if content.digest.finish() != spooled.sha256 {
                return Err(std::io::Error::other(format!("`{name}` changed meanwhile")));
            }
        }
        archive::end(&mut counted)
    })();
    let bytes = counted.bytes;
    put.map_err(|fault| file.fault(&fault))?;
    Ok(bytes)
}

struct Counting<'f> {
    file: &'f mut Partial,
    bytes: u64,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        let more = u64::try_from(written).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(more);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// What was spooled is read from a disk again: what it gives is held against what it took.
struct Redigesting<'f> {
    input: &'f mut std::fs::File,
    digest: Digesting,
}

impl Read for Redigesting<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(into)?;
        self.digest.update(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}
