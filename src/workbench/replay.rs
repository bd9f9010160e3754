//! Puts the questions of a journal to a policy set and tells which answers change.
//!
//! In: a journal's folder, a set, a time to begin at. Out: a [`Replayed`]: how many decisions came
//! out the same, newly denied, newly allowed or by other policies, and why some could not be asked.
//!
//! It is exact: a record holds all that its decision depended on, and the judge is the one that
//! `serve` obeys, at the recorded minute. Teams, owners, ids and classes are those of the set that is
//! asked. What only `mode: observe` let pass counts as denied, since no policy allowed it.
//!
//! Many records hold the same question. Its answer is kept under the bytes of everything that the set
//! can tell apart, so that Cedar is asked once for each.
//!
//! Never: writes into the journal; a decision left out without being counted.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::authorize::{Policies, Verdict};
use crate::clock::Time;
use crate::record::frame::Kind;
use crate::record::{self, JournalError, PastDecision, Record};

mod answers;

use answers::Answers;

/// How the decisions of a journal come out by another set.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    /// Decisions that policies took and that were asked again.
    pub asked: u64,
    /// Those whose answer and deciding policies are the same.
    pub same: u64,
    /// Decisions that no policy took: refusals before, documents of stile's own.
    pub not_by_policy: u64,
    /// Why the others could not be asked, and how many.
    pub gaps: BTreeMap<String, u64>,
    /// What comes out differently, the same differences together, in the order of first meeting.
    pub differences: Vec<Difference>,
    /// How many decisions differ, by the way they do.
    pub changed: BTreeMap<Change, u64>,
    /// Differing decisions that have no line of their own in `differences`, there being too many.
    pub unlisted: u64,
}

/// The ways to come out differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// It was allowed and would not be.
    NewlyDenied,
    /// It was not allowed and would be.
    NewlyAllowed,
    /// The same answer by other policies, or refused for another reason.
    OtherPolicy,
}

/// One difference, and how often it was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which way.
    pub change: Change,
    /// The action.
    pub action: String,
    /// Who asked, as the record says: kind and name.
    pub who: String,
    /// On what: the resource's type and project.
    pub on: String,
    /// What the record says.
    pub was: String,
    /// What this set says.
    pub would_be: String,
    /// How many decisions.
    pub times: u64,
    /// The id of the first one.
    pub first: String,
}

/// How far a replay is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Records read.
    pub records: u64,
    /// Records in the journal.
    pub total: u64,
    /// Decisions asked.
    pub asked: u64,
}

impl Change {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Change::NewlyDenied => "newly denied",
            Change::NewlyAllowed => "newly allowed",
            Change::OtherPolicy => "other policy",
        }
    }
}

impl Replayed {
    /// How many decisions differ.
    pub fn differing(&self) -> u64 {
        self.changed.values().sum()
    }
}

/// Replays the decisions since a time.
///
/// # Errors
///
/// A journal that cannot be read or whose records are damaged.
pub fn replay(
    journal: &Path,
    policies: &Policies,
    since: Time,
    mut progress: impl FnMut(Progress),
) -> Result<Replayed, JournalError> {
    let extent = record::extent(journal)?;
    let mut replaying = Replaying {
        answers: Answers::of(policies),
        listed: HashMap::new(),
        replayed: Replayed::default(),
    };
    let (mut records, total) = (0_u64, extent);
    for found in record::read(journal)? {
        let found = found?;
        records = records.saturating_add(1);
        if found.kind == Kind::Decision {
            replaying.record(&found, since);
        }
        if records.is_multiple_of(BETWEEN_LOOKS) {
            let asked = replaying.replayed.asked;
            progress(Progress {
                records,
                total,
                asked,
            });
        }
    }
    Ok(replaying.replayed)
}

struct Replaying<'p> {
    answers: Answers<'p>,
    /// Where a difference is in the list.
    listed: HashMap<Listed, usize>,
    replayed: Replayed,
}

/// What makes two differences one.
#[derive(PartialEq, Eq, Hash)]
struct Listed {
    change: Change,
    action: String,
    who: String,
    on: String,
    was: String,
    would_be: String,
}

impl Replaying<'_> {
    fn record(&mut self, found: &Record, since: Time) {
        match PastDecision::of(found) {
            Ok(past) if past.time < since.as_ms() => {}
            Ok(past) => self.take(&past),
            Err(why) => self.gap(why.to_owned()),
        }
    }

    fn take(&mut self, past: &PastDecision<'_>) {
        if !past.is_by_policy() {
            self.replayed.not_by_policy += 1;
            return;
        }
        let answer = match self.answers.to(past) {
            Ok(answer) => answer,
            Err(why) => {
                let why = why.to_owned();
                return self.gap(why);
            }
        };
        self.replayed.asked += 1;
        let was = was(past);
        let change = match (was == Verdict::Allow, answer.verdict == Verdict::Allow) {
            (true, false) => Change::NewlyDenied,
            (false, true) => Change::NewlyAllowed,
            _ if was == answer.verdict && past.policies_text() == answer.policies => {
                self.replayed.same += 1;
                return;
            }
            _ => Change::OtherPolicy,
        };
        *self.replayed.changed.entry(change).or_default() += 1;
        let listed = Listed {
            change,
            action: past.op.unwrap_or_default().to_owned(),
            who: past.asker(),
            on: past.on(),
            was: told(was, past.policies_text()),
            would_be: told(answer.verdict, &answer.policies),
        };
        self.list(listed, past);
    }

    fn list(&mut self, listed: Listed, past: &PastDecision<'_>) {
        let differences = &mut self.replayed.differences;
        if let Some(place) = self.listed.get(&listed) {
            if let Some(difference) = differences.get_mut(*place) {
                difference.times += 1;
            }
        } else if differences.len() < MOST_LISTED {
            differences.push(Difference {
                change: listed.change,
                action: listed.action.clone(),
                who: listed.who.clone(),
                on: listed.on.clone(),
                was: listed.was.clone(),
                would_be: listed.would_be.clone(),
                times: 1,
                first: past.id.to_owned(),
            });
            self.listed.insert(listed, differences.len() - 1);
        } else {
            self.replayed.unlisted += 1;
        }
    }

    fn gap(&mut self, why: String) {
        *self.replayed.gaps.entry(why).or_default() += 1;
    }
}

fn was(past: &PastDecision<'_>) -> Verdict {
    match (past.is_allowed_by_policy(), past.decision) {
        (true, _) => Verdict::Allow,
        (false, "error") => Verdict::Error,
        (false, _) => Verdict::Deny,
    }
}

/// `allow by a, b`, as in cases.
fn told(verdict: Verdict, policies: &str) -> String {
    let names = policies.trim_matches(['[', ']']).replace('"', "");
    match names.is_empty() {
        true => verdict.word().to_owned(),
        false => format!("{} by {}", verdict.word(), names.replace(',', ", ")),
    }
}

/// Differences with a line of their own.
const MOST_LISTED: usize = 10_000;
const BETWEEN_LOOKS: u64 = 4_096;
