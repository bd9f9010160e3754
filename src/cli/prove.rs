//! `stile prove`: whether the claims of `policies/invariants.yaml` hold, for all requests.
//!
//! In: the settings file, names of claims, a solver. Out: one row for each claim, and for one that
//! is broken the caller and the request that break it.
//!
//! With a solver it is a proof, without one a search among representatives; each row says which.
//!
//! Never: an exit of 0 while a claim is broken or could not be decided.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::Exit;
use super::loaded::{self, Loaded};
use super::other_set;
use super::progress::Meter;
use super::settings_file::SettingsFile;
use super::table::Format;
use super::terminal::{Paint, Terminal};
use super::trouble::Trouble;
use super::who::noon;
use crate::authorize::{Invariant, Policies, Vouching};
use crate::clock::Clock;
use crate::config::{Settings, environment};
use crate::setup_error::SetupError;
use crate::workbench::prove::{By, Finding, Outcome, Refutation, SolverSettings, Subject, prove};

/// Prove the claims of policies/invariants.yaml, or show a request that breaks one.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ProveArguments {
    /// Only these claims, by name.
    names: Vec<String>,

    /// Instead, or beside the claims that are named: that nothing is allowed beyond this policy
    /// folder, or the one at this revision of git.
    #[arg(long, value_name = "REV|FOLDER")]
    against: Option<String>,

    /// Whether a solver proves, or representatives of all classes are asked.
    #[arg(long, value_enum, default_value_t, value_name = "WHETHER")]
    solver: Whether,

    /// The longest time for one question to the solver, in seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Whether {
    /// The program that CVC5 names, or cvc5, where it is there; else a search.
    #[default]
    Auto,
    /// Only a proof counts.
    Required,
    /// A search, whatever is there.
    Never,
}

pub(super) fn run(
    arguments: &ProveArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let now = Clock::machine().now();
    let Loaded {
        settings,
        catalogue,
        policies,
    } = loaded::load_untested(file, now)?;
    let against = arguments.against.as_deref().map(Invariant::nothing_beyond);
    let mut claims = claims(&arguments.names, &policies, against.is_some())?;
    claims.extend(&against);
    let vouching = vouching(&settings);
    let mut beyond = BTreeMap::new();
    for name in claims.iter().filter_map(|claim| claim.beyond()) {
        let other = other_set::load(name, &settings, now)?;
        beyond.insert(name.to_owned(), other.policies);
    }
    let subject = Subject {
        policies: &policies,
        catalogue: &catalogue,
        vouching: &vouching,
        now: noon(policies.moment(now)),
        beyond: &beyond,
    };
    let solver = solver(arguments);
    let named = environment::is_set("CVC5");
    let mut meter = Meter::new(terminal.watched());
    let mut attempt = |solver| {
        prove(subject, &claims, solver, &mut |progress| {
            meter.count(progress.done, progress.total, progress.name);
        })
    };
    let found = match attempt(solver.clone()) {
        Err(why) if arguments.solver == Whether::Auto && !named => {
            terminal.warn(&without(&why));
            attempt(None)
        }
        other => other,
    };
    meter.finish();
    let findings = found.map_err(|why| Trouble::Unknown(unanswered(&why)))?;
    match terminal.format() {
        Format::Table => tell(&findings, terminal)?,
        _ => {
            let all: Vec<Value> = findings.iter().map(document).collect();
            terminal.json(&json!(all))?;
        }
    }
    Ok(exit(&findings))
}

/// The claims that were named, or all; beside another claim also none.
fn claims<'p>(
    names: &[String],
    policies: &'p Policies,
    may_be_none: bool,
) -> Result<Vec<&'p Invariant>, Trouble> {
    let all = policies.invariants();
    let mut faults = Vec::new();
    for name in names {
        if !all.iter().any(|claim| claim.name == *name) {
            let fault = SetupError::new(format!("there is no invariant `{name}`"));
            let known = all.iter().map(|claim| claim.name.as_str());
            faults.push(fault.did_you_mean(name, known));
        }
    }
    let all_of_them = names.is_empty() && !may_be_none;
    let wanted = all
        .iter()
        .filter(|claim| all_of_them || names.contains(&claim.name));
    let wanted: Vec<&Invariant> = wanted.collect();
    if wanted.is_empty() && faults.is_empty() && !may_be_none {
        let fault = SetupError::new("there is nothing to prove: no invariant is written");
        let hint = "write one into invariants.yaml of the policy folder; docs/prove.md says how";
        faults.push(fault.hint(hint));
    }
    match faults.is_empty() {
        true => Ok(wanted),
        false => Err(Trouble::Input(faults)),
    }
}

fn vouching(settings: &Settings) -> Vouching {
    let (jobs, others): (Vec<_>, Vec<_>) = settings
        .issuers
        .iter()
        .partition(|issuer| issuer.dialect.is_of_jobs());
    let names = |issuers: Vec<&crate::identify::IssuerSettings>| -> Vec<String> {
        issuers.iter().map(|issuer| issuer.name.clone()).collect()
    };
    let workloads = settings.workloads.iter().map(|one| one.name.clone());
    Vouching {
        jobs: names(jobs),
        others: names(others).into_iter().chain(workloads).collect(),
    }
}

fn solver(arguments: &ProveArguments) -> Option<SolverSettings> {
    (arguments.solver != Whether::Never).then(|| SolverSettings {
        program: environment::program("CVC5").unwrap_or_else(|| PathBuf::from("cvc5")),
        patience: Duration::from_secs(arguments.timeout),
    })
}

