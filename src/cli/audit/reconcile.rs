//! `stile audit reconcile`: holds the journal against an upstream's own log.
//!
//! In: the log, as JSON lines or as text with a pattern. Out: requests that went around stile, and
//! allows that the upstream knows nothing of.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use clap::Args;
use regex::Regex;
use serde_json::Value;
use uuid::Uuid;

use crate::cli::Exit;
use crate::cli::settings_file::SettingsFile;
use crate::cli::table::Format;
use crate::cli::terminal::{Paint, Terminal};
use crate::cli::trouble::Trouble;
use crate::record::reconcile::{Reconciled, UpstreamLog, reconcile};
use crate::setup_error::SetupError;

/// Compare the journal with an upstream's own log: who went around stile, and who kept silent.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReconcileArguments {
    /// The upstream's log: a line for each request.
    #[arg(long, value_name = "FILE")]
    upstream_log: PathBuf,
    /// Where a JSON line has the decision's id: names with dots between them.
    #[arg(long, value_name = "NAME", default_value = "stile-decision")]
    field: String,
    /// For lines that are no JSON: a regular expression whose group `id` is the decision's id.
    #[arg(long, value_name = "REGEX", conflicts_with = "field")]
    pattern: Option<String>,
    /// Only this upstream's allows, by its name in the settings.
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
    /// The journal's folder, or a copy of it. Default: the one in the settings.
    #[arg(long, value_name = "FOLDER")]
    journal: Option<PathBuf>,
}

pub(super) fn run(
    arguments: &ReconcileArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let (folder, _) = super::places(arguments.journal.as_deref(), file)?;
    let log = read(arguments)?;
    let found = reconcile(&folder, arguments.upstream.as_deref(), log, |_| {});
    let found = found.map_err(|error| Trouble::Unknown(error.to_setup_error()))?;
    match terminal.format() {
        Format::Table => tell(&found, terminal)?,
        _ => {
            let document = serde_json::to_value(&found).map_err(|error| {
                let what = format!("the report cannot be written: {error}");
                Trouble::Fault(SetupError::new(what))
            })?;
            terminal.json(&document)?;
        }
    }
    Ok(match found.bypass_count == 0 && found.silent_count == 0 {
        true => Exit::Yes,
        false => Exit::No,
    })
}

fn read(arguments: &ReconcileArguments) -> Result<UpstreamLog, Trouble> {
    let path = &arguments.upstream_log;
    let unread = |fault: std::io::Error| {
        Trouble::input(SetupError::in_file(
            path,
            format!("it cannot be read: {fault}"),
        ))
    };
    let pattern = arguments.pattern.as_deref().map(compiled).transpose()?;
    let mut log = UpstreamLog::default();
    for (at, line) in BufReader::new(File::open(path).map_err(unread)?)
        .lines()
        .enumerate()
    {
        let line = line.map_err(unread)?;
        let text = match &pattern {
            Some(pattern) => {
                let found = pattern.captures(&line).and_then(|found| found.name("id"));
                found.map(|found| found.as_str().to_owned())
            }
            None => {
                let parsed: Value = serde_json::from_str(&line).map_err(|fault| {
                    let number = u32::try_from(at.saturating_add(1)).unwrap_or(u32::MAX);
                    let what = format!("line {number} is not JSON: {fault}");
                    let fault = SetupError::in_file(path, what);
                    Trouble::input(fault.hint("for lines of text give --pattern"))
                })?;
                member(&parsed, &arguments.field).map(str::to_owned)
            }
        };
        log.enter(text.and_then(|text| Uuid::try_parse(text.trim()).ok()));
    }
    Ok(log)
}

/// A text inside a document: the name as it is, else step by step.
fn member<'v>(document: &'v Value, field: &str) -> Option<&'v str> {
    if let Some(text) = document.get(field).and_then(Value::as_str) {
        return Some(text);
    }
    let mut steps = field.split('.');
    steps.try_fold(document, |at, step| at.get(step))?.as_str()
}

fn compiled(text: &str) -> Result<Regex, Trouble> {
    let fault = |what: String| {
        let fault = SetupError::new(format!("`--pattern`: {what}"));
        Trouble::input(fault.hint("such as decision=(?<id>[0-9a-f-]{36})"))
    };
    let pattern = Regex::new(text).map_err(|wrong| fault(wrong.to_string()))?;
    match pattern.capture_names().flatten().any(|name| name == "id") {
        true => Ok(pattern),
        false => Err(fault("it has no group `id`".to_owned())),
    }
}

fn tell(found: &Reconciled, terminal: &mut Terminal) -> Result<(), Trouble> {
    for (line, id) in &found.bypass {
        let what = match id {
            Some(id) => format!("line {line}: decision {id} is no allow of this journal"),
            None => format!("line {line}: no decision of ours"),
        };
        terminal.verdict("BYPASS", Paint::Red, what)?;
    }
    for (seq, id) in &found.silent {
        let what = format!("record {seq}: decision {id} reached the upstream, says stile");
        terminal.verdict("SILENT", Paint::Red, what)?;
    }
    terminal.line(format_args!(
        "{} lines, {} matched; {} went around stile, {} allows without a line; {} repeated, {} \
         uncertain, {} before or after the log",
        found.lines,
        found.matched,
        found.bypass_count,
        found.silent_count,
        found.repeated,
        found.uncertain,
        found.outside
    ))
}

const EXAMPLES: &str = "\
Examples:
  stile audit reconcile --upstream-log access.jsonl --field request.headers.stile-decision
  stile audit reconcile --upstream-log access.log --pattern 'decision=(?<id>[0-9a-f-]{36})'

An upstream gets the decision's id with each request, in the field `stile-decision`. Exits with 0 when
both say the same, and with 1 when a request went around stile or one that it passed on is missing.";
