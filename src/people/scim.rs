//! Keeps directories that providers fill: a server of SCIM 2.0.
//!
//! In: requests below `/.stile/scim/v2/` with a provider's bearer token. Out: answers, after the journal
//! was told what changes; and what [`snapshot`] makes of the rows.
//!
//! Each provider has users and groups of its own and sees no others. It is spoken with in the manner of
//! Okta and of Entra ID, which differ in how they word changes.
//!
//! Never: reads a body for somebody who has no token; keeps of people what nothing here needs.
//!
//! RFC 7643; RFC 7644.

mod body;
mod described;
mod edit;
mod entry;
mod filter;
mod listed;
mod plan;
mod problem;
mod rows;
mod snapshot;
mod tokens;

pub(super) use snapshot::now;

use std::sync::Arc;

use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::settings::ScimSettings;
use super::{People, random};
use crate::database::DatabaseError;
use crate::listen::Arrival;
use crate::record::Note;
use crate::refusal::Refusal;
use crate::setup_error::SetupError;
use entry::Kind;
use listed::Query;
use plan::{Asked, Plan, Wish};
use problem::Problem;
use tokens::Tokens;

/// A server of SCIM. Clones share it.
#[derive(Clone, Debug)]
pub struct Scim(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    people: People,
    tokens: Tokens,
    base: String,
}

