//! `stile explain`: says why a decision was made, or decides a request that nobody sent.
//!
//! In: a decision's id; or who (described, or a token), a method and a path. Out: the decision of the
//! same judge that `serve` asks, with every check behind it and the ways to an allow.
//!
//! It speaks to operators, who may read the policies: every rule may be named. What callers are told
//! is in the body of their refusal. What is described proves nothing, and nothing is forwarded or
//! recorded.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Exit;
use super::described::Described;
use super::loaded::{self, Loaded};
use super::operations::parsed_method;
use super::proven;
use super::settings_file::SettingsFile;
use super::table::Format;
use super::terminal::{Paint, Terminal};
use super::token::{read_token, with_issuers_keys};
use super::trouble::Trouble;
use crate::authorize::{Audience, Decision, Policies, Verdict, kind_of};
use crate::clock::{Clock, Time};
use crate::identify::Facts;
use crate::resolve::Resource;
use crate::setup_error::SetupError;
use crate::workbench::{Deed, Proposal, propose};

mod recorded;
mod telling;

use telling::Telling;

/// Say why a decision was made, or decide a request that nobody sent.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExplainArguments {
    /// The id of a decision in the journal; or a method: GET, POST.
    #[arg(value_name = "DECISION|METHOD")]
    what: String,

    /// After a method, the path: /public/v0.2/acme/projects/X/streams.
    path: Option<String>,

    /// Decide as of this time: 2026-12-31T18:00:00Z. Default: now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    /// Decide as if this team owned the object. Default: the directory's owner. Labels are not read here.
    #[arg(long, value_name = "TEAM", requires = "path")]
    owner: Option<String>,

    /// Print the smallest binding that would allow it, with its case.
    #[arg(long)]
    emit_binding: bool,

    /// The journal's folder, or a copy of it. Default: the one in the settings.
    #[arg(long, value_name = "FOLDER", conflicts_with = "path")]
    journal: Option<PathBuf>,

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
    let Some(path) = &arguments.path else {
        return recorded::run(arguments, file, now, terminal);
    };
    let method = parsed_method(&arguments.what)?;
    let loaded = loaded::load(file, now)?;
    let facts = match &arguments.token {
        Some(from) => match of_token(from, file, terminal)? {
            Ok(facts) => facts,
            Err(exit) => return Ok(exit),
        },
        None => arguments.described.facts(&loaded.settings.issuers)?,
    };
    let operation = match loaded.catalogue.find(&method, path) {
        Ok(operation) => operation,
        Err(refusal) => {
            ended(refusal.reason().word(), refusal.told(), terminal)?;
            return Ok(Exit::No);
        }
    };
    let entry = &operation.entry;
    let resource = Resource {
        kind: kind_of(&entry.resource_type, entry.names_one).to_owned(),
        ..operation.resource
    };
    let owner = loaded.policies.owner(&resource.kind, &resource);
    let deed = Deed {
        action: entry.action.clone(),
        owner: arguments.owner.clone().or(owner.map(str::to_owned)),
        resource,
        moment: loaded.policies.moment(now),
    };
    let decision = decided(&loaded, &facts, &deed)?;
    if arguments.emit_binding {
        return emit(&loaded, &facts, &deed, &decision, now, terminal);
    }
    let telling = Telling {
        facts: &facts,
        deed: &deed,
        class: entry.class.word(),
        decision: &decision,
        policies: &loaded.policies,
        folder: &loaded.settings.policies.folder,
        id: None,
    };
    telling.tell(terminal)?;
    Ok(exit(&decision))
}

fn exit(decision: &Decision) -> Exit {
    match decision.verdict {
        Verdict::Allow => Exit::Yes,
        Verdict::Deny | Verdict::Error => Exit::No,
    }
}

/// What the judge says, with all that operators may read of the reasons.
fn decided(loaded: &Loaded, facts: &Facts, deed: &Deed) -> Result<Decision, Trouble> {
    let posed = deed.posed(facts);
    let decision = loaded.policies.explain(&posed, Audience::Operators);
    decision.ok_or_else(|| {
        let what = format!("no catalogue has the action `{}` any more", deed.action);
        Trouble::input(SetupError::new(what))
    })
}

/// The smallest binding that would allow it, or why none can.
fn proposed(
    policies: &Policies,
    facts: &Facts,
    deed: &Deed,
    decision: &Decision,
) -> Result<Proposal, String> {
    let unknown = decision.explanation.as_ref().filter(|explanation| {
        explanation.nearest_rule.is_none() && explanation.forbidden_by.is_none()
    });
    // What the directory does not know is denied before any policy is asked.
    let unknown = unknown.and_then(|explanation| explanation.checks.first());
    match unknown.filter(|check| !check.ok && check.check.contains(" here")) {
        Some(check) => Err(format!(
            "no binding can allow this before directory.yaml knows it: it needs \"{}\"",
            check.check
        )),
        None => propose(policies, facts, std::slice::from_ref(deed)),
    }
}

/// Prints that binding, or says why there is none.
fn emit(
    loaded: &Loaded,
    facts: &Facts,
    deed: &Deed,
    decision: &Decision,
    now: Time,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    if decision.verdict == Verdict::Allow {
        let by = decision.policies.join(", ");
        terminal.verdict("ALLOW", Paint::Green, format_args!("already, by {by}"))?;
        return Ok(Exit::Yes);
    }
    match proposed(&loaded.policies, facts, deed, decision) {
        Ok(proposal) => {
            let deeds = std::slice::from_ref(deed);
            proven::print(&proposal, facts, deeds, &loaded.settings, now, terminal)
        }
        Err(why) if terminal.format() == Format::Table => {
            terminal.verdict("NO BINDING", Paint::Red, why)?;
            Ok(Exit::No)
        }
        Err(why) => {
            terminal.json(&json!({ "binding": null, "why": why }))?;
            Ok(Exit::No)
        }
    }
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

const EXAMPLES: &str = "\
Examples:
  stile explain 019a1b2c-3d4e-7f50-8a6b-9c0d1e2f3a4b
  stile explain 019a1b2c-3d4e-7f50-8a6b-9c0d1e2f3a4b --emit-binding
  stile explain POST /public/v0.2/acme/projects/X/streams --ci acme/shop/api --ref main --protected
  stile explain GET /public/v0.2/acme/projects/X/dashboards --user mira@acme --group payments --mfa
  stile explain GET /public/v0.2/acme/projects --token - < token.jwt
  stile explain DELETE /public/v0.2/acme/projects/X/streams/s1 --user ada --at 2026-12-31T18:00:00Z

The id is in `stile-decision` of every answer. A decision is read from the journal and asked again, as
of its own minute, with the policies that are here now; where they answer otherwise than then, that is
said first.

Exits with 0 when it is or would be allowed, with 1 and the failed check when not, or when no binding
can allow it, with 2 when settings or policies are wrong or the journal has no such decision, with 3
when the journal or a token's issuer cannot be asked.";
