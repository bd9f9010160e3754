//! `stile check`: says everything that is wrong before anything is started, and what is dangerous.
//!
//! In: the settings file and all it names. Out: one row for each part with the lints, or every
//! fault; rows or a report for programs.
//!
//! It builds what `serve` would build, by the same function.
//!
//! Never: opens a port, asks the network, writes a file.

use clap::Args;

use super::Exit;
use super::settings_file::SettingsFile;
use super::table::{Format, Table};
use super::terminal::{Paint, Terminal};
use super::trouble::Trouble;
use crate::authorize::Finding;
use crate::clock::Clock;
use crate::config::Settings;
use crate::identify::{Dialect, IssuerSettings};
use crate::pipeline::Ruling;
use crate::serve::build;
use crate::setup_error::{Code, SetupError};

mod report;

/// Check settings, catalogue, policies with their cases, and keys, without starting anything.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CheckArguments {
    /// End with 1 when something is dangerous that nobody accepted in writing.
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(
    arguments: &CheckArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let clock = Clock::machine();
    let built = file.load().and_then(|settings| {
        let ruling = build(&settings, &clock, None)?;
        Ok((settings, ruling))
    });
    let (settings, ruling) = match built {
        Ok(built) => built,
        Err(Trouble::Input(faults)) if terminal.format() != Format::Table => {
            let faults: Vec<Finding> = faults.into_iter().map(Finding::fault).collect();
            print(&faults, ("error", "blocker"), file, terminal)?;
            return Ok(Exit::Input);
        }
        Err(trouble) => return Err(trouble),
    };
    let mut found = ruling.policies.findings();
    found.extend(shared_audiences(&settings, file));
    if terminal.format() == Format::Table {
        terminal.table(&parts(&settings, &ruling, &found, file))?;
        tell(&found, terminal)?;
    } else {
        print(&found, ("warning", "major"), file, terminal)?;
    }
    let open = found.iter().any(|one| one.accepted.is_none());
    Ok(match arguments.strict && open {
        true => Exit::No,
        false => Exit::Yes,
    })
}

fn print(
    found: &[Finding],
    (word, severity): (&str, &str),
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<(), Trouble> {
    match terminal.format() {
        Format::GitlabCodequality => {
            terminal.json(&report::codequality(severity, found, file.path()))
        }
        _ => terminal.table(&report::rows(word, found)),
    }
}

/// Warnings are talk; what was accepted is data, with its why.
fn tell(found: &[Finding], terminal: &mut Terminal) -> Result<(), Trouble> {
    let accepted = found
        .iter()
        .filter_map(|one| Some((&one.told, one.accepted.as_ref()?)));
    for (index, (told, why)) in accepted.enumerate() {
        if index == 0 {
            terminal.line("")?;
        }
        let code = told.code.map_or("", |code| code.word());
        let file = told.file.as_deref().map(report::shown).unwrap_or_default();
        let line = told.line.map(|line| format!(":{line}")).unwrap_or_default();
        let what = format!("{code} {file}{line}: {}; because {why}", told.fault);
        terminal.verdict("accepted", Paint::Green, what)?;
    }
    for one in found.iter().filter(|one| one.accepted.is_none()) {
        terminal.warn(&one.told);
    }
    Ok(())
}

fn parts(settings: &Settings, ruling: &Ruling, found: &[Finding], file: &SettingsFile) -> Table {
    let mut table = Table::new(&["part", "state", "what"]);
    let mut row = |part: &str, state: &str, what: String| {
        table.row(vec![part.into(), state.into(), what.into()]);
    };
    row("settings", "ok", file.path().display().to_string());
    let issuers = settings.issuers.len();
    row("issuers", "ok", format!("{issuers} trusted"));
    let upstreams = settings.upstreams.len();
    row("upstreams", "ok", format!("{upstreams} with their keys"));
    let operations = ruling.catalogue.entries().len();
    row("catalogue", "ok", format!("{operations} operations"));
    let policies = ruling.policies.ids().count();
    let set = ruling.policies.short_digest();
    row("policies", "ok", format!("{policies} in set {set}"));
    let accepted = found.iter().filter(|one| one.accepted.is_some()).count();
    let open = found.len() - accepted;
    let state = if open == 0 { "ok" } else { "look" };
    let what = format!("{open} warnings, {accepted} accepted in writing");
    row("lints", state, what);
    table
}

/// Pairs of issuers whose callers policies could take for one another.
fn shared_audiences(settings: &Settings, file: &SettingsFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, issuer) in settings.issuers.iter().enumerate() {
        let before = settings.issuers.iter().take(index);
        for other in before.filter(|other| kind(other) == kind(issuer)) {
            let mut shared = issuer.audiences.iter();
            let Some(audience) = shared.find(|one| other.audiences.contains(one)) else {
                continue;
            };
            let what = format!(
                "issuers `{}` and `{}` both sign for {} and share the audience `{audience}`",
                other.name,
                issuer.name,
                kind(issuer)
            );
            let told = SetupError::in_file(file.path(), what)
                .hint("give each its own `audiences`, so that a token opens one door");
            let accepted = settings.policies.shared_audience.as_ref();
            found.push(Finding::new(Code::SharedAudience, told, accepted));
        }
    }
    found
}

/// Whom an issuer signs for.
fn kind(issuer: &IssuerSettings) -> &'static str {
    match &issuer.dialect {
        Dialect::Gitlab | Dialect::Github => "jobs",
        Dialect::Openid(claims) if claims.agents => "agents",
        _ => "people",
    }
}

const EXAMPLES: &str = "\
Examples:
  stile check
  stile --config /etc/stile/stile.yaml check && systemctl reload stile
  stile check --strict --format gitlab-codequality > gl-code-quality-report.json
  stile check --format json | jq -r '.[].code'
  stile explain-code P102                what a code means, and what mends it

Exits with 0 when `serve` would start, with 2 and every fault when it would not; with --strict also
with 1 when something is dangerous that nobody accepted in writing. The network is not asked: `stile
token explain` shows whether an issuer's keys can be had.";