/// Tells the journal of a change, before it is made.
pub(crate) type Tell =
    Box<dyn Fn(Note, &[(&'static str, Value)]) -> Result<u64, Refusal> + Send + 'static>;

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
    pub(crate) tag: Option<String>,
    pub(crate) location: Option<String>,
    /// The record of what changed, where something did.
    pub(crate) seq: Option<u64>,
}

/// A provider that showed its token.
#[derive(Clone, Debug)]
pub(crate) struct Told<'s>(&'s ScimSettings);

impl Scim {
    /// Reads the tokens.
    ///
    /// # Errors
    ///
    /// Every file that has none, with its path.
    pub fn build(people: People, site_url: &str) -> Result<Scim, Vec<SetupError>> {
        let tokens = Tokens::read(&people.settings().scim)?;
        let base = format!("{}{BELOW}", site_url.trim_end_matches('/'));
        Ok(Scim(Arc::new(Parts {
            people,
            tokens,
            base,
        })))
    }

    /// Whether this is asked of it.
    pub(crate) fn is_asked(path: &str) -> bool {
        let rest = path.strip_prefix(BELOW);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Which provider asks.
    ///
    /// # Errors
    ///
    /// `no_credential`, `multiple_credentials`, `bad_signature`.
    pub(crate) fn prove(&self, headers: &HeaderMap) -> Result<Told<'_>, Refusal> {
        let which = self.0.tokens.prove(headers)?;
        let all = &self.0.people.settings().scim;
        let found = all.get(which).ok_or_else(tokens::unproven)?;
        Ok(Told(found))
    }

    /// Answers a provider.
    ///
    /// # Errors
    ///
    /// A refusal when the rows or the journal cannot be had; what is wrong with the request is an answer.
    pub(crate) async fn answer(
        &self,
        told: Told<'_>,
        arrival: &Arrival,
        body: &[u8],
        tell: Tell,
    ) -> Result<Answer, Refusal> {
        let answered = match self.asked(arrival, body) {
            Ok(Doing::Describe(body)) => Ok(Answer::of(200, Some(body))),
            Ok(Doing::Show(kind, id, query)) => self.show(told.0, kind, id, query).await?,
            Ok(Doing::List(kind, query)) => self.list(told.0, kind, query).await?,
            Ok(Doing::Change(asked, query)) => self.change(told.0, asked, query, tell).await?,
            Err(problem) => Err(problem),
        };
        Ok(answered.unwrap_or_else(|problem| Answer::of(problem.status, Some(problem.body()))))
    }

    fn asked(&self, arrival: &Arrival, body: &[u8]) -> Result<Doing, Problem> {
        let path = arrival.path().strip_prefix(BELOW).unwrap_or_default();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let (kind, id) = match parts.as_slice() {
            ["Users"] => (Kind::User, None),
            ["Users", id] => (Kind::User, Some(*id)),
            ["Groups"] => (Kind::Group, None),
            ["Groups", id] => (Kind::Group, Some(*id)),
            other => {
                let described = self.described(other)?;
                return match arrival.method() {
                    &Method::GET => Ok(Doing::Describe(described)),
                    _ => Err(Problem::new(405, "this can be read only")),
                };
            }
        };
        let query = Query::read(arrival.query())?;
        let id = match id {
            Some(text) => Some(entry::id_of(text).ok_or_else(Problem::unknown)?),
            None => None,
        };
        let text = |name| {
            let value = arrival.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let asked = |id, wish| Asked {
            kind,
            id,
            wish,
            if_match: text(http::header::IF_MATCH),
            now: arrival.time(),
        };
        let object = || body::object(arrival.headers(), body);
        Ok(match (arrival.method(), id) {
            (&Method::GET, Some(id)) => Doing::Show(kind, id, query),
            (&Method::GET, None) => Doing::List(kind, query),
            (&Method::POST, None) => {
                let edits = edit::of_resource(kind, object()?)?;
                let id = new_id().ok_or_else(|| Problem::new(500, "no random bytes"))?;
                Doing::Change(asked(id, Wish::Make(edits)), query)
            }
            (&Method::PUT, Some(id)) => {
                let edits = edit::of_resource(kind, object()?)?;
                Doing::Change(asked(id, Wish::Replace(edits)), query)
            }
            (&Method::PATCH, Some(id)) => {
                let edits = edit::of_patch(kind, object()?)?;
                Doing::Change(asked(id, Wish::Change(edits)), query)
            }
            (&Method::DELETE, Some(id)) => Doing::Change(asked(id, Wish::Remove), query),
            _ => return Err(Problem::new(405, "this method is not for this resource")),
        })
    }

    fn described(&self, parts: &[&str]) -> Result<Value, Problem> {
        let base = &self.0.base;
        let both = [Kind::User, Kind::Group];
        let list = |of: fn(Kind, &str) -> Value| {
            let all = both.map(|kind| of(kind, base));
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
                "totalResults": all.len(),
                "startIndex": 1,
                "itemsPerPage": all.len(),
                "Resources": all,
            })
        };
        let one = |named: Option<Kind>, of: fn(Kind, &str) -> Value| {
            named
                .map(|kind| of(kind, base))
                .ok_or_else(Problem::unknown)
        };
        match parts {
            ["ServiceProviderConfig"] => Ok(described::config(base)),
            ["ResourceTypes"] => Ok(list(described::resource_type)),
            ["ResourceTypes", name] => {
                let named = both.into_iter().find(|kind| kind.word() == *name);
                one(named, described::resource_type)
            }
            ["Schemas"] => Ok(list(described::schema)),
            ["Schemas", urn] => {
                let named = both.into_iter().find(|kind| kind.schema() == *urn);
                one(named, described::schema)
            }
            ["Bulk" | "Me" | ".search"] | ["Me", ..] => {
                Err(Problem::new(501, "this part of SCIM is not here"))
            }
            _ => Err(Problem::new(
                404,
                "there is nothing here: `Users` or `Groups`",
            )),
        }
    }

    async fn show(
        &self,
        settings: &ScimSettings,
        kind: Kind,
        id: entry::Id,
        query: Query,
    ) -> Result<Result<Answer, Problem>, Refusal> {
        let provider = settings.issuer.name.clone();
        let found = self
            .0
            .people
            .ask(move |store| store.read(|database| rows::find(database, &provider, kind, id)));
        let found = found.await?;
        Ok(found.ok_or_else(Problem::unknown).map(|entry| {
            let body = query.shown(kind, &entry, &self.0.base);
            Answer {
                tag: Some(entry.tag()),
                ..Answer::of(200, Some(Value::Object(body)))
            }
        }))
    }

    async fn list(
        &self,
        settings: &ScimSettings,
        kind: Kind,
        query: Query,
    ) -> Result<Result<Answer, Problem>, Refusal> {
        let (provider, base) = (settings.issuer.name.clone(), self.0.base.clone());
        let listed = self.0.people.ask(move |store| {
            let all = store.read(|database| rows::all(database, &provider, kind))?;
            Ok(query.list(kind, &all, &base))
        });
        Ok(listed.await?.map(|list| Answer::of(200, Some(list))))
    }

    async fn change(
        &self,
        settings: &ScimSettings,
        asked: Asked,
        query: Query,
        tell: Tell,
    ) -> Result<Result<Answer, Problem>, Refusal> {
        let (settings, kind) = (settings.clone(), asked.kind);
        let makes = matches!(asked.wish, Wish::Make(_));
        let done = self
            .0
            .people
            .ask(move |store| changed(store, &settings, &asked, &tell));
        let (plan, seq) = match done.await? {
            Done::Kept(plan, seq) => (plan, seq),
            Done::Wrong(problem) => return Ok(Err(problem)),
            Done::Untold(refusal) => return Err(refusal),
        };
        let base = &self.0.base;
        let answer = match (plan.after, kind, makes) {
            (None, ..) => Answer::of(204, None),
            // Whoever puts one member into a group of 10,000 does not want to read them all.
            (Some(after), Kind::Group, false) => Answer {
                tag: Some(after.tag()),
                ..Answer::of(204, None)
            },
            (Some(after), ..) => Answer {
                tag: Some(after.tag()),
                location: makes.then(|| after.location(kind, base)),
                ..Answer::of(
                    if makes { 201 } else { 200 },
                    Some(Value::Object(query.shown(kind, &after, base))),
                )
            },
        };
        Ok(Ok(Answer { seq, ..answer }))
    }
}

