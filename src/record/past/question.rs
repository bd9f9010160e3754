//! The question of a past decision, whole or not at all.
//!
//! In: a [`PastDecision`]. Out: a [`PastAsked`], or the [`Gap`] that keeps it from being put again.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::inputs::{InputBeside, InputLines};
use super::{Gap, PastAsked, PastDecision};
use crate::authorize::PastQuestion;
use crate::identify::{Agent, Facts, Job, Person, Who};
use crate::resolve::Resource;

impl PastDecision<'_> {
    /// The question that was answered.
    ///
    /// # Errors
    ///
    /// Why it cannot be put again.
    pub fn asked(&self) -> Result<PastAsked, Gap> {
        if !self.is_by_policy() {
            return Err(Gap::NotByPolicy);
        }
        let Some(inputs) = self.inputs else {
            return Err(Gap::NoInputs);
        };
        if self.lacks_who() {
            return Err(Gap::Erased);
        }
        self.refuse_cuts()?;
        let mut inputs: InputLines = said(Some(inputs), "inputs")?;
        if let Some(beside) = self.inputs_beside {
            let beside: InputBeside = said(Some(beside), "inputs")?;
            inputs.email = beside.email;
        }
        let resource = self.resource()?;
        let lacks_email = inputs.email == Some(false);
        let kind = inputs.kind.clone().unwrap_or_else(|| resource.kind.clone());
        let at = inputs.at.clone();
        let seen = inputs.seen();
        let facts = Facts {
            issuer: inputs.issuer.clone(),
            subject: said(self.subject, "subject")?,
            who: self.who(inputs)?,
        };
        let question = PastQuestion {
            facts,
            action: self.op.ok_or(Gap::Unreadable("op"))?.to_owned(),
            kind,
            resource,
            at,
            seen,
        };
        Ok(PastAsked {
            question,
            lacks_email,
        })
    }

    /// A path or a user agent may be cut; what policies read may not.
    fn refuse_cuts(&self) -> Result<(), Gap> {
        for cut in [self.cut, self.cut_beside].into_iter().flatten() {
            let cut: BTreeMap<String, Value> = said(Some(cut), "cut")?;
            if let Some(name) = cut.into_keys().find(|name| READ.contains(&name.as_str())) {
                return Err(Gap::Cut(name));
            }
        }
        Ok(())
    }

    pub(super) fn resource(&self) -> Result<Resource, Gap> {
        let triple: [Option<String>; 3] = said(self.resource, "resource")?;
        let [Some(kind), id, project] = triple else {
            return Err(Gap::Unreadable("resource"));
        };
        Ok(Resource { kind, id, project })
    }

    fn who(&self, inputs: InputLines) -> Result<Who, Gap> {
        let name = |raw| match raw {
            Some(raw) => said(Some(raw), "subject_name"),
            None => Ok(String::new()),
        };
        let list = |raw: Option<&RawValue>, what| match raw {
            Some(raw) => said(Some(raw), what),
            None => Ok(Vec::new()),
        };
        match self.subject_kind {
            Some("job") => Ok(Who::Job(Job {
                started_by: match self.subject_name {
                    Some(raw) => said(Some(raw), "subject_name")?,
                    None => None,
                },
                ..inputs.job()?
            })),
            Some("person") => {
                let name: String = name(self.subject_name)?;
                Ok(Who::Person(Person {
                    groups: list(self.groups, "groups")?,
                    email: inputs.email.filter(|same| *same).map(|_| name.clone()),
                    name,
                    mfa: inputs.mfa.ok_or(Gap::Unreadable("inputs.mfa"))?,
                    roles: inputs.roles,
                    scopes: inputs.scopes,
                    client: inputs.client,
                    domain: inputs.domain,
                }))
            }
            Some("agent") => Ok(Who::Agent(Agent {
                name: name(self.subject_name)?,
                groups: list(self.groups, "groups")?,
                acts_for: match self.acts_for {
                    Some(raw) => said(Some(raw), "acts_for")?,
                    None => None,
                },
                actors: list(self.actors, "actors")?,
                roles: inputs.roles,
                scopes: inputs.scopes,
                client: inputs.client,
            })),
            _ => Err(Gap::Unreadable("subject_kind")),
        }
    }
}

fn said<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>, name: &'static str) -> Result<T, Gap> {
    let read = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
    read.ok_or(Gap::Unreadable(name))
}

/// Members that policies read, and the answer that theirs is compared with.
const READ: &[&str] = &[
    "actors",
    "acts_for",
    "groups",
    "inputs",
    "op",
    "policies",
    "resource",
    "subject",
    "subject_name",
];
