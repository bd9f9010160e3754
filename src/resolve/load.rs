//! Builds the whole catalogue out of its files, or says everything that is wrong with them.
//!
//! In: which file serves which upstream. Out: drafts of all operations, or all errors at once.
//!
//! What holds afterwards: no request matches two operations, of one upstream or of two; an action
//! has one class and one resource type; every name that an operation uses is declared.
//!
//! Never: the first of two matches wins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_saphyr::{Location, Spanned};

use super::operation::{Class, Entry};
use super::settings::{CatalogueSettings, CatalogueUse};
use super::template::{Template, is_name};
use super::written::{self, Written, WrittenOperation, WrittenResource};
use crate::setup_error::{Code, SetupError};

mod list;
mod object;

/// An operation before it has its place in the catalogue.
#[derive(Debug)]
pub(super) struct Draft {
    /// The entry, its index still 0.
    pub(super) entry: Entry,
    /// The compiled template.
    pub(super) template: Template,
    /// Which parameters are the resource's id and project.
    pub(super) holes: WrittenResource,
    file: Arc<Path>,
    location: Location,
}

/// Reads and checks every catalogue in use.
pub(super) fn drafts(settings: &CatalogueSettings) -> Result<Vec<Draft>, Vec<SetupError>> {
    let mut drafts = Vec::new();
    let mut errors = Vec::new();
    for used in &settings.uses {
        match written::open(&settings.folder, &used.operations) {
            Ok((file, written)) => File::new(used, file, &written, &mut errors).draft(&mut drafts),
            Err(error) => errors.push(error),
        }
    }
    errors.extend(overlaps(&drafts));
    errors.extend(two_meanings(&drafts));
    let mut told = Vec::new(); // one file may serve two upstreams
    for error in errors {
        let error = error.coded(Code::BadCatalogue);
        if !told.contains(&error) {
            told.push(error);
        }
    }
    match told.is_empty() {
        true => Ok(drafts),
        false => Err(told),
    }
}

/// One file, for one upstream.
struct File<'a> {
    used: &'a CatalogueUse,
    file: Arc<Path>,
    written: &'a Written,
    errors: &'a mut Vec<SetupError>,
}

impl<'a> File<'a> {
    fn new(
        used: &'a CatalogueUse,
        file: PathBuf,
        written: &'a Written,
        errors: &'a mut Vec<SetupError>,
    ) -> File<'a> {
        File {
            used,
            file: Arc::from(file),
            written,
            errors,
        }
    }

    fn draft(&mut self, drafts: &mut Vec<Draft>) {
        let before = drafts.len();
        self.check_resources();
        self.check_objects();
        for operation in &self.written.operations {
            self.draft_operation(operation, drafts);
        }
        let own = drafts.get(before..).unwrap_or_default();
        for (name, _) in &self.used.pinned {
            self.check_pin(name, own);
        }
    }

    fn check_resources(&mut self) {
        for (name, resource) in &self.written.resources {
            if !is_type(name) {
                let error = SetupError::new(format!("`{name}` is no name for a resource type"))
                    .hint(
                        "names are letters and digits and begin with a capital: `StreamDashboard`",
                    );
                self.fault(resource.referenced, error);
            }
        }
    }

    /// Everything that is wrong with what a file declares of objects and lists.
    fn check_objects(&mut self) {
        let faults = object::faults(self.written).into_iter();
        for (place, error) in faults.chain(list::faults(self.written)) {
            self.fault(place, error);
        }
    }

    fn draft_operation(&mut self, operation: &Spanned<WrittenOperation>, drafts: &mut Vec<Draft>) {
        let place = operation.referenced;
        let operation = &operation.value;
        if !is_action(&operation.action.value) {
            let error = SetupError::new(format!(
                "`{}` is no name for an action",
                operation.action.value
            ))
            .hint("names are lower-case words joined by dots: `stream_dashboards.create`");
            self.fault(operation.action.referenced, error);
        }
        if operation.requests.is_empty() {
            let error = SetupError::new(format!(
                "`{}` has no request under `do`",
                operation.action.value
            ));
            self.fault(place, error);
        }
        let Some(holes) = self.holes(operation) else {
            return;
        };
        for request in &operation.requests {
            if let Some(template) = self.template(operation, request) {
                let entry = self.entry(operation, &template, &holes);
                let (file, location) = (self.file.clone(), request.referenced);
                drafts.push(Draft {
                    entry,
                    template,
                    holes: holes.clone(),
                    file,
                    location,
                });
            }
        }
    }

    /// Which parameters are the resource's id and project.
    fn holes(&mut self, operation: &WrittenOperation) -> Option<WrittenResource> {
        let name = &operation.resource.value;
        let holes = self
            .written
            .resources
            .get(name)
            .map(|resource| resource.value.clone());
        if holes.is_none() {
            let known = self.written.resources.keys().map(String::as_str);
            let error = SetupError::new(format!("the resource type `{name}` is not declared"))
                .hint("declare it under `resources`")
                .did_you_mean(name, known);
            self.fault(operation.resource.referenced, error);
        }
        holes
    }

    fn template(
        &mut self,
        operation: &WrittenOperation,
        request: &Spanned<String>,
    ) -> Option<Template> {
        let base = self
            .written
            .base
            .as_ref()
            .map_or("", |base| base.value.as_str());
        let mut template = match Template::read(
            &request.value,
            base,
            [written::OWN, written::CONSOLE].contains(&self.used.operations.as_str()),
        ) {
            Ok(template) => template,
            Err(error) => {
                self.fault(request.referenced, error);
                return None;
            }
        };
        for name in &operation.decoded_twice {
            if template.parameters().all(|p| *p.name != *name.value) {
                let fault = format!("`{}` has no parameter `{}`", request.value, name.value);
                let known = template.parameters().map(|p| &*p.name);
                let error = SetupError::new(fault).did_you_mean(&name.value, known);
                self.fault(name.referenced, error);
            }
            for parameter in template.parameters_mut().filter(|p| *p.name == *name.value) {
                parameter.decoded_twice = true;
            }
        }
        for (name, value) in &self.used.pinned {
            for parameter in template.parameters_mut().filter(|p| *p.name == **name) {
                parameter.pinned = Some(value.clone());
            }
        }
        Some(template)
    }

    fn entry(
        &self,
        operation: &WrittenOperation,
        template: &Template,
        holes: &WrittenResource,
    ) -> Entry {
        let body_bytes = operation.body_bytes.or(self.written.body_bytes);
        let names = |hole: &Option<String>| {
            template
                .parameters()
                .any(|p| Some(&*p.name) == hole.as_deref())
        };
        Entry {
            index: 0,
            upstream: Arc::from(self.used.upstream.as_str()),
            action: operation.action.value.clone(),
            class: operation.class,
            resource_type: operation.resource.value.clone(),
            names_one: names(&holes.id),
            names_project: names(&holes.project),
            method: template.method.clone(),
            template: template.text.clone(),
            speech: self.written.speaks,
            body_bytes: body_bytes.unwrap_or(BODY_BYTES),
            once: operation.once,
            list: list::of(operation, holes, self.written),
            object: object::of(holes, operation.body),
        }
    }

    fn check_pin(&mut self, name: &str, own: &[Draft]) {
        let known = || {
            own.iter()
                .flat_map(|draft| draft.template.parameters())
                .map(|p| &*p.name)
        };
        if known().any(|parameter| parameter == name) {
            return;
        }
        let upstream = &self.used.upstream;
        let fault =
            format!("no path of the catalogue of `{upstream}` has the pinned parameter `{name}`");
        let error = SetupError::in_file(&self.file, fault).did_you_mean(name, known());
        self.errors.push(error);
    }

    fn fault(&mut self, location: Location, error: SetupError) {
        let error = SetupError {
            file: Some(self.file.to_path_buf()),
            ..error
        };
        self.errors.push(written::at(error, location));
    }
}

