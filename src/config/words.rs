//! The small languages inside values: durations, addresses, algorithms, counts.
//!
//! In: the text of one value. Out: a checked value, or a sentence about what is wrong with it.
//!
//! Each of them says itself what it wants, and describes itself to the JSON Schema, so that editors
//! and messages agree. What they are checked against here is form; `config/check` looks at meaning.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::tree::shortened;
use crate::setup_error::nearest;

mod rate;

pub(super) use rate::Rate;

/// A span of time: a whole number and a unit, `500ms`, `30s`, `5m` or `24h`. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Duration {
    ms: u64,
}

impl Duration {
    /// So many milliseconds.
    pub(super) const fn from_ms(ms: u64) -> Duration {
        Duration { ms }
    }

    /// In milliseconds.
    pub(super) const fn as_ms(self) -> u64 {
        self.ms
    }

    fn parse(text: &str) -> Option<Duration> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let ms = number.parse::<u64>().ok()?.checked_mul(*factor)?;
        (1..=LONGEST_MS).contains(&ms).then_some(Duration { ms })
    }
}

impl fmt::Display for Duration {
    /// In the largest unit that loses nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.ms.is_multiple_of(*factor);
        let (unit, factor) = UNITS.iter().rev().find(fits).unwrap_or(&("ms", 1));
        write!(f, "{}{unit}", self.ms / factor)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        Duration::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{}` is not a duration from 1ms to 8760h\n\
                 write a whole number and a unit: 500ms, 30s, 5m, 24h",
                shortened(&text)
            ))
        })
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A whole number and a unit: 500ms, 30s, 5m, 24h",
            "pattern": "^[0-9]+(ms|s|m|h)$",
        })
    }
}

/// What kind of place keeps checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AnchorKind {
    /// A witness that cosigns (C2SP tlog-witness).
    Witness,
    /// A branch of a git repository.
    Git,
    /// A folder that takes new files and changes none.
    Folder,
}

/// What kind of place takes records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LeaveKind {
    /// A receiver of OpenTelemetry's logs, by OTLP/HTTP.
    Otlp,
    /// A syslog receiver, by TLS.
    Syslog,
    /// A file with lines of OCSF, which other programs read and rotate.
    OcsfFile,
}

/// What a syslog message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LeaveForm {
    /// A request with its outcome, or an event, in the words of OCSF.
    Ocsf,
    /// A record as it is in the journal.
    Record,
}

/// What becomes of `service.version` in telemetry that is stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum VersionWord {
    /// It stays as the caller wrote it.
    Keep,
    /// It is the token's commit.
    Commit,
    /// Where the caller wrote it, it must be the token's commit.
    MustBeCommit,
}

/// A whole number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Count(u64);

impl Count {
    /// This number, or 1 in place of 0.
    pub(super) fn new(number: u64) -> Count {
        Count(number.max(1))
    }

    /// The number, never 0.
    pub(super) fn get(self) -> u64 {
        self.0
    }

    /// The number for counts in memory.
    pub(super) fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Count, D::Error> {
        match u64::deserialize(deserializer)? {
            0 => Err(D::Error::custom(
                "`0` would let nothing pass\nwrite a whole number from 1, or remove the key for the default",
            )),
            number => Ok(Count(number)),
        }
    }
}

impl JsonSchema for Count {
    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1 })
    }
}

/// Who shares a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LimitPer {
    /// All callers.
    Everyone,
    /// Each project of jobs; each person and each agent.
    Caller,
}

/// An address to listen on: `127.0.0.1:8443`, `[::1]:8443`. No names: a name may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address(pub(super) SocketAddr);

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Address).map_err(|_| {
            D::Error::custom(format!(
                "`{}` is not an IP address with a port\n\
                 write 127.0.0.1:8443, [::1]:8443, or 0.0.0.0:8443 for every interface",
                shortened(&text)
            ))
        })
    }
}

impl JsonSchema for Address {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An IP address with a port: 127.0.0.1:8443, [::1]:8443",
            "pattern": "^.+:[0-9]{1,5}$",
        })
    }
}

/// Every algorithm that settings can name: those with a public key.
pub fn signature_algorithms() -> Vec<jsonwebtoken::Algorithm> {
    ALGORITHMS.iter().map(|(_, known)| *known).collect()
}

/// A signature algorithm with a public key (RFC 7518, section 3.1; RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Algorithm(pub(super) jsonwebtoken::Algorithm);

impl Algorithm {
    fn word(self) -> &'static str {
        let found = ALGORITHMS.iter().find(|(_, known)| *known == self.0);
        found.map_or("RS256", |(word, _)| word)
    }
}

impl Serialize for Algorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Algorithm, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Some((_, known)) = ALGORITHMS.iter().find(|(word, _)| *word == text) {
            return Ok(Algorithm(*known));
        }
        let upper = text.to_ascii_uppercase();
        let (what, hint) = if upper.starts_with("HS") {
            (
                "signs with a secret that the issuer would have to share",
                "use an algorithm with a public key: RS256, ES256, EdDSA".to_owned(),
            )
        } else if upper == "NONE" {
            (
                "would accept tokens that nobody signed",
                "remove it".to_owned(),
            )
        } else {
            let words = ALGORITHMS.iter().map(|(word, _)| *word);
            let hint = nearest(&upper, words.clone()).map_or_else(
                || format!("one of {}", words.collect::<Vec<_>>().join(", ")),
                |word| format!("did you mean `{word}`?"),
            );
            ("is not an algorithm known here", hint)
        };
        Err(D::Error::custom(format!(
            "`{}` {what}\n{hint}",
            shortened(&text)
        )))
    }
}

impl JsonSchema for Algorithm {
    fn schema_name() -> Cow<'static, str> {
        "Algorithm".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = ALGORITHMS.iter().map(|(word, _)| *word).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

/// From the smallest to the largest.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// A year: beyond that somebody mistook a unit.
const LONGEST_MS: u64 = 8_760 * 3_600_000;

/// Those with a public key only.
const ALGORITHMS: [(&str, jsonwebtoken::Algorithm); 9] = {
    use jsonwebtoken::Algorithm as Known;
    [
        ("RS256", Known::RS256),
        ("RS384", Known::RS384),
        ("RS512", Known::RS512),
        ("PS256", Known::PS256),
        ("PS384", Known::PS384),
        ("PS512", Known::PS512),
        ("ES256", Known::ES256),
        ("ES384", Known::ES384),
        ("EdDSA", Known::EdDSA),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, ms) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("24h", 86_400_000),
        ] {
            let duration = Duration::parse(text).unwrap();
            assert_eq!(duration.as_ms(), ms);
            assert_eq!(duration.to_string(), text);
        }
        assert_eq!(Duration::from_ms(90_000).to_string(), "90s");
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in [
            "",
            "30",
            "s",
            "30 s",
            " 30s",
            "30S",
            "1.5h",
            "-1s",
            "+1s",
            "0s",
            "1d",
            "1h30m",
            "8761h",
            "99999999999999999999s",
            "18446744073709551615h",
            "３０s",
        ] {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
    }
}
