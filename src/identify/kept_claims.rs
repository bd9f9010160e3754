//! The claims that records keep, packed: a remembered token lives long and is seldom written down.
//!
//! In: claims as their issuer wrote them. Out: the same, when a record wants them.
//!
//! One text holds all values one after the other, strings as they are and anything else as JSON;
//! a name is its place in the dialect's own table.

use serde_json::Value;

use super::claim_table::ClaimLine;
use super::claims::Claims;

/// The claims that records keep.
#[derive(Clone, Debug)]
pub struct KeptClaims {
    table: &'static [ClaimLine],
    texts: Box<str>,
    places: Box<[Place]>,
}

/// Claims by name, apart by whether they tell of a person.
#[derive(Clone, Debug, Default)]
pub struct Unpacked {
    /// Those that tell of none.
    pub plain: Vec<(&'static str, Value)>,
    /// Those that do.
    pub personal: Vec<(&'static str, Value)>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    end: u16,
    line: u8,
    is_json: bool,
}

impl KeptClaims {
    /// None, of what has no claims.
    pub(super) fn none() -> KeptClaims {
        KeptClaims {
            table: &[],
            texts: Box::default(),
            places: Box::default(),
        }
    }

    /// Packs the claims that this table says are kept.
    pub(super) fn of(table: &'static [ClaimLine], claims: &Claims) -> KeptClaims {
        let mut texts = String::new();
        let mut places = Vec::with_capacity(table.len());
        for (place, line) in table.iter().enumerate().filter(|(_, line)| line.kept) {
            let is_json = match claims.get(line.claim) {
                None => continue,
                Some(Value::String(text)) => {
                    texts.push_str(text);
                    false
                }
                Some(other) => {
                    texts.push_str(&other.to_string());
                    true
                }
            };
            // A payload has 12 KiB, no value is four times as long written anew, and a dialect keeps
            // some dozens: both fit.
            let (Ok(end), Ok(line)) = (u16::try_from(texts.len()), u8::try_from(place)) else {
                break;
            };
            places.push(Place { end, line, is_json });
        }
        KeptClaims {
            table,
            texts: texts.into(),
            places: places.into(),
        }
    }

    /// Each with its name, as the issuer wrote it.
    pub fn unpacked(&self) -> Unpacked {
        let mut begin = 0;
        let mut claims = Unpacked {
            plain: Vec::with_capacity(self.places.len()),
            personal: Vec::new(),
        };
        for place in &self.places {
            let end = usize::from(place.end);
            let text = self.texts.get(begin..end).unwrap_or_default();
            begin = end;
            let value = match place.is_json {
                true => serde_json::from_str(text).unwrap_or_default(),
                false => Value::from(text),
            };
            if let Some(line) = self.table.get(usize::from(place.line)) {
                match line.personal {
                    true => claims.personal.push((line.claim, value)),
                    false => claims.plain.push((line.claim, value)),
                }
            }
        }
        claims
    }

    /// How much they hold beside their own size.
    pub(super) fn bytes(&self) -> usize {
        let places = self.places.len().saturating_mul(size_of::<Place>());
        self.texts.len().saturating_add(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identify::Form;
    use serde_json::json;

    const fn line(claim: &'static str, kept: bool) -> ClaimLine {
        ClaimLine {
            claim,
            form: Form::MaybeText,
            becomes: "-",
            kept,
            personal: false,
        }
    }

    #[test]
    fn what_was_packed_is_unpacked_as_it_was() {
        const TABLE: &[ClaimLine] = &[
            line("a", true),
            line("unkept", false),
            line("b", true).personal(),
            line("c", true),
            line("d", true),
            line("e", true),
            line("absent", true),
            line("g", true),
            line("h", true),
        ];
        let payload = json!({
            "a": "20", "b": "", "c": 1, "d": null, "e": ["x", {"y": true}], "g": "é\u{0}\"",
            "h": 1.5, "unkept": "x", "untabled": "x",
        });
        let claims = Claims::signed(payload.as_object().unwrap().clone());
        let unpacked = KeptClaims::of(TABLE, &claims).unpacked();
        assert_eq!((unpacked.plain.len(), unpacked.personal.len()), (6, 1));
        assert_eq!(unpacked.personal, [("b", json!(""))]);
        for (name, value) in unpacked.plain {
            assert_eq!(payload.get(name), Some(&value), "{name}");
            assert_ne!(name, "unkept");
        }
        let none = KeptClaims::of(&[], &claims).unpacked();
        assert!(none.plain.is_empty() && none.personal.is_empty());
    }
}
