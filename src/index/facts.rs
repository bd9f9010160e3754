//! Says which facts a record holds.
//!
//! In: a whole record, what it says of a person in its place. Out: its [`Facts`], by field, and whether it waits for an outcome or is one.
//!
//! This is the one place that knows which member of a record a field comes from: the scan asks these
//! facts, and the index keeps them.
//!
//! Never: a guess about a member that is not there; a fact that is missing fits no value.

use serde_json::Value;

use crate::clock::Time;
use crate::record::frame::Kind;

use super::field::Field;
use super::pattern::cut;

/// What is known of one request or event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The place of the decision or event in its journal.
    pub seq: u64,
    /// When it arrived or happened.
    pub time: Time,
    pub(super) values: Vec<(Field, String)>,
}

/// How a record stands to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// An event, or a decision that nothing follows.
    Alone,
    /// A decision that an outcome follows, with its id.
    Awaits(String),
    /// The outcome of the decision with this id.
    Answers(String),
}

impl Facts {
    /// Nothing but a place and a moment.
    pub(super) fn at(seq: u64, time: Time) -> Facts {
        Facts {
            seq,
            time,
            values: Vec::new(),
        }
    }

    /// The values of one field.
    pub fn values(&self, field: Field) -> impl Iterator<Item = &str> {
        let of_field = self.values.iter().filter(move |(f, _)| *f == field);
        of_field.map(|(_, value)| value.as_str())
    }

    /// Adds what an outcome says.
    pub(super) fn take(&mut self, outcome: Facts) {
        self.values.extend(outcome.values);
    }

    /// What a record says; nothing where it is neither a decision, an outcome nor an event.
    pub(super) fn of(seq: u64, kind: Kind, whole: &[u8]) -> Option<(Facts, Standing)> {
        let members: Value = serde_json::from_slice(whole).ok()?;
        let time = members.get("time").and_then(Value::as_u64);
        let mut facts = Reading {
            members: &members,
            facts: Facts::at(seq, Time::from_ms(time.unwrap_or(0))),
        };
        let standing = match kind {
            Kind::Decision => facts.decision(),
            Kind::Outcome => facts.outcome()?,
            Kind::Event => facts.event(),
            Kind::Session => return None,
        };
        Some((facts.facts, standing))
    }
}

struct Reading<'a> {
    members: &'a Value,
    facts: Facts,
}

impl<'a> Reading<'a> {
    fn decision(&mut self) -> Standing {
        self.add(Field::Record, "request");
        self.copy(&[
            (Field::Action, "op"),
            (Field::Class, "activity"),
            (Field::Config, "config"),
            (Field::Decision, "decision"),
            (Field::For, "acts_for"),
            (Field::Host, "host"),
            (Field::Id, "id"),
            (Field::Ip, "src_ip"),
            (Field::Issuer, "issuer"),
            (Field::Kind, "subject_kind"),
            (Field::Level, "level"),
            (Field::Method, "method"),
            (Field::Origin, "log"),
            (Field::Path, "path"),
            (Field::Policy, "policy_set"),
            (Field::Reason, "reason"),
            (Field::Subject, "subject"),
            (Field::Upstream, "service"),
        ]);
        if let Some(count) = self.members.get("count").and_then(Value::as_u64) {
            self.add(Field::Count, &count.to_string());
        }
        self.copy_each(Field::Group, "groups");
        self.copy_each(Field::Actor, "actors");
        self.copy_each(Field::Rule, "policies");
        if let Some(guardrail) = self
            .text("reason_detail")
            .and_then(|d| d.strip_prefix("forbid:"))
        {
            self.add(Field::Rule, guardrail);
        }
        if let Some(name) = self.nested("inputs", "issuer") {
            self.add(Field::Issuer, &name);
        }
        for (index, field) in [Field::Type, Field::Resource, Field::Where]
            .into_iter()
            .enumerate()
        {
            let part = self
                .members
                .get("resource")
                .and_then(|triple| triple.get(index));
            if let Some(text) = part.and_then(Value::as_str) {
                self.add(field, text);
            }
        }
        self.who();
        match (self.text("decision"), self.text("id")) {
            (Some("allow"), Some(id)) => Standing::Awaits(cut(id).to_owned()),
            _ => Standing::Alone,
        }
    }

