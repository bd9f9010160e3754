//! Answers one question by one policy set.
//!
//! In: a [`Question`]. Out: a [`Ruling`]: allow, deny or error, and the policies behind it.
//!
//! Cedar passes over a policy that fails to evaluate, a `forbid` too, and would then allow. So any
//! error that it reports is the answer. What the directory does not know is denied first: a project
//! that it does not list, a job of a repository in none of its groups or with another id.
//!
//! `org_admin` is a fact about this very request: it is true when a binding of the role `org-admin`
//! alone would allow it. Only power actions ask for it, so only they pay for a second evaluation.
//!
//! Never: an allow out of doubt.

use cedar_policy as cedar;
use jiff::tz::TimeZone;

use super::decision::{Observed, Verdict};
use super::directory::Directory;
use super::entities::{self, Asked, Names, Now, Question};
use super::hours::Elsewhere;
use super::index::Index;
use super::lineage::Lineage;
use super::observe::Tried;
use super::schema::Vocabulary;
use crate::identify::Who;
use crate::resolve::Class;

/// All that answering needs, fixed at load.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) authorizer: cedar::Authorizer,
    /// Rules, guardrails and linked bindings.
    pub(super) policies: cedar::PolicySet,
    /// The same, by the names in their heads.
    pub(super) index: Index,
    /// The set with what is under observe, where anything is.
    pub(super) tried: Option<Tried>,
    /// The bindings of the role `org-admin` by themselves.
    pub(super) org_admins: cedar::PolicySet,
    pub(super) schema: cedar::Schema,
    pub(super) vocabulary: Vocabulary,
    pub(super) directory: Directory,
    pub(super) names: Names,
    pub(super) zone: TimeZone,
    /// The hours in other zones that bindings name.
    pub(super) elsewhere: Elsewhere,
}

/// An answer, before it is explained.
#[derive(Debug)]
pub(super) struct Ruling {
    pub(super) verdict: Verdict,
    /// The policies that determined it, by id and in the order of ids.
    pub(super) policies: Vec<String>,
    /// The policies that could not be evaluated.
    pub(super) failed: Vec<String>,
    /// Why it could not be evaluated; nothing of the caller's.
    pub(super) errors: Vec<String>,
    /// The name that the directory does not know.
    pub(super) stranger: Option<Stranger>,
    /// The question in Cedar's terms, for explaining.
    pub(super) asked: Option<Asked>,
}

impl Ruling {
    fn of_stranger(stranger: Stranger) -> Ruling {
        Ruling {
            verdict: Verdict::Deny,
            policies: Vec::new(),
            failed: Vec::new(),
            errors: Vec::new(),
            stranger: Some(stranger),
            asked: None,
        }
    }

    /// What this answer is beside the decision that was taken, where it is another.
    pub(super) fn observed(&self, taken: Verdict) -> Option<Observed> {
        (self.verdict != taken).then(|| Observed {
            verdict: self.verdict,
            policies: match self.verdict {
                Verdict::Error => self.failed.clone(),
                Verdict::Allow | Verdict::Deny => self.policies.clone(),
            },
        })
    }

    /// Whether all there is against it is that nothing allows it.
    pub(super) fn is_only_unmet(&self) -> bool {
        self.verdict == Verdict::Deny && self.policies.is_empty() && self.stranger.is_none()
    }

    /// Whether a guardrail forbade it or a policy failed: more than that nobody allowed it.
    fn is_settled_by_policy(&self) -> bool {
        match self.verdict {
            Verdict::Allow => false,
            Verdict::Deny => !self.policies.is_empty(),
            Verdict::Error => true,
        }
    }
}

/// What the directory does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// The upstream's project.
    Project,
    /// The job's repository.
    Repository,
    /// The job's repository has another id than the one that was listed.
    OtherId,
}

impl Judge {
    /// The answer by all policies.
    pub(super) fn rule(&self, question: &Question<'_>) -> Ruling {
        self.ruled(question, |asked| {
            self.index.answer(&self.policies, &self.authorizer, asked)
        })
    }

