//! `stile schema`: describes the files that people write, for editors.
//!
//! In: which file. Out: its JSON Schema.

use clap::{Args, ValueEnum};

use super::Exit;
use super::terminal::Terminal;
use super::trouble::Trouble;

/// Print the JSON Schema of a file, for editors.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SchemaArguments {
    /// Which file.
    #[arg(value_enum)]
    of: Described,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Described {
    /// stile.yaml
    Config,
}

pub(super) fn run(arguments: &SchemaArguments, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    let schema = match arguments.of {
        Described::Config => crate::config::schema(),
    };
    terminal.json(&schema)?;
    Ok(Exit::Yes)
}

const EXAMPLES: &str = "\
Examples:
  stile schema config > stile.schema.json
  then, as the first line of stile.yaml:
  # yaml-language-server: $schema=stile.schema.json";
