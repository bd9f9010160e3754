//! `stile doctor`: looks at what stile depends on, from where it runs.
//!
//! In: the settings. Out: one line for each check, with what was found and what mends it.
//!
//! Looks at the clock, the issuers, the audiences, the files, the certificates, the upstreams and
//! where records leave for; all of them, also after one that does not hold. Three answers, never two: a thing is well, it is
//! not, or that could not be found out.
//!
//! Never: sends a credential, changes a file, or needs a running stile.

use clap::Args;

use super::Exit;
use super::keys::runtime;
use super::settings_file::SettingsFile;
use super::table::{Format, Table};
use super::terminal::{Paint, Terminal};
use super::trouble::Trouble;
use crate::clock::Clock;

mod destinations;
mod files;
mod issuers;
mod upstreams;

/// Look at clock, issuers, files, certificates and upstreams, from where stile runs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DoctorArguments {}

/// What came of one check.
#[derive(Clone, Debug)]
struct Finding {
    /// What was looked at: `issuer gitlab`.
    check: String,
    held: Held,
    /// What was found.
    found: String,
    /// What mends it, where it does not hold.
    fix: Option<String>,
}

/// Whether a check held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Yes,
    No,
    Unknown,
}

impl Held {
    /// The word in data.
    fn word(self) -> &'static str {
        match self {
            Held::Yes => "yes",
            Held::No => "no",
            Held::Unknown => "unknown",
        }
    }

    /// The sign with its word, for people.
    fn sign(self) -> (&'static str, Paint) {
        match self {
            Held::Yes => ("✓ yes    ", Paint::Green),
            Held::No => ("✗ NO     ", Paint::Red),
            Held::Unknown => ("✗ unknown", Paint::Yellow),
        }
    }
}

impl Finding {
    fn yes(check: impl Into<String>, found: impl Into<String>) -> Finding {
        Finding {
            check: check.into(),
            held: Held::Yes,
            found: found.into(),
            fix: None,
        }
    }

    fn no(check: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            held: Held::No,
            fix: Some(fix.into()),
            ..Finding::yes(check, found)
        }
    }

    fn unknown(
        check: impl Into<String>,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        Finding {
            held: Held::Unknown,
            ..Finding::no(check, found, fix)
        }
    }
}

pub(super) fn run(
    _: &DoctorArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let settings = file.load()?;
    let clock = Clock::machine();
    let mut findings = files::look(file.path(), &settings, clock.now());
    let trusted = crate::serve::issuers(&settings, &clock).map_err(Trouble::input)?;
    let runtime = runtime()?;
    runtime.block_on(trusted.refresh());
    let states = trusted.states();
    findings.push(issuers::clock(&states));
    findings.extend(states.iter().map(issuers::keys));
    findings.extend(issuers::audiences(&settings));
    findings.extend(runtime.block_on(upstreams::look(&settings)));
    findings.extend(runtime.block_on(destinations::look(&settings)));
    tell(&findings, terminal)?;
    let any = |held: Held| findings.iter().any(|finding| finding.held == held);
    Ok(match (any(Held::No), any(Held::Unknown)) {
        (true, _) => Exit::No,
        (false, true) => Exit::Unknown,
        (false, false) => Exit::Yes,
    })
}

fn tell(findings: &[Finding], terminal: &mut Terminal) -> Result<(), Trouble> {
    if terminal.format() != Format::Table {
        let mut table = Table::new(&["check", "held", "found", "fix"]);
        for finding in findings {
            table.row(vec![
                finding.check.clone().into(),
                finding.held.word().into(),
                finding.found.clone().into(),
                finding.fix.clone().into(),
            ]);
        }
        return terminal.table(&table);
    }
    let width = |finding: &Finding| finding.check.chars().count();
    let width = findings.iter().map(width).max().unwrap_or(0);
    for finding in findings {
        let (sign, paint) = finding.held.sign();
        let fix = finding.fix.as_ref();
        let fix = fix.map_or(String::new(), |fix| format!("; to mend it: {fix}"));
        let line = format!("{:width$}  {}{fix}", finding.check, finding.found);
        terminal.verdict(sign, paint, line)?;
    }
    Ok(())
}

const EXAMPLES: &str = "\
Examples:
  stile doctor
  stile --config /etc/stile/stile.yaml doctor --format json | jq '.[] | select(.held != \"yes\")'

Exits with 0 when everything is well, with 1 when something is not, with 3 when nothing is known to
be wrong but something could not be found out, with 2 when the settings are wrong.";
