//! What a description comes to: resource types and operations, each with what a reader should look at.
//!
//! In: the text of a description. Out: an [`Imported`], or all faults at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::class::class;
use super::document::Document;
use super::naming::{Named, Position, names};
use super::requests::{Request, Requests, skippable};
use super::schema::{self, Found};
use super::shapes::{Judged, Listed, Object, Reading, pointer};
use crate::resolve::{BodyMeans, Class, Template};
use crate::setup_error::SetupError;

/// What the description does not say.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Requests to leave out: `GET /a/{b}`.
    pub skip: Vec<String>,
    /// What every path begins with, in the place of what its servers say.
    pub base: Option<String>,
    /// The label that names a team.
    pub owner: String,
    /// What every action and resource type begins with.
    pub prefix: Option<String>,
}

/// A catalogue that is not written yet.
#[derive(Debug)]
pub struct Imported {
    pub(super) file: PathBuf,
    pub(super) base: String,
    pub(super) owner: String,
    pub(super) kinds: BTreeMap<String, Kind>,
    pub(super) operations: Vec<Made>,
    pub(super) left_out: Vec<String>,
}

/// A resource type.
#[derive(Debug, Default)]
pub(super) struct Kind {
    pub(super) id: Option<String>,
    pub(super) project: Option<String>,
    pub(super) object: Option<Object>,
}

/// An operation.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) action: String,
    pub(super) class: Class,
    pub(super) kind: String,
    pub(super) method: &'static str,
    pub(super) template: String,
    pub(super) list: Option<Listed>,
    pub(super) body: Option<BodyMeans>,
    pub(super) note: Option<String>,
    pub(super) remarks: Vec<String>,
}

impl Imported {
    /// Reads a description.
    pub fn read(file: &Path, text: &str, wishes: &Wishes) -> Result<Imported, Vec<SetupError>> {
        let document = Document::read(file, text).map_err(|fault| vec![fault])?;
        let requests = Requests::of(&document, wishes)?;
        let mut faults = requests.unknown_skips(wishes);
        let Requests {
            base,
            wanted,
            left_out,
        } = requests;
        let names = names(&wanted, wishes.prefix.as_deref());
        faults.extend(unmatched(&base, &wanted, &names));
        if !faults.is_empty() {
            return Err(faults);
        }
        let both: Vec<(&Request<'_>, &Named)> = wanted.iter().zip(&names).collect();
        let mut clean = BTreeSet::new();
        let made = kinds(&both).and_then(|kinds| {
            let operations = both.iter().map(|(request, named)| {
                let kind = kinds.get(&named.kind);
                made(request, named, kind, &both, &mut clean)
            });
            Ok((operations.collect::<Found<_>>()?, kinds))
        });
        let (operations, kinds) = made.map_err(|fault| vec![fault])?;
        Ok(Imported {
            file: file.to_owned(),
            base,
            owner: wishes.owner.clone(),
            kinds,
            operations,
            left_out,
        })
    }

    /// Every action.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.operations.iter().map(|one| one.action.as_str())
    }

    /// How many operations there are of a class.
    pub fn count(&self, class: Class) -> usize {
        let of = self.operations.iter();
        of.filter(|operation| operation.class == class).count()
    }

    /// How many remarks a reader has before them.
    pub fn remarks(&self) -> usize {
        let operations = self.operations.iter();
        let of_operations: usize = operations.map(|one| one.remarks.len()).sum();
        let of_kinds: usize = self.kinds.values().map(|kind| kind.remarks().len()).sum();
        of_operations + of_kinds
    }
}

impl Kind {
    /// What a reader should look at.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(project) = &self.project {
            remarks.push(format!(
                "`{project}` is taken for what policies call a project"
            ));
        }
        if let Some(object) = &self.object {
            let labels = pointer(&object.labels);
            remarks.push(format!("the owner is taken from `{labels}`"));
            match &object.same {
                Some(same) => remarks.push(format!(
                    "a body that has `{}` must name the object of the path; one that creates may not have it",
                    pointer(same)
                )),
                None => remarks.push(
                    "no id was found in bodies: if one can name another object there, say where in `same`"
                        .to_owned(),
                ),
            }
        }
        remarks
    }
}

