//! `stile deploys`: shows which commit reached which environment, and what changed around it.
//!
//! In: a stretch of time, or a service and a moment. Out: a table for people, the same in JSON and
//! CSV, a feed, annotations.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::audit::{no_index, unknown};
use super::table::{Format, Table};
use super::{Exit, SettingsFile, Terminal, Trouble};
use crate::clock::{Clock, Time};
use crate::config::Settings;
use crate::index::{Asked, Index, shown_in};
use crate::setup_error::SetupError;
use crate::timeline::{Blame, Deploy, Timeline, Wanted, page, written};

mod blame;

/// Show which commit reached which environment, when, by whom, and what changed around it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct DeploysArguments {
    #[command(subcommand)]
    what: Option<What>,
    /// From then on: a span back from now, a day or a moment.
    #[arg(long, default_value = "24h", value_name = "TIME")]
    since: String,
    /// Before then.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Of this environment only.
    #[arg(long, alias = "env", value_name = "NAME")]
    environment: Option<String>,
    /// Of this service only.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// With commits that this machine helped to write only; `any` for each of them.
    #[arg(long, value_name = "WORD")]
    machine: Option<String>,
    /// How many, the newest first.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    /// For a program that takes deployments.
    #[arg(long = "as", value_enum, value_name = "KIND")]
    kind: Option<Kind>,
    /// The time zone of days and of times in columns.
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    zone: String,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say what ran at a moment: the deployment in force, the one before it, the commits between.
    #[command(after_help = BLAME_EXAMPLES)]
    Blame {
        /// The service.
        service: String,
        /// The moment: a span back from now, or a moment. Default: now.
        #[arg(long, default_value = "0s", value_name = "TIME")]
        at: String,
        /// In this environment.
        #[arg(long, alias = "env", default_value = "production", value_name = "NAME")]
        environment: String,
        /// The time zone of moments and of times in the answer.
        #[arg(long, default_value = "UTC", value_name = "ZONE")]
        zone: String,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// A feed for readers of feeds (RFC 4287).
    Atom,
    /// Annotations for Grafana.
    Grafana,
    /// One page with a drawing, for a browser.
    Html,
}

pub(super) fn run(
    arguments: &DeploysArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    match &arguments.what {
        None => list(arguments, file, terminal),
        Some(What::Blame {
            service,
            at,
            environment,
            zone,
        }) => {
            let asked = asked_in(zone)?;
            let at = moment(&asked, at)?;
            let (mut index, _) = open(file)?;
            let blame = Blame::of(&mut index, service, Some(environment), at).map_err(unknown)?;
            match blame {
                Some(blame) => blame::tell(&blame, &asked, at, terminal),
                None => {
                    terminal.say(format_args!(
                        "no deployment of `{service}` in {environment} is known until then"
                    ));
                    Ok(Exit::No)
                }
            }
        }
    }
}

fn list(
    arguments: &DeploysArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let asked = asked_in(&arguments.zone)?;
    let until = match &arguments.until {
        Some(until) => moment(&asked, until)?,
        None => Time::from_ms(asked.now.as_ms().saturating_add(1)),
    };
    let wanted = Wanted {
        since: moment(&asked, &arguments.since)?,
        until,
        environment: arguments.environment.clone(),
        service: arguments.service.clone(),
        machine: arguments.machine.clone(),
        most: arguments.limit,
    };
    let (mut index, settings) = open(file)?;
    let timeline = Timeline::read(&mut index, &wanted).map_err(unknown)?;
    match (arguments.kind, terminal.format()) {
        (Some(Kind::Atom), _) => {
            let feed = written::atom(&timeline, &settings.site.url, asked.now);
            terminal.line(feed.trim_end())?;
        }
        (Some(Kind::Grafana), _) => terminal.line(written::grafana(&timeline))?,
        (Some(Kind::Html), _) => {
            terminal.line(page::page(&timeline, &asked.zone).trim_end())?;
        }
        (None, Format::Json) => {
            let all: Vec<Value> = timeline.deploys.iter().map(written::document).collect();
            terminal.line(format_args!("{:#}", Value::Array(all)))?;
        }
        (None, Format::Jsonl) => {
            for deploy in &timeline.deploys {
                terminal.line(written::document(deploy))?;
            }
        }
        (None, _) => {
            let mut table = Table::new(COLUMNS);
            for deploy in &timeline.deploys {
                table.row(cells(deploy, &asked));
            }
            terminal.table(&table)?;
        }
    }
    if timeline.has_more {
        let count = timeline.deploys.len();
        terminal.say(format_args!("the newest {count}; --limit gives more"));
    }
    Ok(Exit::Yes)
}

fn cells(deploy: &Deploy, asked: &Asked) -> Vec<Value> {
    let told: Vec<&str> = deploy.tellers.iter().map(|teller| teller.word()).collect();
    let machines: Vec<&str> = deploy.machines.iter().map(String::as_str).collect();
    [
        shown_in(deploy.time, &asked.zone),
        deploy.service.clone(),
        deploy.environment.clone().unwrap_or_default(),
        deploy.short().to_owned(),
        deploy.status.word().to_owned(),
        deploy.change_text(),
        deploy.by.clone().unwrap_or_default(),
        deploy.gap_text(),
        told.join("+"),
        machines.join(" "),
        deploy.around_text(),
    ]
    .into_iter()
    .map(Value::from)
    .collect()
}

fn asked_in(zone: &str) -> Result<Asked, Trouble> {
    super::audit::asked_in(Clock::machine().now(), zone)
}

fn moment(asked: &Asked, text: &str) -> Result<Time, Trouble> {
    asked.moment(text).ok_or_else(|| {
        let fault = SetupError::new(format!("`{text}` is no time"));
        Trouble::input(fault.hint("a span back from now (6h, 30d), or 2026-11-23T12:04:00Z"))
    })
}

fn open(file: &SettingsFile) -> Result<(Index, Settings), Trouble> {
    let settings = file.load()?;
    let index = settings.index.clone().ok_or_else(no_index)?;
    Ok((Index::open(&index).map_err(unknown)?, settings))
}

const COLUMNS: &[&str] = &[
    "time",
    "service",
    "environment",
    "commit",
    "status",
    "change",
    "by",
    "since",
    "told_by",
    "machines",
    "around",
];

const EXAMPLES: &str = "\
Examples:
  stile deploys --since 6h --environment production
  stile deploys blame checkout --at 2026-11-23T12:04:00Z
  stile deploys --since 30d --format csv
  stile deploys --since 7d --as grafana

`told_by` says who tells of it: `token` is the job with its token, so commit, environment and
pipeline are verified; `webhook` is GitLab. `since` counts the commits after what ran before;
`around` counts what the same pipeline changed at the API, and what of it was denied. The newest
records may not be in the index yet. docs/gitlab.md tells the rest.";

const BLAME_EXAMPLES: &str = "\
Examples:
  stile deploys blame checkout
  stile deploys blame checkout --at 2026-11-23T12:04:00Z --environment staging

Exits with 0 when a deployment is known, with 1 when none is.";
