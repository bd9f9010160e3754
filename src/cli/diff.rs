//! `stile diff`: says who may do what more, and what less, than in another policy set.
//!
//! In: the settings file, and a revision or a folder. Out: the answers that change, and whether the
//! set is contained in the other one.
//!
//! Never: silence about what was not tried.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::Exit;
use super::loaded;
use super::other_set::{self, OtherSet};
use super::settings_file::SettingsFile;
use super::table::{Format, Table};
use super::terminal::{Paint, Terminal};
use super::trouble::Trouble;
use super::who::{decision, noon};
use crate::authorize::{Answer, Policies};
use crate::clock::Clock;
use crate::workbench::difference::{Difference, Witness, difference, is_more};

/// Say who may do what more, and what less, than in another policy set.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DiffArguments {
    /// The set before: a revision in git of the policy folder, or another folder.
    #[arg(value_name = "REV|FOLDER")]
    other: String,
    /// Print it as Markdown, for a merge request.
    #[arg(long)]
    markdown: bool,
}

pub(super) fn run(
    arguments: &DiffArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let now = Clock::machine().now();
    let loaded = loaded::load_untested(file, now)?;
    let other = other_set::load(&arguments.other, &loaded.settings, now)?;
    let moment = noon(loaded.policies.moment(now));
    let found = difference(&other.policies, &loaded.policies, moment);
    let sets = Sets {
        before: &other,
        after: &loaded.policies,
        folder: &loaded.settings.policies.folder,
    };
    match terminal.format() {
        _ if arguments.markdown => sets.markdown(&found, terminal)?,
        Format::Table | Format::Ocsf | Format::Junit | Format::GitlabCodequality => {
            sets.tell(&found, terminal)?
        }
        Format::Csv => terminal.table(&sets.rows(&found))?,
        Format::Json | Format::Jsonl => terminal.json(&sets.document(&found))?,
    }
    Ok(match found.widens() {
        true => Exit::No,
        false => Exit::Yes,
    })
}

struct Sets<'a> {
    before: &'a OtherSet,
    after: &'a Policies,
    folder: &'a Path,
}

