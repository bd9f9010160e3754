//! Names what a request is done to, and what it does.
//!
//! In: all requests of a description. Out: for each a template, a resource type and an action.
//!
//! Names follow paths and nothing else: descriptions rename their operations more often than their
//! paths. A parameter is called by what it picks, so that one thing has one name on all its paths:
//! `/dashboards/{uid}` and `/dashboards/{id}/versions` both become `{dashboard}`.

use std::collections::{BTreeMap, BTreeSet};

use super::requests::Request;
use super::words::{is_plural, pascal, singular, snake};

/// A request with its names.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// The path under the base, its parameters renamed.
    pub(super) template: String,
    /// The resource type.
    pub(super) kind: String,
    /// The action.
    pub(super) action: String,
    /// What the path picks out.
    pub(super) position: Position,
    /// The parameter of the one that is meant, where the path names one.
    pub(super) id: Option<String>,
    /// The same as the description calls it.
    pub(super) spelled: Option<String>,
    /// The parameter of what it all lies in.
    pub(super) scope: Option<String>,
    /// Whether it is about what others lie in: a project, an organization.
    pub(super) is_scope: bool,
}

/// What a path picks out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// One of a collection.
    Item,
    /// All of a collection.
    Collection,
    /// Something of one, or of a collection.
    Part,
    /// Something that stands alone.
    Alone,
}

/// A parameter, and the collection that it picks from.
struct Picked<'p> {
    collection: &'p str,
    selector: Option<&'p str>,
    name: String,
    spelled: &'p str,
}

/// The names of all requests, in their order.
pub(super) fn names(requests: &[Request<'_>], prefix: Option<&str>) -> Vec<Named> {
    let shapes: BTreeSet<String> = requests.iter().map(|r| shape(r.path)).collect();
    let mut names: Vec<Named> = requests.iter().map(|r| name(r, &shapes, prefix)).collect();
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for named in &mut names {
        if let Some(first) = taken.get(&named.action) {
            let plain = named.action.clone();
            let unlike = differing(first, &named.template);
            let unlike = unlike.map(|literal| format!("{plain}_{}", snake(literal)));
            let numbered = (2..).map(|n| format!("{plain}_{n}"));
            let mut others = unlike.into_iter().chain(numbered);
            if let Some(other) = others.find(|other| !taken.contains_key(other)) {
                named.action = other;
            }
        }
        taken.insert(named.action.clone(), named.template.clone());
    }
    names
}

/// A path without the names of its parameters.
pub(super) fn shape(path: &str) -> String {
    let segments = path.split('/');
    let plain = segments.map(|segment| if is_parameter(segment) { "{}" } else { segment });
    plain.collect::<Vec<_>>().join("/")
}

fn name(request: &Request<'_>, shapes: &BTreeSet<String>, prefix: Option<&str>) -> Named {
    let segments: Vec<&str> = request.path.split('/').skip(1).collect();
    let picked = picked(&segments);
    let template = renamed(&segments, &picked);
    let last = picked.last();
    let tail = segments.iter().rposition(|segment| is_parameter(segment));
    let tail = segments
        .get(tail.map_or(0, |at| at + 1)..)
        .unwrap_or_default();
    let in_scope = last.is_none_or(|picked| is_scope(picked.collection));
    let own = tail.last().copied().unwrap_or_default();
    let before = shape(request.path);
    let before = before.strip_suffix(&tail.join("/")).unwrap_or_default();
    let held = |count: &usize| {
        let path = format!(
            "{before}{}",
            tail.get(..*count).unwrap_or_default().join("/")
        );
        has_items(&path, shapes)
    };
    let (position, stem, part) = match (tail.len(), last) {
        (0, Some(_)) => (Position::Item, stem(&picked), String::new()),
        (n, _) if held(&n) => (Position::Collection, below(&picked, own), String::new()),
        (_, Some(_)) if !in_scope || !is_plural(own) => {
            (Position::Part, stem(&picked), tail.join("_"))
        }
        (n, _) => match (1..n).rev().find(held) {
            Some(count) => {
                let (collection, rest) = tail.split_at(count);
                let collection = collection.last().copied().unwrap_or_default();
                (Position::Part, below(&picked, collection), rest.join("_"))
            }
            None => (Position::Alone, below(&picked, own), String::new()),
        },
    };
    let one = match position {
        Position::Item => true,
        Position::Part => last.is_some() && stem == self::stem(&picked),
        Position::Collection | Position::Alone => false,
    };
    let several = position == Position::Collection || is_plural(own);
    let mut verb = verb(request.method, position, several, &snake(&part));
    if let Some(selector) = last.and_then(|picked| picked.selector).filter(|_| one) {
        verb = format!("{verb}_by_{}", snake(selector.trim_start_matches("by")));
    }
    let stem = match prefix {
        Some(prefix) => format!("{}_{stem}", snake(prefix)),
        None => stem,
    };
    let mut scopes = picked.iter().filter(|picked| is_scope(picked.collection));
    Named {
        template,
        kind: pascal(&singular(&stem)),
        action: format!("{stem}.{verb}"),
        position,
        id: last.filter(|_| one).map(|picked| picked.name.clone()),
        spelled: last.filter(|_| one).map(|picked| picked.spelled.to_owned()),
        scope: scopes.next_back().map(|picked| picked.name.clone()),
        is_scope: match one {
            true => in_scope,
            false => is_scope(own),
        },
    }
}

/// What it does, by its method and by what the path picks out.
fn verb(method: &str, position: Position, several: bool, part: &str) -> String {
    let one = match method {
        "GET" => "read",
        "PUT" => "update",
        "POST" => "post",
        "PATCH" => "patch",
        "DELETE" => "delete",
        "HEAD" => "head",
        _ => "options",
    };
    match (position, method) {
        (Position::Part, "POST") => part.to_owned(),
        (Position::Part, _) => format!("{one}_{part}"),
        (Position::Item, _) => one.to_owned(),
        (_, "GET") if several => "list".to_owned(),
        (_, "POST") if several => "create".to_owned(),
        _ if several => format!("{one}_all"),
        _ => one.to_owned(),
    }
}

fn picked<'p>(segments: &[&'p str]) -> Vec<Picked<'p>> {
    let mut all: Vec<Picked<'p>> = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        if !is_parameter(segment) {
            continue;
        }
        let spelled = segment.trim_matches(['{', '}']);
        let literal = |back: usize| {
            let before = at
                .checked_sub(back)
                .and_then(|at| segments.get(at))
                .copied();
            before.filter(|before| !is_parameter(before))
        };
        let (collection, selector) = match (literal(1), literal(2)) {
            (Some(selector), Some(collection)) if is_selector(selector) => {
                (collection, Some(selector))
            }
            (Some(collection), _) => (collection, None),
            (None, _) => (spelled, None),
        };
        let plain = match selector {
            Some(selector) => snake(selector.trim_start_matches("by")),
            None => singular(collection),
        };
        let taken = |name: &String| all.iter().any(|before| before.name == *name);
        let numbered = (2..).map(|n| format!("{plain}_{n}"));
        let mut names = [plain.clone(), snake(spelled)].into_iter().chain(numbered);
        let name = names.find(|name| !taken(name)).unwrap_or_default();
        all.push(Picked {
            collection,
            selector,
            name,
            spelled,
        });
    }
    all
}