/// Requests that stile cannot match, or not tell from another.
fn unmatched(base: &str, wanted: &[Request<'_>], names: &[Named]) -> Vec<SetupError> {
    let mut faults = Vec::new();
    let mut known: Vec<(Template, &Request<'_>)> = Vec::new();
    for (request, named) in wanted.iter().zip(names) {
        let written = format!("{} {}", request.method, named.template);
        match Template::of_upstream(&written, base) {
            Err(fault) => {
                let why = format!("cannot be matched: {}", fault.fault);
                faults.push(skippable(request, &why));
            }
            Ok(template) => {
                let other = known.iter().find(|(other, _)| template.overlaps(other));
                if let Some((_, other)) = other {
                    let (one, two) = (request.name(), other.name());
                    let what = format!("a request can be both `{one}` and `{two}`");
                    let fault = request.operation.fault(what);
                    faults.push(fault.hint(format!(
                        "stile never takes the first of two: `--skip '{one}'` or `--skip '{two}'`; where the \
                         one without the parameter goes, its path is taken for a value of the other"
                    )));
                }
                known.push((template, request));
            }
        }
    }
    faults
}

/// The resource types of all requests.
fn kinds(all: &[(&Request<'_>, &Named)]) -> Found<BTreeMap<String, Kind>> {
    let mut kinds = BTreeMap::new();
    for (_, named) in all {
        if kinds.contains_key(&named.kind) {
            continue;
        }
        let own = all.iter().filter(|(_, other)| other.kind == named.kind);
        let own: Vec<(&Request<'_>, &Named)> = own.copied().collect();
        let mut kind = Kind {
            id: most(own.iter().filter_map(|(_, named)| named.id.as_deref())),
            project: most(own.iter().filter_map(|(_, named)| named.scope.as_deref())),
            object: None,
        };
        if let Some(reading) = reading(&kind, &named.kind, all) {
            kind.object = Object::of(reading, &own)?;
        }
        kinds.insert(named.kind.clone(), kind);
    }
    Ok(kinds)
}

/// The name that is there most often; of equals the first of the alphabet.
fn most<'n>(names: impl Iterator<Item = &'n str>) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let most = counts.values().max().copied()?;
    let mut names = counts.into_iter();
    let found = names.find(|(_, count)| *count == most);
    found.map(|(name, _)| name.to_owned())
}

/// The request that reads one of a type.
fn reading<'a, 'd>(
    kind: &Kind,
    name: &str,
    all: &[(&'a Request<'d>, &'a Named)],
) -> Option<Reading<'a, 'd>> {
    let found = all.iter().find(|(request, named)| {
        request.method == "GET"
            && named.position == Position::Item
            && named.kind == name
            && named.id == kind.id
    });
    found.map(|(request, named)| Reading { request, named })
}

fn made(
    request: &Request<'_>,
    named: &Named,
    kind: Option<&Kind>,
    all: &[(&Request<'_>, &Named)],
    clean: &mut BTreeSet<String>,
) -> Found<Made> {
    let secret = match schema::answer(&request.operation)? {
        Some(answer) => schema::secret(&answer, clean)?,
        None => None,
    };
    let (class, why) = class(request, named, secret);
    let mut made = Made {
        action: named.action.clone(),
        class,
        kind: named.kind.clone(),
        method: request.method,
        template: named.template.clone(),
        list: None,
        body: None,
        note: note(request),
        remarks: why.into_iter().collect(),
    };
    let object = kind.and_then(|kind| kind.object.as_ref());
    match object
        .map(|object| object.judged(request, named))
        .transpose()?
    {
        Some(Judged::As(means)) => made.body = Some(means),
        Some(Judged::No(why)) => {
            made.class = Class::Power;
            made.remarks.push(why);
        }
        Some(Judged::Nothing) | None => {}
    }
    if request.method == "GET" && named.action.contains(".list") {
        let reading = kind.and_then(|kind| reading(kind, &named.kind, all));
        match Listed::of(request, reading, object)? {
            Ok(list) => {
                made.remarks.push(
                    match (&list.labels, object) {
                        (None, Some(_)) => {
                            "its items show no labels: their owners are those of the directory"
                        }
                        _ => "who may list sees those items that they may read",
                    }
                    .to_owned(),
                );
                made.list = Some(list);
            }
            Err(why) => made.remarks.extend(why),
        }
    } else if named.position != Position::Item && has_list(request)? {
        let why = "its answer has a list that is shown whole: who may ask sees all of it";
        made.remarks.push(why.to_owned());
    }
    Ok(made)
}

/// Whether something answers with a list, though it is not called one.
fn has_list(request: &Request<'_>) -> Found<bool> {
    match schema::answer(&request.operation)? {
        Some(answer) if request.method == "GET" => Ok(!schema::lists(&answer)?.is_empty()),
        _ => Ok(false),
    }
}

/// What the description says of it, on one line.
fn note(request: &Request<'_>) -> Option<String> {
    let said = request.operation.text_of("summary").unwrap_or_default();
    let said: Vec<&str> = said.split_whitespace().collect();
    let mut said: String = said.join(" ").chars().take(NOTE).collect();
    if request.operation.says("deprecated") {
        said = format!("deprecated; {said}")
            .trim_end_matches("; ")
            .to_owned();
    }
    (!said.is_empty()).then_some(said)
}

/// Characters of a note.
const NOTE: usize = 90;
