//! `stile explain-code P012`: says what a code means, why it matters and what mends it.
//!
//! In: a code, or none for the list. Out: its section of `docs/policy-codes.md`, which is built in,
//! so that it can be read where there is no network.

use clap::Args;
use serde_json::json;

use super::Exit;
use super::table::{Format, Table};
use super::terminal::Terminal;
use super::trouble::Trouble;
use crate::setup_error::{Code, SetupError};

/// Say what a code of `check` means, why it matters and what mends it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExplainCodeArguments {
    /// The code, as `check` prints it; without it, every code is listed.
    code: Option<String>,
}

pub(super) fn run(
    arguments: &ExplainCodeArguments,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let Some(word) = &arguments.code else {
        let mut table = Table::new(&["code", "title"]);
        for code in Code::ALL {
            table.row(vec![code.word().into(), code.title().into()]);
        }
        terminal.table(&table)?;
        return Ok(Exit::Yes);
    };
    let Some(code) = Code::of(word) else {
        let known = Code::ALL.iter().map(|code| code.word());
        let fault = SetupError::new(format!("there is no code `{word}`"))
            .hint("`stile explain-code` lists them all")
            .did_you_mean(&word.to_uppercase(), known);
        return Err(Trouble::input(fault));
    };
    let says = section(code);
    if terminal.format() == Format::Table {
        terminal.line(format_args!("{code}: {}\n\n{says}", code.title()))?;
    } else {
        terminal.json(&json!({ "code": code.word(), "title": code.title(), "text": says }))?;
    }
    Ok(Exit::Yes)
}

/// What the document says below the heading of a code.
fn section(code: Code) -> &'static str {
    let heading = format!("\n### {code}: ");
    let after = DOCUMENT.split_once(&heading).map_or("", |(_, after)| after);
    let body = after.split_once('\n').map_or("", |(_, body)| body);
    let end = body.find("\n#").unwrap_or(body.len());
    body.get(..end).unwrap_or(body).trim()
}

const DOCUMENT: &str = include_str!("../../docs/policy-codes.md");

const EXAMPLES: &str = "\
Examples:
  stile explain-code P012
  stile explain-code                     every code with its title

Exits with 0, or with 2 when there is no such code.";
