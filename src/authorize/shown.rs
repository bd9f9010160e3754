//! Shows what a name of the folder stands for, in Cedar.
//!
//! In: `binding:NAME`, `rule:ID`, `guardrail:ID`, `role:NAME`. Out: [`Shown`]: for a binding the policy
//! that it is linked to, slots filled; for a rule its own text; for a role its actions.

use std::path::PathBuf;

use super::assemble::Assembled;
use super::bindings::Binding;
use crate::setup_error::SetupError;

/// What a name stands for, and where that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The file.
    pub file: PathBuf,
    /// Its line there.
    pub line: usize,
    /// Cedar; for a role, one action on each line.
    pub text: String,
}

/// Finds a name; the fault says which there are.
pub(super) fn shown(set: &Assembled, name: &str) -> Result<Shown, SetupError> {
    let (kind, id) = name.split_once(':').unwrap_or(("", name));
    match kind {
        "role" => role(set, id),
        "binding" | "rule" | "guardrail" => policy(set, kind, id),
        _ => {
            let fault = format!("`{name}` does not say of what it is the name");
            Err(SetupError::new(fault).hint("write `binding:NAME`, `rule:ID` or `role:NAME`"))
        }
    }
}

fn policy(set: &Assembled, kind: &str, id: &str) -> Result<Shown, SetupError> {
    let of_kind = |name: &str| match set.sources.get(name) {
        Some(source) if source.text.is_none() => "binding",
        Some(source) if source.guardrail => "guardrail",
        _ => "rule",
    };
    let Some(source) = set.sources.get(id).filter(|_| of_kind(id) == kind) else {
        let known = set.sources.keys().map(String::as_str);
        let known = known.filter(|name| of_kind(name) == kind);
        return Err(SetupError::new(format!("there is no {kind} `{id}`")).did_you_mean(id, known));
    };
    let binding = set.bindings.iter().find(|binding| binding.name == id);
    let written = source.text.clone().and_then(|range| {
        let file = set.folder.by_path(&source.file)?;
        file.text.get(range)
    });
    let text = match (written, binding) {
        (Some(written), _) => written.to_owned(),
        (None, Some(binding)) => linked(binding),
        (None, None) => String::new(),
    };
    Ok(Shown {
        file: source.file.clone(),
        line: source.line,
        text,
    })
}

/// The template with its slots filled: names are plain, so this is the very policy.
fn linked(binding: &Binding) -> String {
    let mut text = format!("@id(\"{}\")\n{}", binding.name, binding.template);
    for (slot, with) in [
        ("?principal", &binding.principal),
        ("?resource", &binding.resource),
    ] {
        if let Some((kind, name)) = with {
            text = text.replace(slot, &format!("{kind}::\"{name}\""));
        }
    }
    text
}

fn role(set: &Assembled, name: &str) -> Result<Shown, SetupError> {
    let Some((_, role)) = set.roles.all().find(|(known, _)| *known == name) else {
        let fault = SetupError::new(format!("there is no role `{name}`"));
        return Err(fault.did_you_mean(name, set.roles.names()));
    };
    let vocabulary = &set.judge.vocabulary;
    let all = vocabulary.actions();
    let actions = all.filter(|action| {
        let mut named = role.actions.iter();
        named.any(|named| vocabulary.stands_for(named, action))
    });
    let actions: Vec<String> = actions.map(|a| format!("Action::\"{a}\"")).collect();
    Ok(Shown {
        file: role.file.clone(),
        line: role.line,
        text: actions.join("\n"),
    })
}
