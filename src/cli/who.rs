//! `stile who`: shows who may do what, as the judge answers it.
//!
//! In: the settings file; what to leave out. Out: a table of callers and requests, or one row for
//! each cell in the formats for programs and with `--why`.
//!
//! Never: a cell that was not asked.

use std::path::Path;

use clap::Args;
use serde_json::Value;

use super::Exit;
use super::loaded;
use super::settings_file::SettingsFile;
use super::table::{Format, Table};
use super::terminal::Terminal;
use super::trouble::Trouble;
use crate::authorize::{Answer, Moment, Policies, Verdict};
use crate::clock::Clock;
use crate::setup_error::SetupError;
use crate::workbench::who::{self, Column, Matrix, Wanted};

/// Show who may do what, as a table of the judge's own answers.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct WhoArguments {
    /// Only the people of this team, and agents that act for them.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Only this action, those of `dashboards.*`, or those of a class: `delete`.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only in this project.
    #[arg(long, value_name = "PROJECT")]
    on: Option<String>,
    /// Name the policy behind each answer and where it is written.
    #[arg(long)]
    why: bool,
}

pub(super) fn run(
    arguments: &WhoArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let now = Clock::machine().now();
    let loaded = loaded::load(file, now)?;
    let policies = &loaded.policies;
    let wanted = Wanted {
        team: arguments.team.clone(),
        action: arguments.action.clone(),
        on: arguments.on.clone(),
        by_policy: arguments.why || terminal.format() != Format::Table,
    };
    refuse_unknown(policies, &wanted)?;
    let matrix = Matrix::of(policies, noon(policies.moment(now)), &wanted);
    if terminal.format() == Format::Table && !arguments.why {
        for line in drawn(&matrix) {
            terminal.foreign(line)?;
        }
        legend(&matrix, terminal)?;
    } else {
        let folder = &loaded.settings.policies.folder;
        let shortly = terminal.format() == Format::Table;
        terminal.table(&rows(&matrix, policies, folder, shortly))?;
    }
    Ok(Exit::Yes)
}

/// The same day at noon: a table should not change with the hour it is asked at.
pub(super) fn noon(now: Moment) -> Moment {
    Moment {
        minute_of_day: 12 * 60,
        ..now
    }
}

fn refuse_unknown(policies: &Policies, wanted: &Wanted) -> Result<(), Trouble> {
    let world = policies.world();
    let unknown = |what: String, wrote: &str, known: &[&str]| {
        let known = known.iter().copied();
        Trouble::input(SetupError::new(what).did_you_mean(wrote, known))
    };
    let teams: Vec<&str> = world.teams.iter().map(|(team, _)| team.as_str()).collect();
    if let Some(team) = wanted.team.as_deref().filter(|team| !teams.contains(team)) {
        let what = format!("team `{team}` is not in directory.yaml");
        return Err(unknown(what, team, &teams));
    }
    let projects: Vec<&str> = world.projects.iter().map(String::as_str).collect();
    if let Some(on) = wanted.on.as_deref().filter(|on| !projects.contains(on)) {
        let what = format!("project `{on}` is not in directory.yaml");
        return Err(unknown(what, on, &projects));
    }
    if let Some(action) = &wanted.action {
        let is_one = |name: &str| match action.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == action,
        };
        let mut names: Vec<&str> = world
            .actions
            .iter()
            .map(|one| one.action.as_str())
            .collect();
        names.extend(
            world
                .actions
                .iter()
                .flat_map(|one| one.groups.iter().copied()),
        );
        names.dedup();
        if !names.iter().any(|name| is_one(name)) {
            let what = format!("no catalogue has the action `{action}`");
            return Err(unknown(what, action, &names));
        }
    }
    Ok(())
}

/// The table as lines: headings in several, one line for each row.
pub(super) fn drawn(matrix: &Matrix) -> Vec<String> {
    let headings: Vec<Vec<String>> = matrix.columns.iter().map(Column::heading).collect();
    let high = headings.iter().map(Vec::len).max().unwrap_or(0);
    let names = matrix.rows.iter().map(|row| row.name.chars().count());
    let first = names.max().unwrap_or(0);
    let widths: Vec<usize> = headings
        .iter()
        .map(|lines| {
            let lines = lines.iter().map(|line| line.chars().count());
            lines.max().unwrap_or(0).max(CELL)
        })
        .collect();
    let line = |name: &str, cells: Vec<&str>| {
        let mut line = format!("{name:first$}");
        for (cell, width) in cells.iter().zip(&widths) {
            line.push_str(&format!("  {cell:width$}"));
        }
        line.trim_end().to_owned()
    };
    let mut lines = Vec::new();
    for level in 0..high {
        let words = headings.iter();
        let words = words.map(|words| words.get(level).map_or("", String::as_str));
        lines.push(line("", words.collect()));
    }
    for (row, cells) in matrix.rows.iter().zip(&matrix.cells) {
        lines.push(line(
            &row.name,
            cells.iter().map(|cell| who::word(cell.as_ref())).collect(),
        ));
    }
    lines
}

/// What the headings that stand for several actions stand for.
fn legend(matrix: &Matrix, terminal: &mut Terminal) -> Result<(), Trouble> {
    terminal.line("")?;
    for column in matrix
        .columns
        .iter()
        .filter(|column| column.actions.len() > 1)
    {
        let shown: Vec<&str> = column
            .actions
            .iter()
            .take(SHOWN)
            .map(String::as_str)
            .collect();
        let more = match column.actions.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        terminal.line(format_args!(
            "{}: {}{more}",
            column.words(),
            shown.join(", ")
        ))?;
    }
    terminal.line("✗ DENY: a guardrail forbids it. -: nothing allows it. Policies: stile who --why")
}

/// One row for each cell.
fn rows(matrix: &Matrix, policies: &Policies, folder: &Path, shortly: bool) -> Table {
    let mut table = Table::new(&["who", "action", "on", "owner", "decision", "by", "at"]);
    for (row, column, answer) in matrix.each() {
        let places = answer.policies.iter().filter_map(|id| policies.place(id));
        let places: Vec<String> = places.map(|place| place.short(folder)).collect();
        table.row(vec![
            row.name.clone().into(),
            match shortly {
                true => column.what().into(),
                false => column.actions.join(" ").into(),
            },
            listed(&column.projects),
            column.owner_words().into(),
            decision(answer).into(),
            listed(&answer.policies),
            listed(&places),
        ]);
    }
    table
}

fn listed(words: &[String]) -> Value {
    match words {
        [] => Value::Null,
        words => words.join(" ").into(),
    }
}

/// The word for programs: a deny says whether a guardrail forbids it.
pub(super) fn decision(answer: &Answer) -> &'static str {
    match (answer.verdict, answer.policies.is_empty()) {
        (Verdict::Allow, _) => "allow",
        (Verdict::Deny, true) => "deny",
        (Verdict::Deny, false) => "forbid",
        (Verdict::Error, _) => "error",
    }
}

const CELL: usize = 7;
const SHOWN: usize = 4;

const EXAMPLES: &str = "\
Examples:
  stile who
  stile who --team payments --action 'dashboards.*' --why
  stile who --on X --format csv > who.csv

Every cell is the answer of the judge to one representative request: inside and outside of each
name, ref, hour and flag that some policy compares with. A row that no policy tells from another is
not repeated.

Exits with 0, or with 2 when settings or policies are wrong.";
