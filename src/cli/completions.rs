//! `stile completions`: lets a shell complete our commands.
//!
//! In: which shell. Out: its script.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::terminal::Terminal;
use super::trouble::Trouble;
use super::{Arguments, Exit};

/// Print the script that lets your shell complete stile's commands.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CompletionsArguments {
    /// Which shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(
    arguments: &CompletionsArguments,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    // Generated into memory: the generator panics on a pipe that nobody reads.
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        "stile",
        &mut script,
    );
    terminal.bytes(&script)?;
    Ok(Exit::Yes)
}

const EXAMPLES: &str = "\
Examples:
  stile completions bash > /etc/bash_completion.d/stile
  stile completions zsh > \"${fpath[1]}/_stile\"
  stile completions fish > ~/.config/fish/completions/stile.fish";
