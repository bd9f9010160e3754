//! `stile show`: prints what a name of the policy folder stands for.
//!
//! In: `binding:NAME`, `rule:ID` or `role:NAME`. Out: the Cedar that decides, or a role's actions.
//!
//! A binding has one meaning: this one.

use clap::Args;
use serde_json::json;

use super::Exit;
use super::loaded;
use super::settings_file::SettingsFile;
use super::table::Format;
use super::terminal::Terminal;
use super::trouble::Trouble;
use crate::clock::Clock;

/// Print the Cedar that a binding or rule stands for, or the actions of a role.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ShowArguments {
    /// binding:NAME, rule:ID, guardrail:ID or role:NAME.
    name: String,
}

pub(super) fn run(
    arguments: &ShowArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let loaded = loaded::load_untested(file, Clock::machine().now())?;
    let shown = loaded.policies.shown(&arguments.name);
    let shown = shown.map_err(Trouble::input)?;
    if terminal.format() == Format::Table {
        let place = format!("{}:{}", shown.file.display(), shown.line);
        terminal.line(format_args!("// {place}"))?;
        terminal.bytes(shown.text.as_bytes())?;
        terminal.line("")?;
    } else {
        terminal.json(&json!({
            "name": arguments.name,
            "file": shown.file.display().to_string(),
            "line": shown.line,
            "text": shown.text,
        }))?;
    }
    Ok(Exit::Yes)
}

const EXAMPLES: &str = "\
Examples:
  stile show binding:payments-edit-own
  stile show rule:everyone-reads
  stile show role:dashboard-editor

Exits with 0, or with 2 when there is no such name or the folder cannot be loaded.";
