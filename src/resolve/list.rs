//! Finds the items of a list in an upstream's answer, and leaves some of them out.
//!
//! In: what a catalogue declares of a list, and the answer's bytes. Out: where each item is, its id and
//! the team in its label; and the answer without some items, every other byte as it was.
//!
//! Nothing is written anew: items are cut out of the bytes with the comma beside them, so order, links,
//! numbers and unknown fields stay. A list that is not where it was declared, or a key on the way to it
//! that is there twice or beside one of another case, is no list: two readers would see two.
//!
//! RFC 8259 4 and 5; RFC 6901.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::object::{ObjectShape, fold};
use crate::identify::strict_json;

/// Where the items of a list are, and what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListShape {
    /// The action that reads one item: who may do that sees it.
    pub read: String,
    /// Where the items are: the steps of a JSON pointer to a list; none where the answer is the list.
    pub items: Vec<String>,
    /// Where an item has its id.
    pub id: Vec<String>,
    /// Where an item has its labels, if it has any.
    pub labels: Option<Vec<String>>,
    /// How labels say whose it is.
    pub object: Option<ObjectShape>,
    /// Whether the id is also the project that it lies in.
    pub is_of_projects: bool,
}

/// A list in an answer.
#[derive(Debug)]
pub struct List {
    /// Each item.
    pub items: Vec<Item>,
}

/// An item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// The team in its label.
    pub team: Option<String>,
    place: Range<usize>,
}

impl ListShape {
    /// The list in an answer; nothing where it is not as declared.
    pub fn list_in(&self, answer: &[u8]) -> Option<List> {
        let text = std::str::from_utf8(answer).ok()?;
        let mut inside = text;
        for step in &self.items {
            let [found] = members(inside, [step])?;
            inside = found?.get();
        }
        let items = elements(inside)?;
        let items = items.into_iter().map(|raw| self.item(text, raw));
        Some(List {
            items: items.collect::<Option<_>>()?,
        })
    }

    fn item(&self, text: &str, raw: &RawValue) -> Option<Item> {
        let (first, rest) = self.id.split_first()?;
        let labels = self.labels.as_deref().and_then(<[_]>::split_first);
        // Both at once: a long list is gone through as few times as can be.
        let (id, labelled) = match labels {
            Some((other, _)) if other != first => {
                let [id, labelled] = members(raw.get(), [first, other])?;
                (id, labelled)
            }
            _ => {
                let [both] = members(raw.get(), [first])?;
                (both, both)
            }
        };
        let id = match serde_json::from_str(at(id, rest)??.get()).ok()? {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let team = match labels {
            None => None,
            Some((_, rest)) => at(labelled, rest)?.and_then(|labels| self.team_in(labels)),
        };
        // Both are of one allocation: a raw value is a piece of the text it was read from.
        let begin = raw
            .get()
            .as_ptr()
            .addr()
            .checked_sub(text.as_ptr().addr())?;
        Some(Item {
            id,
            team,
            place: begin..begin.checked_add(raw.get().len())?,
        })
    }

    /// Labels of which two readers could see two owners name none.
    fn team_in(&self, labels: &RawValue) -> Option<String> {
        let whole = format!("{{\"labels\":{}}}", labels.get());
        let read: Map<String, Value> = strict_json(whole.as_bytes(), DEEPEST)?;
        self.object.as_ref()?.team_in(read.get("labels")?)
    }
}

impl Item {
    /// One of which nothing is known.
    pub fn unknown() -> Item {
        Item {
            id: String::new(),
            team: None,
            place: 0..0,
        }
    }
}

impl List {
    /// The answer without the items for which this is false.
    pub fn keeping(&self, answer: &[u8], keep: &[bool]) -> Vec<u8> {
        let mut out = Vec::with_capacity(answer.len());
        let (Some(first), Some(last)) = (self.items.first(), self.items.last()) else {
            return answer.to_vec();
        };
        let piece = |range: Range<usize>| answer.get(range).unwrap_or_default();
        out.extend_from_slice(piece(0..first.place.start));
        let mut has_one = false;
        let mut end = first.place.start;
        for (item, keep) in self.items.iter().zip(keep) {
            if *keep {
                if has_one {
                    out.extend_from_slice(piece(end..item.place.start));
                }
                out.extend_from_slice(piece(item.place.clone()));
                has_one = true;
            }
            end = item.place.end;
        }
        out.extend_from_slice(piece(last.place.end..answer.len()));
        out
    }
}

/// What is below a value: `Some(None)` where a key on the way is not there, nothing where it is not clear.
fn at<'a>(value: Option<&'a RawValue>, steps: &[String]) -> Option<Option<&'a RawValue>> {
    let mut inside = value;
    for step in steps {
        let Some(object) = inside else { break };
        [inside] = members(object.get(), [step])?;
    }
    Some(inside)
}

/// Members of an object by name: nothing where it is no object or a name is not clear.
fn members<'a, const N: usize>(
    object: &'a str,
    names: [&String; N],
) -> Option<[Option<&'a RawValue>; N]> {
    let mut reader = serde_json::Deserializer::from_str(object);
    let found = reader.deserialize_map(Members(names)).ok()?;
    reader.end().ok()?;
    found
}

struct Members<'n, const N: usize>([&'n String; N]);

impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
    /// Nothing where a name is not clear.
    type Value = Option<[Option<&'de RawValue>; N]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        let mut is_clear = true;
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            let Some(at) = self.0.iter().position(|name| is_like(&key, name)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value: &RawValue = map.next_value()?;
            let is_exact = self.0.get(at).is_some_and(|name| **name == key);
            if let Some(place) = found.get_mut(at) {
                is_clear &= is_exact && place.is_none();
                *place = Some(value);
            }
        }
        Ok(is_clear.then_some(found))
    }
}

