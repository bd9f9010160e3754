//! Reads a tree into the structs of `config/file.rs`, and reports every fault on the way.
//!
//! In: a [`Node`]. Out: any `Deserialize` type whose values are [`Located`](super::located::Located).
//!
//! An unknown key, a repeated key and a value of the wrong kind are each reported where they stand,
//! and reading goes on. A struct's own field list is the list of known keys, so there is no second
//! list to keep.
//!
//! Never: takes a number for a text, a text for a number, or nothing for anything. A variable of the
//! environment has no quotes to tell them apart, so there a text may look like a number.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::{StrDeserializer, StringDeserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::located::MARK;
use super::origin::{Origin, Place};
use super::tree::{Key, Node, Value};
use crate::setup_error::{SetupError, nearest};

/// Reads one node.
#[derive(Clone, Copy)]
pub(super) struct Reader<'t> {
    node: &'t Node,
    faults: &'t RefCell<Vec<SetupError>>,
}

/// Reads the whole tree; a value that could not be read at all is `None` and has a fault.
pub(super) fn read<'t, T: de::Deserialize<'t>>(
    node: &'t Node,
    faults: &'t RefCell<Vec<SetupError>>,
) -> Option<T> {
    match T::deserialize(Reader { node, faults }) {
        Ok(value) => Some(value),
        Err(wrong) => {
            faults.borrow_mut().push(wrong.at(&node.place));
            None
        }
    }
}

/// What is wrong with one value, before its place is known.
#[derive(Debug)]
pub(super) struct Wrong {
    what: String,
    hint: Option<String>,
}

impl Wrong {
    fn at(self, place: &Place) -> SetupError {
        let path = if place.path.is_empty() {
            "the file"
        } else {
            &place.path
        };
        let fault = place.fault(format!("`{path}`: {}", self.what));
        match self.hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    /// A second line of the message is the hint.
    fn custom<T: fmt::Display>(message: T) -> Wrong {
        let message = message.to_string();
        let (what, hint) = match message.split_once('\n') {
            Some((what, hint)) => (what.to_owned(), Some(hint.to_owned())),
            None => (message, None),
        };
        Wrong { what, hint }
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Wrong {
        let hint = match nearest(variant, known.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("one of {}", listed(known)),
        };
        Wrong {
            what: format!("`{variant}` is not known here"),
            hint: Some(hint),
        }
    }
}

impl<'t> Reader<'t> {
    fn wants(&self, wanted: &str) -> Wrong {
        let hint = match &self.node.value {
            Value::Nothing => Some("give it a value or remove the key".to_owned()),
            Value::Number(number) if wanted == TEXT => {
                Some(format!("put it into quotes: \"{number}\""))
            }
            Value::Truth(truth) if wanted == TEXT => {
                Some(format!("put it into quotes: \"{truth}\""))
            }
            Value::Text(_) if wanted == COUNT => {
                Some("write digits only, without quotes and unit".to_owned())
            }
            Value::Text(_) if wanted == LIST => {
                Some("begin each line of a list with `- `, or write [a, b]".to_owned())
            }
            _ => None,
        };
        Wrong {
            what: format!("wanted {wanted}, found {}", self.node.value.found()),
            hint,
        }
    }

    fn text(&self) -> Result<String, Wrong> {
        let from_environment = matches!(self.node.place.origin, Origin::Environment(_));
        match &self.node.value {
            Value::Text(text) => Ok(text.clone()),
            Value::Number(number) if from_environment => Ok(number.clone()),
            Value::Truth(truth) if from_environment => Ok(truth.to_string()),
            _ => Err(self.wants(TEXT)),
        }
    }

    fn count(&self) -> Result<u64, Wrong> {
        match &self.node.value {
            Value::Number(number) => number.parse().map_err(|_| self.wants(COUNT)),
            _ => Err(self.wants(COUNT)),
        }
    }

    /// The keys that are known and not repeated; the others are reported.
    fn keys(&self, known: Option<&'static [&'static str]>) -> Result<Vec<&'t (Key, Node)>, Wrong> {
        let Value::Keys(keys) = &self.node.value else {
            return Err(self.wants("a group of keys"));
        };
        let mut taken: Vec<&'t (Key, Node)> = Vec::with_capacity(keys.len());
        for entry in keys {
            let key = &entry.0;
            if let Some((first, _)) = taken.iter().find(|(other, _)| other.name == key.name) {
                self.report(repeated(key, first));
            } else if known.is_some_and(|known| !known.contains(&key.name.as_str())) {
                self.report(unknown(key, known.unwrap_or_default()));
            } else {
                taken.push(entry);
            }
        }
        Ok(taken)
    }