/// Pairs of operations that one request would match.
fn overlaps(drafts: &[Draft]) -> Vec<SetupError> {
    let mut errors = Vec::new();
    for (at, draft) in drafts.iter().enumerate() {
        let first = drafts
            .iter()
            .take(at)
            .find(|other| other.template.overlaps(&draft.template));
        if let Some(first) = first {
            let fault = format!(
                "a request can match both `{}` ({}) and `{}` ({})",
                draft.entry.template, draft.entry.action, first.entry.template, first.entry.action
            );
            let hint = match draft.entry.upstream == first.entry.upstream {
                true => format!(
                    "the other one is in line {}; keep one of them",
                    first.location.line()
                ),
                false => format!(
                    "the other one is of the upstream `{}`; pin a parameter of both to different values",
                    first.entry.upstream
                ),
            };
            errors.push(draft.error(fault).coded(Code::Ambiguous).hint(hint));
        }
    }
    errors
}

/// Actions that mean one thing here and another there.
fn two_meanings(drafts: &[Draft]) -> Vec<SetupError> {
    let mut known: BTreeMap<&str, (Class, &str)> = BTreeMap::new();
    let mut errors = Vec::new();
    for Draft { entry, .. } in drafts {
        known
            .entry(&entry.action)
            .or_insert((entry.class, &entry.resource_type));
    }
    for draft in drafts {
        let Entry {
            action,
            class,
            resource_type,
            ..
        } = &draft.entry;
        let Some((first_class, first_type)) = known.get(action.as_str()) else {
            continue;
        };
        if class != first_class {
            let fault = format!(
                "the action `{action}` is `{}` here and `{}` before",
                class.word(),
                first_class.word()
            );
            errors.push(
                draft
                    .error(fault)
                    .coded(Code::TwoMeanings)
                    .hint("an action has one class; give one of them another name"),
            );
        }
        if resource_type != first_type {
            let fault = format!(
                "the action `{action}` is done to `{resource_type}` here and to `{first_type}` before"
            );
            errors.push(
                draft
                    .error(fault)
                    .coded(Code::TwoMeanings)
                    .hint("an action has one resource type; give one of them another name"),
            );
        }
    }
    errors
}

impl Draft {
    fn error(&self, fault: String) -> SetupError {
        written::at(SetupError::in_file(&self.file, fault), self.location)
    }
}

fn is_action(text: &str) -> bool {
    text.contains('.') && text.split('.').all(is_name)
}

fn is_type(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The largest request body, in bytes, where a catalogue says nothing.
const BODY_BYTES: u64 = 1024 * 1024;
