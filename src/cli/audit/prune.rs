//! `stile audit prune`: takes the oldest records out of the journal, whole segments at a time.
//!
//! In: how old records must be, why, and on whose authority. Out: fewer segments, an event before and
//! one after, and an index that does not know them any more.
//!
//! Where stile is running it does it itself.

use clap::Args;

use super::index::catch_up;
use super::ordered::{carried_out, who_asks};
use super::{Exit, SettingsFile, Terminal, Trouble};
use crate::clock::Clock;
use crate::leave;
use crate::record::erasure::orders::Order;
use crate::record::{Pruning, is_in_use};
use crate::setup_error::SetupError;

/// Take the oldest records away, whole segments at a time.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PruneArguments {
    /// Records younger than so many days stay.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    older_than: u64,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who decided it, or under which rule, for the record.
    #[arg(long, value_name = "TEXT")]
    authority: String,
    /// Who asks for it, for the record. Default: the number of the user.
    #[arg(long, value_name = "TEXT")]
    by: Option<String>,
    /// Only say what would go.
    #[arg(long)]
    dry_run: bool,
    /// Says that it is meant: what is gone is gone.
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(
    arguments: &PruneArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let settings = file.load()?;
    for (option, text) in [
        ("--reason", &arguments.reason),
        ("--authority", &arguments.authority),
    ] {
        if text.trim().is_empty() || text.len() > MOST_TEXT {
            let what = format!("`{option}` has {} bytes, not 1 to {MOST_TEXT}", text.len());
            let hint = "it stands in the event that says what went";
            return Err(Trouble::input(SetupError::new(what).hint(hint)));
        }
    }
    let folder = &settings.journal.folder;
    let now = Clock::machine().now();
    let pruning = Pruning {
        younger_from_ms: now.as_ms().saturating_sub(arguments.older_than * DAY_MS),
        wanted: leave::behind(folder, &settings.leave, settings.sends_spans()),
        reason: arguments.reason.clone(),
        authority: arguments.authority.clone(),
        by: who_asks(arguments.by.as_deref()),
    };
    let found = pruning.prunable(folder).map_err(Trouble::Journal)?;
    let (first, before, segments) = (found.first_seq, found.before, found.segments);
    if segments == 0 {
        terminal.foreign(format_args!(
            "nothing to take away: the oldest segment stays, {}",
            found.kept_by
        ))?;
        return Ok(Exit::Yes);
    }
    let last = before.saturating_sub(1);
    if arguments.dry_run || !arguments.yes {
        let mib = found.bytes / (1 << 20);
        terminal.foreign(format_args!(
            "records {first} to {last} would go: {segments} segments, {mib} MiB; the next one stays, {}",
            found.kept_by
        ))?;
        if arguments.dry_run {
            return Ok(Exit::Yes);
        }
        let fault = SetupError::new("nothing was taken away: what is gone is gone");
        return Err(Trouble::input(fault.hint("say `--yes` when it is meant")));
    }
    let is_served = is_in_use(folder);
    let done = carried_out(&settings, &Order::Prune(pruning), terminal)?;
    terminal.line(format_args!(
        "took {} records away, from {first} on; record {} says so",
        done.records, done.event
    ))?;
    if !is_served {
        catch_up(&settings)?;
    }
    Ok(Exit::Yes)
}

const MOST_TEXT: usize = 1_000;
const DAY_MS: u64 = 24 * 3_600_000;

const EXAMPLES: &str = "\
Examples:
  stile audit prune --older-than 400 --reason 'rule 7' --authority 'policy 4' --dry-run
  stile audit prune --older-than 400 --reason 'rule 7' --authority 'policy 4' --yes

With `journal.keep_days` in the settings a running stile does the same each hour. Whole segments go, so
some records stay a little longer; so do those that a hold is on, or that a destination of `leave` has
yet to take. Every proof of what stays holds: docs/erasure.md. Exits with 0 when it is done or there was
nothing to do, with 2 when `--yes` is missing, with 3 when the journal does not answer.";
