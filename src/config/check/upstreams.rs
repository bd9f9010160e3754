//! Checks the APIs behind the proxy.
//!
//! In: `upstreams` as written. Out: the settings of forwarding; at least one upstream, no two with one
//! name.
//!
//! A key must have a header to go into and a header with `{key}` a key: an upstream that is called
//! without its key would answer as a stranger, and nobody would know why.

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;

use super::url::Parts;
use super::{Checks, elements};
use crate::config::file::{File, Header, Upstream};
use crate::config::origin::Place;
use crate::config::tree::shortened;
use crate::forward::{InjectedHeader, UpstreamSettings};

mod catalogue;
mod limits;
mod stamps;
mod tls;

pub(super) use catalogue::catalogue;
pub(super) use stamps::stamps;

/// All upstreams.
pub(super) fn upstreams(
    file: &File,
    root: &Place,
    checks: &mut Checks,
) -> Option<Vec<UpstreamSettings>> {
    let list = file
        .upstreams
        .required("upstreams", root, &mut checks.faults)?;
    if list.is_empty() {
        let hint = "add the API that stands behind this proxy";
        checks.refuse(file.upstreams.place(), "nothing to forward to", hint);
    }
    let names = elements(list).filter_map(|(_, upstream)| {
        upstream
            .name
            .get()
            .map(|name| (upstream.name.place(), name.clone()))
    });
    checks.distinct(names, "upstreams");
    let all: Vec<_> = elements(list)
        .map(|(place, upstream)| one(upstream, place, checks))
        .collect();
    all.into_iter().collect()
}

fn one(upstream: &Upstream, place: &Place, checks: &mut Checks) -> Option<UpstreamSettings> {
    let name = upstream.name.required("name", place, &mut checks.faults);
    checks.name(&upstream.name);
    let url = upstream.url.required("url", place, &mut checks.faults);
    let url = url.and_then(|text| origin(text, upstream.url.place(), checks));
    let headers = headers(upstream, place, checks);
    let pass = pass(upstream, checks);
    let addresses = addresses(upstream, checks);
    let tls = tls::tls(upstream, checks);
    let limits = limits::limits(upstream, checks);
    for (name, value) in upstream.pinned.get().into_iter().flatten() {
        if value.get().is_some_and(String::is_empty) {
            let what = format!("an empty value would make every `{name}` misdirected");
            checks.refuse(value.place(), what, "name the one that the key is good for");
        }
    }
    Some(UpstreamSettings {
        name: name?.clone(),
        url: url?,
        headers: headers?,
        pass: pass?,
        addresses: addresses?,
        tls: tls?,
        limits: limits?,
        rest: limits::rest(upstream)?,
        hold_ms: limits::hold_ms(upstream)?,
        connect_ms: upstream.connect_timeout.get()?.as_ms(),
        head_ms: upstream.head_timeout.get()?.as_ms(),
        idle_ms: upstream.idle_timeout.get()?.as_ms(),
        requests: upstream.requests.get()?.as_usize(),
        rotate_after_ms: upstream.rotate_after.get()?.as_ms(),
        rotate_strictly: *upstream.rotate_strictly.get()?,
    })
}

/// Scheme, host and port; the key travels there, so clear text is for this machine only.
fn origin(text: &str, place: &Place, checks: &mut Checks) -> Option<http::Uri> {
    let example = "write scheme, host and port only: https://api.example.com";
    let parts = match Parts::of(text) {
        Ok(parts) => parts,
        Err(what) => {
            checks.refuse(place, what, example);
            return None;
        }
    };
    if !matches!(parts.path, "" | "/") {
        checks.refuse(
            place,
            "an upstream has no path: the caller's path goes to it as it is",
            example,
        );
        return None;
    }
    if !parts.secure && !parts.loopback() {
        checks.refuse(
            place,
            "its key would travel in clear text",
            "an upstream's URL begins with https://",
        );
        return None;
    }
    text.parse().ok()
}

fn headers(upstream: &Upstream, place: &Place, checks: &mut Checks) -> Option<Vec<InjectedHeader>> {
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
pub(super) fn injected(
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
        next_key_file,
        keys_by_project,
    })
}

/// Whether a header carries a key, be it a faulty one.
fn keyed(header: &Header) -> bool {
    let own = header
        .keys_by_project
        .get()
        .is_some_and(|keys| !keys.is_empty());
    let usual = header.key_file.get().is_some() || header.key_file.wrong();
    usual || own || header.keys_by_project.wrong()
}

/// Fields that pass; a caller's credential never does.
fn pass(upstream: &Upstream, checks: &mut Checks) -> Option<Vec<HeaderName>> {
    let list = upstream.pass.get()?;
    let names = elements(list).map(|(place, name)| (place, name.to_ascii_lowercase()));
    checks.distinct(names, "fields");
    let all: Vec<_> = elements(list)
        .map(|(place, text)| {
            let name = field_name(text, place, checks)?;
            if CREDENTIAL_FIELDS.contains(&name.as_str()) {
                let what = format!("`{name}` carries the caller's credential");
                checks.refuse(place, what, "it never reaches an upstream");
                return None;
            }
            Some(name)
        })
        .collect();
    all.into_iter().collect()
}

/// Networks, or single addresses.
fn addresses(upstream: &Upstream, checks: &mut Checks) -> Option<Vec<IpNet>> {
    let all: Vec<_> = elements(upstream.addresses.get()?)
        .map(|(place, text)| {
            let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
            let network = text.parse().ok().or_else(address);
            if network.is_none() {
                let what = format!("`{}` is not a network", shortened(text));
                checks.refuse(place, what, "write it as 10.0.0.0/8 or 2001:db8::/32");
            }
            network
        })
        .collect();
    all.into_iter().collect()
}

fn field_name(text: &str, place: &Place, checks: &mut Checks) -> Option<HeaderName> {
    let Ok(name) = HeaderName::from_bytes(text.as_bytes()) else {
        let what = format!("`{}` is not a field name", shortened(text));
        checks.refuse(
            place,
            what,
            "letters, digits and dashes, such as authorization",
        );
        return None;
    };
    if CONNECTION_FIELDS.contains(&name.as_str()) {
        let what = format!("`{name}` belongs to the connection, which stile makes itself");
        checks.refuse(place, what, "name the field that carries the key");
        return None;
    }
    Some(name)
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

/// Fields in which callers send what only stile may read.
const CREDENTIAL_FIELDS: &[&str] = &["authorization", "proxy-authorization", "cookie"];

/// Fields of the connection or of the request's framing (RFC 9110, section 7.6.1).
const CONNECTION_FIELDS: &[&str] = &[
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "content-length",
    "te",
    "trailer",
    "upgrade",
    "expect",
];
