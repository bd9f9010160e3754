//! Reads a decision back from its record: what was answered, and the question that it answered.
//!
//! In: the payload of a decision's record. Out: a [`PastDecision`], and from it the
//! [`PastQuestion`], or the gap that keeps it from being asked again.
//!
//! Members are borrowed and the question is built only when somebody asks, because a month of records
//! holds few different questions. A record's bytes follow from its values, so equal bytes are equal
//! questions: see [`PastDecision::parts`].
//!
//! Never: a question that is not whole. What was cut, was never written or cannot be read is a
//! [`Gap`], not an empty value.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::authorize::PastQuestion;
use crate::identify::{Agent, Facts, Job, Person, Who};
use crate::resolve::Resource;

mod inputs;

use inputs::InputLines;

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
    pub policies: Option<&'a RawValue>,
    /// The digest of the set that decided.
    #[serde(default, borrow)]
    pub policy_set: Option<Cow<'a, str>>,
    /// The action.
    #[serde(default, borrow)]
    pub op: Option<Cow<'a, str>>,
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
    /// The record does not say what it should.
    Unreadable(&'static str),
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

    /// The policies that determined it, by id.
    pub fn policies(&self) -> Vec<String> {
        let read = self.policies.map(|raw| serde_json::from_str(raw.get()));
        read.and_then(Result::ok).unwrap_or_default()
    }

    /// The question as the record's own bytes, apart from the minute that it was asked in: two
    /// decisions with the same parts have the same question but for [`PastDecision::at`].
    pub fn parts(&self) -> [&'a str; 9] {
        let text = |raw: Option<&'a RawValue>| raw.map_or("", RawValue::get);
        let (before, _, after) = self.around_at();
        [
            before,
            after,
            text(self.resource),
            text(self.subject),
            match self.subject_kind {
                Some("job") => "", // who started it, which no policy reads
                _ => text(self.subject_name),
            },
            text(self.groups),
            text(self.acts_for),
            text(self.actors),
            text(self.cut),
        ]
    }

    /// The day and minute that the policies read, where they were asked.
    pub fn at(&self) -> &'a str {
        self.around_at().1
    }

    /// `inputs` before the minute, the minute, and after it.
    fn around_at(&self) -> (&'a str, &'a str, &'a str) {
        let inputs = self.inputs.map_or("", RawValue::get);
        // No text in JSON contains a bare quote, so this is the member and nothing else.
        let split = inputs.split_once("\"at\":\"").and_then(|(before, rest)| {
            let (at, after) = rest.split_once('"')?;
            Some((before, at, after))
        });
        split.unwrap_or((inputs, "", ""))
    }

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
        self.refuse_cuts()?;
        let inputs: InputLines = said(Some(inputs), "inputs")?;
        let resource = self.resource()?;
        let lacks_email = inputs.email == Some(false);
        let kind = inputs.kind.clone().unwrap_or_else(|| resource.kind.clone());
        let at = inputs.at.clone();
        let facts = Facts {
            issuer: inputs.issuer.clone(),
            subject: said(self.subject, "subject")?,
            who: self.who(inputs)?,
        };
        let question = PastQuestion {
            facts,
            action: match &self.op {
                Some(op) => op.to_string(),
                None => return Err(Gap::Unreadable("op")),
            },
            kind,
            resource,
            at,
        };
        Ok(PastAsked {
            question,
            lacks_email,
        })
    }

    /// A path or a user agent may be cut; what policies read may not.
    fn refuse_cuts(&self) -> Result<(), Gap> {
        let Some(cut) = self.cut else {
            return Ok(());
        };
        let cut: std::collections::BTreeMap<String, serde_json::Value> = said(Some(cut), "cut")?;
        match cut.into_keys().find(|name| READ.contains(&name.as_str())) {
            Some(name) => Err(Gap::Cut(name)),
            None => Ok(()),
        }
    }

    fn resource(&self) -> Result<Resource, Gap> {
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

impl std::fmt::Display for Gap {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Gap::NotByPolicy => to.write_str("no policy was asked"),
            Gap::NoInputs => to.write_str("the record is of a version that kept no inputs"),
            Gap::Cut(name) => write!(to, "`{name}` was too long for the record and was cut"),
            Gap::Unreadable(name) => write!(to, "`{name}` cannot be read from the record"),
        }
    }
}

fn said<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>, name: &'static str) -> Result<T, Gap> {
    let read = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
    read.ok_or(Gap::Unreadable(name))
}

/// Members that policies read.
const READ: &[&str] = &[
    "actors",
    "acts_for",
    "groups",
    "inputs",
    "op",
    "resource",
    "subject",
    "subject_name",
];
