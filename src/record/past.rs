//! Reads a decision back from its record: what was answered, and the question that it answered.
//!
//! In: a decision's record, whole. Out: a [`PastDecision`], and from it the
//! [`PastQuestion`], or the gap that keeps it from being asked again.
//!
//! Members are borrowed and the question is built only when somebody asks, because a month of records
//! holds few different questions. A record's bytes follow from its values, so equal bytes are equal
//! questions: see [`PastDecision::pieces`].
//!
//! Never: a question that is not whole. What was cut, erased, never written or cannot be read is a
//! [`Gap`], not an empty value.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::read::Record;
use crate::authorize::PastQuestion;
use crate::resolve::Resource;

mod inputs;
mod question;

/// One decision as its record tells it.
#[derive(Debug, Deserialize)]
pub struct PastDecision<'a> {
    /// The request's id.
    pub id: &'a str,
    /// When, in ms since 1970.
    pub time: u64,
    /// `allow`, `deny`, `refuse`, `error` or `public`.
    pub decision: &'a str,
    /// Why not.
    #[serde(default)]
    pub reason: Option<&'a str>,
    /// The policies that determined it.
    #[serde(default, borrow)]
    policies: Option<&'a RawValue>,
    /// The digest of the set that decided.
    #[serde(default)]
    pub policy_set: Option<&'a str>,
    /// The action.
    #[serde(default)]
    pub op: Option<&'a str>,
    /// What it would have been were nothing under observe.
    #[serde(default)]
    pub would: Option<&'a str>,
    #[serde(default, borrow)]
    inputs: Option<&'a RawValue>,
    #[serde(default, borrow)]
    resource: Option<&'a RawValue>,
    #[serde(default, borrow)]
    subject: Option<&'a RawValue>,
    #[serde(default)]
    subject_kind: Option<&'a str>,
    #[serde(default, borrow)]
    subject_name: Option<&'a RawValue>,
    #[serde(default, borrow)]
    groups: Option<&'a RawValue>,
    #[serde(default, borrow)]
    acts_for: Option<&'a RawValue>,
    #[serde(default, borrow)]
    actors: Option<&'a RawValue>,
    #[serde(default, borrow)]
    cut: Option<&'a RawValue>,
    /// There only where what the record said of a person was erased.
    #[serde(default)]
    personal: Option<&'a str>,
    /// What lies beside the leaf of the other two, where it was read from there.
    #[serde(skip)]
    inputs_beside: Option<&'a RawValue>,
    #[serde(skip)]
    cut_beside: Option<&'a RawValue>,
}

/// What policies read of what a record says of a person.
#[derive(Deserialize)]
struct Beside<'a> {
    #[serde(default, borrow)]
    subject: Option<&'a RawValue>,
    #[serde(default, borrow)]
    subject_name: Option<&'a RawValue>,
    #[serde(default, borrow)]
    groups: Option<&'a RawValue>,
    #[serde(default, borrow)]
    acts_for: Option<&'a RawValue>,
    #[serde(default, borrow)]
    actors: Option<&'a RawValue>,
    #[serde(default, borrow)]
    inputs: Option<&'a RawValue>,
    #[serde(default, borrow)]
    cut: Option<&'a RawValue>,
}

/// Why a past decision cannot be asked again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Gap {
    /// No policy was asked: the request ended before, or was for a document of stile's own.
    NotByPolicy,
    /// The record is of a version that did not write `inputs`.
    NoInputs,
    /// A value was too long for the record.
    Cut(String),
    /// Who asked was erased.
    Erased,
    /// The record does not say what it should.
    Unreadable(&'static str),
}

/// What of a question makes no difference to the policies that it is put to.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeftOut {
    /// The name of who asks.
    pub subject: bool,
    /// A job's commit.
    pub sha: bool,
}

/// The question, and what the record keeps back of it.
#[derive(Debug)]
pub struct PastAsked {
    /// The question.
    pub question: PastQuestion,
    /// Whether the person had an e-mail address that the record does not hold: a set that reads it
    /// cannot be asked.
    pub lacks_email: bool,
}

impl<'a> PastDecision<'a> {
    /// Reads the record of a decision.
    ///
    /// # Errors
    ///
    /// What makes it none, in words.
    pub fn read(payload: &'a [u8]) -> Result<PastDecision<'a>, &'static str> {
        serde_json::from_slice(payload).map_err(|_| "the record of a decision is not well-formed")
    }

