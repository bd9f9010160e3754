//! `stile audit erase`: takes what records say of a person out of the journal.
//!
//! In: a query for those records, why, and on whose authority. Out: zeros over their personal members,
//! and an index that does not know them any more.
//!
//! Where stile is running it does it itself, by an order that names records and no name.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;

use super::index::catch_up;
use super::ordered::{carried_out, who_asks};
use super::{Exit, SettingsFile, Terminal, Trouble};
use crate::clock::Clock;
use crate::index::{Asked, Condition, Query, scan};
use crate::record::erasure::orders::Order;
use crate::record::{Erasure, disclosed_among, disclosed_and_free, is_in_use};
use crate::setup_error::SetupError;

/// Erase what records say of a person.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct EraseArguments {
    /// Which requests: `person:"Mira Lang"`. In the language of `stile audit query`.
    query: String,
    /// Why, for the record: without the name of whom it is about.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who decided it, or under which rule, for the record.
    #[arg(long, value_name = "TEXT")]
    authority: String,
    /// Who asks for it, for the record. Default: the number of the user.
    #[arg(long, value_name = "TEXT")]
    by: Option<String>,
    /// Leave out what a hold is on, in the place of refusing everything.
    #[arg(long)]
    spare_held: bool,
    /// Only say what would be erased.
    #[arg(long)]
    dry_run: bool,
    /// Says that it is meant: what is erased is gone.
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(
    arguments: &EraseArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let settings = file.load()?;
    let asked = Asked::at(Clock::machine().now());
    let query = Query::parse(&arguments.query, &asked).map_err(|e| Trouble::input(e.into()))?;
    let Some(condition) = query.condition() else {
        let fault = SetupError::new("an empty query would erase everybody");
        return Err(Trouble::input(fault.hint(
            "say whom: `person:\"Mira Lang\"`; or everybody, by `since:` and `until:`",
        )));
    };
    if query.names_teams() {
        let fault = SetupError::new("`team:` means whoever is in it now, not who was then");
        return Err(Trouble::input(fault.hint("name people or groups")));
    }
    for (option, text) in [
        ("--reason", &arguments.reason),
        ("--authority", &arguments.authority),
    ] {
        check_text(option, text, condition)?;
    }
    let folder = &settings.journal.folder;
    let erasure = meant(folder, &query, arguments, terminal)?;
    let count = erasure.records;
    let Some((first, last)) = erasure.seqs.bounds() else {
        terminal
            .line("nothing to erase: no record that the query means says anything of a person")?;
        return Ok(Exit::Yes);
    };
    if arguments.dry_run || !arguments.yes {
        terminal.line(format_args!(
            "{count} records from {first} to {last} say something of a person: it would be erased"
        ))?;
        if arguments.dry_run {
            return Ok(Exit::Yes);
        }
        let fault = SetupError::new("nothing was erased: what is erased is gone");
        return Err(Trouble::input(fault.hint("say `--yes` when it is meant")));
    }
    let is_served = is_in_use(folder);
    let done = carried_out(&settings, &Order::Erase(erasure), terminal)?;
    let (records, event) = (done.records, done.event);
    terminal.line(format_args!(
        "erased what {records} records from {first} to {last} said of a person; record {event} says so"
    ))?;
    if !is_served {
        catch_up(&settings)?;
    }
    Ok(Exit::Yes)
}

/// The records that the query means.
fn meant(
    folder: &Path,
    query: &Query,
    arguments: &EraseArguments,
    terminal: &mut Terminal,
) -> Result<Erasure, Trouble> {
    let unread = |error: crate::record::JournalError| Trouble::Unknown(error.to_setup_error());
    let mut rows = BTreeSet::new();
    for row in scan(folder, query).map_err(unread)? {
        rows.insert(row.map_err(unread)?.seq);
    }
    let (seqs, records, held) = match arguments.spare_held {
        true => disclosed_and_free(folder, &rows).map_err(unread)?,
        false => {
            let (seqs, records) = disclosed_among(folder, &rows).map_err(unread)?;
            (seqs, records, 0)
        }
    };
    if held > 0 {
        terminal.say(format_args!("{held} records are spared: a hold is on them"));
    }
    Ok(Erasure {
        seqs,
        records,
        reason: arguments.reason.clone(),
        authority: arguments.authority.clone(),
        by: who_asks(arguments.by.as_deref()),
    })
}

/// What stands in the journal for good may not name whom it is about.
fn check_text(option: &str, text: &str, condition: &Condition) -> Result<(), Trouble> {
    let refused = |what: String, hint: &str| Err(Trouble::input(SetupError::new(what).hint(hint)));
    if text.trim().is_empty() || text.len() > MOST_TEXT {
        let what = format!("`{option}` has {} bytes, not 1 to {MOST_TEXT}", text.len());
        return refused(what, "it stands in the record of the erasure");
    }
    let lower = text.to_lowercase();
    let mut values = Vec::new();
    values_of(condition, &mut values);
    match values.iter().find(|value| lower.contains(value.as_str())) {
        Some(_) => refused(
            format!("`{option}` has a value of the query in it, and it stays in the journal"),
            "refer to the request by its number or date",
        ),
        None => Ok(()),
    }
}

/// The texts that are asked for, in small letters.
fn values_of(condition: &Condition, into: &mut Vec<String>) {
    match condition {
        Condition::All(of) | Condition::Any(of) => of.iter().for_each(|c| values_of(c, into)),
        Condition::Not(of) => values_of(of, into),
        Condition::Is(_, pattern) => {
            let text = pattern.text().map(str::to_lowercase);
            into.extend(text.filter(|text| text.len() >= SHORTEST_NAME));
        }
        Condition::Within(..) | Condition::Since(_) | Condition::Until(_) => {}
    }
}

const MOST_TEXT: usize = 1_000;
const SHORTEST_NAME: usize = 3;

const EXAMPLES: &str = "\
Examples:
  stile audit erase 'person:\"Mira Lang\"' --reason 'request 2031' --authority 'privacy office' --dry-run
  stile audit erase 'person:\"Mira Lang\" until:2026-01-01' --reason 'request 2031' \\
    --authority 'privacy office' --yes
  stile audit erase until:365d --spare-held --reason 'a year' --authority 'policy 4' --yes

What is erased is gone; every proof holds. docs/erasure.md says what is personal, what stays, and what
this does not reach. Exits with 0 when it is done or there was nothing to erase, with 2 when the query
is wrong or `--yes` is missing, with 3 when journal or index do not answer.";
