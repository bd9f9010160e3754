//! `stile audit index`: brings the index up with the journal, or makes it anew.
//!
//! In: the settings. Out: an index that has every record of the journal.
//!
//! It may run beside `serve`: who comes second to a stretch of records begins again behind it.

use clap::Args;

use super::{Exit, SettingsFile, Terminal, Trouble};
use crate::cli::progress::Meter;
use crate::config::Settings;
use crate::index::{IndexError, fill};
use crate::setup_error::SetupError;

/// Bring the index up with the journal, or make it anew.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct IndexArguments {
    /// Forget what the index has of this journal, and read all of it again.
    #[arg(long)]
    rebuild: bool,
}

pub(super) fn run(
    arguments: &IndexArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let settings = file.load()?;
    let index = settings.index.ok_or_else(no_index)?;
    let journal = settings.journal;
    let open = |anew| fill(&index, &journal.folder, &journal.origin, anew);
    let mut filling = open(arguments.rebuild).map_err(unknown)?;
    let mut meter = Meter::new(terminal.watched());
    let mut tries = 0;
    loop {
        match filling.some() {
            Ok(0) => break,
            Ok(_) => tries = 0,
            Err(IndexError::Moved) if tries < MOST_TRIES => {
                tries += 1;
                filling = open(false).map_err(unknown)?;
            }
            Err(error) => return Err(unknown(error)),
        }
        let progress = filling.progress();
        meter.show(
            progress.bytes,
            progress.total_bytes,
            progress.records,
            "records",
        );
    }
    meter.finish();
    terminal.foreign(format_args!(
        "the index has {} to record {}",
        journal.origin,
        filling.next_seq().saturating_sub(1)
    ))?;
    Ok(Exit::Yes)
}

/// An index that nobody keeps now learns of it now.
pub(super) fn catch_up(settings: &Settings) -> Result<(), Trouble> {
    let Some(index) = &settings.index else {
        return Ok(());
    };
    let journal = &settings.journal;
    let filling = fill(index, &journal.folder, &journal.origin, false);
    let mut filling = filling.map_err(unknown)?;
    while filling.some().map_err(unknown)? > 0 {}
    Ok(())
}

pub(in crate::cli) fn no_index() -> Trouble {
    let fault = SetupError::new("the settings say that there is no index");
    Trouble::input(
        fault.hint("set `index.enabled: true`, or read the journal itself with `--scan`"),
    )
}

pub(in crate::cli) fn unknown(error: IndexError) -> Trouble {
    Trouble::Unknown(error.into())
}

const MOST_TRIES: u32 = 100;

const EXAMPLES: &str = "\
Examples:
  stile audit index
  stile audit index --rebuild

`stile serve` keeps the index by itself. Exits with 0 when it has every record, with 3 when journal or
database do not answer.";