enum Doing {
    Describe(Value),
    Show(Kind, entry::Id, Query),
    List(Kind, Query),
    Change(Asked, Query),
}

/// What became of a change.
enum Done {
    Kept(Box<Plan>, Option<u64>),
    Wrong(Problem),
    Untold(Refusal),
}

impl Answer {
    fn of(status: u16, body: Option<Value>) -> Answer {
        Answer {
            status,
            body,
            tag: None,
            location: None,
            seq: None,
        }
    }
}

/// Changes what is asked. In the transaction it is looked at again: another instance may have been sooner.
fn changed(
    store: &mut super::Store,
    settings: &ScimSettings,
    asked: &Asked,
    tell: &Tell,
) -> Result<Done, DatabaseError> {
    let plan = store.read(|database| plan::plan(database, settings, asked))?;
    match plan {
        Err(problem) => return Ok(Done::Wrong(problem)),
        Ok(plan) if !plan.changes() => return Ok(Done::Kept(Box::new(plan), None)),
        Ok(_) => {}
    }
    let key = snapshot::key(store)?;
    let mut stopped = None;
    let written = store.change(|database| {
        let stop = || DatabaseError::failed("change", "it was not to be");
        let plan = match plan::plan(database, settings, asked)? {
            Ok(plan) => plan,
            Err(problem) => {
                stopped = Some(Done::Wrong(problem));
                return Err(stop());
            }
        };
        let note = match plan.kind {
            Kind::User => Note::DirectoryUser,
            Kind::Group => Note::DirectoryGroup,
        };
        let mut seq = None;
        for detail in plan.told(&settings.issuer.name) {
            match tell(note, &detail) {
                Ok(at) => seq = Some(at),
                Err(refusal) => {
                    stopped = Some(Done::Untold(refusal));
                    return Err(stop());
                }
            }
        }
        plan.apply(database, settings, &key, asked.now)?;
        Ok(Done::Kept(Box::new(plan), seq))
    });
    match stopped {
        Some(stopped) => Ok(stopped),
        None => written,
    }
}

fn new_id() -> Option<entry::Id> {
    let bytes = random::random()?;
    Some(
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .as_u128(),
    )
}

const BELOW: &str = "/.stile/scim/v2";
/// Entries in one page of a list.
const MOST_SHOWN: usize = 1000;
