//! `stile suggest`: proposes less than what is allowed, by what the journal shows was used.
//!
//! In: the journal and the policies. Out: bindings that nobody used; or, for one caller, the smallest
//! binding that covers what it did, with its cases, loaded and judged before it is printed.
//!
//! Never: changes anything. What was not used yet may be needed tomorrow.

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::loaded::{self, Loaded};
use super::progress::Meter;
use super::proven;
use super::settings_file::SettingsFile;
use super::table::{Format, Table};
use super::terminal::{Paint, Terminal};
use super::trouble::Trouble;
use crate::authorize::Moment;
use crate::clock::{Clock, Time};
use crate::record::frame::Kind;
use crate::record::{self, PastDecision};
use crate::setup_error::SetupError;
use crate::workbench::{Usage, propose};

/// Propose less than what is allowed, by what the journal shows was used.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SuggestArguments {
    /// Bindings that allowed nothing for so many days.
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    unused_for: u64,
    /// The smallest binding that covers what this caller did: a repository's path, a name, a subject.
    #[arg(long = "for", value_name = "CALLER", conflicts_with = "unused_for")]
    caller: Option<String>,
    /// The journal's folder, or a copy of it. Default: the one in the settings.
    #[arg(long, value_name = "FOLDER")]
    journal: Option<PathBuf>,
}

pub(super) fn run(
    arguments: &SuggestArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let now = Clock::machine().now();
    let loaded = loaded::load(file, now)?;
    let usage = read(arguments, &loaded, terminal)?;
    match &arguments.caller {
        Some(caller) => least(caller, &usage, &loaded, now, terminal),
        None => unused(arguments.unused_for, &usage, &loaded, now, terminal),
    }
}

fn read(
    arguments: &SuggestArguments,
    loaded: &Loaded,
    terminal: &Terminal,
) -> Result<Usage, Trouble> {
    let unread = |error: record::JournalError| Trouble::Unknown(error.to_setup_error());
    let folder = arguments.journal.clone();
    let folder = folder.unwrap_or_else(|| loaded.settings.journal.folder.clone());
    if !folder.is_dir() {
        let what = format!("there is no folder `{}`", folder.display());
        let hint = "name the journal's folder, or a copy of it, with --journal";
        return Err(Trouble::input(SetupError::new(what).hint(hint)));
    }
    let total = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let total = total
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum();
    let mut meter = Meter::new(terminal.watched());
    let mut usage = Usage::of(arguments.caller.as_deref());
    let mut bytes = 0;
    for record in record::read(&folder).map_err(unread)? {
        let record = record.map_err(unread)?;
        bytes += record.payload.len() as u64;
        if record.kind == Kind::Decision {
            let whole = record.whole();
            let past = PastDecision::read(&whole).map_err(|why| {
                let what = format!("record {} cannot be read: {why}", record.seq);
                Trouble::Unknown(SetupError::in_file(&folder, what))
            })?;
            usage.add(&past, &loaded.policies);
        }
        meter.show(bytes, total, usage.decisions, "decisions");
    }
    meter.finish();
    Ok(usage)
}

fn unused(
    days: u64,
    usage: &Usage,
    loaded: &Loaded,
    now: Time,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let policies = &loaded.policies;
    let since = now.as_ms().saturating_sub(days.saturating_mul(DAY_MS));
    let first = usage.first_ms.unwrap_or(now.as_ms());
    if first > since {
        let known = now.as_ms().saturating_sub(first) / DAY_MS;
        let what = format!("the journal covers {known} whole days only, not {days}");
        let hint = "what is unused in a few days may be used once a quarter";
        terminal.warn(&SetupError::new(what).hint(hint));
    }
    let day = |ms: u64| day_of(policies.moment(Time::from_ms(ms)));
    let mut table = Table::new(&["binding", "at", "uses", "last_used"]);
    let mut count = 0_usize;
    for name in policies.binding_names() {
        let used = usage.of_policy(name);
        if used.is_some_and(|used| used.last_ms >= since) {
            continue;
        }
        count += 1;
        let place = policies.place(name);
        let place = place.map(|place| place.short(&loaded.settings.policies.folder));
        table.row(vec![
            name.into(),
            place.into(),
            used.map_or(0, |used| used.count).into(),
            used.map(|used| day(used.last_ms)).into(),
        ]);
    }
    if count > 0 || terminal.format() != Format::Table {
        terminal.table(&table)?;
    }
    if terminal.format() == Format::Table {
        let all = policies.binding_names().count();
        terminal.line(format_args!(
            "{count} of {all} bindings allowed nothing for {days} days, by {} decisions",
            usage.decisions
        ))?;
    }
    Ok(Exit::Yes)
}

fn least(
    caller: &str,
    usage: &Usage,
    loaded: &Loaded,
    now: Time,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let Some((facts, deeds)) = usage.of_caller() else {
        let what = format!("the journal has no allowed request of `{caller}`");
        let hint = "name a repository by its full path, a person or an agent by name or subject";
        return Err(Trouble::input(SetupError::new(what).hint(hint)));
    };
    match propose(&loaded.policies, facts, deeds) {
        Ok(proposal) => proven::print(&proposal, facts, deeds, &loaded.settings, now, terminal),
        Err(why) => {
            terminal.verdict("NO BINDING", Paint::Red, why)?;
            Ok(Exit::No)
        }
    }
}

fn day_of(moment: Moment) -> String {
    let written = moment.written();
    written.split(' ').next().unwrap_or("").to_owned()
}

const DAY_MS: u64 = 24 * 3600 * 1000;

const EXAMPLES: &str = "\
Examples:
  stile suggest
  stile suggest --unused-for 30 --format csv
  stile suggest --for acme/shop/api --journal /mnt/copy/journal

The YAML is loaded with every case of the folder, in a copy of it, and judged before it is printed;
nothing is ever applied. Rules may allow the same, so look at `stile who` before a binding is removed.

Exits with 0, with 1 when no binding can cover what the caller did, with 2 when settings or policies
are wrong or the journal knows no such caller, with 3 when the journal cannot be read.";
