//! `stile man`: the manual pages, made from the help texts.
//!
//! In: a command, or none for the whole. Out: a page in roff.

use clap::{Args, CommandFactory};

use super::terminal::Terminal;
use super::trouble::Trouble;
use super::{Arguments, Exit};
use crate::setup_error::SetupError;

/// Print a manual page.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ManArguments {
    /// Of which command; none for stile itself.
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) fn run(arguments: &ManArguments, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    let mut whole = Arguments::command();
    whole.build();
    let mut command = &whole;
    let mut title = "stile".to_owned();
    for word in &arguments.command {
        command = command.find_subcommand(word).ok_or_else(|| {
            let names = command.get_subcommands().map(clap::Command::get_name);
            let fault = SetupError::new(format!("there is no command `{title} {word}`"));
            Trouble::input(fault.did_you_mean(word, names))
        })?;
        title = format!("{title}-{word}");
    }
    let page = clap_mangen::Man::new(command.clone()).title(title);
    let mut text = Vec::new();
    page.render(&mut text)?;
    terminal.bytes(&text)?;
    Ok(Exit::Yes)
}

const EXAMPLES: &str = "\
Examples:
  stile man | man -l -
  stile man config show | man -l -
  stile man > /usr/share/man/man1/stile.1";
