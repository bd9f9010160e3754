//! The closed table of operations.
//!
//! In: an [`Arrival`]. Out: the one [`Operation`] that it asks for, or a [`Refusal`].
//!
//! A [`Catalogue`] exists only if no request can match two of its operations, so looking one up has
//! one answer. What is not in the table is `no_operation`, whatever anyone is allowed; a value that
//! the upstream's key is not good for is `misdirected`.
//!
//! Never: looks at the query, treats HEAD as GET, ignores case or a trailing slash.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;

use super::load::{self, Draft};
use super::near;
use super::operation::{Entry, Operation, Resource, Speech};
use super::path::{Path, Segment};
use super::settings::CatalogueSettings;
use super::template::{Parameter, Part, Template};
use super::trie::{Found, Trie};
use super::written::{Written, WrittenResource};
use crate::listen::Arrival;
use crate::refusal::{Reason, Refusal};
use crate::setup_error::SetupError;

/// Every operation of every upstream.
#[derive(Debug)]
pub struct Catalogue {
    entries: Vec<Arc<Entry>>,
    shapes: Vec<Shape>,
    trie: Trie,
    actions: BTreeMap<String, usize>,
}

/// What is needed to read an operation out of a path that matched.
#[derive(Debug)]
struct Shape {
    template: Template,
    holes: WrittenResource,
}

impl Catalogue {
    /// Reads every catalogue in use; on failure tells every fault of every file.
    pub fn load(settings: &CatalogueSettings) -> Result<Catalogue, Vec<SetupError>> {
        let mut catalogue = Catalogue {
            entries: Vec::new(),
            shapes: Vec::new(),
            trie: Trie::default(),
            actions: BTreeMap::new(),
        };
        for draft in load::drafts(settings)? {
            catalogue.add(draft);
        }
        Ok(catalogue)
    }

    fn add(&mut self, draft: Draft) {
        let Draft {
            mut entry,
            template,
            holes,
            ..
        } = draft;
        entry.index = self.entries.len();
        self.trie.add(&template, entry.speech, entry.index);
        self.actions
            .entry(entry.action.clone())
            .or_insert(entry.index);
        self.shapes.push(Shape { template, holes });
        self.entries.push(Arc::new(entry));
    }

    /// Says what an arrival asks for: `bad_target`, `misdirected` or `no_operation` where it asks
    /// for nothing that is known.
    pub fn resolve(&self, arrival: &Arrival) -> Result<Operation, Refusal> {
        self.find_target(arrival.method(), arrival.path(), arrival.query())
    }

    /// The same for a path, with or without a query, that nobody sent.
    pub fn find(&self, method: &Method, path: &str) -> Result<Operation, Refusal> {
        match path.split_once('?') {
            Some((path, query)) => self.find_target(method, path, Some(query)),
            None => self.find_target(method, path, None),
        }
    }