    /// People by name and subject; whoever started a job as a person, too.
    fn who(&mut self) {
        let field = match self.text("subject_kind") {
            Some("agent") => Field::Agent,
            Some("person") => Field::Person,
            Some("job") => return self.job(),
            _ => return,
        };
        for member in ["subject_name", "subject"] {
            if let Some(name) = self.text(member) {
                self.add(field, name);
            }
        }
    }

    fn job(&mut self) {
        if let Some(name) = self.text("subject_name") {
            self.add(Field::Person, name);
        }
        // GitLab's words first, then GitHub's.
        for (field, claims) in [
            (Field::Project, ["project_path", "repository"]),
            (Field::Ref, ["ref", "ref"]),
            (Field::Commit, ["sha", "sha"]),
            (Field::Environment, ["environment", "environment"]),
            (Field::Pipeline, ["pipeline_id", "run_id"]),
            (Field::Job, ["job_id", "check_run_id"]),
        ] {
            let found = claims.iter().find_map(|claim| self.nested("claims", claim));
            if let Some(value) = found {
                self.add(field, &value);
                if field == Field::Project {
                    self.groups_around(&value);
                }
            }
        }
    }

    fn groups_around(&mut self, project: &str) {
        let mut path = project;
        while let Some((group, _)) = path.rsplit_once('/') {
            self.add(Field::Group, group);
            path = group;
        }
    }

    fn outcome(&mut self) -> Option<Standing> {
        self.copy(&[(Field::End, "end"), (Field::Reason, "reason")]);
        for (field, member) in [(Field::Status, "status"), (Field::Grpc, "grpc")] {
            if let Some(number) = self.members.get(member).and_then(Value::as_u64) {
                self.add(field, &number.to_string());
            }
        }
        self.text("ref")
            .map(|id| Standing::Answers(cut(id).to_owned()))
    }

    fn event(&mut self) -> Standing {
        self.add(Field::Record, "event");
        self.copy(&[
            (Field::Config, "config"),
            (Field::Event, "event"),
            (Field::Origin, "log"),
        ]);
        if self
            .text("event")
            .is_some_and(|event| event.starts_with("gitlab."))
        {
            self.gitlab();
        }
        Standing::Alone
    }

    /// What GitLab told, under the fields of the jobs that it is about.
    fn gitlab(&mut self) {
        for (field, member) in [
            (Field::Project, "project"),
            (Field::Issuer, "issuer"),
            (Field::Ref, "ref"),
            (Field::Commit, "commit"),
            (Field::Environment, "environment"),
            (Field::Pipeline, "pipeline"),
            (Field::Job, "job"),
            (Field::Id, "id"),
        ] {
            if let Some(value) = self.nested("detail", member) {
                self.add(field, &value);
                if field == Field::Project {
                    self.groups_around(&value);
                }
            }
        }
    }

    fn text(&self, member: &str) -> Option<&'a str> {
        self.members.get(member).and_then(Value::as_str)
    }

    /// A text or whole number of an inner map.
    fn nested(&self, map: &str, member: &str) -> Option<String> {
        match self.members.get(map)?.get(member)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn copy(&mut self, pairs: &[(Field, &str)]) {
        for (field, member) in pairs {
            if let Some(text) = self.text(member) {
                self.add(*field, text);
            }
        }
    }

    fn copy_each(&mut self, field: Field, member: &str) {
        let list = self.members.get(member).and_then(Value::as_array);
        for text in list.into_iter().flatten().filter_map(Value::as_str) {
            self.add(field, text);
        }
    }

    fn add(&mut self, field: Field, value: &str) {
        self.facts.values.push((field, cut(value).to_owned()));
    }
}
