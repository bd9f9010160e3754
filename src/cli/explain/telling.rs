//! Tells a decision with its reasons: the answer, the nearest rule check by check, the ways to an
//! allow.
//!
//! In: who asked for what, and what the judge said. Out: lines for people, one document for programs.

use std::path::Path;

use serde_json::{Value, json};

use super::proposed;
use crate::authorize::{Decision, Policies, Verdict};
use crate::cli::table::Format;
use crate::cli::terminal::{Paint, Terminal};
use crate::cli::test::word;
use crate::cli::trouble::Trouble;
use crate::identify::Facts;
use crate::refusal::Explanation;
use crate::workbench::Deed;

/// One decision and all that belongs to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling<'a> {
    pub(super) facts: &'a Facts,
    pub(super) deed: &'a Deed,
    pub(super) class: &'a str,
    pub(super) decision: &'a Decision,
    pub(super) policies: &'a Policies,
    pub(super) folder: &'a Path,
    /// The decision's id, where it was made once.
    pub(super) id: Option<&'a str>,
}

impl Telling<'_> {
    /// Prints it.
    pub(super) fn tell(&self, terminal: &mut Terminal) -> Result<(), Trouble> {
        if terminal.format() != Format::Table {
            return terminal.json(&self.document());
        }
        let decision = self.decision;
        let by = match decision.policies.as_slice() {
            [] => String::new(),
            policies => format!(" by {}", self.placed(policies)),
        };
        let (label, paint) = match decision.verdict {
            Verdict::Allow => ("ALLOW", Paint::Green),
            Verdict::Deny => ("DENY", Paint::Red),
            Verdict::Error => ("ERROR", Paint::Red),
        };
        let resource = &self.deed.resource;
        let id = resource.id.as_ref().map(|id| format!(" {id}"));
        let project = resource
            .project
            .as_ref()
            .map(|name| format!(" in project {name}"));
        let on = format!(
            "{}{}{}",
            resource.kind,
            id.unwrap_or_default(),
            project.unwrap_or_default()
        );
        terminal.verdict(label, paint, format_args!("{}{by}", self.deed.action))?;
        terminal.foreign(format_args!(
            "  who      {} of issuer {}",
            self.facts.subject, self.facts.issuer
        ))?;
        terminal.foreign(format_args!("  on       {on}"))?;
        terminal.foreign(format_args!(
            "  policies {} as of {}",
            self.policies.short_digest(),
            self.deed.moment.written()
        ))?;
        for error in &decision.errors {
            terminal.foreign(format_args!("  error    {error}"))?;
        }
        match &decision.explanation {
            Some(explanation) => self.reasons(explanation, terminal),
            None => Ok(()),
        }
    }

    fn reasons(&self, of: &Explanation, terminal: &mut Terminal) -> Result<(), Trouble> {
        let held = of.checks.iter().filter(|check| check.ok).count();
        let count = format!("{held} of {} checks hold", of.checks.len());
        terminal.line("")?;
        match (&of.forbidden_by, &of.nearest_rule) {
            (Some(guardrail), _) => {
                let place = self.placed(std::slice::from_ref(guardrail));
                terminal.foreign(format_args!("forbidden by  {place}"))?;
            }
            (None, Some(rule)) => {
                let place = self.placed(std::slice::from_ref(rule));
                terminal.foreign(format_args!("nearest rule  {place}   {count}"))?;
            }
            (None, None) => terminal.line("no rule is near")?,
        }
        let wide = of.checks.iter().map(|check| check.check.chars().count());
        let wide = wide.max().unwrap_or(0);
        for check in &of.checks {
            let sign = if check.ok { "✓" } else { "✗" };
            let yours = check.yours.as_deref().unwrap_or("");
            let line = format!("  {sign} {:wide$}  {yours}", check.check);
            terminal.foreign(line.trim_end())?;
        }
        if self.decision.verdict == Verdict::Error {
            return Ok(());
        }
        terminal.line("\nways to \"allow\"")?;
        let mut ways: Vec<String> = of.fix.iter().cloned().collect();
        ways.push(
            match proposed(self.policies, self.facts, self.deed, self.decision) {
                Ok(_) => match self.id {
                    Some(id) => format!("the smallest binding: stile explain {id} --emit-binding"),
                    None => "the smallest binding: the same command with --emit-binding".to_owned(),
                },
                Err(why) => why,
            },
        );
        for (number, way) in ways.iter().enumerate() {
            terminal.foreign(format_args!("  {}  {way}", number + 1))?;
        }
        Ok(())
    }

    /// Policies with the places that they are written at.
    fn placed(&self, ids: &[String]) -> String {
        let each = ids.iter().map(|id| match self.policies.place(id) {
            Some(place) => format!("{id} ({})", place.short(self.folder)),
            None => id.clone(),
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// The same for programs.
    pub(super) fn document(&self) -> Value {
        let resource = &self.deed.resource;
        json!({
            "decision": word(self.decision.verdict),
            "policies": self.decision.policies,
            "errors": self.decision.errors,
            "explanation": self.decision.explanation,
            "facts": self.facts,
            "action": self.deed.action,
            "class": self.class,
            "resource": [resource.kind, resource.id, resource.project],
            "at": self.deed.moment.written(),
            "id": self.id,
        })
    }
}
