//! `stile audit verify`: checks a journal without trusting who wrote it.
//!
//! In: a folder with segments or a bundle, and what the auditor kept elsewhere: checkpoints, keys, a policy of
//! witnesses. Out: what is proved and what is not, or the first entry that is not what it was.
//!
//! Progress goes to standard error: a bar where somebody looks, a line every ten per cent where
//! nobody does.
//!
//! Never: writes into the journal.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::tz::TimeZone;

use super::read_text;
use crate::cli::Exit;
use crate::cli::progress::Meter;
use crate::cli::settings_file::SettingsFile;
use crate::cli::table::Format;
use crate::cli::terminal::{Paint, Terminal};
use crate::cli::trouble::Trouble;
use crate::clock::Time;
use crate::index::shown_in;
use crate::record::verify::{Held, Policy};
use crate::record::{Evidence, Verdict, Verification, Vkey, verify_with};
use crate::setup_error::SetupError;

/// Prove that a journal or a bundle is whole, or name the first record that is not.
#[derive(Debug, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub(super) struct VerifyArguments {
    /// The journal's folder, or a copy of it, or a bundle of `stile audit export`. Default: the folder in
    /// the settings.
    folder: Option<PathBuf>,
    /// A checkpoint that was kept elsewhere; may be given again.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// A key of the log that was written down; may be given again.
    #[arg(long, value_name = "VKEY")]
    vkey: Vec<String>,
    /// Whose cosignatures are needed (C2SP tlog-policy).
    #[arg(long, value_name = "FILE")]
    witness_policy: Option<PathBuf>,
    /// The folder of the tiles. Default: `tiles` in the journal's, or the one in the settings.
    #[arg(long, value_name = "FOLDER")]
    tiles: Option<PathBuf>,
}

pub(super) fn run(
    arguments: &VerifyArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    if let Some(path) = arguments.folder.as_deref().filter(|path| path.is_file()) {
        return super::bundle::verify(path, &evidence(arguments)?, terminal);
    }
    let (folder, tiles) = super::places(arguments.folder.as_deref(), file)?;
    let mut evidence = evidence(arguments)?;
    evidence.tiles = arguments.tiles.clone().or(Some(tiles));
    let mut meter = Meter::new(terminal.watched());
    let found = verify_with(&folder, &evidence, |progress| {
        meter.show(
            progress.bytes,
            progress.total_bytes,
            progress.records,
            "records",
        );
    });
    meter.finish();
    let found = found.map_err(|error| {
        let what = format!("the journal cannot be read: {error}");
        Trouble::Unknown(SetupError::in_file(&folder, what))
    })?;
    if terminal.format() == Format::Table {
        tell(&found, terminal)?;
    } else {
        document(&found, terminal)?;
    }
    Ok(match found.verdict {
        _ if found.policy_unmet && found.verdict == Verdict::Intact => Exit::No,
        Verdict::Verified | Verdict::Intact => Exit::Yes,
        Verdict::Contradicted | Verdict::Invalid => Exit::No,
        Verdict::Incomplete => Exit::Unknown,
    })
}

/// What the auditor brings along.
fn evidence(arguments: &VerifyArguments) -> Result<Evidence, Trouble> {
    let mut evidence = Evidence::default();
    for path in &arguments.checkpoint {
        let text = read_text(path)?;
        let held = Held::read(&path.display().to_string(), &text);
        evidence.held.push(held.map_err(|what| wrong(path, what))?);
    }
    for text in &arguments.vkey {
        let vkey = Vkey::parse(text).map_err(|what| {
            let fault = SetupError::new(format!("`--vkey {text}`: {what}"));
            Trouble::input(fault.hint("the `log` line of the journal's `vkeys` has one"))
        })?;
        evidence.pinned.push(vkey);
    }
    if let Some(path) = &arguments.witness_policy {
        let policy = Policy::read(&read_text(path)?);
        evidence.policy =
            Some(policy.map_err(|(line, what)| wrong(path, &format!("line {line}: {what}")))?);
    }
    Ok(evidence)
}

fn wrong(path: &Path, what: &str) -> Trouble {
    Trouble::input(SetupError::in_file(path, what))
}

fn document(found: &Verification, terminal: &mut Terminal) -> Result<(), Trouble> {
    let mut document = serde_json::to_value(found).map_err(|error| {
        Trouble::Fault(SetupError::new(format!(
            "the report cannot be written: {error}"
        )))
    })?;
    if let Some(keys) = document.as_object_mut() {
        keys.insert("exit_code".into(), found.verdict.exit_code().into());
    }
    terminal.json(&document)
}

