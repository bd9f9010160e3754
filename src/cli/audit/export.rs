//! `stile audit export`: writes what a query means into a file, or into a bundle of evidence.
//!
//! In: a query and a span of time. Out: a file that is whole, or one that ends in `.partial`.
//!
//! The query is the one of `stile audit query`: what is counted there is what is written here.

use std::path::{Path, PathBuf};

use clap::Args;

use super::index::{no_index, unknown};
use super::query::{asked_in, with_teams};
use super::{Exit, SettingsFile, Terminal, Trouble, places};
use crate::cli::progress::Meter;
use crate::cli::table::Format;
use crate::clock::{Clock, Time};
use crate::config::Settings;
use crate::export::bundle::{Journal, Plan, write};
use crate::export::{Form, Progress, Source, Written, span, write_file};
use crate::index::{Asked, Index, Query};
use crate::setup_error::SetupError;

/// Write requests and events into a file, or into a bundle of evidence.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct ExportArguments {
    /// What is asked for, as in `stile audit query`. Everything without.
    #[arg(default_value = "", hide_default_value = true)]
    query: String,
    /// A quarter of a year: 2026Q3.
    #[arg(long, value_name = "QUARTER", conflicts_with_all = ["from", "to"])]
    quarter: Option<String>,
    /// The first day: 2026-07-01.
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// The last day, which is in it.
    #[arg(long, value_name = "DAY")]
    to: Option<String>,
    /// The time zone of days and of times in columns.
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    zone: String,
    /// The file; `--format` says csv, jsonl or ocsf.
    #[arg(
        long,
        short,
        value_name = "FILE",
        required_unless_present = "bundle",
        conflicts_with = "bundle"
    )]
    output: Option<PathBuf>,
    /// The bundle: rows in every form, a report, and what proves them.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Who exports, for the manifest. Default: this user of the machine.
    #[arg(long, value_name = "NAME", requires = "bundle")]
    by: Option<String>,
    /// Read the journal itself: slow, exact, needs no index.
    #[arg(long)]
    scan: bool,
    /// The journal's folder, or a copy of it. For a bundle from an index of several journals it may be
    /// given again. Default: the one in the settings.
    #[arg(long, value_name = "FOLDER")]
    journal: Vec<PathBuf>,
}

pub(super) fn run(
    arguments: &ExportArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    if !arguments.journal.is_empty() && !arguments.scan && arguments.bundle.is_none() {
        let fault = SetupError::new("`--journal` is for `--scan` and `--bundle`");
        return Err(Trouble::input(
            fault.hint("add one of them, or leave it out"),
        ));
    }
    let now = Clock::machine().now();
    let asked = asked_in(now, &arguments.zone)?;
    let query = Query::parse(&arguments.query, &asked).map_err(|e| Trouble::input(e.into()))?;
    let (text, query) = within(arguments, &asked, query)?;
    let settings = match arguments.scan && !arguments.journal.is_empty() && !query.names_teams() {
        true => None,
        false => Some(file.load()?),
    };
    let query = with_teams(query, settings.as_ref())?;
    let mut source = source(arguments, settings.as_ref())?;
    let mut meter = Meter::new(terminal.watched());
    if let Some(path) = &arguments.bundle {
        let plan = Plan {
            asked: text,
            means: query,
            zone: asked.zone,
            zone_name: arguments.zone.clone(),
            by: arguments.by.clone().unwrap_or_else(user),
            at: now,
            journals: journals(arguments, file)?,
        };
        let written = write(path, &plan, &mut source, |at| shown(&mut meter, at));
        meter.finish();
        return told(path, written.map_err(unwritten)?, terminal);
    }
    let path = arguments.output.clone().unwrap_or_default();
    let form = form(terminal.format(), &path)?;
    let rows = source.rows(&query).map_err(unwritten)?;
    let written = write_file(&path, form, &asked.zone, rows, |at| shown(&mut meter, at));
    meter.finish();
    told(&path, written.map_err(unwritten)?, terminal)
}

fn told(path: &Path, written: Written, terminal: &mut Terminal) -> Result<Exit, Trouble> {
    let Written { rows, bytes } = written;
    terminal.foreign(format_args!(
        "{}: {rows} rows, {bytes} bytes",
        path.display()
    ))?;
    Ok(Exit::Yes)
}

