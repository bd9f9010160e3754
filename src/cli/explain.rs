//! `stile explain`: decides a request that nobody sent, and says why.
//!
//! In: who (described, or a token), a method and a path. Out: the decision of the same judge that
//! `serve` asks, with every check behind it.
//!
//! What is described proves nothing: it answers "what if", and nothing is forwarded or recorded.

use clap::Args;
use serde_json::{Value, json};

use super::Exit;
use super::described::Described;
use super::loaded::{self, Loaded};
use super::operations::parsed_method;
use super::settings_file::SettingsFile;
use super::table::{Format, Table};
use super::terminal::{Paint, Terminal};
use super::test::word;
use super::token::{read_token, with_issuers_keys};
use super::trouble::Trouble;
use crate::authorize::{Decision, Verdict};
use crate::clock::{Clock, Time};
use crate::identify::Facts;
use crate::resolve::Operation;
use crate::setup_error::SetupError;

/// Decide a request that nobody sent, and say why.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExplainArguments {
    /// The method: GET, POST.
    method: String,

    /// The path: /public/v0.2/acme/projects/X/streams.
    path: String,

    /// Decide as of this time: 2026-12-31T18:00:00Z. Default: now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    /// Read a token from this file, `-` for standard input, and decide for whom it was made.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ci", "user", "agent"])]
    token: Option<String>,

    #[command(flatten)]
    described: Described,
}

pub(super) fn run(
    arguments: &ExplainArguments,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let now = time(arguments.at.as_deref())?;
    let method = parsed_method(&arguments.method)?;
    let Loaded {
        catalogue,
        policies,
        settings,
    } = loaded::load(file, now)?;
    let facts = match &arguments.token {
        Some(from) => match of_token(from, file, terminal)? {
            Ok(facts) => facts,
            Err(exit) => return Ok(exit),
        },
        None => arguments.described.facts(&settings.issuers)?,
    };
    let operation = match catalogue.find(&method, &arguments.path) {
        Ok(operation) => operation,
        Err(refusal) => {
            ended(refusal.reason().word(), refusal.told(), terminal)?;
            return Ok(Exit::No);
        }
    };
    let decision = policies.decide(&facts, &operation, now);
    tell(&facts, &operation, &decision, terminal)?;
    Ok(match decision.verdict {
        Verdict::Allow => Exit::Yes,
        Verdict::Deny | Verdict::Error => Exit::No,
    })
}

fn time(said: Option<&str>) -> Result<Time, Trouble> {
    let Some(said) = said else {
        return Ok(Clock::machine().now());
    };
    let at: Option<jiff::Timestamp> = said.parse().ok();
    let ms = at.and_then(|at| u64::try_from(at.as_millisecond()).ok());
    ms.map(Time::from_ms).ok_or_else(|| {
        let fault = SetupError::new(format!("`{said}` is not a time"));
        Trouble::input(fault.hint("write it as 2026-12-31T18:00:00Z"))
    })
}

/// The facts of a token that verifies; else the exit after telling why it does not.
fn of_token(
    from: &str,
    file: &SettingsFile,
    terminal: &mut Terminal,
) -> Result<Result<Facts, Exit>, Trouble> {
    let token = match from {
        "-" => read_token(None)?,
        path => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                let said = error.to_string().to_lowercase();
                let what = format!("the token cannot be read: {said}");
                Trouble::input(SetupError::in_file(path.as_ref(), what))
            })?;
            read_token(Some(text.trim_end()))?
        }
    };
    match with_issuers_keys(&token, None, file)?.outcome {
        Ok(principal) => Ok(Ok(principal.facts().clone())),
        Err(refusal) => {
            ended(refusal.reason().word(), refusal.told(), terminal)?;
            Ok(Err(super::token::exit(Some(&refusal))))
        }
    }
}

fn ended(reason: &str, told: &str, terminal: &mut Terminal) -> Result<(), Trouble> {
    if terminal.format() == Format::Table {
        terminal.verdict("REFUSED", Paint::Red, format_args!("{reason}: {told}"))
    } else {
        terminal.json(&json!({ "decision": "refuse", "reason": reason, "told": told }))
    }
}

fn tell(
    facts: &Facts,
    operation: &Operation,
    decision: &Decision,
    terminal: &mut Terminal,
) -> Result<(), Trouble> {
    if terminal.format() != Format::Table {
        return terminal.json(&document(facts, operation, decision));
    }
    let by = match decision.policies.as_slice() {
        [] => String::new(),
        policies => format!(" by {}", policies.join(", ")),
    };
    let (label, paint) = match decision.verdict {
        Verdict::Allow => ("ALLOW", Paint::Green),
        Verdict::Deny => ("DENY", Paint::Red),
        Verdict::Error => ("ERROR", Paint::Red),
    };
    let resource = &operation.resource;
    let id = resource
        .id
        .as_ref()
        .map(|id| format!(" {id}"))
        .unwrap_or_default();
    let project = resource
        .project
        .as_ref()
        .map(|project| format!(" in project {project}"));
    let on = format!("{}{id}{}", resource.kind, project.unwrap_or_default());
    terminal.verdict(label, paint, format_args!("{}{by}", operation.entry.action))?;
    terminal.foreign(format_args!(
        "  who      {} of issuer {}",
        facts.subject, facts.issuer
    ))?;
    terminal.foreign(format_args!("  on       {on}"))?;
    for error in &decision.errors {
        terminal.foreign(format_args!("  error    {error}"))?;
    }
    let Some(explanation) = &decision.explanation else {
        return Ok(());
    };
    if let Some(guardrail) = &explanation.forbidden_by {
        terminal.foreign(format_args!("  forbids  {guardrail}"))?;
    }
    if let Some(rule) = &explanation.nearest_rule {
        terminal.foreign(format_args!("  nearest  {rule}"))?;
    }
    if let Some(fix) = &explanation.fix {
        terminal.foreign(format_args!("  fix      {fix}"))?;
    }
    let mut table = Table::new(&["check", "held", "yours"]);
    for check in &explanation.checks {
        let held = if check.ok { "yes" } else { "NO" };
        table.row(vec![
            check.check.clone().into(),
            held.into(),
            check.yours.clone().into(),
        ]);
    }
    terminal.line("")?;
    terminal.table(&table)
}

fn document(facts: &Facts, operation: &Operation, decision: &Decision) -> Value {
    json!({
        "decision": word(decision.verdict),
        "policies": decision.policies,
        "errors": decision.errors,
        "explanation": decision.explanation,
        "facts": facts,
        "action": operation.entry.action,
        "class": operation.entry.class.word(),
        "resource": [operation.resource.kind, operation.resource.id, operation.resource.project],
    })
}

const EXAMPLES: &str = "\
Examples:
  stile explain POST /public/v0.2/acme/projects/X/streams --ci acme/shop/api --ref main --protected
  stile explain GET /public/v0.2/acme/projects/X/dashboards --user mira@acme --group payments --mfa
  stile explain GET /public/v0.2/acme/projects --token - < token.jwt
  stile explain DELETE /public/v0.2/acme/projects/X/streams/s1 --user ada --at 2026-12-31T18:00:00Z

Exits with 0 when it would be allowed, with 1 and the failed check when not, with 2 when settings or
policies are wrong, with 3 when a token's issuer cannot be asked.";
