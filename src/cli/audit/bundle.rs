//! `stile audit verify BUNDLE`: says what a bundle of evidence proves, without any journal.
//!
//! In: a bundle, and what its reader kept elsewhere. Out: what is proved and what is not, or each
//! thing that is wrong, by its file.

use std::path::Path;

use serde_json::json;

use crate::cli::Exit;
use crate::cli::progress::Meter;
use crate::cli::table::Format;
use crate::cli::terminal::{Paint, Terminal};
use crate::cli::trouble::Trouble;
use crate::export::bundle::{Checked, check};
use crate::record::Evidence;
use crate::setup_error::SetupError;

/// Checks a bundle.
pub(super) fn verify(
    path: &Path,
    evidence: &Evidence,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let mut meter = Meter::new(terminal.watched());
    let checked = check(path, evidence, |done, total, rows| {
        meter.show(done, total, rows, "rows");
    });
    meter.finish();
    let found = checked.map_err(|fault| {
        Trouble::Unknown(SetupError::in_file(
            path,
            format!("it cannot be read: {fault}"),
        ))
    })?;
    match terminal.format() {
        Format::Table => tell(&found, terminal)?,
        _ => document(&found, terminal)?,
    }
    Ok(match found.fault_count {
        0 => Exit::Yes,
        _ => Exit::No,
    })
}

fn tell(found: &Checked, terminal: &mut Terminal) -> Result<(), Trouble> {
    let decisions = found
        .decisions
        .iter()
        .map(|(word, count)| format!("{count} {word}"));
    let decisions: Vec<String> = decisions.collect();
    terminal.foreign(format_args!(
        "rows      {}: {}",
        found.rows,
        decisions.join(", ")
    ))?;
    for what in &found.proved {
        terminal.foreign(format_args!("proved    {what}"))?;
    }
    for what in &found.unproved {
        terminal.foreign(format_args!("unproved  {what}"))?;
    }
    for fault in &found.faults {
        terminal.verdict("WRONG", Paint::Red, fault)?;
    }
    let (word, paint, what) = verdict(found);
    terminal.verdict(word, paint, what)
}

fn verdict(found: &Checked) -> (&'static str, Paint, String) {
    match (found.fault_count, found.is_vouched) {
        (0, true) => {
            let what = "every row is what the journal has, under a key that you know";
            ("VERIFIED", Paint::Green, what.to_owned())
        }
        (0, false) => {
            let what = "nothing contradicts another; nobody outside vouches for it";
            ("INTACT", Paint::Yellow, what.to_owned())
        }
        (count, _) => {
            let what = format!("{count} faults: this is not what was exported");
            ("INVALID", Paint::Red, what)
        }
    }
}

fn document(found: &Checked, terminal: &mut Terminal) -> Result<(), Trouble> {
    let (word, _, _) = verdict(found);
    terminal.json(&json!({
        "verdict": word.to_lowercase(),
        "rows": found.rows,
        "decisions": found.decisions,
        "faults": found.faults,
        "fault_count": found.fault_count,
        "proved": found.proved,
        "unproved": found.unproved,
    }))
}
