//! `stile audit`: checks a journal without trusting who wrote it.
//!
//! In: a folder with segments; nothing else. Out: what is proved, or the first entry that is not
//! what it was.
//!
//! Progress goes to standard error: a bar where somebody looks, a line every ten per cent where
//! nobody does.
//!
//! Never: writes into the journal.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Exit;
use super::progress::Meter;
use super::settings_file::SettingsFile;
use super::table::Format;
use super::terminal::{Paint, Terminal};
use super::trouble::Trouble;
use crate::record::{self, Verdict, Verification};
use crate::setup_error::SetupError;

/// Check a journal without trusting who wrote it.
#[derive(Debug, Args)]
pub(super) struct AuditArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Prove that a journal is whole, or name the first record that is not.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify {
        /// The journal's folder, or a copy of it. Default: the one in the settings.
        folder: Option<PathBuf>,
    },
}

pub(super) fn run(
    arguments: &AuditArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let What::Verify { folder } = &arguments.what;
    let folder = match folder {
        Some(folder) => folder.clone(),
        None => file.load()?.journal.folder,
    };
    if !folder.is_dir() {
        let fault = SetupError::new(format!("there is no folder `{}`", folder.display()));
        return Err(Trouble::input(
            fault.hint("name the journal's folder, or a copy of it"),
        ));
    }
    let mut meter = Meter::new(terminal.watched());
    let found = record::verify(&folder, |progress| {
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
        Verdict::Verified => Exit::Yes,
        Verdict::Invalid => Exit::No,
        Verdict::Incomplete => Exit::Unknown,
    })
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
    for why in &found.incomplete_because {
        terminal.foreign(format_args!("missing   {why}"))?;
    }
    if found.unrecorded > 0 {
        terminal.line(format_args!("unrecorded answers: {}", found.unrecorded))?;
    }
    let first = found.first_seq;
    let last = found.next_seq.saturating_sub(1);
    let (word, paint, what) = match found.verdict {
        Verdict::Verified => {
            let what = format!("records {first} to {last}, none changed, none missing");
            ("VERIFIED", Paint::Green, what)
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

const VERIFY_EXAMPLES: &str = "\
Examples:
  stile audit verify
  stile audit verify /mnt/copy/journal
  stile audit verify --format json | jq .verdict

Exits with 0 when it is whole (VERIFIED), with 1 when a record was changed, removed, reordered or
inserted (INVALID), with 3 when nothing was changed but something is not there (INCOMPLETE): the
journal was not closed, or its first or last records are missing. JSON has the finer code.";
