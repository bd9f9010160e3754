//! Checks the fields that stile sets on requests, and where their keys come from.
//!
//! In: `headers` of one upstream, or of another place with a key. Out: their settings.
//!
//! Never: a program whose name depends on what `PATH` says.

use std::collections::BTreeMap;

use http::HeaderValue;

use super::field_name;
use crate::config::check::{Checks, elements};
use crate::config::file::{Header, Upstream};
use crate::config::origin::Place;
use crate::config::tree::shortened;
use crate::forward::{InjectedHeader, KeyCommand};

/// All of an upstream's; at least one has a key.
pub(super) fn headers(
    upstream: &Upstream,
    place: &Place,
    checks: &mut Checks,
) -> Option<Vec<InjectedHeader>> {
    let list = upstream
        .headers
        .required("headers", place, &mut checks.faults)?;
    if !list
        .iter()
        .any(|header| header.wrong() || header.get().is_some_and(keyed))
    {
        let hint = "add one with `key_file`: { name: authorization, value: \"bearer {key}\", key_file: secrets/api.key }";
        checks.refuse(
            upstream.headers.place(),
            "no header carries the upstream's key",
            hint,
        );
    }
    let names = elements(list).filter_map(|(_, header)| {
        let name = header.name.get()?.to_ascii_lowercase();
        Some((header.name.place(), name))
    });
    checks.distinct(names, "headers");
    let all: Vec<_> = elements(list)
        .map(|(place, header)| injected(header, place, checks))
        .collect();
    all.into_iter().collect()
}

/// One field that is set on a request, with its key where it has one.
pub(in crate::config::check) fn injected(
    header: &Header,
    place: &Place,
    checks: &mut Checks,
) -> Option<InjectedHeader> {
    let name = header.name.required("name", place, &mut checks.faults);
    let name = name.and_then(|text| field_name(text, header.name.place(), checks));
    let value = header.value.required("value", place, &mut checks.faults);
    if let Some(value) = value {
        placeholders(header, value, checks);
    }
    let key_file = match header.key_file.get() {
        None => None,
        Some(_) => Some(checks.guarded(&header.key_file)?),
    };
    let next_key_file = match header.next_key_file.get() {
        None => None,
        Some(_) => Some(checks.guarded(&header.next_key_file)?),
    };
    let key_command = command(header, checks)?;
    if next_key_file.is_some() && key_file.is_none() {
        let what = "a key that follows none";
        checks.refuse(header.next_key_file.place(), what, "write it as `key_file`");
    }
    let mut keys_by_project = BTreeMap::new();
    for (project, file) in header.keys_by_project.get().into_iter().flatten() {
        keys_by_project.insert(project.clone(), checks.guarded(file)?);
    }
    Some(InjectedHeader {
        name: name?,
        value: value?.clone(),
        key_file,
        key_command,
        next_key_file,
        keys_by_project,
    })
}

/// The program that prints the key; nothing inside where there is none.
fn command(header: &Header, checks: &mut Checks) -> Option<Option<KeyCommand>> {
    let (list, refresh) = (&header.key_command, &header.key_refresh);
    if list.wrong() || refresh.wrong() {
        return None;
    }
    let Some(words) = list.get() else {
        if refresh.get().is_some() {
            let what = "there is no program that could be asked again";
            checks.refuse(refresh.place(), what, "name it with `key_command`");
        }
        return Some(None);
    };
    if header.key_file.get().is_some() {
        let what = "the key comes from a file already";
        checks.refuse(
            list.place(),
            what,
            "keep one of `key_file` and `key_command`",
        );
    }
    let words: Vec<String> = elements(words).map(|(_, word)| word.clone()).collect();
    if !words
        .first()
        .is_some_and(|program| program.starts_with('/'))
    {
        let what = "the program is not named by its whole path";
        checks.refuse(list.place(), what, "write [/usr/bin/vault, kv, get, …]");
    }
    Some(Some(KeyCommand {
        words,
        refresh_ms: refresh.get().map_or(KEY_REFRESH_MS, |every| every.as_ms()),
    }))
}

/// How often a program is asked for its key, where nothing is set.
const KEY_REFRESH_MS: u64 = 5 * 60_000;

/// Whether a header carries a key, be it a faulty one.
fn keyed(header: &Header) -> bool {
    let own = header
        .keys_by_project
        .get()
        .is_some_and(|keys| !keys.is_empty());
    let usual = header.key_file.get().is_some() || header.key_file.wrong();
    let asked = header.key_command.get().is_some() || header.key_command.wrong();
    usual || asked || own || header.keys_by_project.wrong()
}

/// `{key}` stands in the value exactly when there is a key for it, and nothing else in braces does.
fn placeholders(header: &Header, value: &str, checks: &mut Checks) {
    let place = header.value.place();
    let keyed = keyed(header);
    let count = value.matches("{key}").count();
    if keyed && count != 1 {
        let what = format!(
            "`{}` has no place for the key, or several",
            shortened(value)
        );
        checks.refuse(
            place,
            what,
            "write `{key}` once where the key goes: \"bearer {key}\"",
        );
    } else if !keyed && count > 0 {
        checks.refuse(
            place,
            "`{key}` without a `key_file`",
            "add `key_file: secrets/api.key`",
        );
    } else if value.replace("{key}", "").contains(['{', '}']) {
        let what = format!("`{}` has braces that stand for nothing", shortened(value));
        checks.refuse(place, what, "only `{key}` is filled in");
    }
    let plain = !value.trim().is_empty() && value.trim() == value;
    if !plain || HeaderValue::from_str(value).is_err() || !value.is_ascii() {
        let what = format!("`{}` cannot be the value of a field", shortened(value));
        checks.refuse(place, what, "visible ASCII without spaces at the ends");
    }
}