    /// Every entry, each at its own [`Entry::index`].
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The name of every action, once, in the order of the alphabet.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.actions.keys().map(String::as_str)
    }

    /// An entry of this action; all entries of one action agree in class and resource type.
    pub fn action(&self, name: &str) -> Option<&Entry> {
        let index = self.actions.get(name)?;
        self.entries.get(*index).map(Arc::as_ref)
    }

    /// Whether requests for an entry name a project.
    pub fn names_project(&self, entry: &Entry) -> bool {
        self.shapes.get(entry.index).is_some_and(|shape| {
            let hole = shape.holes.project.as_deref();
            let mut parameters = shape.template.parameters();
            parameters.any(|parameter| Some(&*parameter.name) == hole)
        })
    }

    /// The path of a request for an entry and this resource: parameters that say neither id nor
    /// project have the pinned value, or `x`. None where no such request can be told from another.
    pub fn path_to(&self, entry: &Entry, resource: &Resource) -> Option<String> {
        let shape = self.shapes.get(entry.index)?;
        let mut path = String::new();
        for part in &shape.template.parts {
            path.push('/');
            match part {
                Part::Literal(text) => path.push_str(text),
                Part::Parameter(parameter) => {
                    let is = |hole: &Option<String>| hole.as_deref() == Some(&*parameter.name);
                    let value = match parameter.pinned.as_deref() {
                        Some(pinned) => pinned,
                        None if is(&shape.holes.id) => resource.id.as_deref()?,
                        None if is(&shape.holes.project) => resource.project.as_deref()?,
                        None => "x",
                    };
                    let once = encoded(value);
                    path.push_str(&match parameter.decoded_twice {
                        true => encoded(&once),
                        false => once,
                    });
                }
            }
        }
        let found = self.find(&entry.method, &path).ok()?;
        (found.entry.index == entry.index && found.resource == *resource).then_some(path)
    }

    /// The path at which the object of an operation is read, made of the operation's own parameters.
    /// None where its catalogue declares none, or where such a request would ask for another one.
    pub fn path_of_object(&self, operation: &Operation) -> Option<String> {
        let shape = operation.entry.object.as_ref()?;
        operation.resource.id.as_ref()?;
        let mut entries = self.entries.iter();
        let read = entries.find(|entry| {
            entry.action == shape.read
                && entry.upstream == operation.entry.upstream
                && entry.method == Method::GET
        })?;
        let mut path = String::new();
        for part in &self.shapes.get(read.index)?.template.parts {
            path.push('/');
            match part {
                Part::Literal(text) => path.push_str(text),
                Part::Parameter(parameter) => {
                    let mut known = operation.parameters.iter();
                    let (_, value) = known.find(|(name, _)| *name == parameter.name)?;
                    let once = encoded(value);
                    path.push_str(&match parameter.decoded_twice {
                        true => encoded(&once),
                        false => once,
                    });
                }
            }
        }
        let found = self.find(&Method::GET, &path).ok()?;
        (found.entry.index == read.index && found.resource == operation.resource).then_some(path)
    }

    /// How callers of this path probably want a refusal spelled, for requests that are refused
    /// before it is known what they ask for.
    pub fn speech_of(&self, path: &str) -> Speech {
        self.trie.speech_of(path).unwrap_or(Speech::Problem)
    }

    /// The JSON Schema of a catalogue file, for editors.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Written).to_value()
    }

    fn find_target(
        &self,
        method: &Method,
        path: &str,
        query: Option<&str>,
    ) -> Result<Operation, Refusal> {
        let path = Path::read(path, query)?;
        let found = path
            .matchable()
            .map(|segments| (self.trie.find(method, segments), segments));
        match found {
            Some((Found::Match(index), segments)) => self.operation(index, segments),
            Some((Found::Disguised, _)) => Err(Refusal::new(Reason::BadTarget)
                .telling("the path has a fixed segment that is spelled with encoded characters")),
            Some((Found::Misdirected, _)) => Err(Refusal::new(Reason::Misdirected)),
            Some((Found::Nothing, _)) | None => Err(self.nothing(method, &path)),
        }
    }

    fn operation(&self, index: usize, segments: &[Segment<'_>]) -> Result<Operation, Refusal> {
        let (Some(entry), Some(shape)) = (self.entries.get(index), self.shapes.get(index)) else {
            return Err(Refusal::new(Reason::NoOperation));
        };
        let parameters = shape.parameters(segments)?;
        let value = |name: &Option<String>| {
            let name = name.as_deref()?;
            parameters
                .iter()
                .find(|(known, _)| **known == *name)
                .map(|(_, value)| value.clone())
        };
        let resource = Resource {
            kind: entry.resource_type.clone(),
            id: value(&shape.holes.id),
            project: value(&shape.holes.project),
        };
        Ok(Operation {
            entry: entry.clone(),
            resource,
            parameters,
            seen: None,
        })
    }

    fn nothing(&self, method: &Method, path: &Path<'_>) -> Refusal {
        let templates = self.shapes.iter().map(|shape| &shape.template);
        let refusal = Refusal::new(Reason::NoOperation);
        match near::told(templates, method, path) {
            Some(told) => refusal.telling(told),
            None => refusal,
        }
    }
}

/// A segment whose every character but the unreserved ones (RFC 3986 2.3) is percent-encoded.
fn encoded(text: &str) -> String {
    let mut spelled = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => spelled.push(char::from(byte)),
            false => spelled.push_str(&format!("%{byte:02X}")),
        }
    }
    spelled
}

impl Shape {
    fn parameters(&self, segments: &[Segment<'_>]) -> Result<Vec<(Arc<str>, String)>, Refusal> {
        let mut parameters = Vec::new();
        for (part, segment) in self.template.parts.iter().zip(segments) {
            if let Part::Parameter(Parameter {
                name,
                decoded_twice,
                ..
            }) = part
            {
                let value = match decoded_twice {
                    true => segment.decoded_again()?.into_owned(),
                    false => segment.text().to_owned(),
                };
                parameters.push((name.clone(), value));
            }
        }
        Ok(parameters)
    }
}
