//! `stile audit`: lets a journal be checked by somebody who trusts nobody, and finds what is in it.
//!
//! In: a journal's folder or a copy of it. Out: what its commands say, each in a file of its own.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Exit;
use super::settings_file::SettingsFile;
use super::terminal::Terminal;
use super::trouble::Trouble;
use crate::setup_error::SetupError;

mod bundle;
mod erase;
mod export;
mod hold;
mod index;
mod ordered;
mod prove;
mod prune;
mod query;
mod reconcile;
mod tail;
mod tiles;
mod verify;

pub(super) use index::{no_index, unknown};
pub(super) use query::asked_in;

/// Check a journal without trusting who wrote it, and find what is in it.
#[derive(Debug, Args)]
pub(super) struct AuditArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Query(query::QueryArguments),
    Export(Box<export::ExportArguments>),
    Tail(tail::TailArguments),
    Index(index::IndexArguments),
    Verify(Box<verify::VerifyArguments>),
    Prove(prove::ProveArguments),
    VerifyProof(prove::VerifyProofArguments),
    Reconcile(reconcile::ReconcileArguments),
    Tiles(tiles::TilesArguments),
    Erase(erase::EraseArguments),
    Hold(hold::HoldArguments),
    Prune(prune::PruneArguments),
}

impl AuditArguments {
    /// Whether rows are written into a file, which has formats of its own.
    pub(super) fn is_export(&self) -> bool {
        matches!(self.what, What::Export(_))
    }
}

pub(super) fn run(
    arguments: &AuditArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    match &arguments.what {
        What::Query(command) => query::run(command, file, terminal),
        What::Export(command) => export::run(command, file, terminal),
        What::Tail(command) => tail::run(command, file, terminal),
        What::Index(command) => index::run(command, file, terminal),
        What::Verify(command) => verify::run(command, file, terminal),
        What::Prove(command) => prove::run(command, file, terminal),
        What::VerifyProof(command) => prove::check(command, terminal),
        What::Reconcile(command) => reconcile::run(command, file, terminal),
        What::Tiles(command) => tiles::run(command, file, terminal),
        What::Erase(command) => erase::run(command, file, terminal),
        What::Hold(command) => hold::run(command, file, terminal),
        What::Prune(command) => prune::run(command, file, terminal),
    }
}

/// The journal's folder and that of its tiles, as named or as the settings say.
fn places(named: Option<&Path>, file: &SettingsFile) -> Result<(PathBuf, PathBuf), Trouble> {
    let (folder, tiles) = match named {
        Some(folder) => (folder.to_owned(), folder.join("tiles")),
        None => {
            let journal = file.load()?.journal;
            let tiles = journal.tree.tiles;
            let inside = journal.folder.join("tiles");
            (journal.folder, tiles.unwrap_or(inside))
        }
    };
    if !folder.is_dir() {
        let fault = SetupError::new(format!("there is no folder `{}`", folder.display()));
        return Err(Trouble::input(
            fault.hint("name the journal's folder, or a copy of it"),
        ));
    }
    Ok((folder, tiles))
}

fn read_text(path: &Path) -> Result<String, Trouble> {
    std::fs::read_to_string(path).map_err(|fault| {
        let what = format!("it cannot be read: {fault}");
        Trouble::input(SetupError::in_file(path, what))
    })
}
