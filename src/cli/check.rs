//! `stile check`: says everything that is wrong before anything is started.
//!
//! In: the settings file and all it names. Out: one row for each part, or every fault.
//!
//! Never: opens a port, asks the network, writes a file.

use clap::Args;

use super::Exit;
use super::loaded;
use super::settings_file::SettingsFile;
use super::table::Table;
use super::terminal::Terminal;
use super::trouble::Trouble;
use crate::authorize::Expiring;
use crate::clock::Clock;
use crate::forward::Upstreams;
use crate::setup_error::SetupError;

/// Check settings, catalogue, policies with their cases, and keys, without starting anything.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CheckArguments {}

pub(super) fn run(
    _: &CheckArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let clock = Clock::machine();
    let loaded::Loaded {
        settings,
        catalogue,
        policies,
    } = loaded::load(file, clock.now())?;
    let issuers = settings.issuers.len();
    crate::serve::issuers(&settings, &clock).map_err(Trouble::input)?;
    Upstreams::build(&settings.upstreams)?;
    for binding in policies.expiring() {
        terminal.warn(&ending(binding));
    }
    let mut table = Table::new(&["part", "state", "what"]);
    let mut row = |part: &str, what: String| {
        table.row(vec![part.into(), "ok".into(), what.into()]);
    };
    row("settings", file.path().display().to_string());
    row("issuers", format!("{issuers} trusted"));
    row(
        "upstreams",
        format!("{} with their keys", settings.upstreams.len()),
    );
    row(
        "catalogue",
        format!("{} operations", catalogue.entries().len()),
    );
    row(
        "policies",
        format!(
            "{} in set {}",
            policies.ids().count(),
            policies.short_digest()
        ),
    );
    terminal.table(&table)?;
    Ok(Exit::Yes)
}

fn ending(binding: &Expiring) -> SetupError {
    let how = if binding.expired {
        "has expired"
    } else {
        "ends soon"
    };
    let what = format!(
        "binding `{}` {how}: its last day is {}",
        binding.binding, binding.last_day
    );
    SetupError::new(what).hint(format!("bindings.yaml, line {}", binding.line))
}

const EXAMPLES: &str = "\
Examples:
  stile check
  stile --config /etc/stile/stile.yaml check && systemctl reload stile
  stile check --format json | jq -r '.[].state'

Exits with 0 when `serve` would start, with 2 and every fault when it would not. The network is not
asked: `stile token explain` shows whether an issuer's keys can be had.";