impl Sets<'_> {
    fn tell(&self, found: &Difference, terminal: &mut Terminal) -> Result<(), Trouble> {
        let name = &self.before.name;
        if found.is_nothing() {
            terminal.foreign(format_args!(
                "who may do what is the same as in {name} ({} combinations tried)",
                found.tried
            ))?;
            return uncovered(found, terminal);
        }
        let (rows, actions) = found.touched();
        terminal.foreign(format_args!(
            "who may do what changes against {name} for {rows} of {} classes of callers, {actions} \
             of {} actions",
            found.rows, found.actions
        ))?;
        terminal.line("")?;
        if rows > 0 {
            terminal.table(&self.rows(found))?;
            terminal.line("")?;
        }
        for (words, change) in [
            ("newly allowed", &found.more),
            ("no longer allowed", &found.less),
        ] {
            if let (count, Some(witness)) = change {
                terminal.foreign(format_args!(
                    "{words}: {count} of {} combinations, such as {}",
                    found.tried,
                    told(witness)
                ))?;
            }
        }
        uncovered(found, terminal)?;
        let (word, paint, rest) = match found.widens() {
            true => ("WIDENS", Paint::Yellow, "the set is not contained in"),
            false => ("NARROWS", Paint::Green, "the set is contained in"),
        };
        terminal.verdict(word, paint, format_args!("{rest} {name}"))
    }

    /// One row for each answer that changes.
    fn rows(&self, found: &Difference) -> Table {
        let mut table = Table::new(&[
            "who", "action", "on", "owner", "before", "after", "by", "at",
        ]);
        for (row, column, [before, after]) in found.matrix.each() {
            if before.verdict == after.verdict {
                continue;
            }
            let (by, places) = self.behind(before, after);
            table.row(vec![
                row.name.clone().into(),
                column.what().into(),
                match column.projects.as_slice() {
                    [] => Value::Null,
                    projects => projects.join(" ").into(),
                },
                column.owner_words().into(),
                decision(before).into(),
                decision(after).into(),
                by.into(),
                places.into(),
            ]);
        }
        table
    }

    /// The policies that make the change: those after; where nothing allows it any more, those before.
    fn behind(&self, before: &Answer, after: &Answer) -> (String, String) {
        let (answer, policies, folder) = match after.policies.is_empty() {
            false => (after, self.after, self.folder),
            true => (before, &self.before.policies, self.before.folder.as_path()),
        };
        let places = answer.policies.iter().filter_map(|id| policies.place(id));
        let places: Vec<String> = places.map(|place| place.short(folder)).collect();
        (answer.policies.join(" "), places.join(" "))
    }

    fn document(&self, found: &Difference) -> Value {
        let witness = |witness: &Option<Witness>| {
            witness.as_ref().map(|witness| {
                let resource = &witness.ask.resource;
                json!({
                    "who": witness.caller.name,
                    "facts": witness.caller.facts,
                    "action": witness.ask.action(),
                    "resource": [resource.kind, resource.id, resource.project],
                    "owner": witness.ask.owner,
                    "before": witness.answers.first().map(decision),
                    "after": witness.answers.last().map(decision),
                    "by": witness.answers.last().map(|answer| answer.policies.clone()),
                })
            })
        };
        let changes = found
            .matrix
            .each()
            .filter(|(_, _, [a, b])| a.verdict != b.verdict);
        let changes = changes.map(|(row, column, [before, after])| {
            let (by, places) = self.behind(before, after);
            json!({
                "who": row.name,
                "actions": column.actions,
                "projects": column.projects,
                "owner": column.owner_words(),
                "before": decision(before),
                "after": decision(after),
                "more": is_more(before, after),
                "by": by.split_whitespace().collect::<Vec<_>>(),
                "at": places.split_whitespace().collect::<Vec<_>>(),
            })
        });
        json!({
            "against": self.before.name,
            "widens": found.widens(),
            "same": found.is_nothing(),
            "changes": changes.collect::<Vec<_>>(),
            "combinations": found.tried,
            "newly_allowed": found.more.0,
            "no_longer_allowed": found.less.0,
            "example_of_more": witness(&found.more.1),
            "example_of_less": witness(&found.less.1),
            "not_tried": found.uncovered,
        })
    }

    fn markdown(&self, found: &Difference, terminal: &mut Terminal) -> Result<(), Trouble> {
        let cell = |text: &str| text.replace('|', "\\|");
        let word = match (found.is_nothing(), found.widens()) {
            (true, _) => "is the same",
            (_, true) => "**widens**",
            (_, false) => "narrows",
        };
        terminal.foreign(format_args!(
            "### Who may do what {word} against `{}`",
            self.before.name
        ))?;
        terminal.line("")?;
        if !found.matrix.rows.is_empty() {
            terminal.line("| who | action | where | before | after | by |")?;
            terminal.line("| --- | --- | --- | --- | --- | --- |")?;
        }
        for (row, column, [before, after]) in found.matrix.each() {
            if before.verdict != after.verdict {
                let (by, places) = self.behind(before, after);
                let strong = match is_more(before, after) {
                    true => format!("**{}**", decision(after)),
                    false => decision(after).to_owned(),
                };
                terminal.foreign(format_args!(
                    "| {} | {} | {} | {} | {strong} | {} ({}) |",
                    cell(&row.name),
                    cell(&column.what()),
                    cell(&column.qualifiers().join(" ")),
                    decision(before),
                    cell(&by),
                    cell(&places)
                ))?;
            }
        }
        terminal.line("")?;
        if let Some(witness) = &found.more.1 {
            terminal.foreign(format_args!("Newly allowed, for one: {}.", told(witness)))?;
            terminal.line("")?;
        }
        terminal.line(format_args!(
            "{} combinations tried: {} newly allowed, {} no longer.",
            found.tried, found.more.0, found.less.0
        ))?;
        uncovered(found, terminal)
    }
}

fn told(witness: &Witness) -> String {
    format!("{}: {}", witness.caller.name, witness.ask.words())
}

fn uncovered(found: &Difference, terminal: &mut Terminal) -> Result<(), Trouble> {
    for what in &found.uncovered {
        terminal.line(format_args!("not tried: {what}"))?;
    }
    Ok(())
}

const EXAMPLES: &str = "\
Examples:
  stile diff origin/main
  stile diff HEAD~1 --markdown >> merge-request.md
  stile diff /etc/stile/policies --format json | jq .widens

The other set is read with the catalogues in its folder and the time zone of the settings; the cases
of neither are run. Every combination of the classes of callers and requests that the two can tell
apart is put to both judges.

Exits with 0 when nobody may do more than before, with 1 when somebody may, with 2 when one of the
sets is wrong or the revision is unknown, with 3 when git cannot be asked.";
