//! Reads a description into a tree, and follows what refers to other places in it.
//!
//! In: JSON or YAML. Out: a [`Document`], walked by [`At`], which knows its JSON pointer and, in YAML,
//! its line.
//!
//! Never: opens another file, follows a reference that leads back to itself, takes the first of two
//! equal keys, follows an anchor of YAML.
//!
//! RFC 6901; OpenAPI 3.1, Reference Object.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Location, Spanned};

use crate::identify::strict_json;
use crate::setup_error::SetupError;

/// A description, whole.
#[derive(Debug)]
pub(super) struct Document {
    file: PathBuf,
    root: Node,
}

#[derive(Debug)]
struct Node {
    place: Option<Location>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Truth(bool),
    List(Vec<Node>),
    /// In the order of the alphabet.
    Keys(Vec<(String, Node)>),
    /// Numbers and nothing; no rule of ours looks at them.
    Other,
}

/// One place in a document.
#[derive(Clone, Debug)]
pub(super) struct At<'d> {
    document: &'d Document,
    node: &'d Node,
    pointer: String,
}

impl Document {
    /// Reads one; what begins with a brace is JSON.
    pub(super) fn read(file: &Path, text: &str) -> Result<Document, SetupError> {
        if text.len() > MOST_BYTES {
            let fault = format!("the file is larger than {MOST_BYTES} bytes");
            return Err(SetupError::in_file(file, fault));
        }
        let root = match text.trim_start().starts_with('{') {
            true => from_json(file, text)?,
            false => from_yaml(file, text)?,
        };
        let file = file.to_owned();
        Ok(Document { file, root })
    }

    /// The root.
    pub(super) fn root(&self) -> At<'_> {
        At {
            document: self,
            node: &self.root,
            pointer: String::new(),
        }
    }
}

impl<'d> At<'d> {
    /// What stands under a key, with references followed.
    pub(super) fn get(&self, name: &str) -> Result<Option<At<'d>>, SetupError> {
        self.below(name).map(At::followed).transpose()
    }

    /// Every key, in the order of the alphabet, with what stands there; references not followed.
    pub(super) fn keys(&self) -> Vec<(&'d str, At<'d>)> {
        let Value::Keys(keys) = &self.node.value else {
            return Vec::new();
        };
        let each = keys.iter();
        each.map(|(name, node)| (name.as_str(), self.step(name, node)))
            .collect()
    }

    /// Every element of a list, with references followed.
    pub(super) fn elements(&self) -> Result<Vec<At<'d>>, SetupError> {
        let Value::List(list) = &self.node.value else {
            return Ok(Vec::new());
        };
        let each = list.iter().enumerate();
        each.map(|(index, node)| self.step(&index.to_string(), node).followed())
            .collect()
    }

    /// The text that stands here.
    pub(super) fn text(&self) -> Option<&'d str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text under a key.
    pub(super) fn text_of(&self, name: &str) -> Option<&'d str> {
        match &self.below(name)?.node.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether `true` stands under a key.
    pub(super) fn says(&self, name: &str) -> bool {
        let said = self.below(name);
        said.is_some_and(|said| matches!(said.node.value, Value::Truth(true)))
    }

    /// Whether keys stand here.
    pub(super) fn has_keys(&self) -> bool {
        matches!(self.node.value, Value::Keys(_))
    }

    /// What tells two places apart.
    pub(super) fn pointer(&self) -> &str {
        &self.pointer
    }

    /// A fault at this place.
    pub(super) fn fault(&self, what: impl fmt::Display) -> SetupError {
        let pointer = match self.pointer.as_str() {
            "" => String::new(),
            pointer => format!(" at `#{pointer}`"),
        };
        let fault = SetupError::in_file(&self.document.file, format!("{what}{pointer}"));
        located(fault, self.node.place)
    }

    /// Where a reference leads, and what a reference there leads to.
    pub(super) fn followed(self) -> Result<At<'d>, SetupError> {
        let mut here = self.clone();
        let mut passed = Vec::new();
        while let Some(to) = here.text_of("$ref") {
            let Some(pointer) = to.strip_prefix('#') else {
                let fault = here.fault("a `$ref` leads to another file or host");
                return Err(fault.hint(
                    "stile fetches nothing: bundle the description into one file, then import that",
                ));
            };
            passed.push(here.pointer.clone());
            let mut next = self.document.root();
            for step in pointer.split('/').skip(1) {
                let step = unescaped(step);
                next = next
                    .below(&step)
                    .ok_or_else(|| here.fault("a `$ref` leads nowhere"))?;
            }
            if passed.contains(&next.pointer) {
                return Err(here.fault("a `$ref` leads back to itself"));
            }
            here = next;
        }
        Ok(here)
    }

    fn below(&self, name: &str) -> Option<At<'d>> {
        let found = match &self.node.value {
            Value::Keys(keys) => {
                let at = keys.binary_search_by(|(key, _)| key.as_str().cmp(name));
                at.ok().and_then(|at| keys.get(at)).map(|(_, node)| node)
            }
            Value::List(list) => name.parse().ok().and_then(|at: usize| list.get(at)),
            _ => None,
        };
        found.map(|node| self.step(name, node))
    }

    fn step(&self, name: &str, node: &'d Node) -> At<'d> {
        let name = name.replace('~', "~0").replace('/', "~1");
        At {
            document: self.document,
            node,
            pointer: format!("{}/{name}", self.pointer),
        }
    }
}

