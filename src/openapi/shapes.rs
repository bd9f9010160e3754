//! Tells from schemas how things say whose they are, and where lists have their items.
//!
//! In: the named requests of a description. Out: per resource type an [`Object`], per request a
//! [`Listed`] and what its body is; and what a reader should look at.
//!
//! Never: a declaration of a body that says labels at a place where its object has none.

use super::document::At;
use super::naming::{Named, Position};
use super::requests::Request;
use super::schema::{self, Found, Steps};
use crate::resolve::BodyMeans;

/// How one of a type says whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// The action that reads one.
    pub(super) read: String,
    /// Where labels are.
    pub(super) labels: Steps,
    /// Every place that may hold labels.
    places: Vec<Steps>,
    /// Where a body repeats the id.
    pub(super) same: Option<Steps>,
}

/// Where an answer has its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// The action that reads one.
    pub(super) read: String,
    /// Where the list is; no step where the answer is the list.
    pub(super) items: Steps,
    /// Where an item has its id.
    pub(super) id: Steps,
    /// Where an item has its labels.
    pub(super) labels: Option<Steps>,
}

/// The request that reads one of a type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a, 'd> {
    /// The request.
    pub(super) request: &'a Request<'d>,
    /// Its names.
    pub(super) named: &'a Named,
}

/// What a body is, to who judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It can be judged.
    As(BodyMeans),
    /// There is none, or nothing to judge it for.
    Nothing,
    /// It may say whose the object is where nobody looks.
    No(String),
}

impl Object {
    /// What the answer of the request that reads one shows, where it shows labels.
    pub(super) fn of(
        reading: Reading<'_, '_>,
        others: &[(&Request<'_>, &Named)],
    ) -> Found<Option<Object>> {
        let Some(answer) = schema::answer(&reading.request.operation)? else {
            return Ok(None);
        };
        let places = schema::labels(&answer)?;
        let Some(labels) = places.first().cloned() else {
            return Ok(None);
        };
        let mut object = Object {
            read: reading.named.action.clone(),
            labels,
            places,
            same: None,
        };
        for (request, named) in others {
            if let (Judged::As(_), None) = (object.judged(request, named)?, &object.same) {
                let (body, _) = schema::body(&request.operation)?;
                if let Some(body) = body {
                    object.same = object.id_in(&body, reading.named.spelled.as_deref())?;
                }
            }
        }
        Ok(Some(object))
    }

    /// What the body of a request is.
    pub(super) fn judged(&self, request: &Request<'_>, named: &Named) -> Found<Judged> {
        let means = match (request.method, named.position) {
            ("PUT", Position::Item) | ("POST", Position::Collection) => BodyMeans::Whole,
            ("PATCH", Position::Item) => BodyMeans::Changes,
            _ => return Ok(Judged::Nothing),
        };
        let said = match schema::body(&request.operation)? {
            (Some(body), _) => schema::labels(&body)?,
            (None, false) => return Ok(Judged::Nothing),
            (None, true) => {
                let why = "its body is no JSON object, so nobody can see whose it would be";
                return Ok(Judged::No(why.to_owned()));
            }
        };
        if !said.contains(&self.labels) {
            let place = pointer(&self.labels);
            return Ok(Judged::No(format!("its body shows no labels at `{place}`")));
        }
        if let Some(other) = said.iter().find(|place| !self.places.contains(place)) {
            let other = pointer(other);
            return Ok(Judged::No(format!("its body has labels at `{other}`, too")));
        }
        Ok(Judged::As(means))
    }

    /// The id beside the labels, or above them.
    fn id_in(&self, body: &At<'_>, spelled: Option<&str>) -> Found<Option<Steps>> {
        for depth in (0..self.labels.len()).rev() {
            let way = self.labels.get(..depth).unwrap_or_default();
            let Some(inside) = schema::at(body, way)? else {
                continue;
            };
            if let Some(id) = schema::id(&inside, spelled)? {
                return Ok(Some([way, &id].concat()));
            }
        }
        Ok(None)
    }
}

impl Listed {
    /// The list in the answer of a request, or what a reader should know.
    pub(super) fn of(
        request: &Request<'_>,
        reading: Option<Reading<'_, '_>>,
        object: Option<&Object>,
    ) -> Found<Result<Listed, Option<String>>> {
        let unseen = |why: &str| Ok(Err(Some(format!("{why}: who may list sees all of it"))));
        let Some(reading) = reading else {
            return unseen("nothing reads one of these");
        };
        let Some(answer) = schema::answer(&request.operation)? else {
            return unseen("its answer is not described");
        };
        let mut lists = schema::lists(&answer)?;
        if lists.len() > 1 {
            let own = request.path.rsplit('/').next().unwrap_or_default();
            let usual = |steps: &Steps| match steps.last() {
                Some(last) => USUAL.contains(&last.as_str()) || last == own,
                None => true,
            };
            lists.retain(|(steps, _)| usual(steps));
        }
        let Some((items, element)) = lists.pop().filter(|_| lists.is_empty()) else {
            return unseen("its answer has not one list of objects, but none or several");
        };
        let Some(id) = schema::id(&element, reading.named.spelled.as_deref())? else {
            return unseen("its items have no id");
        };
        let labels = match object {
            Some(object) => {
                let places = schema::labels(&element)?.into_iter();
                places
                    .into_iter()
                    .find(|place| object.labels.ends_with(place))
            }
            None => None,
        };
        Ok(Ok(Listed {
            read: reading.named.action.clone(),
            items,
            id,
            labels,
        }))
    }
}

/// Steps as a catalogue has them.
pub(super) fn pointer(steps: &[String]) -> String {
    steps.iter().map(|step| format!("/{step}")).collect()
}

/// What lists are called where an answer has several.
const USUAL: &[&str] = &["items", "data", "results", "values"];
