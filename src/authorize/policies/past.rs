//! Asks a set again what was asked once.
//!
//! In: a [`PastQuestion`], with what was seen of its object then. Out: what this set says of it.

use super::Policies;
use crate::authorize::decision::{Decision, Verdict};
use crate::authorize::entities::Question;
use crate::authorize::moment::Moment;
use crate::authorize::past_question::PastQuestion;
use crate::authorize::settings::Mode;

impl Policies {
    /// Whether what was asked once may be done by this set, at the minute it was asked, and in force:
    /// the mode does not count.
    ///
    /// # Errors
    ///
    /// Why this set cannot be asked: an action or a type that its catalogue does not have.
    pub fn decide_again(&self, past: &PastQuestion) -> Result<Decision, String> {
        let question = self.question_of(past)?;
        Ok(self
            .answered_through(&question, past.seen.as_ref(), Mode::Enforce)
            .0)
    }

    /// The same without its explanation, which takes longer than the answer.
    ///
    /// # Errors
    ///
    /// As [`Policies::decide_again`].
    pub fn rule_again(&self, past: &PastQuestion) -> Result<(Verdict, Vec<String>), String> {
        let question = self.question_of(past)?;
        let mut ruling = self.set.judge.rule(&question);
        if ruling.verdict == Verdict::Allow
            && let Some(after) = self.afterwards(&question, past.seen.as_ref())
        {
            let would = self.set.judge.rule(&after);
            if would.verdict != Verdict::Allow {
                ruling = would;
            }
        }
        Ok((ruling.verdict, ruling.policies))
    }

    fn question_of<'a>(&'a self, past: &'a PastQuestion) -> Result<Question<'a>, String> {
        let vocabulary = &self.set.judge.vocabulary;
        let Some(class) = vocabulary.class(&past.action) else {
            return Err(format!("no catalogue has the action `{}`", past.action));
        };
        if !vocabulary.applies(&past.action, &past.kind) {
            let (action, kind) = (&past.action, &past.kind);
            return Err(format!("`{action}` is not done to a `{kind}` any more"));
        }
        let Some(moment) = Moment::read(&past.at) else {
            return Err(format!("`{}` is no day and minute", past.at));
        };
        Ok(Question {
            facts: &past.facts,
            action: &past.action,
            class,
            kind: &past.kind,
            resource: &past.resource,
            owner: self.owner_of(&past.kind, &past.resource, past.seen.as_ref()),
            ticket: None,
            moment,
        })
    }
}