/// Whether some reader takes a key for this name.
fn is_like(key: &str, name: &str) -> bool {
    key.eq_ignore_ascii_case(name)
        || (!(key.is_ascii() && name.is_ascii()) && fold(key) == fold(name))
}

/// A key, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key<'de>, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The elements of a list.
fn elements(list: &str) -> Option<Vec<&RawValue>> {
    struct Elements;
    impl<'de> Visitor<'de> for Elements {
        type Value = Vec<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(one) = list.next_element()? {
                all.push(one);
            }
            Ok(all)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(list);
    let all = reader.deserialize_seq(Elements).ok()?;
    reader.end().ok()?;
    Some(all)
}

/// Labels are lists of small objects.
const DEEPEST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> ListShape {
        let steps = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
        ListShape {
            read: "dashboards.read".to_owned(),
            items: steps("data"),
            id: steps("id"),
            labels: Some(steps("attributes/labels")),
            object: Some(ObjectShape {
                read: "dashboards.read".to_owned(),
                labels: steps("data/attributes/labels"),
                owner: "team".to_owned(),
                same: Vec::new(),
                body: None,
            }),
            is_of_projects: false,
        }
    }

    const ANSWER: &str = r#"{ "meta": {"n": 1.50, "data": []},
 "data": [ {"id": "a", "attributes": {"labels": ["team:payments"], "x": 1e400}} ,
   {"attributes": {"labels": [{"key": "team", "value": "search"}]}, "id": "b"},
   {"id": 7, "z": "\u0041"}	],
 "links": {"next": "/b?page=2"} }
"#;

    #[test]
    fn items_are_found_with_their_ids_and_teams() {
        let list = shape().list_in(ANSWER.as_bytes()).unwrap();
        let items = list.items.iter();
        let found: Vec<_> = items
            .map(|one| (one.id.as_str(), one.team.as_deref()))
            .collect();
        assert_eq!(
            found,
            [("a", Some("payments")), ("b", Some("search")), ("7", None)]
        );
    }

    #[test]
    fn what_stays_stays_byte_for_byte() {
        let list = shape().list_in(ANSWER.as_bytes()).unwrap();
        for keep in 0..8_u8 {
            let keep: Vec<bool> = (0..3).map(|bit| keep >> bit & 1 == 1).collect();
            let left = list.keeping(ANSWER.as_bytes(), &keep);
            let left = String::from_utf8(left).unwrap();
            let again = shape().list_in(left.as_bytes()).unwrap();
            let ids: Vec<_> = again.items.iter().map(|one| one.id.clone()).collect();
            let all = list.items.iter().zip(&keep).filter(|(_, keep)| **keep);
            assert_eq!(ids, all.map(|(one, _)| one.id.clone()).collect::<Vec<_>>());
            for item in &list.items {
                let text = ANSWER.get(item.place.clone()).unwrap();
                assert_eq!(left.contains(text), ids.contains(&item.id), "{left}");
            }
            assert!(left.starts_with("{ \"meta\": {\"n\": 1.50, \"data\": []},\n \"data\": [ "));
            assert!(
                left.ends_with("\t],\n \"links\": {\"next\": \"/b?page=2\"} }\n"),
                "{left}"
            );
        }
        assert_eq!(
            list.keeping(ANSWER.as_bytes(), &[true; 3]),
            ANSWER.as_bytes()
        );
    }

    #[test]
    fn a_list_that_two_readers_could_see_twice_is_none() {
        let whole = r#"{"data":[{"id":"a"}]}"#;
        assert!(shape().list_in(whole.as_bytes()).is_some());
        for other in [
            "",
            "[]",
            "null",
            r#"{}"#,
            r#"{"data":{}}"#,
            r#"{"data":null}"#,
            r#"{"data":[1]}"#,
            r#"{"data":[{}]}"#,
            r#"{"data":[{"id":null}]}"#,
            r#"{"data":[{"id":["a"]}]}"#,
            r#"{"data":[{"id":"a"}],"data":[]}"#,
            r#"{"data":[{"id":"a"}],"\u0064ata":[]}"#,
            r#"{"data":[{"id":"a"}],"Data":[]}"#,
            r#"{"DATA":[{"id":"a"}]}"#,
            r#"{"data":[{"id":"a","id":"b"}]}"#,
            r#"{"data":[{"id":"a","ID":"b"}]}"#,
            r#"{"data":[{"id":"a","attributes":{"labels":[]},"Attributes":{}}]}"#,
            r#"{"data":[{"id":"a","attributes":{"labels":[],"labels":[]}}]}"#,
            r#"{"data":[{"id":"a"}]} {}"#,
            r#"{"data":[{"id":"a"},]}"#,
            "\u{feff}{\"data\":[{\"id\":\"a\"}]}",
        ] {
            assert!(shape().list_in(other.as_bytes()).is_none(), "{other}");
        }
        let mut bytes = whole.as_bytes().to_vec();
        bytes[10] = 0xff;
        assert!(shape().list_in(&bytes).is_none());
        for unclear in [
            r#"["team:a","team:b"]"#,
            r#"{"team":"a","Team":"b"}"#,
            r#"[{"key":"team","value":"a","value":"b"}]"#,
            "7",
        ] {
            let one = format!(r#"{{"data":[{{"id":"a","attributes":{{"labels":{unclear}}}}}]}}"#);
            let list = shape().list_in(one.as_bytes()).unwrap();
            assert_eq!(list.items[0].team, None, "{unclear}");
        }
    }
}