fn without(why: &str) -> SetupError {
    SetupError::new(format!(
        "no solver, so this is a search and no proof: {why}"
    ))
    .hint("install cvc5, or name it in the variable CVC5; docs/prove.md says how")
}

fn unanswered(why: &str) -> SetupError {
    SetupError::new(format!("nothing can be proved: {why}"))
        .hint("install cvc5 or name it in the variable CVC5; `--solver never` searches instead")
}

fn exit(findings: &[Finding]) -> Exit {
    let any = |is: fn(&Outcome) -> bool| findings.iter().any(|one| is(&one.outcome));
    if any(|outcome| matches!(outcome, Outcome::Broken(_))) {
        Exit::No
    } else if any(|outcome| matches!(outcome, Outcome::Unknown(_))) {
        Exit::Unknown
    } else {
        Exit::Yes
    }
}

fn tell(findings: &[Finding], terminal: &mut Terminal) -> Result<(), Trouble> {
    for finding in findings {
        let (word, paint) = match (&finding.outcome, finding.by) {
            (Outcome::Holds, By::Proof) => ("PROVED", Paint::Green),
            (Outcome::Holds, By::Search) => ("NOT BROKEN", Paint::Yellow),
            (Outcome::Broken(_), _) => ("BROKEN", Paint::Red),
            (Outcome::Unknown(_), _) => ("UNKNOWN", Paint::Yellow),
        };
        let (name, says) = (&finding.name, &finding.says);
        terminal.verdict(word, paint, format_args!("{name}: {says}"))?;
        terminal.foreign(format_args!("  {}", how(finding)))?;
        for sentence in &finding.uncovered {
            terminal.foreign(format_args!("  left out  {sentence}"))?;
        }
        match &finding.outcome {
            Outcome::Holds => {}
            Outcome::Broken(refutation) => refuted(refutation, terminal)?,
            Outcome::Unknown(why) => terminal.foreign(format_args!("  why       {why}"))?,
        }
    }
    let count = |is: fn(&Outcome) -> bool| findings.iter().filter(|f| is(&f.outcome)).count();
    let held = count(|outcome| matches!(outcome, Outcome::Holds));
    let broken = count(|outcome| matches!(outcome, Outcome::Broken(_)));
    let unknown = count(|outcome| matches!(outcome, Outcome::Unknown(_)));
    terminal.line("")?;
    terminal.line(format_args!(
        "{held} hold, {broken} broken, {unknown} unknown"
    ))
}

fn how(finding: &Finding) -> String {
    let took = finding.took.as_secs_f64();
    let covered = finding.covered;
    match finding.by {
        By::Proof => format!("by the solver, {covered} kinds of requests, in {took:.2} s"),
        By::Search => {
            format!("by asking {covered} representatives, which is no proof, in {took:.2} s")
        }
    }
}

fn refuted(refutation: &Refutation, terminal: &mut Terminal) -> Result<(), Trouble> {
    let facts = &refutation.facts;
    let by = refutation.allowed_by.join(", ");
    let (token, line) = &refutation.case;
    terminal.foreign(format_args!("  request   {}", refutation.request))?;
    terminal.foreign(format_args!("  action    {}", refutation.action))?;
    terminal.foreign(format_args!(
        "  token     of issuer {}, {token}",
        facts.issuer
    ))?;
    if let Some(owner) = &refutation.owner {
        terminal.foreign(format_args!("  owner     {owner}"))?;
    }
    if let Some(ticket) = &refutation.ticket {
        terminal.foreign(format_args!("  ticket    {ticket}"))?;
    }
    let moment = refutation.moment;
    terminal.foreign(format_args!(
        "  when      {} {}",
        moment.weekday,
        moment.clock()
    ))?;
    terminal.foreign(format_args!(
        "  allowed   by {by}; the judge of `serve` agrees"
    ))?;
    terminal.foreign(format_args!("  as a case for policies/tests/:"))?;
    terminal.foreign(format_args!("    tokens: {{found: {token}}}"))?;
    terminal.foreign(format_args!("    cases:  [found {line}]"))
}

fn document(finding: &Finding) -> Value {
    let (outcome, refutation, why) = match &finding.outcome {
        Outcome::Holds => ("holds", None, None),
        Outcome::Broken(refutation) => ("broken", Some(refutation.document()), None),
        Outcome::Unknown(why) => ("unknown", None, Some(why)),
    };
    json!({
        "name": finding.name,
        "says": finding.says,
        "outcome": outcome,
        "by": match finding.by { By::Proof => "proof", By::Search => "search" },
        "covered": finding.covered,
        "uncovered": finding.uncovered,
        "seconds": finding.took.as_secs_f64(),
        "refutation": refutation,
        "why": why,
    })
}

const EXAMPLES: &str = "\
Examples:
  stile prove
  stile prove only-administrators-delete --format json
  stile prove --against origin/main      whether a change grants anything new
  CVC5=/opt/cvc5/bin/cvc5 stile prove --solver required

Exits with 0 when every claim holds, with 1 when one is broken, with 2 when settings, policies or
claims are wrong, with 3 when a claim could not be decided or a solver that is required is missing.
Without a solver each claim is tried on representatives of all classes of callers and requests,
which is a search and no proof; every line says which it was.";
