//! `stile audit tiles`: makes the tiles anew that others read a log by.
//!
//! In: a journal that nobody has open. Out: tiles that sum up to its newest checkpoint.

use std::path::PathBuf;

use clap::Args;

use crate::cli::Exit;
use crate::cli::progress::Meter;
use crate::cli::settings_file::SettingsFile;
use crate::cli::terminal::Terminal;
use crate::cli::trouble::Trouble;
use crate::clock::Clock;
use crate::record::rebuild_tiles;

/// Make the tiles anew from the segments; stile must not be running.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TilesArguments {
    /// Says that it is meant.
    #[arg(long, required = true)]
    rebuild: bool,
    /// The journal's folder. Default: the one in the settings.
    folder: Option<PathBuf>,
    /// The folder of the tiles. Default: `tiles` in the journal's, or the one in the settings.
    #[arg(long, value_name = "FOLDER")]
    tiles: Option<PathBuf>,
}

pub(super) fn run(
    arguments: &TilesArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let (folder, tiles) = super::places(arguments.folder.as_deref(), file)?;
    let tiles = arguments.tiles.clone().unwrap_or(tiles);
    let mut meter = Meter::new(terminal.watched());
    let now = Clock::machine().now();
    let rebuilt = rebuild_tiles(&folder, &tiles, now, |done, total| {
        meter.show(done, total, done, "records");
    });
    meter.finish();
    let size = rebuilt.map_err(Trouble::Journal)?;
    let shown = tiles.display();
    terminal.foreign(format_args!("{shown}: {size} records, as they were signed"))?;
    Ok(Exit::Yes)
}

const EXAMPLES: &str = "\
Examples:
  stile audit tiles --rebuild
  stile audit tiles --rebuild /mnt/copy/journal --tiles /srv/tiles

The old tiles stay until the new ones sum up to the newest checkpoint.";
