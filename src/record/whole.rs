//! Puts what a record says of a person back into its place.
//!
//! In: a leaf and the object beside it, both in the form of RFC 8785. Out: one object in that form,
//! without the member `personal`: what the record would be if nothing lay beside it.
//!
//! A member that is an object in both (`claims`, `inputs`, `cut`) gets the members of both.
//!
//! RFC 8785 3.2.3 (order by UTF-16 code units).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::frame::{hex, sha256};
use super::render::push_string;

/// The member of a leaf that stands for what lies beside it.
pub(super) const PERSONAL: &str = "personal";

/// The record as one text, by a leaf and what was kept of the salt, in hex, and the object. None when
/// the leaf is not about these.
pub fn rejoined(leaf: &[u8], salt: &[u8], object: &[u8]) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Said<'a> {
        personal: &'a str,
    }
    let said: Said<'_> = serde_json::from_slice(leaf).ok()?;
    let digits = std::str::from_utf8(salt)
        .ok()
        .filter(|salt| salt.len() == 32)?;
    let salt = u128::from_str_radix(digits, 16).ok()?.to_be_bytes();
    (hex(&sha256(&[&salt, object])) == said.personal).then(|| whole(leaf, object))
}

/// The record as one text; the leaf as it is where it cannot be put together.
pub(super) fn whole(leaf: &[u8], object: &[u8]) -> Vec<u8> {
    let read = serde_json::from_slice::<Members<'_>>;
    let (Ok(mut leaf_members), Ok(personal)) = (read(leaf), read(object)) else {
        return leaf.to_vec();
    };
    leaf_members.0.retain(|(name, _)| name != PERSONAL);
    let mut out = Vec::with_capacity(leaf.len().saturating_add(object.len()));
    merge(&leaf_members.0, &personal.0, &mut out);
    out
}

fn merge(leaf: &[Member<'_>], personal: &[Member<'_>], out: &mut Vec<u8>) {
    let (mut ours, mut theirs) = (leaf.iter().peekable(), personal.iter().peekable());
    out.push(b'{');
    let begin = out.len();
    loop {
        let order = match (ours.peek(), theirs.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.encode_utf16().cmp(b.encode_utf16()),
        };
        if out.len() > begin {
            out.push(b',');
        }
        match order {
            Ordering::Less => push(ours.next(), out),
            Ordering::Greater => push(theirs.next(), out),
            Ordering::Equal => both(ours.next(), theirs.next(), out),
        }
    }
    out.push(b'}');
}

/// A member that both have: the members of both, or the leaf's where it is no object.
fn both<'a>(ours: Option<&Member<'a>>, theirs: Option<&Member<'a>>, out: &mut Vec<u8>) {
    let inside = |member: Option<&Member<'a>>| {
        member.and_then(|(_, value)| serde_json::from_str::<Members<'a>>(value.get()).ok())
    };
    match (ours, inside(ours), inside(theirs)) {
        (Some((name, _)), Some(a), Some(b)) => {
            push_name(name, out);
            merge(&a.0, &b.0, out);
        }
        _ => push(ours, out),
    }
}

fn push(member: Option<&Member<'_>>, out: &mut Vec<u8>) {
    if let Some((name, value)) = member {
        push_name(name, out);
        out.extend_from_slice(value.get().as_bytes());
    }
}

fn push_name(name: &str, out: &mut Vec<u8>) {
    push_string(out, name);
    out.push(b':');
}

type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// The members of an object as they stand there.
struct Members<'a>(Vec<Member<'a>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Members<'de>, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(USUAL_MEMBERS);
                while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name.0, value));
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Each)
    }
}

#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

const USUAL_MEMBERS: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    fn put_together(leaf: &str, object: &str) -> String {
        String::from_utf8(whole(leaf.as_bytes(), object.as_bytes())).unwrap()
    }

    #[test]
    fn members_come_back_to_their_places() {
        let leaf = r#"{"alg":"x","claims":{"b":1},"log":"l","personal":"00","v":1}"#;
        let object = r#"{"actors":["a"],"claims":{"a":"q","c":"\"}"},"subject":"é"}"#;
        assert_eq!(
            put_together(leaf, object),
            r#"{"actors":["a"],"alg":"x","claims":{"a":"q","b":1,"c":"\"}"},"log":"l","subject":"é","v":1}"#
        );
    }

    #[test]
    fn names_are_ordered_by_utf_16() {
        let object = "{\"\u{fb33}\":1}";
        assert_eq!(
            put_together("{\"😀\":2}", object),
            "{\"😀\":2,\"\u{fb33}\":1}"
        );
    }

    #[test]
    fn of_two_that_are_no_objects_the_leafs_is_kept() {
        let leaf = r#"{"cut":{"claims":[1,"a"]},"x":1}"#;
        let object = r#"{"cut":{"claims":[2,"b"],"ua":[3,"c"]},"x":{"y":1}}"#;
        assert_eq!(
            put_together(leaf, object),
            r#"{"cut":{"claims":[1,"a"],"ua":[3,"c"]},"x":1}"#
        );
    }

    #[test]
    fn what_is_no_object_changes_nothing() {
        assert_eq!(put_together("{\"personal\":1}", "[]"), "{\"personal\":1}");
        assert_eq!(put_together("[", "{}"), "[");
    }
}
