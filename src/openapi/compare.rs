//! Says what an API has gained, lost and changed since its catalogue was made.
//!
//! In: a catalogue, reviewed by people, and a newer description. Out: every [`Difference`].
//!
//! What people have written stands: names, classes, owners. It is compared what can be asked, and
//! whether what the catalogue declares of answers and bodies is still where it says. What was left out
//! on purpose is known by the catalogue's lines `# left out: GET /path`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::document::Document;
use super::imported::Wishes;
use super::naming::{names, shape};
use super::requests::{Request, Requests};
use super::schema::{self, Found};
use super::shapes::pointer;
use super::write::LEFT_OUT;
use crate::resolve::Entry;
use crate::setup_error::SetupError;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What happened to it.
    pub change: Change,
    /// The request, as the description or, where it is lost, the catalogue has it.
    pub request: String,
    /// The action, as the catalogue has it or would have it.
    pub action: String,
    /// What is not as it was, in words.
    pub what: String,
}

/// What happened to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The API has it now; stile refuses it.
    Gained,
    /// The API has it no more.
    Lost,
    /// It is no more as the catalogue declares it.
    Changed,
}

impl Change {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Change::Gained => "gained",
            Change::Lost => "lost",
            Change::Changed => "changed",
        }
    }
}

impl Difference {
    /// Compares a description with the entries of a catalogue, and with its text, which says what was
    /// left out.
    pub fn all(
        file: &Path,
        text: &str,
        wishes: &Wishes,
        entries: &[Arc<Entry>],
        catalogue: &str,
    ) -> Result<Vec<Difference>, Vec<SetupError>> {
        let document = Document::read(file, text).map_err(|fault| vec![fault])?;
        // What was left out and is gone by now is no difference.
        let mut wishes = wishes.clone();
        let left_out = catalogue
            .lines()
            .filter_map(|line| line.strip_prefix(LEFT_OUT));
        wishes.skip.extend(left_out.map(str::to_owned));
        let requests = Requests::of(&document, &wishes)?;
        let names = names(&requests.wanted, wishes.prefix.as_deref());
        let mut old: BTreeMap<(String, String), &Entry> = BTreeMap::new();
        for entry in entries {
            old.insert((entry.method.to_string(), shape(&entry.template)), entry);
        }
        let mut differences = Vec::new();
        for (request, named) in requests.wanted.iter().zip(&names) {
            let path = shape(&format!("{}{}", requests.base, request.path));
            let difference = |change, action: &str, what| Difference {
                change,
                request: format!("{} {}{}", request.method, requests.base, request.path),
                action: action.to_owned(),
                what,
            };
            match old.remove(&(request.method.to_owned(), path)) {
                None => {
                    let what = "stile refuses it until the catalogue has it".to_owned();
                    differences.push(difference(Change::Gained, &named.action, what));
                }
                Some(entry) => {
                    let changes = changes(request, entry).map_err(|fault| vec![fault])?;
                    let changes = changes.into_iter();
                    differences.extend(
                        changes.map(|what| difference(Change::Changed, &entry.action, what)),
                    );
                }
            }
        }
        differences.extend(old.into_values().map(|entry| Difference {
            change: Change::Lost,
            request: format!("{} {}", entry.method, entry.template),
            action: entry.action.clone(),
            what: "the description has it no more".to_owned(),
        }));
        Ok(differences)
    }
}

/// What an entry declares that the description does not show.
fn changes(request: &Request<'_>, entry: &Entry) -> Found<Vec<String>> {
    let mut changes = Vec::new();
    let answer = schema::answer(&request.operation)?;
    if let (Some(list), Some(answer)) = (&entry.list, &answer) {
        let lists = schema::lists(answer)?;
        match lists.into_iter().find(|(steps, _)| *steps == list.items) {
            None => changes.push(format!("its list is not at `{}`", pointer(&list.items))),
            Some((_, element)) => {
                let id = schema::at(&element, &list.id)?;
                if id.is_none() {
                    changes.push(format!("its items have no `{}`", pointer(&list.id)));
                }
                if let Some(labels) = &list.labels
                    && schema::at(&element, labels)?.is_none()
                {
                    changes.push(format!("its items have no `{}`", pointer(labels)));
                }
            }
        }
    }
    let Some(object) = &entry.object else {
        return Ok(changes);
    };
    if let Some(answer) = answer.filter(|_| entry.action == object.read)
        && schema::at(&answer, &object.labels)?.is_none()
    {
        changes.push(format!("its answer has no `{}`", pointer(&object.labels)));
    }
    if object.body.is_some() {
        let shown = match schema::body(&request.operation)?.0 {
            Some(body) => schema::at(&body, &object.labels)?.is_some(),
            None => false,
        };
        if !shown {
            changes.push(format!("its body has no `{}`", pointer(&object.labels)));
        }
    }
    Ok(changes)
}
