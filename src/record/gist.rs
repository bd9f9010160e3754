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
        if has_control(frame.payload) {
            return Err("the record is not one line");
        }
        // Once for all of it: from a slice, serde_json looks at each text it gives out, and not at
        // those that nobody asked for.
        let gist: Option<Gist<'a>> = std::str::from_utf8(frame.payload)
            .ok()
            .and_then(|line| serde_json::from_str(line).ok());
        let gist = gist.ok_or("the record is not well-formed")?;
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

/// Whether there is a control character of ASCII. In words of many bytes: each record has its every byte
/// looked at.
fn has_control(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<64>();
    let least = |word: &[u8]| word.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    words.iter().any(|word| least(word) < 0x20) || least(rest) < 0x20
}

fn id_of<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Uuid>, D::Error> {
    let text = <&str>::deserialize(from)?;
    Uuid::try_parse(text)
        .map(Some)
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &[u8]) -> Result<(), &'static str> {
        let frame = Frame {
            kind: Kind::Session,
            after_sync: false,
            seq: 0,
            chain: [0; 32],
            payload,
            disclosure: None,
        };
        Gist::read(&frame).map(|_| ())
    }

    #[test]
    fn every_byte_of_a_record_belongs_to_one_well_formed_line() {
        let line = br#"{"log":"a","kind":"session","time":1,"boot":"b","of no interest":"xyz"}"#;
        assert_eq!(read(line), Ok(()));
        let at = line.len() - 4;
        for (byte, said) in [
            (b'\n', "the record is not one line"),
            (0xff, "the record is not well-formed"),
            (0xc3, "the record is not well-formed"),
            (b'"', "the record is not well-formed"),
            (b'\\', "the record is not well-formed"),
        ] {
            let mut changed = line.to_vec();
            changed[at] = byte;
            assert_eq!(read(&changed), Err(said), "{byte}");
        }
        assert_eq!(
            read(&line[..line.len() - 1]),
            Err("the record is not well-formed")
        );
        assert_eq!(
            read(&[line, &b"{}"[..]].concat()),
            Err("the record is not well-formed")
        );
    }

    #[test]
    fn a_control_character_is_found_wherever_it_is_and_nothing_else_is_one() {
        for length in 0..200 {
            let plain = vec![0x20; length];
            assert!(!has_control(&plain), "{length}");
            for at in 0..length {
                for (byte, is_one) in [(0, true), (0x1f, true), (0x7f, false), (0xff, false)] {
                    let mut bytes = plain.clone();
                    bytes[at] = byte;
                    assert_eq!(has_control(&bytes), is_one, "{byte} at {at} of {length}");
                }
            }
        }
    }
}