    fn report(&self, fault: SetupError) {
        self.faults.borrow_mut().push(fault);
    }
}

fn repeated(key: &Key, first: &Key) -> SetupError {
    key.place
        .fault(format!("the key `{}` is here twice", key.place.path))
        .hint(format!("first at {}", first.place.origin))
}

fn unknown(key: &Key, known: &'static [&'static str]) -> SetupError {
    let fault = key.place.fault(format!("unknown key `{}`", key.place.path));
    match nearest(&key.name, known.iter().copied()) {
        Some(word) => fault.hint(format!("did you mean `{word}`?")),
        None => fault.hint(format!("known here: {}", listed(known))),
    }
}

fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

impl<'t> de::Deserializer<'t> for Reader<'t> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::Nothing => Err(self.wants("a value")),
            Value::Truth(truth) => visitor.visit_bool(*truth),
            Value::Number(_) => visitor.visit_u64(self.count()?),
            Value::Text(text) => visitor.visit_str(text),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Keys(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::Truth(truth) => visitor.visit_bool(*truth),
            _ => Err(self.wants("`true` or `false`")),
        }
    }

    fn deserialize_u64<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_u64(self.count()?)
    }

    fn deserialize_string<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_str<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let word: StringDeserializer<Wrong> = self.text()?.into_deserializer();
        visitor.visit_enum(word)
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let Value::List(list) = &self.node.value else {
            return Err(self.wants(LIST));
        };
        visitor.visit_seq(Elements {
            left: list.iter(),
            faults: self.faults,
        })
    }

    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_map(Entries::new(self.keys(None)?, self.faults))
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_map(Entries::new(self.keys(Some(known))?, self.faults))
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        if name == MARK {
            visitor.visit_seq(PlaceThenValue {
                reader: self,
                given: 0,
            })
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    forward_to_deserialize_any! {
        <V: Visitor<'t>>
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char bytes byte_buf option unit unit_struct
        tuple tuple_struct identifier ignored_any
    }
}

/// The elements of a list.
struct Elements<'t> {
    left: std::slice::Iter<'t, Node>,
    faults: &'t RefCell<Vec<SetupError>>,
}

impl<'t> SeqAccess<'t> for Elements<'t> {
    type Error = Wrong;

    fn next_element_seed<S: DeserializeSeed<'t>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Wrong> {
        let faults = self.faults;
        let next = self.left.next();
        next.map(|node| seed.deserialize(Reader { node, faults }))
            .transpose()
    }
}

/// The entries of a group of keys.
struct Entries<'t> {
    left: std::vec::IntoIter<&'t (Key, Node)>,
    value: Option<&'t Node>,
    faults: &'t RefCell<Vec<SetupError>>,
}

impl<'t> Entries<'t> {
    fn new(keys: Vec<&'t (Key, Node)>, faults: &'t RefCell<Vec<SetupError>>) -> Entries<'t> {
        Entries {
            left: keys.into_iter(),
            value: None,
            faults,
        }
    }
}

impl<'t> MapAccess<'t> for Entries<'t> {
    type Error = Wrong;

    fn next_key_seed<S: DeserializeSeed<'t>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Wrong> {
        let Some((key, node)) = self.left.next() else {
            return Ok(None);
        };
        self.value = Some(node);
        let name: StrDeserializer<'_, Wrong> = key.name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<S::Value, Wrong> {
        let Some(node) = self.value.take() else {
            return Err(de::Error::custom("a value without its key"));
        };
        let faults = self.faults;
        seed.deserialize(Reader { node, faults })
    }
}

/// What [`Located`](super::located::Located) asks for: the place, then the value unless it is wrong.
struct PlaceThenValue<'t> {
    reader: Reader<'t>,
    given: u8,
}

impl<'t> SeqAccess<'t> for PlaceThenValue<'t> {
    type Error = Wrong;

    fn next_element_seed<S: DeserializeSeed<'t>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Wrong> {
        self.given += 1;
        let place = &self.reader.node.place;
        if self.given == 1 {
            let plain = serde_json::to_value(place).map_err(de::Error::custom)?;
            return seed.deserialize(plain).map(Some).map_err(de::Error::custom);
        }
        match seed.deserialize(self.reader) {
            Ok(value) => Ok(Some(value)),
            Err(wrong) => {
                self.reader.report(wrong.at(place));
                Ok(None)
            }
        }
    }
}

const TEXT: &str = "text";
const COUNT: &str = "a whole number";
const LIST: &str = "a list";
