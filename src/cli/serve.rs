//! `stile serve`: runs the proxy.
//!
//! In: the settings file. Out: nothing until it is told to stop.

use clap::Args;

/// Run the proxy until it is told to stop.
///
/// Settings and policies are checked first; with a fault in them nothing is started. SIGHUP reloads
/// them and keeps the old ones when the new ones have a fault. SIGTERM and Ctrl-C stop taking
/// requests, finish what runs, and close the journal; a second one ends at once.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArguments {}

const EXAMPLES: &str = "\
Examples:
  stile check && stile serve
  stile --config /etc/stile/stile.yaml serve

Exits with 0 after an orderly stop, with 2 when settings or policies are wrong, with 3 when an
address is in use or the journal cannot be written.";