    /// Reads it from a record as it lies there, leaf and personal members apart: putting them together
    /// first would cost more than all the rest. Of a job nothing personal is read by any policy.
    ///
    /// # Errors
    ///
    /// As [`PastDecision::read`].
    pub fn of(record: &'a Record) -> Result<PastDecision<'a>, &'static str> {
        let mut past = PastDecision::read(&record.payload)?;
        let beside = record.disclosure().filter(|beside| !beside.is_erased());
        let Some(beside) = beside.filter(|_| past.subject_kind != Some("job")) else {
            return Ok(past);
        };
        let beside: Beside<'a> = serde_json::from_slice(beside.object())
            .map_err(|_| "what the record says of a person is not well-formed")?;
        past.personal = None;
        past.subject = past.subject.or(beside.subject);
        past.subject_name = past.subject_name.or(beside.subject_name);
        past.groups = past.groups.or(beside.groups);
        past.acts_for = past.acts_for.or(beside.acts_for);
        past.actors = past.actors.or(beside.actors);
        past.inputs_beside = beside.inputs;
        past.cut_beside = beside.cut;
        Ok(past)
    }

    /// Whether who asked was erased. Of a job no more is than who started it, which no policy reads.
    pub fn lacks_who(&self) -> bool {
        self.personal.is_some() && self.subject_kind != Some("job")
    }

    /// Whether policies were asked.
    pub fn is_by_policy(&self) -> bool {
        match self.decision {
            "allow" => true,
            _ => matches!(self.reason, Some("policy_denied" | "policy_error")),
        }
    }

    /// Whether the policies in force allowed it. What only the mode let pass, no policy allowed.
    pub fn is_allowed_by_policy(&self) -> bool {
        let let_pass = self.would.is_some() && self.policies.is_none();
        self.decision == "allow" && !let_pass
    }

    /// Who asked, for people: what they are and their name.
    pub fn asker(&self) -> String {
        let text = |raw: Option<&RawValue>| -> String {
            let read = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
            read.unwrap_or_default()
        };
        match self.subject_kind {
            Some(kind) if self.lacks_who() => format!("{kind}, erased"),
            // Its subject says project and ref; its name is who started it.
            Some("job") | None => text(self.subject),
            Some(kind) => format!("{kind} {}", text(self.subject_name)),
        }
    }

    /// What it was for, for people: the resource's type and its project.
    pub fn on(&self) -> String {
        match self.resource() {
            Ok(Resource { kind, project, .. }) => match project {
                Some(project) => format!("{kind} in {project}"),
                None => kind,
            },
            Err(_) => String::new(),
        }
    }

    /// The policies that determined it, as the record has them; empty without any.
    pub fn policies_text(&self) -> &'a str {
        self.policies.map_or("", RawValue::get)
    }

    /// The policies that determined it, by id.
    pub fn policies(&self) -> Vec<String> {
        let read = self.policies.map(|raw| serde_json::from_str(raw.get()));
        read.and_then(Result::ok).unwrap_or_default()
    }

    /// Hands over the question as the record's own bytes, apart from the minute that it was asked in
    /// and from what `left_out` says that nobody reads: two decisions that hand over the same pieces
    /// have, but for those, the same question.
    pub fn pieces(&self, left_out: LeftOut, mut take: impl FnMut(&'a str)) {
        let text = |raw: Option<&'a RawValue>| raw.map_or("", RawValue::get);
        take(self.op.unwrap_or(""));
        take(text(self.resource));
        if !left_out.subject {
            take(text(self.subject));
        }
        // Who started a job, no policy reads.
        if self.subject_kind != Some("job") {
            take(text(self.subject_name));
        }
        take(self.subject_kind.unwrap_or(""));
        take(text(self.groups));
        take(text(self.acts_for));
        take(text(self.actors));
        take(text(self.cut));
        take(text(self.cut_beside));
        take(text(self.inputs_beside));
        take(if self.lacks_who() { "erased" } else { "" });
        let (before, _, after) = around(text(self.inputs), "\"at\":\"");
        take(before);
        match left_out.sha {
            true => {
                let (before, _, after) = around(after, "\"sha\":\"");
                take(before);
                take(after);
            }
            false => take(after),
        }
    }

    /// The day and minute that the policies read, where they were asked.
    pub fn at(&self) -> &'a str {
        around(self.inputs.map_or("", RawValue::get), "\"at\":\"").1
    }
}

impl std::fmt::Display for Gap {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Gap::NotByPolicy => to.write_str("no policy was asked"),
            Gap::NoInputs => to.write_str("the record is of a version that kept no inputs"),
            Gap::Erased => to.write_str("who asked was erased: it cannot be judged any more"),
            Gap::Cut(name) => write!(to, "`{name}` was too long for the record and was cut"),
            Gap::Unreadable(name) => write!(to, "`{name}` cannot be read from the record"),
        }
    }
}

/// A member's text, and what stands before and after it; all of it before where there is no such
/// member. No text in JSON contains a bare quote, so what looks like the member's name is it.
fn around<'a>(json: &'a str, name: &str) -> (&'a str, &'a str, &'a str) {
    let split = json.split_once(name).and_then(|(before, rest)| {
        let (text, after) = rest.split_once('"')?;
        // A text with escapes stays in its place.
        (!text.contains('\\')).then_some((before, text, after))
    });
    split.unwrap_or((json, "", ""))
}
