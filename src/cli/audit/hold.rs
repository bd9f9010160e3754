//! `stile audit hold`: keeps what records of a stretch of time say, whoever wants it erased.
//!
//! In: a stretch of time, why, and on whose authority. Out: an event in the journal that blocks
//! erasures until another one lifts it.

use clap::{Args, Subcommand};

use super::ordered::{carried_out, who_asks};
use super::{Exit, SettingsFile, Terminal, Trouble};
use crate::cli::table::Table;
use crate::clock::Clock;
use crate::index::{Asked, Condition, Query};
use crate::record::erasure::orders::Order;
use crate::record::{Hold, Lifting, holds};
use crate::setup_error::SetupError;

/// Keep what records of a stretch of time say of people.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct HoldArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Begin a hold.
    Add {
        /// From this moment on: as `since:` in queries.
        #[arg(long, value_name = "MOMENT")]
        from: String,
        /// Before this moment: as `until:` in queries. Without it, also what is to come.
        #[arg(long, value_name = "MOMENT")]
        to: Option<String>,
        #[command(flatten)]
        word: Word,
    },
    /// List the holds that are in force.
    List,
    /// End a hold.
    Lift {
        /// Its number.
        hold: u64,
        #[command(flatten)]
        word: Word,
    },
}

#[derive(Debug, Args)]
struct Word {
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who decided it, or under which rule, for the record.
    #[arg(long, value_name = "TEXT")]
    authority: String,
    /// Who asks for it, for the record. Default: the number of the user.
    #[arg(long, value_name = "TEXT")]
    by: Option<String>,
}

pub(super) fn run(
    arguments: &HoldArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let settings = file.load()?;
    match &arguments.what {
        What::Add { from, to, word } => {
            let to_ms = match to {
                Some(to) => Some(moment("until", to)?),
                None => None,
            };
            let hold = Hold {
                id: 0,
                from_ms: moment("since", from)?,
                to_ms,
                reason: text(&word.reason)?,
                authority: text(&word.authority)?,
                by: who_asks(word.by.as_deref()),
            };
            if hold.to_ms.is_some_and(|to_ms| to_ms <= hold.from_ms) {
                let fault = SetupError::new("`--to` is not after `--from`");
                return Err(Trouble::input(fault.hint("the hold would be on nothing")));
            }
            let done = carried_out(&settings, &Order::Hold(hold), terminal)?;
            terminal.line(format_args!("hold {} is in force", done.event))?;
        }
        What::Lift { hold, word } => {
            let lifting = Lifting {
                of: *hold,
                reason: text(&word.reason)?,
                authority: text(&word.authority)?,
                by: who_asks(word.by.as_deref()),
            };
            let done = carried_out(&settings, &Order::Lift(lifting), terminal)?;
            terminal.line(format_args!(
                "hold {hold} is lifted; record {} says so",
                done.event
            ))?;
        }
        What::List => {
            let found = holds(&settings.journal.folder);
            let found = found.map_err(|e| Trouble::Unknown(e.to_setup_error()))?;
            let mut table = Table::new(&["hold", "from_ms", "to_ms", "reason", "authority", "by"]);
            for hold in found {
                table.row(vec![
                    hold.id.into(),
                    hold.from_ms.into(),
                    hold.to_ms.into(),
                    hold.reason.into(),
                    hold.authority.into(),
                    hold.by.into(),
                ]);
            }
            terminal.table(&table)?;
        }
    }
    Ok(Exit::Yes)
}

/// A moment, ms since 1970, as the query language reads it.
fn moment(word: &str, said: &str) -> Result<u64, Trouble> {
    let asked = Asked::at(Clock::machine().now());
    let query = Query::parse(&format!("{word}:{said}"), &asked);
    match query.map_err(|e| Trouble::input(e.into()))?.condition() {
        Some(Condition::Since(time) | Condition::Until(time)) => Ok(time.as_ms()),
        _ => {
            let fault = SetupError::new(format!("`{said}` is not a moment"));
            Err(Trouble::input(
                fault.hint("a day as `2026-07-01`, or `30d` for so long ago"),
            ))
        }
    }
}

fn text(said: &str) -> Result<String, Trouble> {
    match said.trim().len() {
        1..=MOST_TEXT => Ok(said.to_owned()),
        long => {
            let what = format!("a text for the record has {long} bytes, not 1 to {MOST_TEXT}");
            Err(Trouble::input(SetupError::new(what)))
        }
    }
}

const MOST_TEXT: usize = 1_000;

const EXAMPLES: &str = "\
Examples:
  stile audit hold add --from 2026-03-01 --to 2026-04-01 --reason 'case 17' --authority 'counsel'
  stile audit hold list
  stile audit hold lift 4711 --reason 'case 17 closed' --authority 'counsel'

A hold blocks `stile audit erase` for the records of that time. It is an event in the journal, so
nobody can begin or end one unseen. Exits with 0 when it is done, with 2 when a moment is wrong, with
3 when the journal does not answer.";
