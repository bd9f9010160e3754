//! `stile test`: runs the cases of the policy folder and says what they leave untried.
//!
//! In: the settings file. Out: a row for each case that failed, and a summary; a row for every case
//! in the formats for programs.
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

/// Run the policies' cases, and find guardrails whose removal no case would notice.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TestArguments {
    /// List also what no case decides: rules, bindings, and actions never allowed or never denied.
    #[arg(long)]
    untried: bool,
}

pub(super) fn run(
    arguments: &TestArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let loaded = loaded::load_untested(file, Clock::machine().now())?;
    let report = loaded.policies.report();
    if terminal.format() == Format::Table {
        tell(&report, arguments.untried, terminal)?;
    } else {
        terminal.table(&rows(&report))?;
    }
    let noticed = report.unnoticed_guardrails.is_empty();
    Ok(if report.passed() && noticed {
        Exit::Yes
    } else {
        Exit::No
    })
}

fn tell(report: &Report, untried: bool, terminal: &mut Terminal) -> Result<(), Trouble> {
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
    if untried {
        leave_untried(report, terminal)?;
    }
    let passed = report.cases.iter().filter(|case| case.passed).count();
    let failed = report.cases.len() - passed;
    let unnoticed = report.unnoticed_guardrails.len();
    let (word, paint) = match failed + unnoticed {
        0 => ("PASSED", Paint::Green),
        _ => ("FAILED", Paint::Red),
    };
    let counts = format!("{passed} passed, {failed} failed, {unnoticed} guardrails unnoticed");
    terminal.line("")?;
    terminal.verdict(word, paint, counts)
}

fn leave_untried(report: &Report, terminal: &mut Terminal) -> Result<(), Trouble> {
    for policy in &report.undeciding {
        let place = format!("{}:{}", policy.file.display(), policy.line);
        terminal.line(format_args!(
            "\nuntried {place}  `{}` decides no case",
            policy.id
        ))?;
    }
    for action in &report.untried_actions {
        terminal.line(format_args!(
            "untried action `{action}`: never allowed or never denied"
        ))?;
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
  stile test --format csv > cases.csv    every case, for a program

Exits with 0 when every case passed and every guardrail is missed by some case, with 1 when not,
with 2 when the folder cannot be loaded at all.";
