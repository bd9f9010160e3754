//! Checks the APIs behind the proxy.
//!
//! In: `upstreams` as written. Out: the settings of forwarding; at least one upstream, no two with one
//! name.
//!
//! A key must have a header to go into and a header with `{key}` a key: an upstream that is called
//! without its key would answer as a stranger, and nobody would know why.

use http::HeaderName;

use super::url::Parts;
use super::{Checks, elements};
use crate::config::file::{File, Upstream};
use crate::config::origin::Place;
use crate::config::tree::shortened;
use crate::forward::UpstreamSettings;

mod catalogue;
mod headers;
mod limits;
mod stamps;
mod tls;

pub(super) use catalogue::catalogue;
pub(super) use headers::injected;
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
    let headers = headers::headers(upstream, place, checks);
    let pass = pass(upstream, checks);
    let addresses = checks.networks(&upstream.addresses);
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
        scrub_bodies: *upstream.scrub_bodies.get()?,
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
