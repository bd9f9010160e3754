//! Loads a proposed binding before it is printed, and asks the judge again.
//!
//! In: a proposal and what it should allow. Out: the YAML, printed; or why it does not hold.
//!
//! The policy folder is copied, the proposal is added, and the copy is loaded as `serve` would load
//! it and put to its judge. The proposed cases must pass; a case of the folder that does not any more
//! is named, because whoever wants the binding must change it.
//!
//! Never: a file of the policy folder changed.

use std::path::Path;

use super::Exit;
use super::other_set;
use super::scratch::Scratch;
use super::table::Format;
use super::terminal::Terminal;
use super::trouble::Trouble;
use crate::authorize::Verdict;
use crate::clock::Time;
use crate::config::Settings;
use crate::identify::Facts;
use crate::setup_error::SetupError;
use crate::workbench::{Deed, Proposal};

/// Prints the proposal if it holds.
pub(super) fn print(
    proposal: &Proposal,
    facts: &Facts,
    deeds: &[Deed],
    settings: &Settings,
    now: Time,
    terminal: &mut Terminal,
) -> Result<Exit, Trouble> {
    let scratch = Scratch::copy_of(&settings.policies.folder)?;
    scratch.append("bindings.yaml", &proposal.binding)?;
    if let Some(role) = &proposal.role {
        scratch.append("roles.yaml", role)?;
    }
    scratch.append(CASES, &proposal.cases)?;
    let policies = other_set::loaded(scratch.path(), settings, now).map_err(unloadable)?;
    let report = policies.report();
    for case in report.cases.iter().filter(|case| !case.passed) {
        let name = case.file.strip_prefix(scratch.path()).unwrap_or(&case.file);
        let place = format!("{}:{}", name.display(), case.line);
        if name == Path::new(CASES) {
            let what = format!("the proposed case `{}` does not pass", case.text);
            return Err(Trouble::Fault(SetupError::new(what)));
        }
        let what = format!("the case `{}` at {place} says otherwise", case.text);
        let hint = "it must be changed together with this, or this is not wanted";
        terminal.warn(&SetupError::new(what).hint(hint));
    }
    for deed in deeds {
        let answer = policies.weigh(&deed.posed(facts));
        if answer.verdict != Verdict::Allow || !answer.policies.contains(&proposal.name) {
            let what = format!("even so `{}` would not be allowed", deed.action);
            let hint = "what else it needs: stile explain, with the same facts";
            return Err(Trouble::Fault(SetupError::new(what).hint(hint)));
        }
    }
    if terminal.format() != Format::Table {
        terminal.json(&serde_json::json!({
            "name": proposal.name,
            "bindings.yaml": proposal.binding,
            "roles.yaml": proposal.role,
            "tests": proposal.cases,
        }))?;
        return Ok(Exit::Yes);
    }
    terminal.line("# policies/bindings.yaml")?;
    part(&proposal.binding, terminal)?;
    if let Some(role) = &proposal.role {
        terminal.line("\n# policies/roles.yaml")?;
        part(role, terminal)?;
    }
    terminal.line("\n# policies/tests/, a new file")?;
    part(&proposal.cases, terminal)?;
    terminal.say("loaded and judged again: allowed; nothing was changed here");
    Ok(Exit::Yes)
}

fn part(yaml: &str, terminal: &mut Terminal) -> Result<(), Trouble> {
    yaml.lines().try_for_each(|line| terminal.foreign(line))
}

/// The faults of a copy, with the files that people know.
fn unloadable(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Input(faults) => {
            let mut told = vec![
                SetupError::new("the policies with the proposed binding in them do not load")
                    .hint("the faults below are of a copy of the folder"),
            ];
            told.extend(faults);
            Trouble::Input(told)
        }
        other => other,
    }
}

/// Where the proposed cases lie in the copy.
const CASES: &str = "tests/proposed.yaml";
