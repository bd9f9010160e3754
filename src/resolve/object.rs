//! Says whose an object is, by what it says of itself.
//!
//! In: what a catalogue declares of a resource type, and JSON: the upstream's answer, or the body
//! of a request that creates or changes one. Out: the team in its label, or why there is none.
//!
//! Two readers must not see two objects in one body, so whatever could be read in two ways is
//! refused where a body is judged: a key twice, also in another case (Go's decoder takes `LABELS`
//! for `labels`), a byte order mark, another charset, any encoding, a media type that is not JSON.
//!
//! Never: the first of two labels, a body that names another object than the path does.
//!
//! RFC 8259 4 and 8.1; RFC 9110 8.3 and 8.4.

use std::sync::Arc;

use http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::operation::Operation;
use crate::identify::strict_json;
use crate::refusal::{Reason, Refusal};

/// How objects of one type say whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectShape {
    /// The action of the `GET` that reads one.
    pub read: String,
    /// Where labels are, in answers and in bodies: the steps of a JSON pointer.
    pub labels: Vec<String>,
    /// The label whose value is a team.
    pub owner: String,
    /// What a body must not say otherwise than the path: parameter and where.
    pub same: Vec<(String, Vec<String>)>,
    /// What the body of this operation is, where it has one.
    pub body: Option<BodyMeans>,
}

/// What a body says of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BodyMeans {
    /// All of it: what is not said will not be.
    Whole,
    /// What changes: what is not said stays.
    Changes,
}

/// What was seen of the object that a request is about, before the decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The team in its label; of what is created, in the label that it would have.
    pub team: Option<String>,
    /// How the team was found, or why none was: `label`, `no_label`, `missing`, ….
    pub found: String,
    /// The SHA-256 of the answer that was read, in hex digits, where one was.
    pub digest: Option<String>,
    /// The team in its label afterwards, where the request changes it.
    pub would_be: Option<Option<String>>,
}

/// What labels say.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// One team.
    Team(String),
    /// Labels, and none of a team.
    NoTeam,
    /// Nothing of labels.
    Nothing,
}

/// Something that two readers may take differently.
struct Unclear;

impl ObjectShape {
    /// The team of an object as the upstream answered it, and the word for how it was found.
    pub fn team_of(&self, answer: &[u8]) -> (Option<String>, &'static str) {
        let Some(object) = strict_json(answer, DEEPEST) else {
            return (None, "not_json");
        };
        match self.said(&object) {
            Ok(Said::Team(team)) => (Some(team), "label"),
            Ok(Said::NoTeam | Said::Nothing) => (None, "no_label"),
            Err(Unclear) => (None, "unclear_label"),
        }
    }

    /// The team that an object would have by a body, where the body says anything of it.
    ///
    /// # Errors
    ///
    /// `unclear_body`, with what is wrong.
    pub fn team_by(
        &self,
        means: BodyMeans,
        fields: &HeaderMap,
        body: &[u8],
        operation: &Operation,
    ) -> Result<Option<Option<String>>, Refusal> {
        if body.is_empty() && !fields.contains_key(header::CONTENT_ENCODING) {
            return Ok((means == BodyMeans::Whole).then_some(None)); // it says nothing, to everybody
        }
        check_media(fields)?;
        let object = strict_json(body, DEEPEST).ok_or_else(|| {
            unclear("it is not one JSON object in UTF-8 whose every key is there once")
        })?;
        check_cases(&object)?;
        for (parameter, place) in &self.same {
            let named = operation.parameters.iter();
            let named = named.clone().find(|(name, _)| **name == **parameter);
            let named = named.map(|(_, value)| value.as_str());
            let said = at(&object, place).map_err(|Unclear| unclear("a key has another case"))?;
            let agrees = match said {
                None | Some(Value::Null) => true,
                Some(Value::String(text)) => text.is_empty() || Some(text.as_str()) == named,
                Some(_) => false,
            };
            if !agrees {
                let place = place.join("/");
                return Err(unclear(&format!(
                    "`/{place}` names another object than the path does"
                )));
            }
        }
        let said = self.said(&object).map_err(|Unclear| {
            unclear("its labels are no list of texts or of `key` and `value`, or name two owners")
        })?;
        Ok(match (said, means) {
            (Said::Team(team), _) => Some(Some(team)),
            (Said::NoTeam, _) | (Said::Nothing, BodyMeans::Whole) => Some(None),
            (Said::Nothing, BodyMeans::Changes) => None,
        })
    }

    fn said(&self, object: &Map<String, Value>) -> Result<Said, Unclear> {
        match at(object, &self.labels)? {
            Some(labels) => self.said_by(labels),
            None => Ok(Said::Nothing),
        }
    }

