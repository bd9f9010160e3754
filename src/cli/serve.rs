//! `stile serve`: runs the proxy.
//!
//! In: the settings file. Out: nothing until it is told to stop; what happens is said on standard
//! error, a line each.

use clap::{Args, ValueEnum};

use super::exit::Exit;
use super::settings_file::SettingsFile;
use super::trouble::Trouble;
use crate::config::environment;
use crate::identify::install_crypto;
use crate::record::Mandate;
use crate::serve::{Ending, StartError};
use crate::setup_error::SetupError;

/// Run the proxy until it is told to stop.
///
/// Settings and policies are checked first; with a fault in them nothing is started. SIGHUP or a
/// changed file reloads them and keeps the old ones when the new ones have a fault. SIGTERM and
/// Ctrl-C stop taking requests, finish what runs, and close the journal; a second one ends at once.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArguments {
    /// How lines on standard error are written.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    log: Lines,
    /// How much is said there: `error`, `warn`, `info` or `debug`.
    #[arg(long, default_value = "info", value_name = "LEVEL")]
    log_level: tracing::Level,
    /// Set damaged records at the journal's end aside, where no checkpoint covers them; the journal
    /// then says that you accepted it.
    #[arg(long, value_name = "OPERATOR")]
    accept_gap: Option<String>,
    /// Set the log in the journal's folder aside and begin the one that the settings name in its place.
    #[arg(long, value_name = "NEW-ORIGIN")]
    fork: Option<String>,
}

/// How lines on standard error are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Lines {
    /// For people.
    #[default]
    Text,
    /// One JSON object each.
    Json,
}

/// Serves.
pub(super) fn run(arguments: &ServeArguments, file: &SettingsFile) -> Result<Exit, Trouble> {
    install_crypto();
    say_by(arguments);
    let path = file.path().to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Trouble::Unknown(SetupError::new(format!("no threads can be had: {e}"))))?;
    let mandate = Mandate {
        accept_gap: arguments.accept_gap.clone(),
        fork: arguments.fork.clone(),
    };
    match runtime.block_on(crate::serve::run(path, environment::machine(), mandate)) {
        Ok(Ending::Asked) => Ok(Exit::Yes),
        Ok(Ending::JournalLost) => Ok(Exit::JournalLost),
        Err(StartError::Setup(faults)) => Err(Trouble::Input(faults)),
        Err(StartError::Journal(error)) => Err(Trouble::Journal(error)),
    }
}

fn say_by(arguments: &ServeArguments) {
    let lines = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(arguments.log_level)
        .with_target(false)
        .with_ansi(false);
    match arguments.log {
        Lines::Text => lines.init(),
        Lines::Json => lines.json().init(),
    }
}

const EXAMPLES: &str = "\
Examples:
  stile check && stile serve
  stile --config /etc/stile/stile.yaml serve --log json

Exits with 0 after an orderly stop and with 2 when settings, policies or an address are wrong; with
74 when the journal could not be written any more (restart: the start recovers it), with 75 when
another process holds the journal, and with 78 when the journal on the disk needs a person to look.";