/// A step of a pointer in a fragment: percent-decoded, then `~1` and `~0`.
fn unescaped(step: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = step.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let two = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let coded = two.and_then(|two| u8::from_str_radix(two, 16).ok());
        match coded {
            Some(coded) if *byte == b'%' => {
                bytes.push(coded);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    text.replace("~1", "/").replace("~0", "~")
}

fn located(fault: SetupError, place: Option<Location>) -> SetupError {
    let place = place.map(|place| (place.line(), place.column()));
    let place = place.map(|(line, column)| (usize::try_from(line), usize::try_from(column)));
    match place {
        Some((Ok(line), Ok(column))) if line > 0 => fault.at(line, column),
        _ => fault,
    }
}

fn from_json(file: &Path, text: &str) -> Result<Node, SetupError> {
    if let Err(error) = serde_json::from_str::<de::IgnoredAny>(text) {
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or("broken");
        let fault = SetupError::in_file(file, format!("this is not JSON: {said}"));
        return Err(fault.at(error.line(), error.column()));
    }
    let Some(object) = strict_json(text.as_bytes(), DEEPEST) else {
        let fault =
            format!("a key of one object is there twice, or it nests deeper than {DEEPEST}");
        return Err(SetupError::in_file(file, fault));
    };
    Ok(Node::plain(serde_json::Value::Object(object)))
}

fn from_yaml(file: &Path, text: &str) -> Result<Node, SetupError> {
    let read: Result<Spanned<Raw>, _> = serde_saphyr::from_str_with_options(text, options());
    read.map(Node::placed).map_err(|error| {
        let error = error.without_snippet();
        let said = error.to_string();
        let said = said.lines().next().unwrap_or("broken").to_owned();
        let said = said.split(" at line ").next().unwrap_or("broken");
        let what = format!(
            "this is not YAML as stile reads it: {}",
            said.trim_end_matches('.')
        );
        let hint = "anchors, merge keys, tags and several documents are not read; JSON is, too";
        located(SetupError::in_file(file, what).hint(hint), error.location())
    })
}

impl Value {
    fn sorted(keys: impl Iterator<Item = (String, Node)>) -> Value {
        let mut keys: Vec<(String, Node)> = keys.collect();
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        Value::Keys(keys)
    }
}

impl Node {
    fn plain(value: serde_json::Value) -> Node {
        use serde_json::Value as Json;
        let value = match value {
            Json::String(text) => Value::Text(text),
            Json::Bool(truth) => Value::Truth(truth),
            Json::Array(list) => Value::List(list.into_iter().map(Node::plain).collect()),
            Json::Object(keys) => {
                let keys = keys.into_iter();
                Value::sorted(keys.map(|(name, value)| (name, Node::plain(value))))
            }
            Json::Null | Json::Number(_) => Value::Other,
        };
        Node { place: None, value }
    }

    fn placed(raw: Spanned<Raw>) -> Node {
        let value = match raw.value {
            Raw::Text(text) => Value::Text(text),
            Raw::Truth(truth) => Value::Truth(truth),
            Raw::List(list) => Value::List(list.into_iter().map(Node::placed).collect()),
            Raw::Keys(keys) => {
                let keys = keys.into_iter();
                Value::sorted(keys.map(|(name, raw)| (name, Node::placed(raw))))
            }
            Raw::Other => Value::Other,
        };
        let place = Some(raw.referenced);
        Node { place, value }
    }
}

/// What the parser of YAML hands over.
enum Raw {
    Text(String),
    Truth(bool),
    List(Vec<Spanned<Raw>>),
    Keys(Vec<(String, Spanned<Raw>)>),
    Other,
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Other)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Raw, E> {
        Ok(Raw::Truth(truth))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            list.push(element);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut keys = Vec::new();
        while let Some(entry) = map.next_entry()? {
            keys.push(entry);
        }
        Ok(Raw::Keys(keys))
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 8_000_000,
            max_nodes: 4_000_000,
            max_depth: DEEPEST,
            flow_nesting_limit: DEEPEST,
            max_documents: 1,
            max_anchors: 0,
            max_aliases: 0,
            max_merge_keys: 0,
            max_inclusion_depth: 0,
            max_total_scalar_bytes: MOST_BYTES,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// The largest description, in bytes; the largest that are public have a third of that.
const MOST_BYTES: usize = 32 * 1024 * 1024;
const DEEPEST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Document, SetupError> {
        Document::read(Path::new("api"), text)
    }

    #[test]
    fn json_and_yaml_are_one_tree_and_references_are_followed() {
        let json = r##"{"a": {"$ref": "#/b~1c/d%7E0"}, "b/c": {"d~": {"x": "found", "y": true}}}"##;
        let yaml = "a: {$ref: '#/b~1c/d%7E0'}\nb/c:\n  d~: {x: found, y: true}\n";
        for text in [json, yaml] {
            let document = read(text).unwrap();
            let found = document.root().get("a").unwrap().unwrap();
            assert_eq!(found.text_of("x"), Some("found"), "{text}");
            assert!(found.says("y") && !found.says("x"));
            assert_eq!(found.pointer(), "/b~1c/d~0");
        }
    }

    #[test]
    fn what_leads_elsewhere_nowhere_or_back_is_told_with_its_place() {
        for (to, told) in [
            ("https://example.com/api.yaml", "another file or host"),
            ("other.yaml#/a", "another file or host"),
            ("#/b/c", "leads nowhere"),
            ("#/a", "back to itself"),
        ] {
            let json = format!("{{\"a\":{{\"$ref\":\"{to}\"}},\"b\":{{}}}}");
            let fault = read(&json).unwrap().root().get("a").unwrap_err();
            assert!(fault.fault.contains(told), "{to}: {fault}");
            assert!(fault.fault.contains("`#/a`"), "{fault}");
            let yaml = format!("b: {{}}\na:\n  $ref: '{to}'\n");
            let fault = read(&yaml).unwrap().root().get("a").unwrap_err();
            assert!(fault.fault.contains(told), "{to}: {fault}");
            assert_eq!(fault.line, Some(3), "{fault}");
        }
        let two = r##"{"a":{"$ref":"#/b"},"b":{"$ref":"#/a"}}"##;
        assert!(read(two).unwrap().root().get("a").is_err());
    }

    #[test]
    fn what_is_neither_is_told_at_its_line() {
        for text in [
            "{\n \"a\": 1,\n}",
            "{\"a\": 1} x",
            "a: 1\na: 2\n",
            "a: [1\nb: 2\n",
            "a: &x 1\nb: *x\n",
            "a: 1\n---\nb: 1\n",
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.line.is_some(), "{text}: {fault}");
        }
        let fault = read("{\"a\": 1, \"a\": 2}").unwrap_err();
        assert!(fault.fault.contains("twice"), "{fault}");
    }
}
