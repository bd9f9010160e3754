//! `stile test`: runs the cases of the policy folder and says what they leave untried.
//!
//! In: the settings file. Out: a row for each case that failed, and a summary; a row for every case
//! in the formats for programs, or JUnit's XML.
//!
//! Never: a pass when a guardrail could be deleted and no case would notice.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::Value;

use super::Exit;
use super::loaded;
use super::settings_file::SettingsFile;
use super::table::{Format, Table};
use super::terminal::{Paint, Terminal};
use super::trouble::Trouble;
use crate::authorize::{CaseOutcome, Report, Verdict};
use crate::clock::Clock;

mod golden;
mod junit;

/// Run the policies' cases, and find guardrails whose removal no case would notice.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TestArguments {
    /// List also each action that no case allows or no case denies.
    #[arg(long)]
    untried: bool,

    /// Fail when there is such an action.
    #[arg(long)]
    coverage: bool,

    /// Write down what the cases' tokens may do as tests/who.golden.
    ///
    /// Where that file is, `test` fails when it is no longer true; its change shows reviewers what
    /// a change of policies does.
    #[arg(long)]
    accept_matrix: bool,
}

pub(super) fn run(
    arguments: &TestArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let loaded = loaded::load_untested(file, Clock::machine().now())?;
    let report = loaded.policies.report();
    let folder = &loaded.settings.policies.folder;
    if arguments.accept_matrix {
        let file = golden::accept(folder, &loaded.policies.matrix())?;
        terminal.say(format_args!("written: {}", file.display()));
    }
    let changes = golden::changes(folder, || loaded.policies.matrix())?;
    match terminal.format() {
        Format::Table => tell(&report, &changes, arguments, terminal)?,
        Format::Junit => {
            let text = junit::report(&report, &changes, arguments.coverage);
            terminal.bytes(text.as_bytes())?;
        }
        _ => terminal.table(&rows(&report))?,
    }
    Ok(match passed(&report, &changes, arguments) {
        true => Exit::Yes,
        false => Exit::No,
    })
}

fn passed(report: &Report, changes: &[String], arguments: &TestArguments) -> bool {
    let covered = !arguments.coverage || report.untried_actions.is_empty();
    report.passed() && report.unnoticed_guardrails.is_empty() && covered && changes.is_empty()
}

fn tell(
    report: &Report,
    changes: &[String],
    arguments: &TestArguments,
    terminal: &mut Terminal,
) -> Result<(), Trouble> {
    let mut files: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for case in &report.cases {
        let count = files.entry(case.file.display().to_string()).or_default();
        if case.passed {
            count.0 += 1
        } else {
            count.1 += 1
        }
    }
    let mut table = Table::new(&["file", "passed", "failed"]);
    for (file, (passed, failed)) in files {
        table.row(vec![file.into(), passed.into(), failed.into()]);
    }
    terminal.table(&table)?;
    for case in report.cases.iter().filter(|case| !case.passed) {
        let place = format!("{}:{}", case.file.display(), case.line);
        terminal.line("")?;
        terminal.verdict("FAIL", Paint::Red, format_args!("{place}  {}", case.text))?;
        terminal.line(format_args!(
            "  expected {}, got {}",
            answer(case.expected, case.expected_by.as_slice()),
            answer(case.got, &case.by)
        ))?;
    }
    for guardrail in &report.unnoticed_guardrails {
        let place = format!("{}:{}", guardrail.file.display(), guardrail.line);
        terminal.line("")?;
        terminal.verdict(
            "FAIL",
            Paint::Red,
            format_args!("{place}  guardrail `{}`", guardrail.id),
        )?;
        terminal.line("  could be deleted and no case would notice; add one that it denies")?;
    }
    for rule in &report.unnoticed_rules {
        let place = format!("{}:{}", rule.file.display(), rule.line);
        let what = format_args!("{place}  `{}`", rule.id);
        terminal.line("")?;
        terminal.verdict("LOOK", Paint::Yellow, what)?;
        terminal.line("  could be deleted and no case would notice; add one that it allows")?;
    }
    let untried = report.untried_actions.len();
    if arguments.untried || (arguments.coverage && untried > 0) {
        leave_untried(report, arguments.coverage, terminal)?;
    }
    if !changes.is_empty() {
        terminal.line("")?;
        let what = "tests/who.golden is no longer true: somebody may do more (+) or less (-)";
        terminal.verdict("FAIL", Paint::Red, what)?;
        for line in changes {
            terminal.foreign(format_args!("  {line}"))?;
        }
        terminal.line("  if that is wanted: stile test --accept-matrix")?;
    }
    let right = report.cases.iter().filter(|case| case.passed).count();
    let wrong = report.cases.len() - right;
    let (guardrails, rules) = (
        report.unnoticed_guardrails.len(),
        report.unnoticed_rules.len(),
    );
    let (word, paint) = match passed(report, changes, arguments) {
        true => ("PASSED", Paint::Green),
        false => ("FAILED", Paint::Red),
    };
    let counts = format!(
        "{right} passed, {wrong} failed; unnoticed: {guardrails} guardrails, {rules} rules; \
         {untried} actions not both allowed and denied"
    );
    terminal.line("")?;
    terminal.verdict(word, paint, counts)
}

fn leave_untried(report: &Report, fails: bool, terminal: &mut Terminal) -> Result<(), Trouble> {
    let (word, paint) = match fails {
        true => ("FAIL", Paint::Red),
        false => ("LOOK", Paint::Yellow),
    };
    terminal.line("")?;
    for action in &report.untried_actions {
        let what = format!("action `{}` is {}", action.action, junit::lacking(action));
        terminal.verdict(word, paint, what)?;
    }
    Ok(())
}

fn rows(report: &Report) -> Table {
    let mut table = Table::new(&[
        "file",
        "line",
        "case",
        "passed",
        "expected",
        "expected_by",
        "got",
        "by",
    ]);
    for case in &report.cases {
        table.row(row(case));
    }
    for guardrail in &report.unnoticed_guardrails {
        let case = format!("guardrail {} without a case", guardrail.id);
        table.row(vec![
            guardrail.file.display().to_string().into(),
            guardrail.line.into(),
            case.into(),
            false.into(),
            "deny".into(),
            guardrail.id.clone().into(),
            Value::Null,
            Value::Null,
        ]);
    }
    table
}

fn row(case: &CaseOutcome) -> Vec<Value> {
    vec![
        case.file.display().to_string().into(),
        case.line.into(),
        case.text.clone().into(),
        case.passed.into(),
        word(case.expected).into(),
        case.expected_by.clone().into(),
        word(case.got).into(),
        case.by.join(" ").into(),
    ]
}

fn answer(verdict: Verdict, by: &[String]) -> String {
    match by {
        [] => word(verdict).to_owned(),
        by => format!("{} by `{}`", word(verdict), by.join("`, `")),
    }
}

/// The word for a verdict, as cases are written.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::Deny => "deny",
        Verdict::Error => "error",
    }
}

const EXAMPLES: &str = "\
Examples:
  stile test
  stile test --untried                   what could be written better
  stile test --coverage                  each action must be allowed once and denied once
  stile test --accept-matrix             write down who may do what, for reviewers
  stile test --format junit > stile.xml  for a merge request
  stile test --format csv > cases.csv    every case, for a program

Exits with 0 when every case passed and every guardrail is missed by some case, with 1 when not,
when tests/who.golden is no longer true or --coverage finds an action, with 2 when the folder cannot be loaded at all.";