fn renamed(segments: &[&str], picked: &[Picked<'_>]) -> String {
    let mut names = picked.iter().map(|picked| &picked.name).peekable();
    let mut template = String::new();
    for segment in segments {
        template.push('/');
        match names.next_if(|_| is_parameter(segment)) {
            Some(name) => template.push_str(&format!("{{{name}}}")),
            None => template.push_str(segment),
        }
    }
    template
}

/// The name of what is picked last.
fn stem(picked: &[Picked<'_>]) -> String {
    match picked.split_last() {
        Some((last, before)) => below(before, last.collection),
        None => String::new(),
    }
}

/// The name of a collection that lies in what was picked before.
fn below(before: &[Picked<'_>], collection: &str) -> String {
    match before.last() {
        Some(parent) if !is_scope(parent.collection) && parent.collection != collection => {
            format!("{}_{}", singular(parent.collection), snake(collection))
        }
        _ => snake(collection),
    }
}

fn has_items(shape: &str, shapes: &BTreeSet<String>) -> bool {
    let begins = format!("{shape}/");
    let under = shapes.range(begins.clone()..);
    let mut under = under.map_while(|known| known.strip_prefix(&begins));
    under.any(|rest| match rest.split_once('/') {
        None => rest == "{}",
        Some(("{}", _)) => true,
        Some((first, rest)) => is_selector(first) && rest.starts_with("{}"),
    })
}

/// The first literal of a template that another one does not have at its place.
fn differing<'t>(first: &str, template: &'t str) -> Option<&'t str> {
    let mut known = first.split('/');
    template
        .split('/')
        .find(|segment| known.next() != Some(segment) && !is_parameter(segment))
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

fn is_selector(literal: &str) -> bool {
    let literal = snake(literal);
    SELECTORS.contains(&literal.as_str()) || literal.starts_with("by_")
}

fn is_scope(collection: &str) -> bool {
    SCOPES.contains(&singular(collection).as_str())
}

/// Literals that say by what the next parameter picks.
const SELECTORS: &[&str] = &["id", "uid", "uuid", "guid", "name", "slug", "key"];

/// What other things lie in.
const SCOPES: &[&str] = &[
    "project",
    "namespace",
    "org",
    "organization",
    "organisation",
    "tenant",
    "workspace",
    "account",
    "customer",
    "stack",
    "site",
    "region",
    "environment",
];
