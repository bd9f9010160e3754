//! `stile audit tail`: shows what happens, a line each, while it happens.
//!
//! In: a query. Out: the last rows it means, and with `--follow` those that come.
//!
//! From the journal itself, so nothing is missing because an index is behind. Each decision has a
//! sign and a word, and a colour where somebody looks; never the colour alone.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use super::query::meant;
use super::{Exit, SettingsFile, Terminal, Trouble};
use crate::cli::table::Format;
use crate::cli::terminal::Paint;
use crate::index::{Following, Query, Row, cells, document};
use crate::record::{JournalError, segment};
use crate::setup_error::SetupError;

/// Show the last requests and events, and those that come.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct TailArguments {
    /// What is shown: `decision:deny action:*.delete`. Everything without.
    #[arg(default_value = "", hide_default_value = true)]
    query: String,
    /// Go on until Ctrl-C.
    #[arg(long, short)]
    follow: bool,
    /// How many rows of the past come first.
    #[arg(short = 'n', long = "lines", default_value_t = 10, value_name = "N")]
    lines: usize,
    /// The time zone of days in the query and of times in lines.
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    zone: String,
    /// The journal's folder, or a copy of it. Default: the one in the settings.
    #[arg(long, value_name = "FOLDER")]
    journal: Option<PathBuf>,
}

pub(super) fn run(
    arguments: &TailArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    if !matches!(terminal.format(), Format::Table | Format::Jsonl) {
        let fault = SetupError::new("a tail has no end, which this format needs");
        return Err(Trouble::input(fault.hint(
            "--format table or jsonl; `stile audit query --sort oldest` has the others",
        )));
    }
    let (query, asked, settings) = meant(
        &arguments.query,
        &arguments.zone,
        arguments.journal.is_none(),
        file,
    )?;
    let named = arguments.journal.clone();
    let folder = named.or(settings.map(|settings| settings.journal.folder));
    let folder = folder.unwrap_or_default();
    if !folder.is_dir() {
        let fault = SetupError::new(format!("there is no folder `{}`", folder.display()));
        return Err(Trouble::input(
            fault.hint("name the journal's folder with --journal, or a copy of it"),
        ));
    }
    // Before the first look, so that Ctrl-C is an end and not an accident from the start.
    let ended = arguments.follow.then(ends_by_signal).transpose()?;
    let (rows, following) = last(&folder, &query, arguments.lines)?;
    for row in &rows {
        show(row, &asked.zone, terminal)?;
    }
    let Some(ended) = ended else {
        let left = arguments.lines.saturating_sub(rows.len());
        for row in following.unfinished().take(left) {
            show(&row, &asked.zone, terminal)?;
        }
        return Ok(Exit::Yes);
    };
    follow(following, &ended, &asked.zone, terminal)
}

/// Shows each row as it comes, until it is told to end.
fn follow(
    mut following: Following,
    ended: &AtomicBool,
    zone: &TimeZone,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    loop {
        while let Some(row) = following.advance().map_err(unread)? {
            show(&row, zone, terminal)?;
            if ended.load(Ordering::Relaxed) {
                break;
            }
        }
        terminal.finish()?;
        if ended.load(Ordering::Relaxed) {
            return Ok(Exit::Yes);
        }
        std::thread::sleep(BETWEEN);
    }
}

/// The last so many rows that are whole, and a reader behind them. Begins two segments before the
/// end and, while that is too few, twice as many.
fn last(folder: &Path, query: &Query, lines: usize) -> Result<(VecDeque<Row>, Following), Trouble> {
    let listed = segment::list(folder).map_err(|fault| {
        let fault = format!("`{}` cannot be read: {fault}", folder.display());
        Trouble::Unknown(SetupError::new(fault))
    })?;
    let mut back = 2;
    loop {
        let from = listed.len().saturating_sub(back);
        let first = listed.get(from).map_or(0, |(first, _)| *first);
        let mut following = Following::from(folder, first, query.clone());
        let mut rows = VecDeque::new();
        while let Some(row) = following.advance().map_err(unread)? {
            rows.push_back(row);
            if rows.len() > lines {
                rows.pop_front();
            }
        }
        if rows.len() == lines || from == 0 {
            return Ok((rows, following));
        }
        back = back.saturating_mul(2);
    }
}

