//! Looks into the schemas of answers and bodies.
//!
//! In: an operation of a description. Out: the schema of its good answer and of its JSON body, and in
//! any schema the places of what stile asks for: labels, ids, lists, and names of secrets.
//!
//! `allOf` is one object. What is in `oneOf` or `anyOf` counts where there is one that is not `null`;
//! only secrets are looked for in every one.
//!
//! OpenAPI 3.1: Responses Object, Media Type Object; JSON Schema 2020-12, 10.2.

use std::collections::BTreeSet;

use super::document::At;
use super::words::words;
use crate::setup_error::SetupError;

/// The keys on the way to something.
pub(super) type Steps = Vec<String>;

/// What a schema is looked at for may fail at a reference.
pub(super) type Found<T> = Result<T, SetupError>;

/// The JSON schema of what is answered when all is well.
pub(super) fn answer<'d>(operation: &At<'d>) -> Found<Option<At<'d>>> {
    let Some(responses) = operation.get("responses")? else {
        return Ok(None);
    };
    for status in ["200", "201", "202", "203", "2XX", "2xx", "default"] {
        if let Some(response) = responses.get(status)? {
            return Ok(json_in(&response)?.0);
        }
    }
    Ok(None)
}

/// The JSON schema of the body, and whether the body may also be of a type that is not judged.
pub(super) fn body<'d>(operation: &At<'d>) -> Found<(Option<At<'d>>, bool)> {
    match operation.get("requestBody")? {
        Some(body) => json_in(&body),
        None => Ok((None, false)),
    }
}

fn json_in<'d>(message: &At<'d>) -> Found<(Option<At<'d>>, bool)> {
    let mut found = None;
    let mut others = false;
    for (media, said) in message.get("content")?.iter().flat_map(At::keys) {
        match is_json(media) {
            true if found.is_none() => found = said.followed()?.get("schema")?,
            true => {}
            false => others = true,
        }
    }
    Ok((found, others))
}

/// As the judge of bodies takes it; a patch of JSON is a list of changes and no object.
fn is_json(media: &str) -> bool {
    let media = media.to_ascii_lowercase();
    let media = media.split(';').next().unwrap_or_default().trim();
    let suffixed = media.starts_with("application/") && media.ends_with("+json");
    media == "application/json" || (suffixed && !media.contains("json-patch"))
}

/// The properties of an object, those of its `allOf` among them.
pub(super) fn properties<'d>(schema: &At<'d>) -> Found<Vec<(&'d str, At<'d>)>> {
    let mut all = Vec::new();
    gather(schema, DEEPEST, &mut all)?;
    Ok(all)
}

fn gather<'d>(schema: &At<'d>, left: usize, all: &mut Vec<(&'d str, At<'d>)>) -> Found<()> {
    let Some(left) = left.checked_sub(1) else {
        return Ok(()); // an `allOf` that holds itself has nothing more to say
    };
    if let Some(properties) = schema.get("properties")? {
        for (name, property) in properties.keys() {
            all.push((name, property.followed()?));
        }
    }
    if let Some(parts) = schema.get("allOf")? {
        for part in parts.elements()? {
            gather(&part, left, all)?;
        }
    }
    match the_one(schema)? {
        Some(one) => gather(&one, left, all),
        None => Ok(()),
    }
}

/// The only choice that is not `null`.
fn the_one<'d>(schema: &At<'d>) -> Found<Option<At<'d>>> {
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema.get(choice)? {
            let mut choices = choices.elements()?;
            choices.retain(|choice| choice.text_of("type") != Some("null"));
            let one = choices.pop().filter(|_| choices.is_empty());
            return Ok(one);
        }
    }
    Ok(None)
}

/// Whether a schema may be of a type; one that says nothing may be anything.
fn may_be(schema: &At<'_>, kind: &str) -> Found<bool> {
    Ok(match schema.get("type")? {
        None => true,
        Some(said) => match said.text() {
            Some(said) => said == kind,
            None => said
                .elements()?
                .iter()
                .any(|said| said.text() == Some(kind)),
        },
    })
}

/// Where labels may be: the shallowest first, `labels` before `tags`.
pub(super) fn labels(schema: &At<'_>) -> Found<Vec<Steps>> {
    let mut found = Vec::new();
    let mut level = vec![(Vec::new(), schema.clone())];
    for _ in 0..LABELS_DEEP {
        let mut next = Vec::new();
        let mut here = Vec::new();
        for (way, schema) in &level {
            for (name, property) in properties(schema)? {
                let steps = stepped(way, name);
                match name {
                    "labels" | "tags" if is_labels(&property)? => here.push((name, steps)),
                    _ if is_plain(name) => next.push((steps, property)),
                    _ => {}
                }
            }
        }
        here.sort();
        here.dedup();
        found.extend(here.into_iter().map(|(_, steps)| steps));
        level = next;
    }
    Ok(found)
}