fn tell(found: &Verification, terminal: &mut Terminal) -> Result<(), Trouble> {
    let counts = found.counts;
    terminal.foreign(format_args!("journal   {}", found.origin))?;
    terminal.line(format_args!(
        "records   {} in {} segments: {} decisions ({} allowed), {} outcomes, {} events",
        found.records,
        found.segments,
        counts.decisions,
        counts.allows,
        counts.outcomes,
        counts.events
    ))?;
    terminal.line(format_args!("head      {}", found.head))?;
    for broken in &found.breaks {
        let where_in = format!(
            "record {} ({}, byte {})",
            broken.seq, broken.segment, broken.offset
        );
        terminal.verdict(
            "BROKEN",
            Paint::Red,
            format_args!("at {where_in}: {}", broken.fault),
        )?;
    }
    if found.break_count > 0 {
        for (first, last) in &found.good {
            terminal.line(format_args!("good      records {first} to {last}"))?;
        }
    }
    tell_sums(found, terminal)?;
    for why in &found.incomplete_because {
        terminal.foreign(format_args!("missing   {why}"))?;
    }
    if found.unrecorded > 0 {
        terminal.line(format_args!("unrecorded answers: {}", found.unrecorded))?;
    }
    if let Some(pruned) = &found.pruned {
        let (before, on) = (
            pruned.before,
            shown_in(Time::from_ms(pruned.time), &TimeZone::UTC),
        );
        terminal.foreign(format_args!(
            "pruned    the records before {before}, on {on}: {} ({}; record {})",
            pruned.reason, pruned.authority, pruned.seq
        ))?;
    }
    if found.erased > 0 {
        let (erased, kept) = (found.erased, found.disclosed);
        terminal.line(format_args!(
            "personal  erased in {erased} records, kept in {kept}"
        ))?;
    }
    let first = found.first_seq;
    let last = found.next_seq.saturating_sub(1);
    let (word, paint, what) = match found.verdict {
        Verdict::Verified => {
            let what = format!("records {first} to {last}, none changed, none missing");
            ("VERIFIED", Paint::Green, what)
        }
        Verdict::Intact => {
            let what = format!(
                "records {first} to {last}: none contradicts another; nobody outside vouches for it"
            );
            ("INTACT", Paint::Yellow, what)
        }
        Verdict::Contradicted => {
            let what = "this is not the past that was seen from outside".to_owned();
            ("CONTRADICTED", Paint::Red, what)
        }
        Verdict::Incomplete => {
            let what = "no record was changed, but something is not there".to_owned();
            ("INCOMPLETE", Paint::Yellow, what)
        }
        Verdict::Invalid => {
            let what = format!("{} breaks: this is not what was written", found.break_count);
            ("INVALID", Paint::Red, what)
        }
    };
    terminal.verdict(word, paint, what)
}

/// What is signed, who vouches for it, and what that leaves open.
fn tell_sums(found: &Verification, terminal: &mut Terminal) -> Result<(), Trouble> {
    let sums = &found.sums;
    match (sums.signed, sums.signed_in_epoch) {
        (Some(signed), Some(epoch)) => terminal.line(format_args!(
            "signed    {signed} records, by the keys of the log and of epoch {epoch}"
        ))?,
        _ => terminal.line("not proved who wrote it: there is no checkpoint of its own keys")?,
    }
    for held in &sums.held {
        let (word, paint) = match (&held.fault, held.contradicts) {
            (None, _) => ("HOLDS", Paint::Green),
            (Some(_), true) => ("CONTRADICTED", Paint::Red),
            (Some(_), false) => ("UNPROVED", Paint::Yellow),
        };
        let why = held.fault.as_deref().unwrap_or("the records sum up to it");
        let what = format!("{}, {} records: {why}", held.name, held.size);
        terminal.verdict(word, paint, what)?;
    }
    if let Some(witnessed) = &sums.witnessed {
        let by = witnessed.by.join(", ");
        terminal.foreign(format_args!(
            "witnessed {} records, by {by}",
            witnessed.size
        ))?;
    }
    if found.policy_unmet {
        terminal.line("not proved that the trusted witnesses saw it: too few cosigned")?;
    }
    match (sums.outside, sums.exposure_ms) {
        (Some(size), Some(ms)) => terminal.line(format_args!(
            "exposed   the {} newest records, {}.{:03} s: behind what is held outside",
            found.next_seq.saturating_sub(size),
            ms / 1000,
            ms % 1000
        )),
        _ => terminal.line(
            "exposed   everything: no checkpoint was brought from outside (--checkpoint, --witness-policy)",
        ),
    }
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  stile audit verify
  stile audit verify /mnt/copy/journal --checkpoint kept-in-march.checkpoint
  stile audit verify --witness-policy trusted.policy --vkey \"$(cat log.vkey)\"
  stile audit verify q3.tar --vkey \"$(cat log.vkey)\"
  stile audit verify --format json | jq .verdict

Exits with 0 when nothing was changed and nothing is missing: VERIFIED, or INTACT where nobody outside
vouches for it; with 1 when a record was changed, removed, reordered or inserted (INVALID), when it is
not what was kept elsewhere (CONTRADICTED) or when trusted witnesses did not cosign as asked; with 3
when nothing was changed but something is not there (INCOMPLETE): the journal was not closed, or its
first records, which no signed event calls pruned, or its last ones are missing. JSON has the finer code: 0, 10, 20, 30, 40.";
