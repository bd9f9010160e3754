//! A setting together with the place it was written at.
//!
//! In: what the [`Reader`](super::reader::Reader) hands over. Out: a [`Located`] value.
//!
//! A wrong value does not end the reading: its fault is reported by the reader, the value stays
//! [`Located::wrong`], and whoever asks for it gets nothing and says nothing more. That is how all
//! faults of a file are told at once, each of them once.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::origin::{Origin, Place};
use crate::setup_error::SetupError;

/// A value with its place, or the knowledge that there is none.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    place: Place,
    value: Option<T>,
    wrong: bool,
}

impl<T> Located<T> {
    /// A value that holds where the file says nothing.
    pub(super) fn preset(value: T) -> Located<T> {
        Located {
            place: Place::nowhere(),
            value: Some(value),
            wrong: false,
        }
    }

    /// No value, because the file says nothing.
    pub(super) fn absent() -> Located<T> {
        Located {
            place: Place::nowhere(),
            value: None,
            wrong: false,
        }
    }

    /// Whether something was written that could not be read; its fault is reported already.
    pub(super) fn wrong(&self) -> bool {
        self.wrong
    }

    /// Where it was written.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Where somebody wrote it; nowhere when it is preset or absent.
    pub(super) fn written(&self) -> Option<&Place> {
        (self.place.origin != Origin::Default).then_some(&self.place)
    }

    /// The value, where there is one.
    pub(super) fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// The value, or a fault that `key` is missing from `section`. A key that is there under a
    /// misspelt name was told as that already.
    pub(super) fn required(
        &self,
        key: &str,
        section: &Place,
        faults: &mut Vec<SetupError>,
    ) -> Option<&T> {
        if self.value.is_none() && !self.wrong && !is_misspelt(key, section, faults) {
            let fault = section.fault(format!("`{}` is missing", section.key(key).path));
            faults.push(fault.hint("add it; `stile schema config` says what it can be"));
        }
        self.value.as_ref()
    }
}

impl<T> Default for Located<T> {
    fn default() -> Located<T> {
        Located::absent()
    }
}

impl<T: Serialize> Serialize for Located<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Located<T>, D::Error> {
        deserializer.deserialize_newtype_struct(MARK, LocatedVisitor(PhantomData))
    }
}

struct LocatedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LocatedVisitor<T> {
    type Value = Located<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its place")
    }

    /// The reader hands over two elements: the place, then the value unless it is wrong.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Located<T>, A::Error> {
        let place = seq.next_element()?.unwrap_or_else(Place::nowhere);
        let value = seq.next_element()?;
        let wrong = value.is_none();
        Ok(Located {
            place,
            value,
            wrong,
        })
    }
}

fn is_misspelt(key: &str, section: &Place, faults: &[SetupError]) -> bool {
    let meant = Some(format!("did you mean `{key}`?"));
    let unknown = format!("unknown key `{}", section.key("").path);
    faults.iter().any(|fault| {
        let written = fault.fault.strip_prefix(&unknown);
        fault.hint == meant && written.is_some_and(|rest| !rest.contains(['.', '[']))
    })
}

/// The name by which the reader knows that a place is wanted.
pub(super) const MARK: &str = "$located";