/// `["team:payments"]`, `[{"key": …, "value": …}]` or `{"team": "payments"}`.
fn is_labels(schema: &At<'_>) -> Found<bool> {
    if let Some(element) = schema.get("items")? {
        let inside = properties(&element)?;
        let has = |wanted: &str| inside.iter().any(|(name, _)| *name == wanted);
        return Ok(
            (has("key") && has("value")) || (inside.is_empty() && may_be(&element, "string")?)
        );
    }
    match schema.get("additionalProperties")? {
        Some(value) if value.has_keys() => may_be(&value, "string"),
        _ => Ok(schema.text_of("type") == Some("object") && properties(schema)?.is_empty()),
    }
}

/// Lists of objects: the whole answer, or at most two keys down.
pub(super) fn lists<'d>(schema: &At<'d>) -> Found<Vec<(Steps, At<'d>)>> {
    let mut found = Vec::new();
    let mut level = vec![(Vec::new(), schema.clone())];
    for _ in 0..=LISTS_DEEP {
        let mut next = Vec::new();
        for (way, schema) in level {
            match schema.get("items")? {
                Some(element) if !properties(&element)?.is_empty() => found.push((way, element)),
                Some(_) => {}
                None => {
                    for (name, property) in properties(&schema)? {
                        if is_plain(name) {
                            next.push((stepped(&way, name), property));
                        }
                    }
                }
            }
        }
        level = next;
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.dedup_by(|a, b| a.0 == b.0);
    Ok(found)
}

/// Where an object says which one it is: a property that is called like the parameter, then the usual
/// ones; the parameter's name is also looked for one key down.
pub(super) fn id(schema: &At<'_>, spelled: Option<&str>) -> Found<Option<Steps>> {
    let own = spelled.map(|spelled| words(spelled).join(""));
    let is_own = |name: &str| Some(words(name).join("")) == own;
    let properties = self::properties(schema)?;
    for (name, property) in &properties {
        if is_own(name) && is_scalar(property)? {
            return Ok(Some(vec![(*name).to_owned()]));
        }
    }
    for (name, property) in properties
        .iter()
        .filter(|(name, _)| ENVELOPES.contains(name))
    {
        for (inner, property) in self::properties(property)? {
            if is_own(inner) && is_scalar(&property)? {
                return Ok(Some(vec![(*name).to_owned(), inner.to_owned()]));
            }
        }
    }
    for usual in ["id", "uid", "uuid"] {
        for (name, property) in &properties {
            if *name == usual && is_scalar(property)? {
                return Ok(Some(vec![usual.to_owned()]));
            }
        }
    }
    Ok(None)
}

fn is_scalar(schema: &At<'_>) -> Found<bool> {
    Ok(properties(schema)?.is_empty() && (may_be(schema, "string")? || may_be(schema, "integer")?))
}

/// The schema at the end of some keys.
pub(super) fn at<'d>(schema: &At<'d>, steps: &[String]) -> Found<Option<At<'d>>> {
    let mut here = schema.clone();
    for step in steps {
        let next = properties(&here)?
            .into_iter()
            .find(|(name, _)| name == step);
        match next {
            Some((_, next)) => here = next,
            None => return Ok(None),
        }
    }
    Ok(Some(here))
}

/// A property that is called like a secret, anywhere; an answer too large to be looked through has one.
/// What was looked through and has none is `clean`, so that each schema is gone through once.
pub(super) fn secret<'d>(schema: &At<'d>, clean: &mut BTreeSet<String>) -> Found<Option<&'d str>> {
    let mut passed = BTreeSet::new();
    let mut left = vec![schema.clone()];
    while let Some(schema) = left.pop() {
        if clean.contains(schema.pointer()) || !passed.insert(schema.pointer().to_owned()) {
            continue;
        }
        if passed.len() > MOST_SCHEMAS {
            return Ok(Some("more than can be looked through"));
        }
        for (name, property) in properties(&schema)? {
            if is_secret(name) && may_be(&property, "string")? && !property.says("writeOnly") {
                return Ok(Some(name));
            }
            left.push(property);
        }
        for key in ["items", "additionalProperties"] {
            left.extend(schema.get(key)?.filter(At::has_keys));
        }
        for key in ["oneOf", "anyOf", "allOf"] {
            if let Some(choices) = schema.get(key)? {
                left.extend(choices.elements()?);
            }
        }
    }
    clean.extend(passed);
    Ok(None)
}

fn is_secret(name: &str) -> bool {
    let words = words(name);
    let joined = words.join("");
    let turns_pages = words.iter().any(|word| PAGES.contains(&word.as_str()));
    !turns_pages && SECRETS.iter().any(|secret| joined.contains(secret))
}

/// Whether a key can stand in a pointer of a catalogue.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '~'])
}

fn stepped(way: &[String], name: &str) -> Steps {
    let mut steps = way.to_vec();
    steps.push(name.to_owned());
    steps
}

const DEEPEST: usize = 12;
/// Schemas of one answer that are looked at.
const MOST_SCHEMAS: usize = 20_000;
const LABELS_DEEP: usize = 3;
const LISTS_DEEP: usize = 2;

/// Keys under which an object says of itself what is not its content.
const ENVELOPES: &[&str] = &["metadata", "meta", "attributes"];

const SECRETS: &[&str] = &[
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "accesskey",
    "privatekey",
    "signingkey",
    "credential",
];

/// Words beside `token` in names of what turns pages.
const PAGES: &[&str] = &["page", "next", "continue", "continuation", "cursor", "sync"];
