//! `stile replay`: puts the decisions of a journal to a policy set and says which change.
//!
//! In: the settings file, a journal, a folder of policies or a revision of it. Out: a row for each kind of difference, and
//! the counts; every row in the formats for programs.
//!
//! The journal may be in use or a copy; it is read and never locked. Cases of the folder are not run,
//! since what they expect may be what is being changed.
//!
//! Never: a decision passed over without being counted.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Exit;
use super::moment::moment;
use super::other_set;
use super::progress::Meter;
use super::settings_file::SettingsFile;
use super::table::{Format, Table};
use super::terminal::{Paint, Terminal};
use super::trouble::Trouble;
use crate::clock::{Clock, Time};
use crate::setup_error::SetupError;
use crate::workbench::{Change, Replayed, replay};

/// Put past decisions to a policy set, and see which would change.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReplayArguments {
    /// Only decisions since then: `30d`, `12h`, `45m`, or a time such as `2026-11-01T00:00:00Z`.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The journal's folder, or a copy of it. Default: the one in the settings.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// The policies to try: a folder, or a revision in git. Default: the folder in the settings.
    #[arg(long, value_name = "SET")]
    policies: Option<String>,
}

pub(super) fn run(
    arguments: &ReplayArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let now = Clock::machine().now();
    let since = match &arguments.since {
        Some(text) => since(text, now).map_err(Trouble::input)?,
        None => Time::from_ms(0),
    };
    let settings = file.load()?;
    let journal = arguments.journal.as_ref();
    let journal = journal.unwrap_or(&settings.journal.folder).clone();
    if !journal.is_dir() {
        let fault = SetupError::new(format!("there is no folder `{}`", journal.display()));
        let hint = "name the journal's folder, or a copy of it, with --journal";
        return Err(Trouble::input(fault.hint(hint)));
    }
    let own = settings.policies.folder.display().to_string();
    let typed = arguments.policies.as_ref().unwrap_or(&own);
    let other = other_set::load(typed, &settings, now)?;
    let policies = &other.policies;
    let mut meter = Meter::new(terminal.watched());
    let replayed = replay(&journal, policies, since, |progress| {
        let at = format!("{} decisions", progress.asked);
        meter.count(steps(progress.records), steps(progress.total), &at);
    });
    meter.finish();
    let replayed = replayed.map_err(|error| {
        let what = format!("the journal cannot be read: {error}");
        let hint = "`stile audit verify` says what is wrong with it";
        Trouble::Unknown(SetupError::in_file(&journal, what).hint(hint))
    })?;
    match terminal.format() {
        Format::Jsonl | Format::Csv => terminal.table(&rows(&replayed))?,
        Format::Json => document(&replayed, policies.digest(), terminal)?,
        _ => tell(&replayed, terminal)?,
    }
    Ok(match replayed.differing() {
        0 => Exit::Yes,
        _ => Exit::No,
    })
}

fn tell(replayed: &Replayed, terminal: &mut Terminal) -> Result<(), Trouble> {
    if !replayed.differences.is_empty() {
        terminal.table(&rows(replayed))?;
        terminal.line("")?;
    }
    if replayed.unlisted > 0 {
        let unlisted = replayed.unlisted;
        terminal.line(format_args!(
            "and {unlisted} decisions with other differences"
        ))?;
    }
    for (why, times) in &replayed.gaps {
        terminal.foreign(format_args!("could not be replayed: {times}, {why}"))?;
    }
    let by = |change| replayed.changed.get(&change).copied().unwrap_or(0);
    let counts = format!(
        "{} replayed, {} same, {} newly denied, {} newly allowed, {} by another policy, {} could not \
         be replayed",
        replayed.asked,
        replayed.same,
        by(Change::NewlyDenied),
        by(Change::NewlyAllowed),
        by(Change::OtherPolicy),
        replayed.gaps.values().sum::<u64>(),
    );
    match replayed.differing() {
        0 => terminal.verdict("SAME", Paint::Green, counts),
        _ => terminal.verdict("DIFFERS", Paint::Yellow, counts),
    }
}

fn document(replayed: &Replayed, set: &str, terminal: &mut Terminal) -> Result<(), Trouble> {
    let by = |change| replayed.changed.get(&change).copied().unwrap_or(0);
    let differences = replayed.differences.iter().map(|one| {
        json!({
            "change": one.change.word(), "action": one.action, "who": one.who, "on": one.on,
            "was": one.was, "would_be": one.would_be, "times": one.times, "first": one.first,
        })
    });
    let differences: Vec<serde_json::Value> = differences.collect();
    terminal.json(&json!({
        "policy_set": set,
        "replayed": replayed.asked,
        "same": replayed.same,
        "newly_denied": by(Change::NewlyDenied),
        "newly_allowed": by(Change::NewlyAllowed),
        "other_policy": by(Change::OtherPolicy),
        "not_by_policy": replayed.not_by_policy,
        "could_not_be_replayed": replayed.gaps,
        "unlisted": replayed.unlisted,
        "differences": differences,
    }))
}

fn rows(replayed: &Replayed) -> Table {
    let mut table = Table::new(&[
        "change", "times", "who", "action", "on", "was", "would_be", "first",
    ]);
    for one in &replayed.differences {
        table.row(vec![
            one.change.word().into(),
            one.times.into(),
            one.who.clone().into(),
            one.action.clone().into(),
            one.on.clone().into(),
            one.was.clone().into(),
            one.would_be.clone().into(),
            one.first.clone().into(),
        ]);
    }
    table
}

/// `30d` before now, or a time.
fn since(text: &str, now: Time) -> Result<Time, SetupError> {
    if let Some(span_ms) = span_ms(text) {
        return Ok(Time::from_ms(now.as_ms().saturating_sub(span_ms)));
    }
    moment(text).map_err(|_| {
        SetupError::new(format!("`{text}` is no time"))
            .hint("write `30d`, `12h`, `45m`, or `2026-11-01T00:00:00Z`")
    })
}

fn steps(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn span_ms(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit_ms: u64 = match unit {
        "d" => 24 * 3_600_000,
        "h" => 3_600_000,
        "m" => 60_000,
        _ => return None,
    };
    let digits = Some(digits).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse::<u64>().ok()?.checked_mul(unit_ms)
}

const EXAMPLES: &str = "\
Examples:
  stile replay --since 30d
  stile replay --policies origin/main
  stile replay --journal /mnt/copy/journal --policies ../changed/policies
  stile replay --since 2026-11-01T00:00:00Z --format csv > changes.csv

Exits with 0 when every decision comes out the same by the same policies, with 1 when one does not.
Teams, owners and ids are those of the policies that are tried; time is the recorded one, in the zone
in which it was recorded. Records of versions that kept no inputs are counted and cannot be replayed.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_a_span_before_now_or_a_time() {
        let now = Time::from_secs(10 * 86_400);
        let read = |text| since(text, now).map(Time::as_secs);
        assert_eq!(read("3d").unwrap(), 7 * 86_400);
        assert_eq!(read("1h").unwrap(), 10 * 86_400 - 3_600);
        assert_eq!(read("30d").unwrap(), 0);
        assert_eq!(read("1970-01-02T00:00:00Z").unwrap(), 86_400);
        for wrong in [
            "",
            "d",
            "-3d",
            "+3d",
            "yesterday",
            "3w",
            "1970-01-02",
            "99999999999999999999d",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
