//! Verified claims, each read by name and type.
//!
//! In: a payload whose signature held. Out: texts and moments, or `malformed_token`.
//!
//! [`Claims`] are made by [`Unverified::verified`](super::token::Unverified::verified) only. What
//! every token has is read here, what a dialect adds by its table ([`super::reading`]). Every reader
//! knows three cases: absent, well typed, and refused. A claim of the wrong type is never taken for
//! an absent one, a number never for a text.
//!
//! RFC 7519 2 (NumericDate) and 4.

use serde_json::{Map, Value};

use crate::refusal::{Reason, Refusal};

/// What an issuer signed.
#[derive(Debug)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    /// Takes over a payload whose signature was verified.
    pub(super) fn signed(payload: Map<String, Value>) -> Claims {
        Claims(payload)
    }

    /// Whether a claim is there, of whatever type.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A claim as it is, of whatever type.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A text that must be there and say something.
    pub(super) fn text(&self, name: &str) -> Result<String, Refusal> {
        self.optional_text(name)?
            .ok_or_else(|| malformed(format!("claim `{name}` is missing or empty")))
    }

    /// A text; an empty one is none.
    pub(super) fn optional_text(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(malformed(format!("claim `{name}` is not a text"))),
        }
    }

    /// A NumericDate in whole seconds, rounded down.
    pub(super) fn optional_seconds(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        match value {
            Value::Number(number) => whole_seconds(number).map(Some),
            _ => None,
        }
        .ok_or_else(|| malformed(format!("claim `{name}` is not a number of seconds")))
    }

    /// A NumericDate that must be there.
    pub(super) fn seconds(&self, name: &str) -> Result<i64, Refusal> {
        self.optional_seconds(name)?
            .ok_or_else(|| malformed(format!("claim `{name}` is missing")))
    }

    /// Whom the token was made for; nothing when `aud` is absent or of any other type.
    pub(super) fn audience(&self) -> Vec<&str> {
        match self.0.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => {
                // One entry that is not a text makes the whole claim nothing.
                let texts: Option<Vec<&str>> = several.iter().map(Value::as_str).collect();
                texts.unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }
}

/// `malformed_token`, with what is wrong: told too, because it is of the caller's own token.
pub(super) fn malformed(noted: impl Into<String>) -> Refusal {
    let noted = noted.into();
    let told = format!("the token is not well-formed: {noted}");
    Refusal::new(Reason::MalformedToken)
        .telling(told)
        .noting(noted)
}

fn whole_seconds(number: &serde_json::Number) -> Option<i64> {
    if let Some(whole) = number.as_i64() {
        return (whole.unsigned_abs() <= LAST_SECOND).then_some(whole);
    }
    let floor = number.as_f64()?.floor();
    // Below 2^53 every whole number has its own f64, so the cast is exact.
    #[allow(clippy::cast_possible_truncation, reason = "bounded by the condition")]
    (floor.abs() <= LAST_SECOND as f64).then_some(floor as i64)
}

/// 2^53: beyond it a fraction cannot be told from a whole number.
const LAST_SECOND: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Claims {
        Claims::signed(crate::identify::json::object(text.as_bytes()).unwrap())
    }

    #[test]
    fn fractions_of_seconds_are_rounded_down() {
        for (text, seconds) in [
            ("1", 1),
            ("1.999", 1),
            ("-0.5", -1),
            ("1.7e9", 1_700_000_000),
            ("-0", 0),
            ("0", 0),
            ("9007199254740992", 1 << 53),
        ] {
            let claims = claims(&format!("{{\"exp\":{text}}}"));
            assert_eq!(claims.seconds("exp").unwrap(), seconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_of_seconds_is_malformed_and_never_absent() {
        for text in [
            "\"1\"",
            "null",
            "true",
            "[1]",
            "{}",
            "1e308",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551616",
            "-1e300",
        ] {
            let claims = claims(&format!("{{\"exp\":{text}}}"));
            let refusal = claims.optional_seconds("exp").unwrap_err();
            assert_eq!(refusal.reason(), Reason::MalformedToken, "{text}");
        }
    }

    #[test]
    fn an_audience_with_a_foreign_type_in_it_is_none() {
        for text in [
            "1",
            "null",
            "{\"a\":1}",
            "[1]",
            "[\"a\",1]",
            "[[\"a\"]]",
            "[]",
        ] {
            let claims = claims(&format!("{{\"aud\":{text}}}"));
            assert!(claims.audience().is_empty(), "{text}");
        }
    }
}