/// The query within its span, and its text as it was asked.
fn within(
    arguments: &ExportArguments,
    asked: &Asked,
    query: Query,
) -> Result<(String, Query), Trouble> {
    let no_day = |flag: &str, text: &str| {
        let fault = SetupError::new(format!("`{flag} {text}` is no day"));
        Trouble::input(fault.hint("a day of the calendar: 2026-07-01"))
    };
    let mut text = arguments.query.clone();
    let mut said = |flag: &str, value: &str| {
        text = format!("{text} {flag} {value}").trim().to_owned();
    };
    let mut query = query;
    if let Some(quarter) = &arguments.quarter {
        let (since, until) = span::quarter(quarter, &asked.zone).ok_or_else(|| {
            let fault = SetupError::new(format!("`--quarter {quarter}` is no quarter"));
            Trouble::input(fault.hint("a year and one of Q1 to Q4: 2026Q3"))
        })?;
        query = query.between(since, until);
        said("--quarter", quarter);
    }
    let last = Time::from_ms(u64::from(u32::MAX).saturating_mul(1000));
    let from = arguments.from.as_deref().map(|day| {
        said("--from", day);
        span::day(day, &asked.zone).ok_or_else(|| no_day("--from", day))
    });
    let to = arguments.to.as_deref().map(|day| {
        said("--to", day);
        span::behind_day(day, &asked.zone).ok_or_else(|| no_day("--to", day))
    });
    let (from, to) = (from.transpose()?, to.transpose()?);
    if from.is_some() || to.is_some() {
        let from = from.unwrap_or(Time::from_ms(0));
        let to = to.unwrap_or(last);
        if from >= to {
            let fault = SetupError::new("`--from` lies behind `--to`");
            return Err(Trouble::input(fault.hint("the first day first")));
        }
        query = query.between(from, to);
    }
    Ok((text, query))
}

fn source(arguments: &ExportArguments, settings: Option<&Settings>) -> Result<Source, Trouble> {
    if arguments.scan {
        let named = arguments.journal.first().cloned();
        let folder = named.or(settings.map(|s| s.journal.folder.clone()));
        return Ok(Source::Journal(folder.unwrap_or_default()));
    }
    let index = settings
        .and_then(|s| s.index.clone())
        .ok_or_else(no_index)?;
    let index = Index::open(&index).map_err(unknown)?;
    Ok(Source::Index(Box::new(index)))
}

/// The journals at hand: those that were named, else the one in the settings.
fn journals(arguments: &ExportArguments, file: &SettingsFile) -> Result<Vec<Journal>, Trouble> {
    let named: Vec<Option<&Path>> = match arguments.journal.is_empty() {
        true => vec![None],
        false => arguments
            .journal
            .iter()
            .map(|folder| Some(folder.as_path()))
            .collect(),
    };
    let at = |named: Option<&Path>| {
        let (folder, tiles) = places(named, file)?;
        Ok(Journal { folder, tiles })
    };
    named.into_iter().map(at).collect()
}

/// The form that was asked for, or the one that the file's name says.
fn form(format: Format, path: &Path) -> Result<Form, Trouble> {
    let name = path.to_string_lossy();
    match format {
        Format::Csv => Ok(Form::Csv),
        Format::Jsonl => Ok(Form::Jsonl),
        Format::Ocsf => Ok(Form::Ocsf),
        Format::Table if name.ends_with(".csv") => Ok(Form::Csv),
        Format::Table if name.ends_with(".ocsf.jsonl") => Ok(Form::Ocsf),
        Format::Table if name.ends_with(".jsonl") => Ok(Form::Jsonl),
        _ => {
            let fault = SetupError::new("the file's form is not said");
            Err(Trouble::input(
                fault.hint("add `--format csv`, `jsonl` or `ocsf`"),
            ))
        }
    }
}

fn shown(meter: &mut Meter, at: Progress) {
    let steps = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    meter.count(steps(at.done), steps(at.total), at.of);
}

/// The name of this user of the machine.
fn user() -> String {
    let id = rustix::process::getuid().as_raw();
    let listed = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = listed.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("user {id}"))
}

fn unwritten(error: crate::export::ExportError) -> Trouble {
    Trouble::Unknown(error.into())
}

const EXAMPLES: &str = "\
Examples:
  stile audit export 'decision:deny' --quarter 2026Q3 --format csv -o denied.csv
  stile audit export 'team:payments' --from 2026-07-01 --to 2026-07-31 --zone Europe/Berlin -o july.jsonl
  stile audit export 'action:*.delete' --quarter 2026Q3 --bundle q3.tar --by 'Anna Berg'
  stile audit verify q3.tar --vkey \"$(cat log.vkey)\"

The file has its name when it is whole; until then, and where something stood in the way, it is
FILE.partial. Exits with 0 when it is whole, with 2 when the query is wrong, with 3 when index, journal
or disk do not answer. docs/export.md says what is in a bundle.";
