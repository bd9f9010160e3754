//! `stile audit prove` and `verify-proof`: receipts that need no journal.
//!
//! In: what an answer said in `stile-record`, or a size; or a proof. Out: a proof on standard
//! output; or whether it holds.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::read_text;
use crate::cli::Exit;
use crate::cli::settings_file::SettingsFile;
use crate::cli::table::Format;
use crate::cli::terminal::{Paint, Terminal};
use crate::cli::trouble::Trouble;
use crate::record::checkpoint::Checkpoint;
use crate::record::prove::{check_proof, listed_keys, prove_consistency, prove_inclusion};
use crate::record::{JournalError, Vkey};
use crate::setup_error::SetupError;

/// Prove to somebody without the journal that a record is in it, or that it only grew.
#[derive(Debug, Args)]
#[command(after_help = PROVE_EXAMPLES)]
pub(super) struct ProveArguments {
    /// The record, as an answer named it in `stile-record`: ORIGIN/SEQ.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    record: Option<String>,
    /// Prove that the log only grew since it had so many records.
    #[arg(long, value_name = "SIZE")]
    from: Option<u64>,
    /// Up to the checkpoint that covers so many records. Default: the newest there is.
    #[arg(long, value_name = "SIZE")]
    to: Option<u64>,
    /// The journal's folder, or a copy of it. Default: the one in the settings.
    #[arg(long, value_name = "FOLDER")]
    journal: Option<PathBuf>,
}

/// Check a proof without the journal.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(super) struct VerifyProofArguments {
    /// The proof.
    proof: PathBuf,
    /// A key of the log that is trusted; may be given again.
    #[arg(long, value_name = "VKEY", required = true)]
    vkey: Vec<String>,
    /// The older checkpoint that a proof of growth begins with.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

pub(super) fn run(
    arguments: &ProveArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let (folder, tiles) = super::places(arguments.journal.as_deref(), file)?;
    let proof = match (&arguments.record, arguments.from) {
        (Some(record), _) => {
            let (origin, seq) = named(record)?;
            check_origin(origin, &folder)?;
            prove_inclusion(&folder, &tiles, seq, arguments.to)
        }
        (None, Some(from)) => prove_consistency(&folder, &tiles, from, arguments.to),
        (None, None) => return Err(spelled(arguments.record.as_deref().unwrap_or_default())),
    };
    let proof = proof.map_err(unproved)?;
    terminal.bytes(proof.as_bytes())?;
    Ok(Exit::Yes)
}

/// Says whether a proof holds.
pub(super) fn check(
    arguments: &VerifyProofArguments,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let mut trusted = Vec::new();
    for text in &arguments.vkey {
        let vkey = Vkey::parse(text)
            .map_err(|what| Trouble::input(SetupError::new(format!("`--vkey {text}`: {what}"))))?;
        trusted.push(vkey);
    }
    let held = match &arguments.checkpoint {
        None => None,
        Some(path) => {
            let parsed = Checkpoint::parse(&read_text(path)?);
            let (note, held) =
                parsed.map_err(|what| Trouble::input(SetupError::in_file(path, what)))?;
            let signed = |vkey: &Vkey| matches!(note.signed_by(vkey), Ok(Some(_)));
            if !trusted.iter().any(signed) {
                let what = "none of the trusted keys signed it";
                return Err(Trouble::input(SetupError::in_file(path, what)));
            }
            Some(held)
        }
    };
    let checked = check_proof(&read_text(&arguments.proof)?, &trusted, held.as_ref());
    let is_plain = terminal.format() == Format::Table;
    match checked {
        Err(why) => {
            match is_plain {
                true => terminal.verdict("REFUTED", Paint::Red, why)?,
                false => terminal.json(&json!({ "verdict": "refuted", "because": why }))?,
            }
            Ok(Exit::No)
        }
        Ok(proved) => {
            if !is_plain {
                terminal.json(&json!({
                    "verdict": "proved",
                    "origin": proved.origin,
                    "size": proved.size,
                    "record": proved.record.as_ref().map(|(seq, _)| seq),
                    "payload": proved.record.as_ref().map(|(_, payload)| payload),
                    "from": proved.from,
                    "signed_by": proved.signed_by,
                }))?;
                return Ok(Exit::Yes);
            }
            let (origin, size) = (&proved.origin, proved.size);
            if let Some((seq, payload)) = &proved.record {
                terminal.foreign(payload)?;
                let what = format!("this is record {seq} of {origin}, one of {size}");
                terminal.verdict("PROVED", Paint::Green, what)?;
            }
            if let Some(from) = proved.from {
                let what = format!("{origin} only grew, from {from} records to {size}");
                terminal.verdict("PROVED", Paint::Green, what)?;
            }
            Ok(Exit::Yes)
        }
    }
}

fn named(record: &str) -> Result<(&str, u64), Trouble> {
    let parts = record.rsplit_once('/');
    let parts = parts.and_then(|(origin, seq)| Some((origin, seq.parse().ok()?)));
    parts.ok_or_else(|| spelled(record))
}

fn spelled(record: &str) -> Trouble {
    let fault = SetupError::new(format!("`{record}` is not ORIGIN/SEQ"));
    Trouble::input(fault.hint("an answer names its record in `stile-record`"))
}

fn check_origin(origin: &str, folder: &std::path::Path) -> Result<(), Trouble> {
    let keys = listed_keys(folder).map_err(unproved)?;
    match keys.first() {
        Some(vkey) if vkey.name != origin => {
            let what = format!("this is the journal of `{}`, not of `{origin}`", vkey.name);
            Err(Trouble::input(SetupError::in_file(folder, what)))
        }
        _ => Ok(()),
    }
}

fn unproved(error: JournalError) -> Trouble {
    Trouble::Unknown(error.to_setup_error())
}

const PROVE_EXAMPLES: &str = "\
Examples:
  stile audit prove stile.example.com/main/184467 > job-42.tlog-proof
  stile audit prove --from 180000 --journal /mnt/copy/journal > grown.proof

The proof carries the record and the checkpoint: `stile audit verify-proof` needs the log's key and
nothing else. A record can be proved about a second after it was written.";

const CHECK_EXAMPLES: &str = "\
Examples:
  stile audit verify-proof job-42.tlog-proof --vkey \"$(cat log.vkey)\"
  stile audit verify-proof grown.proof --vkey \"$(cat log.vkey)\" --checkpoint kept.checkpoint

Exits with 0 when it proves what it says (PROVED) and with 1 when it does not (REFUTED).";
