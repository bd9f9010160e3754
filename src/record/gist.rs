//! Reads back the few members of a record that the journal itself depends on.
//!
//! In: a payload. Out: a [`Gist`], or what makes the payload no record.
//!
//! The whole line is checked to be one JSON object on one line, but only these members are kept,
//! and they are borrowed: recovery and verification read every record there is.

use std::borrow::Cow;

use serde::Deserialize;
use uuid::Uuid;

use super::frame::{Frame, Kind};

/// What the journal's own rules ask of a record.
#[derive(Debug, Deserialize)]
pub struct Gist<'a> {
    /// The log's name.
    #[serde(borrow)]
    pub log: Cow<'a, str>,
    /// The kind's word.
    pub kind: &'a str,
    /// When, in ms since 1970.
    pub time: u64,
    /// The machine's boot and the process.
    pub boot: &'a str,
    /// A decision's id.
    #[serde(default, deserialize_with = "id_of")]
    pub id: Option<Uuid>,
    /// `allow` or another word.
    pub decision: Option<&'a str>,
    /// The decision that an outcome is of.
    #[serde(rename = "ref", default, deserialize_with = "id_of")]
    pub of: Option<Uuid>,
    /// What an event is about.
    pub event: Option<&'a str>,
    /// What stands for the personal members beside it.
    pub personal: Option<&'a str>,
    /// What there is to say about it.
    #[serde(default, borrow)]
    pub detail: Option<&'a serde_json::value::RawValue>,
}

impl<'a> Gist<'a> {
    /// Reads the record in a frame.
    ///
    /// # Errors
    ///
    /// What makes it none, in words.
    pub fn read(frame: &Frame<'a>) -> Result<Gist<'a>, &'static str> {
        if frame.payload.iter().any(|byte| *byte < 0x20) {
            return Err("the record is not one line");
        }
        let gist: Gist<'a> =
            serde_json::from_slice(frame.payload).map_err(|_| "the record is not well-formed")?;
        if gist.kind != frame.kind.word() {
            return Err("the record is of another kind than its frame says");
        }
        match frame.kind {
            Kind::Decision if gist.id.is_none() || gist.decision.is_none() => {
                Err("the decision has no id or does not say what was decided")
            }
            Kind::Outcome if gist.of.is_none() => Err("the outcome does not say of what"),
            Kind::Event if gist.event.is_none() => Err("the event does not say what happened"),
            _ => Ok(gist),
        }
    }

    /// The id of an allow.
    pub fn allow(&self) -> Option<Uuid> {
        self.id
            .filter(|_| self.decision == Some(super::audit_record::ALLOW))
    }
}

fn id_of<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Uuid>, D::Error> {
    let text = <&str>::deserialize(from)?;
    Uuid::try_parse(text)
        .map(Some)
        .map_err(serde::de::Error::custom)
}