    /// Whether any answer can depend on whose the resource is: only then is it looked up. What the
    /// directory does not know is denied whoever owns it.
    pub(super) fn asks_for_owner(&self, question: &Question<'_>) -> bool {
        if self.stranger(question).is_some() {
            return false;
        }
        let Ok(asked) = self.ask(question, false) else {
            return false;
        };
        let tried = self.tried.as_ref();
        self.index.asks_for_owner(&asked) || tried.is_some_and(|set| set.asks_for_owner(&asked))
    }

    /// The answer were nothing under observe, where anything is.
    pub(super) fn rule_by_all(&self, question: &Question<'_>) -> Option<Ruling> {
        let tried = self.tried.as_ref()?;
        Some(self.ruled(question, |asked| tried.answer(&self.authorizer, asked)))
    }

    /// The answer by other policies, such as all but one.
    pub(super) fn rule_by(&self, set: &cedar::PolicySet, question: &Question<'_>) -> Ruling {
        let authorizer = &self.authorizer;
        self.ruled(question, |asked| {
            authorizer.is_authorized(&asked.request, set, &asked.entities)
        })
    }

    fn ruled(
        &self,
        question: &Question<'_>,
        answer: impl FnOnce(&Asked) -> cedar::Response,
    ) -> Ruling {
        let stranger = self.stranger(question);
        if let Some(Stranger::Project) = stranger {
            return Ruling::of_stranger(Stranger::Project);
        }
        let org_admin = question.class == Class::Power && self.is_org_admin(question);
        match self.ask(question, org_admin) {
            Ok(asked) => {
                let ruling = told(&answer(&asked), asked);
                // A fork's project is rarely known here: the guardrail tells its job more than
                // that. Nothing can allow it either way.
                match stranger {
                    Some(stranger) if !ruling.is_settled_by_policy() => {
                        Ruling::of_stranger(stranger)
                    }
                    _ => ruling,
                }
            }
            Err(fault) => Ruling {
                verdict: Verdict::Error,
                policies: Vec::new(),
                failed: Vec::new(),
                errors: vec![fault],
                stranger: None,
                asked: None,
            },
        }
    }

    fn ask(&self, question: &Question<'_>, org_admin: bool) -> Result<Asked, String> {
        let hours = self.elsewhere.open_at(question.moment, &self.zone);
        entities::ask(
            question,
            &Now { org_admin, hours },
            &self.names,
            &self.directory,
            &self.schema,
        )
    }

    /// Whether a binding of the role `org-admin` allows this by itself.
    fn is_org_admin(&self, question: &Question<'_>) -> bool {
        let Ok(asked) = self.ask(question, false) else {
            return false;
        };
        let answer =
            self.authorizer
                .is_authorized(&asked.request, &self.org_admins, &asked.entities);
        answer.decision() == cedar::Decision::Allow
            && answer.diagnostics().errors().next().is_none()
    }

    fn stranger(&self, question: &Question<'_>) -> Option<Stranger> {
        let project = question.project();
        if project.is_some_and(|name| !self.directory.has_project(name)) {
            return Some(Stranger::Project);
        }
        let Who::Job(job) = &question.facts.who else {
            return None;
        };
        match self.directory.lineage(&question.facts.issuer, job) {
            Lineage::Known => None,
            Lineage::Unknown => Some(Stranger::Repository),
            Lineage::OtherId => Some(Stranger::OtherId),
        }
    }
}

fn told(answer: &cedar::Response, asked: Asked) -> Ruling {
    let diagnostics = answer.diagnostics();
    let mut policies: Vec<String> = diagnostics.reason().map(ToString::to_string).collect();
    policies.sort();
    let failed = diagnostics.errors().map(|error| {
        let cedar::AuthorizationError::PolicyEvaluationError(error) = error;
        error.policy_id().to_string()
    });
    let mut failed: Vec<String> = failed.collect();
    failed.sort();
    let say = |id: &String| format!("policy `{id}` could not be evaluated");
    let errors: Vec<String> = failed.iter().map(say).collect();
    let verdict = match answer.decision() {
        _ if !errors.is_empty() => Verdict::Error,
        // An allow that no policy stands behind does not exist; should it ever, it is no allow.
        cedar::Decision::Allow if !policies.is_empty() => Verdict::Allow,
        _ => Verdict::Deny,
    };
    Ruling {
        verdict,
        policies,
        failed,
        errors,
        stranger: None,
        asked: Some(asked),
    }
}
