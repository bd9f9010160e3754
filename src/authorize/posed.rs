//! A question that nobody asked, put to the judge that answers everybody.
//!
//! In: facts, an action, a resource, its owner, a ticket and a moment, all of them chosen. Out: the
//! [`Answer`] that such a request would get, or the whole [`Decision`] with its explanation.
//!
//! Never: another way to decide: it ends in the one judge. What it answers is no [`Permit`], so
//! nothing can be forwarded by it.
//!
//! [`Permit`]: super::Permit

use std::sync::Arc;

use super::because::Audience;
use super::decision::{Decision, Verdict};
use super::entities::Question;
use super::judge::Ruling;
use super::moment::Moment;
use super::policies::Policies;
use crate::clock::Time;
use crate::identify::Facts;
use crate::resolve::Resource;

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Posed<'a> {
    /// Who would ask.
    pub facts: &'a Facts,
    /// For which action.
    pub action: &'a str,
    /// On what; its kind is the type in policies.
    pub resource: &'a Resource,
    /// The team that owns it. None: the one of the directory, where it lists the resource.
    pub owner: Option<&'a str>,
    /// The ticket of an open break-glass.
    pub ticket: Option<&'a str>,
    /// When.
    pub moment: Moment,
}

/// What the policies say, without the reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Allow, deny, or could not be evaluated.
    pub verdict: Verdict,
    /// The policies that determined it, in the order of ids; none when nothing allows it.
    pub policies: Vec<String>,
}

impl Policies {
    /// What such a request would be answered. An action that this set does not have is denied.
    pub fn weigh(&self, posed: &Posed<'_>) -> Answer {
        match self.question(posed) {
            Some(question) => {
                let ruling = self.judge().rule(&question);
                Answer {
                    verdict: ruling.verdict,
                    policies: ruling.policies,
                }
            }
            None => Answer {
                verdict: Verdict::Deny,
                policies: Vec::new(),
            },
        }
    }

    /// The same with every check behind it, as far as this audience may read. None for an action
    /// that this set does not have.
    pub fn explain(&self, posed: &Posed<'_>, audience: Audience) -> Option<Decision> {
        let question = self.question(posed)?;
        let ruling = self.judge().rule(&question);
        let explanation = (ruling.verdict != Verdict::Allow)
            .then(|| self.told(&question, &ruling, audience).explanation);
        let would = self.judge().rule_by_all(&question);
        let observed = would.and_then(|would| would.observed(ruling.verdict));
        let Ruling {
            verdict,
            policies,
            errors,
            ..
        } = ruling;
        Some(Decision {
            verdict,
            policies,
            errors,
            explanation,
            at: posed.moment.written().into(),
            observed: observed.map(Arc::new),
        })
    }

    /// The moment that policies read at a time.
    pub fn moment(&self, time: Time) -> Moment {
        Moment::of(time, &self.judge().zone)
    }

    /// The question as the judge takes it.
    pub(super) fn question<'a>(&'a self, posed: &Posed<'a>) -> Option<Question<'a>> {
        let judge = self.judge();
        let resource = posed.resource;
        let listed = resource.id.as_deref().and_then(|id| {
            let project = resource.project.as_deref();
            judge.directory.owner(&resource.kind, project, id)
        });
        Some(Question {
            facts: posed.facts,
            action: posed.action,
            class: judge.vocabulary.class(posed.action)?,
            kind: &resource.kind,
            resource,
            owner: posed.owner.or(listed),
            ticket: posed.ticket,
            moment: posed.moment,
        })
    }
}
