//! The words for `mode` in `stile.yaml`.
//!
//! In: the text of `mode`. Out: a [`Mode`], or a sentence with the nearest word.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::tree::shortened;
use crate::authorize;
use crate::setup_error::nearest;

/// What a missing permission leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode(pub(super) authorize::Mode);

impl Mode {
    const ALL: [Mode; 2] = [
        Mode(authorize::Mode::Enforce),
        Mode(authorize::Mode::Observe),
    ];

    const fn word(self) -> &'static str {
        match self.0 {
            authorize::Mode::Enforce => "enforce",
            authorize::Mode::Observe => "observe",
        }
    }

    const fn meaning(self) -> &'static str {
        match self.0 {
            authorize::Mode::Enforce => "It is refused.",
            authorize::Mode::Observe => {
                "It passes, and its record says that it would be refused. Tokens and guardrails are \
                 enforced as ever."
            }
        }
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
        let text = String::deserialize(deserializer)?;
        let words = Mode::ALL.map(Mode::word);
        let known = Mode::ALL.into_iter().find(|known| known.word() == text);
        known.ok_or_else(|| {
            let hint = nearest(&text.to_ascii_lowercase(), words).map_or_else(
                || format!("one of `{}`", words.join("`, `")),
                |word| format!("did you mean `{word}`?"),
            );
            D::Error::custom(format!("`{}` is no mode\n{hint}", shortened(&text)))
        })
    }
}

impl JsonSchema for Mode {
    fn schema_name() -> Cow<'static, str> {
        "Mode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let all = Mode::ALL
            .map(|mode| serde_json::json!({ "const": mode.word(), "description": mode.meaning() }));
        json_schema!({
            "description": "What a missing permission leads to.",
            "type": "string",
            "oneOf": all,
        })
    }
}
