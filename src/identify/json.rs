//! Reads JSON that a stranger wrote, without forgiving anything.
//!
//! In: bytes. Out: an object, or nothing.
//!
//! Every key of every object is there once, compared after its escapes are read, so no other reader
//! can see another value than we do. Nesting ends at [`DEEPEST`]; the length is bounded by who
//! hands the bytes in. Text is UTF-8 without a byte order mark, and nothing follows the object.
//!
//! Never: takes the last of two equal keys, or a value that is not an object.
//!
//! RFC 8259 4; RFC 7515 4 (header names), RFC 7519 4 (claim names).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The one object in these bytes; `None` when there is anything else or anything ambiguous.
pub(super) fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    strict_json(bytes, DEEPEST)
}

/// The same with at most so many levels of objects and arrays.
pub(crate) fn strict_json(bytes: &[u8], deepest: usize) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { left: deepest }.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// Reads one value that may nest so many levels more.
#[derive(Clone, Copy)]
struct Strict {
    left: usize,
}

impl Strict {
    fn inside<E: Error>(self) -> Result<Strict, E> {
        let left = self
            .left
            .checked_sub(1)
            .ok_or(E::custom("nested too deep"))?;
        Ok(Strict { left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or(E::custom("not a number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut reader: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut values = Vec::new();
        while let Some(value) = reader.next_element_seed(inside)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut reader: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut object = Map::new();
        while let Some(key) = reader.next_key::<String>()? {
            let value = reader.next_value_seed(inside)?;
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("a key twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

/// Levels of objects and arrays; GitLab's deepest claim (`user_identities`) has 3.
const DEEPEST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_reads_as_it_is() {
        let read = object(br#" {"a":[1,{"b":null}],"c":"\u00e9"} "#).unwrap();
        assert_eq!(
            Value::Object(read),
            serde_json::json!({"a":[1,{"b":null}],"c":"é"})
        );
    }

    #[test]
    fn a_key_twice_is_refused_at_every_level_and_in_every_spelling() {
        for twice in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"b":2,"a":3}}"#,
            r#"{"x":[{"a":1,"\u0061":1}]}"#,
        ] {
            assert!(object(twice.as_bytes()).is_none(), "{twice}");
        }
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        let strangers: [&[u8]; 13] = [
            b"",
            b"[]",
            b"null",
            b"\"{}\"",
            b"1",
            b"{}{}",
            b"{} x",
            b"{}//",
            b"\xef\xbb\xbf{}",
            b"{\0\"\0}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":1,}",
            b"{\"a\":NaN}",
        ];
        for bytes in strangers {
            assert!(object(bytes).is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn nesting_ends_at_the_deepest_level() {
        let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(object(nested(DEEPEST - 1).as_bytes()).is_some());
        assert!(object(nested(DEEPEST).as_bytes()).is_none());
        assert!(object(nested(10_000).as_bytes()).is_none());
    }
}
