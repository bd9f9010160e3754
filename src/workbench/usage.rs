//! Counts what was used of what is allowed, by the journal.
//!
//! In: decisions of the journal, one after the other. Out: when each policy allowed something last
//! and how often, and what one caller did.
//!
//! Never: a conclusion. What was not used in the time that the journal covers may be needed
//! tomorrow; a person decides.

use std::collections::BTreeMap;

use super::proposal::Deed;
use crate::authorize::{Moment, Policies};
use crate::identify::{Facts, Who};
use crate::record::PastDecision;

/// What the journal shows of use.
#[derive(Debug)]
pub struct Usage {
    /// The time of the first decision, in ms since 1970.
    pub first_ms: Option<u64>,
    /// How many decisions were read.
    pub decisions: u64,
    /// How many of them could not be read as questions of the caller that was asked for.
    pub unreadable: u64,
    uses: BTreeMap<String, Used>,
    caller: Option<String>,
    /// What the caller is, as its last token said.
    facts: Option<Facts>,
    deeds: Vec<Deed>,
}

/// How a policy was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// How often it allowed something.
    pub count: u64,
    /// When last, in ms since 1970.
    pub last_ms: u64,
}

impl Usage {
    /// Nothing yet. `caller` is a repository's path, a name or a subject, where one is of interest.
    pub fn of(caller: Option<&str>) -> Usage {
        Usage {
            first_ms: None,
            decisions: 0,
            unreadable: 0,
            uses: BTreeMap::new(),
            caller: caller.map(str::to_owned),
            facts: None,
            deeds: Vec::new(),
        }
    }

    /// Takes one decision in.
    pub fn add(&mut self, past: &PastDecision<'_>, policies: &Policies) {
        self.decisions += 1;
        let first = self.first_ms.unwrap_or(past.time);
        self.first_ms = Some(first.min(past.time));
        if past.decision != "allow" {
            return;
        }
        for policy in past.policies() {
            let used = self.uses.entry(policy).or_insert(Used {
                count: 0,
                last_ms: 0,
            });
            used.count += 1;
            used.last_ms = used.last_ms.max(past.time);
        }
        if let Some(caller) = self.caller.clone() {
            self.add_deed(past, &caller, policies);
        }
    }

    fn add_deed(&mut self, past: &PastDecision<'_>, caller: &str, policies: &Policies) {
        let Ok(asked) = past.asked() else {
            self.unreadable += 1;
            return;
        };
        let question = asked.question;
        if !is(&question.facts, caller) {
            return;
        }
        let Some(moment) = Moment::read(&question.at) else {
            self.unreadable += 1;
            return;
        };
        let mut resource = question.resource;
        resource.kind = question.kind;
        let deed = Deed {
            owner: policies
                .owner_of(&resource.kind, &resource, question.seen.as_ref())
                .map(str::to_owned),
            action: question.action,
            resource,
            moment,
        };
        self.facts = Some(question.facts);
        let same = |known: &Deed| {
            known.action == deed.action
                && known.resource.project == deed.resource.project
                && known.owner == deed.owner
        };
        if !self.deeds.iter().any(same) {
            self.deeds.push(deed);
        }
    }

    /// How a policy was used, where it was.
    pub fn of_policy(&self, id: &str) -> Option<Used> {
        self.uses.get(id).copied()
    }

    /// Who the caller is and what it did, each thing once; none where it did nothing.
    pub fn of_caller(&self) -> Option<(&Facts, &[Deed])> {
        Some((self.facts.as_ref()?, self.deeds.as_slice()))
    }
}

/// Whether somebody goes by this name.
fn is(facts: &Facts, name: &str) -> bool {
    let own = match &facts.who {
        Who::Job(job) => {
            job.repository == name || format!("{}:{}", facts.issuer, job.repository) == name
        }
        Who::Person(person) => person.name == name,
        Who::Agent(agent) => agent.name == name,
    };
    own || facts.subject == name
}