    /// The team that labels name; none where they are unclear.
    pub(super) fn team_in(&self, labels: &Value) -> Option<String> {
        match self.said_by(labels) {
            Ok(Said::Team(team)) => Some(team),
            _ => None,
        }
    }

    fn said_by(&self, labels: &Value) -> Result<Said, Unclear> {
        let mut teams = Vec::new();
        match labels {
            Value::Null => {}
            Value::Array(labels) => {
                for label in labels {
                    let (key, value) = pair(label)?;
                    if key == self.owner {
                        teams.push(value);
                    }
                }
            }
            Value::Object(labels) => match exact(labels, &self.owner)? {
                Some(Value::String(team)) => teams.push(team.as_str()),
                Some(_) => return Err(Unclear),
                None => {}
            },
            _ => return Err(Unclear),
        }
        match teams.as_slice() {
            [] => Ok(Said::NoTeam),
            [team] => Ok(Said::Team((*team).to_owned())),
            _ => Err(Unclear),
        }
    }
}

/// One label: `{"key": "team", "value": "payments"}` or `"team:payments"`.
fn pair(label: &Value) -> Result<(&str, &str), Unclear> {
    match label {
        Value::String(text) => Ok(text.split_once(':').unwrap_or((text, ""))),
        Value::Object(label) => match (exact(label, "key")?, exact(label, "value")?) {
            (Some(Value::String(key)), Some(Value::String(value))) => Ok((key, value)),
            _ => Err(Unclear),
        },
        _ => Err(Unclear),
    }
}

/// What is at a place; nothing where a key on the way is not there.
fn at<'v>(object: &'v Map<String, Value>, steps: &[String]) -> Result<Option<&'v Value>, Unclear> {
    let Some((last, way)) = steps.split_last() else {
        return Ok(None);
    };
    let mut inside = object;
    for step in way {
        inside = match exact(inside, step)? {
            Some(Value::Object(next)) => next,
            Some(_) => return Err(Unclear),
            None => return Ok(None),
        };
    }
    exact(inside, last)
}

/// The value of a key; a key that differs in case alone is no other key to every reader.
fn exact<'v>(object: &'v Map<String, Value>, name: &str) -> Result<Option<&'v Value>, Unclear> {
    let folded = fold(name);
    let alike = |key: &&String| key.as_str() != name && fold(key) == folded;
    match object.keys().find(alike) {
        Some(_) => Err(Unclear),
        None => Ok(object.get(name)),
    }
}

/// A key without its case, with the two letters that decoders take for plain ones.
pub(super) fn fold(key: &str) -> String {
    let plain = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other,
    };
    key.chars()
        .map(plain)
        .flat_map(char::to_lowercase)
        .collect()
}

/// No object anywhere has two keys that differ in case alone.
fn check_cases(object: &Map<String, Value>) -> Result<(), Refusal> {
    let mut known: Vec<String> = object.keys().map(|key| fold(key)).collect();
    known.sort_unstable();
    if known.windows(2).any(|two| two.first() == two.last()) {
        return Err(unclear("two keys of one object differ in case alone"));
    }
    object.values().try_for_each(check_inside)
}

fn check_inside(value: &Value) -> Result<(), Refusal> {
    match value {
        Value::Object(object) => check_cases(object),
        Value::Array(values) => values.iter().try_for_each(check_inside),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// JSON in UTF-8, as it is.
fn check_media(fields: &HeaderMap) -> Result<(), Refusal> {
    if fields.contains_key(header::CONTENT_ENCODING) {
        return Err(unclear("it is encoded: send it as it is"));
    }
    let mut kinds = fields.get_all(header::CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|kind| kind.to_str().ok());
    let (Some(kind), None) = (kind, kinds.next()) else {
        return Err(unclear("it has no `content-type`, or more than one"));
    };
    let kind = kind.to_ascii_lowercase();
    let mut parts = kind.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let suffixed = media
        .strip_prefix("application/")
        .is_some_and(|name| name.ends_with("+json") && !name.starts_with("json-patch"));
    if media != "application/json" && !suffixed {
        return Err(unclear("its `content-type` is not JSON"));
    }
    match parts.all(|part| matches!(part, "charset=utf-8" | "charset=\"utf-8\"")) {
        true => Ok(()),
        false => Err(unclear(
            "its `content-type` has a parameter other than utf-8",
        )),
    }
}

fn unclear(why: &str) -> Refusal {
    Refusal::new(Reason::UnclearBody).telling(format!("the body cannot be judged: {why}"))
}

impl Operation {
    /// The same with what was seen of its object.
    #[must_use]
    pub fn having_seen(mut self, seen: Seen) -> Operation {
        self.seen = Some(Arc::new(seen));
        self
    }
}

/// Levels of objects and arrays in a body: charts of dashboards nest by a dozen.
const DEEPEST: usize = 64;

#[cfg(test)]
mod tests;
