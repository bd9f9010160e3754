//! Says whose a resource is, and would be.
//!
//! In: a resource, and what was [`Seen`] of it. Out: the team, and the decision about a change, which must
//! be allowed on what is and on what would be.

use super::Policies;
use crate::authorize::decision::{Decision, Verdict};
use crate::authorize::entities::Question;
use crate::authorize::settings::Mode;
use crate::clock::Time;
use crate::identify::Facts;
use crate::resolve::{Operation, Resource, Seen};

impl Policies {
    /// Whether the answer can depend on whose the object is, so that it must be looked up first.
    pub fn asks_for_owner(&self, facts: &Facts, operation: &Operation, now: Time) -> bool {
        let question = self.question_now(facts, operation, now);
        self.set.judge.asks_for_owner(&question)
    }

    /// The team that owns a resource: the directory's word, else the one in its label where the
    /// directory has such a team.
    pub fn owner_of<'a>(
        &'a self,
        kind: &str,
        resource: &Resource,
        seen: Option<&'a Seen>,
    ) -> Option<&'a str> {
        let labelled = seen.and_then(|seen| seen.team.as_deref());
        self.owner(kind, resource)
            .or(labelled.filter(|team| self.has_team(team)))
    }

    /// Whether the directory has such a team.
    pub fn has_team(&self, name: &str) -> bool {
        self.set.judge.directory.teams().any(|team| team == name)
    }

    /// The same question about the object as the request would leave it, where it changes its label.
    pub(in crate::authorize) fn afterwards<'a>(
        &'a self,
        question: &Question<'a>,
        seen: Option<&'a Seen>,
    ) -> Option<Question<'a>> {
        let would_be = seen?.would_be.as_ref()?.as_deref();
        let listed = self.owner(question.kind, question.resource);
        Some(Question {
            owner: listed.or(would_be.filter(|team| self.has_team(team))),
            ..*question
        })
    }

    /// A change must be allowed on what is and on what would be.
    pub(in crate::authorize) fn answered_through(
        &self,
        question: &Question<'_>,
        seen: Option<&Seen>,
        mode: Mode,
    ) -> (Decision, Option<String>) {
        let now = self.answered(question, mode);
        if now.0.verdict != Verdict::Allow {
            return now;
        }
        let after = self.afterwards(question, seen);
        let would = after.map(|after| self.answered(&after, mode));
        would
            .filter(|(would, _)| would.verdict != Verdict::Allow)
            .unwrap_or(now)
    }

    /// The team that owns a resource, by the directory.
    pub fn owner(&self, kind: &str, resource: &Resource) -> Option<&str> {
        let project = resource.project.as_deref();
        let id = resource.id.as_deref()?;
        self.set.judge.directory.owner(kind, project, id)
    }
}
