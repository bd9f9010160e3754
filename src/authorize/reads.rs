//! Says what of a question the policies of a set can tell apart.
//!
//! In: all policies of a set. Out: [`Reads`]: two questions that differ in nothing it names have one
//! answer, so a long journal is replayed by a few.
//!
//! A moment is told apart by its weekday, its minute or its day only where a policy reads that one;
//! where it is only compared with numbers, by the side of each number it is on. What is used in any
//! other way is told apart fully.
//!
//! Never: less than a policy reads. A policy that cannot be looked into reads everything.

use std::collections::BTreeSet;

use cedar_policy as cedar;
use serde_json::{Map, Value};

use super::moment::{Moment, WEEKDAYS};

/// What a set reads of a question, as far as leaving it out saves anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Whether any policy reads the e-mail address of a person.
    pub email: bool,
    /// Whether any policy reads the commit of a job.
    pub sha: bool,
    /// Whether any policy names one job, person or agent.
    pub subject: bool,
    weekday: bool,
    minute: Cuts,
    date: Cuts,
}

/// A moment as far as a set can tell it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MomentClass([i64; 3]);

/// The numbers that a value is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Cuts {
    /// The first value of each part but the first.
    at: BTreeSet<i64>,
    fully: bool,
}

impl Reads {
    /// What these policies read.
    pub(super) fn of<'p>(policies: impl Iterator<Item = &'p cedar::Policy>) -> Reads {
        let mut reads = Reads::default();
        for policy in policies {
            let mut named = policy.entity_literals().into_iter();
            reads.subject |= named.any(|uid| ASKERS.contains(&uid.type_name().basename()));
            match policy.to_json() {
                Ok(json) => reads.look(&json),
                Err(_) => reads.everything(),
            }
        }
        reads
    }

    /// The part of time that a moment is in, of those that the set can tell apart; `None` for what is
    /// no moment.
    pub fn class_of(&self, at: &str) -> Option<MomentClass> {
        let moment = Moment::read(at)?;
        let weekday = WEEKDAYS.iter().position(|day| *day == moment.weekday)?;
        Some(MomentClass([
            match self.weekday {
                true => i64::try_from(weekday).ok()?,
                false => -1,
            },
            self.minute.part(moment.minute_of_day)?,
            self.date.part(moment.date)?,
        ]))
    }

    fn everything(&mut self) {
        self.email = true;
        self.sha = true;
        self.subject = true;
        self.moment();
    }

    fn moment(&mut self) {
        self.weekday = true;
        self.minute.fully = true;
        self.date.fully = true;
    }

    fn look(&mut self, json: &Value) {
        match json {
            Value::Object(node) => self.node(node),
            Value::Array(values) => values.iter().for_each(|value| self.look(value)),
            Value::String(text) => {
                self.email |= text == "email";
                self.sha |= text == "sha";
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn node(&mut self, node: &Map<String, Value>) {
        for (name, value) in node {
            let compared = match COMPARISONS.contains(&name.as_str()) {
                true => compared(value),
                false => None,
            };
            match (compared, name.as_str()) {
                (Some(("minute_of_day", number)), _) => self.minute.add(number),
                (Some(("date", number)), _) => self.date.add(number),
                (_, "." | "has") if is_context(value.get("left")) => {
                    match value.get("attr").and_then(Value::as_str) {
                        Some("minute_of_day") => self.minute.fully = true,
                        Some("date") => self.date.fully = true,
                        Some("weekday") => self.weekday = true,
                        Some("org_admin" | "break_glass") => {}
                        _ => self.moment(),
                    }
                }
                (_, "Var") if value.as_str() == Some("context") => self.moment(),
                _ => {
                    self.email |= name == "email";
                    self.sha |= name == "sha";
                    self.look(value);
                }
            }
        }
    }
}

impl MomentClass {
    /// The class as numbers, for keys.
    pub fn parts(&self) -> &[i64; 3] {
        &self.0
    }
}

impl Cuts {
    /// Below, equal and above a number are three parts.
    fn add(&mut self, number: i64) {
        self.at.insert(number);
        self.at.insert(number.saturating_add(1));
    }

    fn part(&self, value: i64) -> Option<i64> {
        match self.fully {
            true => Some(value),
            false => i64::try_from(self.at.range(..=value).count()).ok(),
        }
    }
}

/// The name in `context.NAME` and the number it is compared with, on whichever side.
fn compared(sides: &Value) -> Option<(&str, i64)> {
    let (left, right) = (sides.get("left")?, sides.get("right")?);
    match (attribute(left), number(right)) {
        (Some(name), Some(number)) => Some((name, number)),
        _ => Some((attribute(right)?, number(left)?)),
    }
}

/// The name in `context.NAME`.
fn attribute(json: &Value) -> Option<&str> {
    let read = json.get(".")?;
    match is_context(read.get("left")) {
        true => read.get("attr")?.as_str(),
        false => None,
    }
}

fn number(json: &Value) -> Option<i64> {
    json.get("Value")?.as_i64()
}

fn is_context(json: Option<&Value>) -> bool {
    json.and_then(|json| json.get("Var"))
        .and_then(Value::as_str)
        == Some("context")
}

const COMPARISONS: &[&str] = &["<", "<=", ">", ">=", "==", "!="];
const ASKERS: &[&str] = &["Job", "Person", "Agent"];

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(condition: &str) -> Reads {
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        let policy = cedar::Policy::parse(None, text).unwrap();
        Reads::of([&policy].into_iter())
    }

    fn told_apart(reads: &Reads, one: &str, other: &str) -> bool {
        reads.class_of(one).unwrap() != reads.class_of(other).unwrap()
    }

    #[test]
    fn a_set_that_reads_no_time_tells_no_moments_apart() {
        let reads = reads("principal.mfa && context.org_admin");
        assert_eq!(reads, Reads::default());
        assert!(!told_apart(&reads, "2026-11-23 12:40", "2027-01-01 00:00"));
        assert_eq!(reads.class_of("sometime"), None);
    }

    #[test]
    fn office_hours_have_an_inside_and_an_outside() {
        let reads = reads("context.minute_of_day >= 540 && 1080 > context.minute_of_day");
        assert!(!told_apart(&reads, "2026-11-23 10:00", "2026-11-24 17:59"));
        assert!(told_apart(&reads, "2026-11-23 08:59", "2026-11-23 10:00"));
        assert!(told_apart(&reads, "2026-11-23 17:59", "2026-11-23 18:01"));
        assert!(!told_apart(&reads, "2026-11-23 18:01", "2026-11-23 23:00"));
    }

    #[test]
    fn the_number_itself_is_neither_below_nor_above() {
        let reads = reads("context.date == 20261231");
        assert!(told_apart(&reads, "2026-12-30 00:00", "2026-12-31 00:00"));
        assert!(told_apart(&reads, "2027-01-01 00:00", "2026-12-31 00:00"));
        assert!(!told_apart(&reads, "2026-12-30 00:00", "2026-12-29 09:00"));
    }

    #[test]
    fn weekdays_are_told_apart_where_they_are_read() {
        let reads = reads("[\"mon\", \"tue\"].contains(context.weekday)");
        assert!(told_apart(&reads, "2026-11-23 12:00", "2026-11-24 12:00"));
        assert!(!told_apart(&reads, "2026-11-23 12:00", "2026-11-30 13:00"));
    }

    #[test]
    fn any_other_use_of_time_tells_each_minute_apart() {
        for condition in [
            "context.minute_of_day + 1 > 540",
            "context.minute_of_day > context.date",
            "[540, 541].contains(context.minute_of_day)",
            "{a: context} == {a: context}",
            "if context has minute_of_day then true else false",
        ] {
            let reads = reads(condition);
            assert!(
                told_apart(&reads, "2026-11-23 12:40", "2026-11-23 12:41"),
                "{condition}: {reads:?}"
            );
        }
    }

    #[test]
    fn addresses_commits_and_names_are_noticed_wherever_they_are() {
        for condition in [
            "principal has email && principal.email like \"*@x\"",
            "resource == principal || principal has email",
            "if principal.mfa then principal.email == \"a\" else false",
        ] {
            assert!(reads(condition).email, "{condition}");
        }
        assert!(reads("principal.sha == \"1\"").sha);
        assert!(reads("principal == Job::\"a\"").subject);
        assert!(reads("principal in [Person::\"a\"]").subject);
        assert!(!reads("principal in Team::\"a\"").subject);
    }
}
