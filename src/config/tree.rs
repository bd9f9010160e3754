//! Reads YAML into a tree whose every node knows its line and column.
//!
//! In: text, and the place it stands for. Out: a [`Node`], or the first fault of its grammar.
//!
//! The tree comes before any meaning, so that overrides can be laid over it, so that all faults are
//! reported at once, and so that `config show` can say where each value came from. Sizes, depth and
//! counts are bounded before anything is kept. Repeated keys are kept: the reader reports them.
//!
//! Never: follows an anchor, an alias, a merge key, a tag or an include; a settings file has none.
//!
//! YAML 1.2.2, core schema: `no` and `0123` are text.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Spanned, options::DuplicateKeyPolicy, options::MergeKeyPolicy};

use super::origin::{Origin, Place};
use crate::setup_error::SetupError;

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What YAML can say.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A key without a value.
    Nothing,
    /// `true` or `false`.
    Truth(bool),
    /// A number, as written.
    Number(String),
    /// Any other scalar.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file; repeated keys are still here.
    Keys(Vec<(Key, Node)>),
}

/// A key and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) name: String,
}

impl Node {
    /// Reads one document. An empty one is a mapping without keys.
    pub(super) fn read(text: &str, root: &Place) -> Result<Node, SetupError> {
        let parsed: Result<Spanned<Raw>, _> = serde_saphyr::from_str_with_options(text, options());
        match parsed {
            Ok(raw) => Ok(Rooted { text, root }.node(raw, &root.path)),
            Err(error) => Err(grammar_fault(&error, root)),
        }
    }
}

impl Value {
    /// What was found, in words for a message.
    pub(super) fn found(&self) -> String {
        match self {
            Value::Nothing => "nothing".into(),
            Value::Truth(truth) => format!("`{truth}`"),
            Value::Number(number) => format!("the number `{number}`"),
            Value::Text(text) => format!("the text `{}`", shortened(text)),
            Value::List(_) => "a list".into(),
            Value::Keys(_) => "a group of keys".into(),
        }
    }
}

/// The first characters of what somebody wrote; a message is not the place for more.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST_QUOTE).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// What the parser hands over, before places are made of spans.
enum Raw {
    Nothing,
    Truth(bool),
    Number,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Keys(Vec<(Spanned<String>, Spanned<Raw>)>),
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
        Ok(Raw::Nothing)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Raw, E> {
        Ok(Raw::Truth(truth))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Number)
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

/// Turns spans into places under one root.
struct Rooted<'a> {
    text: &'a str,
    root: &'a Place,
}

impl Rooted<'_> {
    fn node(&self, raw: Spanned<Raw>, path: &str) -> Node {
        let place = self.place(&raw.referenced, path.to_owned());
        let value = match raw.value {
            Raw::Nothing => Value::Nothing,
            Raw::Truth(truth) => Value::Truth(truth),
            Raw::Number => Value::Number(self.written(&raw.referenced)),
            Raw::Text(text) => Value::Text(text),
            Raw::List(list) => Value::List(
                list.into_iter()
                    .enumerate()
                    .map(|(index, raw)| self.node(raw, &place.index(index).path))
                    .collect(),
            ),
            Raw::Keys(keys) => Value::Keys(
                keys.into_iter()
                    .map(|(name, raw)| {
                        let path = place.key(&name.value).path;
                        let node = self.node(raw, &path);
                        let place = self.place(&name.referenced, path);
                        (
                            Key {
                                place,
                                name: name.value,
                            },
                            node,
                        )
                    })
                    .collect(),
            ),
        };
        Node { place, value }
    }

    /// The characters of the scalar at this span, as they stand in the text.
    fn written(&self, at: &serde_saphyr::Location) -> String {
        let span = at.span();
        let offset = span.byte_offset().and_then(|n| usize::try_from(n).ok());
        let length = span.byte_len().and_then(|n| usize::try_from(n).ok());
        offset
            .zip(length)
            .and_then(|(start, len)| self.text.get(start..start.checked_add(len)?))
            .unwrap_or_default()
            .trim_end()
            .to_owned()
    }

    fn place(&self, at: &serde_saphyr::Location, path: String) -> Place {
        Place {
            path,
            origin: located(&self.root.origin, Some(*at)),
        }
    }
}

/// The root's origin, with line and column where it is a file.
fn located(root: &Origin, at: Option<serde_saphyr::Location>) -> Origin {
    match (root, at) {
        (Origin::File { file, .. }, Some(at)) => Origin::File {
            file: file.clone(),
            line: usize::try_from(at.line()).unwrap_or(1).max(1),
            column: usize::try_from(at.column()).unwrap_or(1).max(1),
        },
        (root, _) => root.clone(),
    }
}

