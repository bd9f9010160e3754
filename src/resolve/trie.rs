//! Finds the one template that a path matches.
//!
//! In: the templates of a whole catalogue, none of which overlap. Out: the place of the one that
//! matches, or how it was missed.
//!
//! One map look-up per segment, no pattern, no allocation. The order of looking does not matter,
//! since a catalogue with two answers for one request is never built. A literal that came in any
//! other spelling than its own is `bad_target`: what is matched must be what is forwarded.

use std::collections::HashMap;

use http::Method;

use super::operation::Speech;
use super::path::Segment;
use super::template::{Part, Template};

/// All templates, by segment.
#[derive(Debug, Default)]
pub(super) struct Trie {
    literals: HashMap<String, Trie>,
    pinned: HashMap<String, Trie>,
    parameter: Option<Box<Trie>>,
    ends: Vec<(Method, usize)>,
    speech: Below,
}

/// What a path was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A match of the template at this place.
    Match(usize),
    /// A match but for a literal that came encoded.
    Disguised,
    /// A match but for the value of a pinned parameter.
    Misdirected,
    /// Nothing.
    Nothing,
}

/// How the callers of everything below want refusals spelled.
#[derive(Clone, Copy, Debug, Default)]
enum Below {
    #[default]
    Nothing,
    One(Speech),
    Several,
}

impl Trie {
    /// Adds a template under its place.
    pub(super) fn add(&mut self, template: &Template, speech: Speech, place: usize) {
        let mut node = self;
        node.speech.add(speech);
        for part in &template.parts {
            node = match part {
                Part::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Part::Parameter(parameter) => match &parameter.pinned {
                    Some(value) => node.pinned.entry(value.clone()).or_default(),
                    None => node.parameter.get_or_insert_default(),
                },
            };
            node.speech.add(speech);
        }
        node.ends.push((template.method.clone(), place));
    }

    /// Finds what these segments match.
    pub(super) fn find(&self, method: &Method, segments: &[Segment<'_>]) -> Found {
        let Some((segment, rest)) = segments.split_first() else {
            let end = self.ends.iter().find(|(known, _)| known == method);
            return end.map_or(Found::Nothing, |(_, place)| Found::Match(*place));
        };
        let literal = self
            .literals
            .get(segment.text())
            .map(|next| next.find(method, rest));
        match literal {
            Some(Found::Match(_)) if segment.was_encoded() => return Found::Disguised,
            Some(Found::Nothing) | None => {}
            Some(found) => return found,
        }
        if let Some(found) = self.find_pinned(method, segment, rest) {
            return found;
        }
        match &self.parameter {
            Some(next) => next.find(method, rest),
            None => Found::Nothing,
        }
    }

    fn find_pinned(
        &self,
        method: &Method,
        segment: &Segment<'_>,
        rest: &[Segment<'_>],
    ) -> Option<Found> {
        let found = match self.pinned.get(segment.text()) {
            Some(next) => next.find(method, rest),
            None => {
                let elsewhere = |next: &Trie| next.find(method, rest) != Found::Nothing;
                match self.parameter.is_none() && self.pinned.values().any(elsewhere) {
                    true => Found::Misdirected,
                    false => Found::Nothing,
                }
            }
        };
        (found != Found::Nothing).then_some(found)
    }

    /// How callers of a path as received probably want a refusal spelled.
    pub(super) fn speech_of(&self, path: &str) -> Option<Speech> {
        let mut node = self;
        for segment in path.split('/').skip(1) {
            let hole = || node.pinned.get(segment).or(node.parameter.as_deref());
            match node.literals.get(segment).or_else(hole) {
                Some(next) => node = next,
                None => break,
            }
        }
        match node.speech {
            Below::One(speech) => Some(speech),
            Below::Nothing | Below::Several => None,
        }
    }
}

impl Below {
    fn add(&mut self, speech: Speech) {
        *self = match *self {
            Below::Nothing => Below::One(speech),
            Below::One(known) if known == speech => Below::One(known),
            Below::One(_) | Below::Several => Below::Several,
        };
    }
}
