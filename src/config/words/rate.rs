//! How often something may be asked.
//!
//! In: the text of a value. Out: a [`Rate`], or a sentence about what is wrong with it.

use std::borrow::Cow;
use std::num::NonZeroU32;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use crate::config::tree::shortened;

/// How often: a whole number and a span, `20/s`, `600/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) struct Rate {
    pub(in crate::config) count: NonZeroU32,
    unit: (char, u64),
}

impl Rate {
    /// The span, in milliseconds.
    pub(in crate::config) fn within_ms(self) -> u64 {
        self.unit.1
    }

    fn parse(text: &str) -> Option<Rate> {
        let (count, unit) = text.split_once('/')?;
        let is_plain = count.bytes().all(|byte| byte.is_ascii_digit());
        let mut chars = unit.chars();
        let (letter, None) = (chars.next()?, chars.next()) else {
            return None;
        };
        let unit = RATES.iter().find(|(known, _)| *known == letter)?;
        let count = count.parse().ok().filter(|_| is_plain)?;
        Some(Rate { count, unit: *unit })
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.count, self.unit.0))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
        let text = String::deserialize(deserializer)?;
        Rate::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{}` is not a rate\nwrite a whole number and a span: 20/s, 100/m, 600/h",
                shortened(&text)
            ))
        })
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A whole number and a span: 20/s, 100/m, 600/h",
            "pattern": "^[0-9]+/(s|m|h)$",
        })
    }
}

/// The spans of rates.
const RATES: [(char, u64); 3] = [('s', 1_000), ('m', 60_000), ('h', 3_600_000)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_span() {
        for (text, count, ms) in [
            ("20/s", 20, 1_000),
            ("1/m", 1, 60_000),
            ("600/h", 600, 3_600_000),
        ] {
            let rate = Rate::parse(text).unwrap();
            assert_eq!((rate.count.get(), rate.within_ms()), (count, ms));
        }
        for text in [
            "",
            "20",
            "/s",
            "0/s",
            "-1/s",
            "+1/s",
            "1.5/s",
            "20/d",
            "20/sec",
            "20 /s",
            "20/ s",
            "20/s/s",
            "4294967296/s",
            "２０/s",
        ] {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }
}