/// Says a fault of the grammar in our own words where we know it, else in the parser's.
fn grammar_fault(error: &serde_saphyr::Error, root: &Place) -> SetupError {
    use serde_saphyr::Error;
    let error = error.without_snippet();
    let place = Place {
        path: String::new(),
        origin: located(&root.origin, error.location()),
    };
    match error {
        Error::MergeKeyNotAllowed { .. } => place
            .fault("merge keys (`<<`) are not used in settings")
            .hint("write the keys out"),
        Error::MultipleDocuments { .. } => place
            .fault("a second document begins here")
            .hint("remove the line `---`"),
        Error::UnknownAnchor { .. } => anchors(&place),
        Error::Budget { breach, .. } => {
            let breach = format!("{breach:?}").to_lowercase();
            if breach.contains("anchor") || breach.contains("alias") {
                anchors(&place)
            } else {
                place.fault("this is larger or deeper than any settings file can be")
            }
        }
        other => {
            let said = other.render_with_formatter(&serde_saphyr::DefaultMessageFormatter);
            let said = said.lines().next().unwrap_or("not readable");
            let said = said.split(" at line ").next().unwrap_or(said);
            let fault = place.fault(format!("not readable as YAML: {}", lowered(said)));
            match &root.origin {
                Origin::Environment(name) => {
                    fault.hint(format!("quote the value for YAML too: {name}='\"…\"'"))
                }
                _ if said.contains("tab") => {
                    fault.hint("indent with spaces; YAML does not take tabs")
                }
                _ => fault.hint(
                    "often it is the line before: a bracket or quote left open, or the indentation",
                ),
            }
        }
    }
}

fn anchors(place: &Place) -> SetupError {
    place
        .fault("anchors and aliases (`&name`, `*name`) are not used in settings")
        .hint("write the value out where it is needed")
}

/// Without the capital and the full stop that our messages do not have.
fn lowered(said: &str) -> String {
    let mut chars = said.trim().trim_end_matches('.').chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 40_000,
            max_nodes: 20_000,
            max_depth: 16,
            flow_nesting_limit: 16,
            max_documents: 2, // so that the second has its own message
            max_anchors: 0,
            max_aliases: 0,
            max_merge_keys: 0,
            max_inclusion_depth: 0,
            max_total_scalar_bytes: 1024 * 1024,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// Characters of a user's word that a message repeats.
const LONGEST_QUOTE: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn root() -> Place {
        Place {
            path: String::new(),
            origin: Origin::File {
                file: "stile.yaml".into(),
                line: 1,
                column: 1,
            },
        }
    }

    #[test]
    fn every_node_knows_its_line_column_and_path() {
        let node = Node::read("a:\n  - b: 012\n    c: 8_0\n", &root()).unwrap();
        let Value::Keys(keys) = &node.value else {
            panic!("{node:?}")
        };
        let Value::List(list) = &keys[0].1.value else {
            panic!("{node:?}")
        };
        let Value::Keys(inner) = &list[0].value else {
            panic!("{node:?}")
        };
        assert_eq!(inner[0].1.value, Value::Text("012".into()));
        assert_eq!(inner[0].1.place.path, "a[0].b");
        assert_eq!(
            inner[0].1.place.fault("x"),
            SetupError::in_file(Path::new("stile.yaml"), "x").at(2, 8)
        );
        assert_eq!(
            inner[0].0.place.fault("x"),
            SetupError::in_file(Path::new("stile.yaml"), "x").at(2, 5)
        );
        assert_eq!(inner[1].1.value, Value::Number("8_0".into()));
    }

    #[test]
    fn repeated_keys_are_kept_for_the_reader_to_report() {
        let node = Node::read("a: 1\na: 2\n", &root()).unwrap();
        let Value::Keys(keys) = &node.value else {
            panic!("{node:?}")
        };
        assert_eq!(keys.len(), 2);
    }

    #[test]
    fn what_settings_never_have_is_refused() {
        for (text, word) in [
            ("a: &x 1\nb: *x\n", "anchors"),
            ("a: *x\n", "anchors"),
            ("a:\n  <<: {b: 1}\n", "merge keys"),
            ("a: 1\n---\nb: 2\n", "second document"),
            ("a:\n\tb: 1\n", "not readable as YAML"),
            ("a: [1, 2\n", "not readable as YAML"),
            ("a: !secret x\n", "not readable as YAML"),
            (&format!("a: {}1{}\n", "[".repeat(40), "]".repeat(40)), ""),
        ] {
            let error = Node::read(text, &root()).expect_err(text);
            assert!(error.fault.contains(word), "{text}: {error}");
            assert!(error.line.is_some(), "{text}: {error}");
        }
    }
}
