//! `stile audit query`: finds what somebody asks for in the journal.
//!
//! In: a query. Out: rows: columns for people and CSV, whole records in JSON.
//!
//! From the index, which may be a little behind, or with `--scan` from the journal itself.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::index::{no_index, unknown};
use super::{Exit, SettingsFile, Terminal, Trouble};
use crate::authorize::team_groups;
use crate::cli::table::{Format, Table};
use crate::clock::{Clock, Time};
use crate::config::Settings;
use crate::index::{Asked, COLUMNS, Index, Order, Query, Row, Teams, cells, document, scan};
use crate::record::JournalError;
use crate::setup_error::SetupError;

/// Find requests and events in the journal.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct QueryArguments {
    /// What is asked for: `team:payments action:*.delete since:30d`. Everything without.
    #[arg(default_value = "", hide_default_value = true)]
    query: String,
    /// How many rows; 0 for all.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    /// Only say how many there are; refusals that share a record count each.
    #[arg(long)]
    count: bool,
    /// Which come first.
    #[arg(long, value_enum, default_value_t, value_name = "ORDER")]
    sort: Sort,
    /// The time zone of days in the query and of times in columns.
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    zone: String,
    /// Read the journal itself: slow, exact, needs no index.
    #[arg(long)]
    scan: bool,
    /// With --scan: the journal's folder, or a copy of it. Default: the one in the settings.
    #[arg(long, value_name = "FOLDER", requires = "scan")]
    journal: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Sort {
    /// The last first.
    #[default]
    Newest,
    /// The first first.
    Oldest,
}

pub(super) fn run(
    arguments: &QueryArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let copy = arguments.journal.as_ref();
    let (query, asked, settings) = meant(&arguments.query, &arguments.zone, copy.is_none(), file)?;
    let order = match arguments.sort {
        Sort::Newest => Order::Newest,
        Sort::Oldest => Order::Oldest,
    };
    let limit = match arguments.limit {
        _ if arguments.count => 0,
        0 => usize::MAX,
        some => some,
    };
    let mut page = Page {
        terminal,
        asked,
        table: Table::new(COLUMNS),
        given: 0,
    };
    if arguments.scan {
        let folder = copy.cloned().or(settings.map(|s| s.journal.folder));
        let rows = scan(&folder.unwrap_or_default(), &query);
        let unread = |e: JournalError| Trouble::Unknown(e.to_setup_error());
        let rows = rows.map_err(unread)?;
        if arguments.count {
            let answers = rows.map(|row| row.map(|row| row.answers()));
            let answers: Result<u64, JournalError> = answers.sum();
            return page.end(answers.map_err(unread)?, true);
        }
        let (rows, count) = rows.some(order, limit).map_err(unread)?;
        rows.iter().try_for_each(|row| page.row(row))?;
        return page.end(count, arguments.count);
    }
    let index = settings.and_then(|s| s.index).ok_or_else(no_index)?;
    let mut index = Index::open(&index).map_err(unknown)?;
    let found = index.find(&query).map_err(unknown)?;
    let count = match arguments.count {
        true => found.answers(),
        false => found.count(),
    };
    for row in found.rows(order).take(limit) {
        page.row(&row.map_err(unknown)?)?;
    }
    page.end(count, arguments.count)
}

/// When and where a query is asked.
pub(in crate::cli) fn asked_in(now: Time, zone: &str) -> Result<Asked, Trouble> {
    Asked::at(now).in_zone(zone).ok_or_else(|| {
        let fault = SetupError::new(format!("`{zone}` is not a time zone"));
        Trouble::input(fault.hint("an IANA name: UTC, Europe/Berlin, America/New_York"))
    })
}

/// The query with each team as the groups that make it up.
pub(super) fn with_teams(query: Query, settings: Option<&Settings>) -> Result<Query, Trouble> {
    match settings {
        Some(settings) if query.names_teams() => query
            .with_teams(&teams(settings)?)
            .map_err(|unknown| Trouble::input(unknown.into())),
        _ => Ok(query),
    }
}

/// What a query means, when and where it was asked, and the settings where they are needed: for the
/// teams it names, or because `wanted`.
pub(super) fn meant(
    text: &str,
    zone: &str,
    wanted: bool,
    file: &SettingsFile,
) -> Result<(Query, Asked, Option<Settings>), Trouble> {
    let asked = asked_in(Clock::machine().now(), zone)?;
    let query = Query::parse(text, &asked).map_err(|e| Trouble::input(e.into()))?;
    let settings = match wanted || query.names_teams() {
        true => Some(file.load()?),
        false => None,
    };
    let query = with_teams(query, settings.as_ref())?;
    Ok((query, asked, settings))
}

/// The teams of the directory, by the URLs of their issuers.
fn teams(settings: &Settings) -> Result<Teams, Trouble> {
    let mut teams = Teams::default();
    for (team, groups) in team_groups(&settings.policies.folder)? {
        for (issuer, group) in groups {
            let named = settings.issuers.iter().find(|i| i.name == issuer);
            let url = named.map_or(issuer.as_str(), |named| &named.url);
            teams.add(&team, url, &group);
        }
    }
    Ok(teams)
}

/// Rows on their way to standard output.
struct Page<'t> {
    terminal: &'t mut Terminal,
    asked: Asked,
    table: Table,
    given: u64,
}

impl Page<'_> {
    fn row(&mut self, row: &Row) -> Result<(), Trouble> {
        self.given = self.given.saturating_add(1);
        match self.terminal.format() {
            Format::Jsonl => self.terminal.line(document(row)),
            Format::Json => {
                let before = if self.given == 1 { '[' } else { ',' };
                self.terminal
                    .line(format_args!("{before}{}", document(row)))
            }
            _ => {
                self.table.row(cells(row, &self.asked.zone));
                Ok(())
            }
        }
    }

    fn end(self, count: u64, count_only: bool) -> Result<Exit, Trouble> {
        match self.terminal.format() {
            Format::Json | Format::Jsonl if count_only => {
                self.terminal.line(Value::from(count))?;
            }
            _ if count_only => self.terminal.line(count)?,
            Format::Jsonl => {}
            Format::Json if self.given == 0 => self.terminal.line("[]")?,
            Format::Json => self.terminal.line("]")?,
            _ => self.terminal.table(&self.table)?,
        }
        if !count_only && self.given < count {
            let given = self.given;
            self.terminal
                .say(format_args!("{given} of {count} rows; --limit 0 gives all"));
        }
        Ok(Exit::Yes)
    }
}

const EXAMPLES: &str = "\
Examples:
  stile audit query 'decision:deny since:24h'
  stile audit query 'team:payments action:*.delete since:30d' --format csv
  stile audit query 'project:acme/shop/* (status:>=500 or end:timeout)' --count
  stile audit query 'since:2026-07-01 until:2026-10-01' --zone Europe/Berlin --limit 0 --format jsonl
  stile audit query 'commit:3b1c9e0*' --scan --journal /mnt/copy/journal

Side by side all must hold; there are `or`, `not`, parentheses, `*` for any text, quotes for values
with blanks, and ranges for numbers. docs/query.md has every field.

Exits with 0 also when nothing is found, with 2 when the query is wrong, with 3 when index or journal
do not answer.";
