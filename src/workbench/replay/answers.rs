//! Keeps the answers of a set under everything of a question that the set can tell apart.
//!
//! In: past decisions. Out: the answer of the set to each, or why it cannot be asked.
//!
//! The key is the record's own bytes and the part of time that the minute is in. It is compared
//! whole: two questions are one only when they are.
//!
//! Never: more kept than [`MOST_KEPT`] answers; then it begins anew.

use std::collections::HashMap;

use crate::authorize::{MomentClass, Policies, Reads, Verdict};
use crate::record::{LeftOut, PastDecision};

/// The answers of one set.
#[derive(Debug)]
pub(super) struct Answers<'p> {
    policies: &'p Policies,
    reads: Reads,
    left_out: LeftOut,
    places: HashMap<Box<[u8]>, usize>,
    kept: Vec<Result<Answer, String>>,
    key: Vec<u8>,
    /// The minute that was looked up last: records come in its order.
    last: Option<(String, Option<MomentClass>)>,
}

/// What the set says.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    /// The policies behind it, as a record would have them.
    pub(super) policies: String,
}

impl<'p> Answers<'p> {
    /// Of this set, none yet.
    pub(super) fn of(policies: &'p Policies) -> Answers<'p> {
        let reads = policies.reads();
        Answers {
            policies,
            left_out: LeftOut {
                subject: !reads.subject,
                sha: !reads.sha,
            },
            reads,
            places: HashMap::new(),
            kept: Vec::new(),
            key: Vec::new(),
            last: None,
        }
    }

    /// The set's answer to what was decided once, or why there is none.
    pub(super) fn to(&mut self, past: &PastDecision<'_>) -> Result<&Answer, &str> {
        let class = self.class_of(past.at());
        self.key.clear();
        let key = &mut self.key;
        match class {
            Some(class) => class.parts().iter().for_each(|part| {
                key.extend_from_slice(&part.to_be_bytes());
            }),
            None => key.push(0), // shorter than any class, so unlike each
        }
        past.pieces(self.left_out, |piece| {
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            key.extend_from_slice(&length.to_be_bytes());
            key.extend_from_slice(piece.as_bytes());
        });
        let place = match self.places.get(self.key.as_slice()) {
            Some(place) => *place,
            None => {
                if self.kept.len() >= MOST_KEPT {
                    self.places.clear();
                    self.kept.clear();
                }
                let answer = self.ask(past);
                self.places
                    .insert(self.key.as_slice().into(), self.kept.len());
                self.kept.push(answer);
                self.kept.len() - 1
            }
        };
        match self.kept.get(place) {
            Some(kept) => kept.as_ref().map_err(String::as_str),
            None => Err("its answer was lost"), // each place is of an answer
        }
    }

    fn ask(&self, past: &PastDecision<'_>) -> Result<Answer, String> {
        let asked = past.asked().map_err(|gap| gap.to_string())?;
        if asked.lacks_email && self.reads.email {
            return Err("a policy reads `email`, and the record keeps it back".to_owned());
        }
        let (verdict, policies) = self.policies.rule_again(&asked.question)?;
        let policies = match policies.is_empty() {
            true => String::new(),
            false => serde_json::Value::from(policies).to_string(),
        };
        Ok(Answer { verdict, policies })
    }

    fn class_of(&mut self, at: &str) -> Option<MomentClass> {
        match &self.last {
            Some((last, class)) if last == at => *class,
            _ => {
                let class = self.reads.class_of(at);
                self.last = Some((at.to_owned(), class));
                class
            }
        }
    }
}

/// About 1 KiB each.
const MOST_KEPT: usize = 200_000;