/// Becomes true with Ctrl-C or SIGTERM.
fn ends_by_signal() -> Result<Arc<AtomicBool>, Trouble> {
    let ended = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&ended);
    let failed = |what: std::io::Error| {
        Trouble::Unknown(SetupError::new(format!("signals cannot be had: {what}")))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let caught = {
        let _within = runtime.enter();
        [SignalKind::interrupt(), SignalKind::terminate()].map(signal)
    };
    let [interrupt, terminate] = caught;
    let (mut interrupt, mut terminate) = (interrupt.map_err(failed)?, terminate.map_err(failed)?);
    let waiting = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            tell.store(true, Ordering::Relaxed);
        });
    waiting.map_err(failed)?;
    Ok(ended)
}

fn show(row: &Row, zone: &TimeZone, terminal: &mut Terminal) -> Result<(), Trouble> {
    if terminal.format() == Format::Jsonl {
        return terminal.line(document(row));
    }
    let line = Told::of(row, zone);
    terminal.marked(&line.time, line.mark, line.paint, line.rest)
}

/// A row as a line for people.
struct Told {
    time: String,
    mark: String,
    paint: Option<Paint>,
    rest: String,
}

impl Told {
    fn of(row: &Row, zone: &TimeZone) -> Told {
        let cells = cells(row, zone);
        let cell = |at: usize| match cells.get(at) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => "-".to_owned(),
        };
        let word = cell(1);
        let is_event = parsed(&row.record).get("event").is_some();
        let (mark, paint) = match word.as_str() {
            _ if is_event => ("…", None),
            "allow" => ("✓", Some(Paint::Green)),
            "deny" => ("✗", Some(Paint::Red)),
            "refuse" => ("!", Some(Paint::Yellow)),
            "error" => ("!", Some(Paint::Red)),
            _ => ("·", None),
        };
        let outcome = row.outcome.as_ref().map(|(_, text)| parsed(text));
        let status = match &outcome {
            None if word == "allow" => "in flight".to_owned(),
            _ => cell(7),
        };
        let total = outcome.as_ref().and_then(|o| o.pointer("/lat_us/total"));
        let ms = total.and_then(Value::as_u64).map(|us| {
            let tenths = us / 100;
            format!("{}.{} ms", tenths / 10, tenths % 10)
        });
        let rest = match is_event {
            true => detail(row),
            false => format!(
                "{:<24}  {:<20}  {:<20}  {:<20}  {status:<4}  {}",
                cell(2),
                cell(3),
                cell(4),
                why(row, cell(6)),
                ms.as_deref().unwrap_or("-")
            ),
        };
        Told {
            time: cell(0),
            mark: format!("{mark} {word:<8}"),
            paint,
            rest: rest.trim_end().to_owned(),
        }
    }
}

/// The reason or the rules, and what it would be were nothing under observe.
fn why(row: &Row, why: String) -> String {
    match parsed(&row.record).get("would").and_then(Value::as_str) {
        Some(would) => format!("{why} (would {would})"),
        None => why,
    }
}

/// What there is to say about an event.
fn detail(row: &Row) -> String {
    let record = parsed(&row.record);
    let members = record.get("detail").and_then(Value::as_object);
    let said = members.into_iter().flatten().map(|(name, value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        format!("{name}={text}")
    });
    said.collect::<Vec<_>>().join(" ")
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

fn unread(fault: JournalError) -> Trouble {
    Trouble::Unknown(fault.to_setup_error())
}

/// Between two looks at the end of the journal.
const BETWEEN: Duration = Duration::from_millis(150);

const EXAMPLES: &str = "\
Examples:
  stile audit tail --follow
  stile audit tail -f 'decision:deny or decision:refuse'
  stile audit tail -n 50 'person:\"Mira Lang\"' --zone Europe/Berlin
  stile audit tail -f --format jsonl | jq .record.op

A line: time, decision, who, action, resource, reason or rules, status, how long it took. The signs are
✓ allow, ✗ deny, ! refuse and error, · public, … an event. A request that was let through is shown when
it has ended; without --follow, also while it has not.

Exits with 0 also after Ctrl-C, with 2 when the query is wrong, with 3 when the journal cannot be read.";
