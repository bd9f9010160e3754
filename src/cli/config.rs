//! `stile config`: shows the settings that hold, and which files they come from.
//!
//! In: the settings file and the environment. Out: one row for each value, or for each path.
//!
//! Never: what a key file holds; only the first digits of its SHA-256.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::Exit;
use super::settings_file::SettingsFile;
use super::table::Table;
use super::terminal::Terminal;
use super::trouble::Trouble;
use crate::config::Shown;

/// Show the settings that hold, and which files they come from.
#[derive(Debug, Args)]
pub(super) struct ConfigArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show every value that holds, defaults included.
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// Say where each value came from: a line of the file, a variable, or a default.
        #[arg(long)]
        origin: bool,
    },
    /// List the files that are looked for and the files that are read.
    #[command(after_help = PATHS_EXAMPLES)]
    Paths,
}

pub(super) fn run(
    arguments: &ConfigArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    match arguments.what {
        What::Show { origin } => show(origin, file, terminal),
        What::Paths => paths(file, terminal),
    }
}

fn show(origin: bool, file: &SettingsFile, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    let explained = file.explain()?;
    let heading: &[&str] = if origin {
        &["key", "value", "origin"]
    } else {
        &["key", "value"]
    };
    let mut table = Table::new(heading);
    for shown in &explained.shown {
        let mut cells = vec![shown.key.clone().into(), value(shown).into()];
        if origin {
            cells.push(shown.origin.to_string().into());
        }
        table.row(cells);
    }
    terminal.table(&table)?;
    Ok(Exit::Yes)
}

fn value(shown: &Shown) -> String {
    match &shown.digest {
        Some(digest) => format!("{} (sha256:{digest}…)", shown.value),
        None => shown.value.clone(),
    }
}

/// Works with a broken file too: the first question at night is which file it is.
fn paths(file: &SettingsFile, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    let mut table = Table::new(&["path", "role", "state"]);
    let mut row = |path: &std::path::Path, role: &str, state: &str| {
        table.row(vec![
            path.display().to_string().into(),
            role.into(),
            Value::from(state),
        ]);
    };
    for (path, role) in file.candidates() {
        let state = match (path == file.path(), path.exists()) {
            (_, false) => "not there",
            (true, true) => "read",
            (false, true) => "not read: an earlier one is there",
        };
        row(path, role, state);
    }
    let loaded = file.load();
    if let Ok(settings) = &loaded {
        for path in settings.watched.iter().skip(1) {
            row(path, "named by it", "read, watched");
        }
        row(
            &settings.journal.folder,
            "journal",
            presence(&settings.journal.folder),
        );
    }
    terminal.table(&table)?;
    loaded.map(|_| Exit::Yes)
}

fn presence(folder: &std::path::Path) -> &'static str {
    if folder.exists() {
        "there"
    } else {
        "will be made"
    }
}

const SHOW_EXAMPLES: &str = "\
Examples:
  stile config show --origin             what holds, and why
  stile config show --format json        for a program
  STILE_ADMIN__ADDRESS=127.0.0.1:0 stile config show --origin | grep environment

Keys are shown as the file's path and the first digits of the SHA-256 of what it holds.
Exits with 0, or with 2 and every fault when the settings are wrong.";

const PATHS_EXAMPLES: &str = "\
Examples:
  stile config paths
  stile --config /etc/stile/stile.yaml config paths

Exits with 0, or with 2 and every fault when the settings are wrong.";
