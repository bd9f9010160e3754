//! Checks the APIs behind the proxy, and which catalogue each of them uses.
//!
//! In: `upstreams` as written and the folder of policies. Out: the settings of forwarding and of the
//! catalogue; at least one upstream, no two with one name.
//!
//! A key must have a header to go into and a header with `{key}` a key: an upstream that is called
//! without its key would answer as a stranger, and nobody would know why.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;

use super::url::Parts;
use super::{Checks, elements};
use crate::config::file::{File, Header, Upstream};
use crate::config::origin::Place;
use crate::config::tree::shortened;
use crate::config::words::VersionWord;
use crate::forward::{InjectedHeader, UpstreamSettings};
use crate::resolve::{CatalogueSettings, CatalogueUse, OWN};
use crate::setup_error::nearest;
use crate::stamp::{StampSettings, VersionRule};

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

/// Which catalogue each upstream uses; the files must be there.
pub(super) fn catalogue(
    file: &File,
    policies: Option<&Path>,
    checks: &mut Checks,
) -> Option<CatalogueSettings> {
    let folder = policies?.join("operations");
    let mut uses = Vec::new();
    for (place, upstream) in elements(file.upstreams.get()?) {
        let operations = upstream
            .operations
            .required("operations", place, &mut checks.faults);
        let Some(operations) = operations else {
            continue;
        };
        known_operations(operations, upstream.operations.place(), &folder, checks);
        let pinned = upstream.pinned.get().into_iter().flatten();
        uses.push(CatalogueUse {
            upstream: upstream.name.get().cloned().unwrap_or_default(),
            operations: operations.clone(),
            pinned: pinned
                .filter_map(|(name, value)| Some((name.clone(), value.get()?.clone())))
                .collect(),
        });
    }
    uses.extend(deployments(file, checks));
    Some(CatalogueSettings { folder, uses })
}

/// Whose telemetry is stamped on its way.
pub(super) fn stamps(file: &File) -> Vec<StampSettings> {
    let list = file.upstreams.get().map(Vec::as_slice).unwrap_or_default();
    elements(list)
        .filter_map(|(_, upstream)| {
            let service_version = match upstream.stamp.get()?.service_version.get()? {
                VersionWord::Keep => VersionRule::Keep,
                VersionWord::Commit => VersionRule::Commit,
                VersionWord::MustBeCommit => VersionRule::MustBeCommit,
            };
            Some(StampSettings {
                upstream: upstream.name.get()?.clone(),
                service_version,
            })
        })
        .collect()
}

/// The use of stile's own catalogue, by the upstream that deployments go to.
fn deployments(file: &File, checks: &mut Checks) -> Option<CatalogueUse> {
    let mut takers = elements(file.upstreams.get()?)
        .filter(|(_, upstream)| upstream.deployments.get() == Some(&true));
    let (_, first) = takers.next()?;
    if let Some((_, second)) = takers.next() {
        let what = "deployments go to one upstream, and another one takes them already";
        checks.refuse(
            second.deployments.place(),
            what,
            "keep `deployments: true` at one of them",
        );
    }
    Some(CatalogueUse {
        upstream: first.name.get().cloned().unwrap_or_default(),
        operations: OWN.to_owned(),
        pinned: Vec::new(),
    })
}

fn one(upstream: &Upstream, place: &Place, checks: &mut Checks) -> Option<UpstreamSettings> {
    let name = upstream.name.required("name", place, &mut checks.faults);
    checks.name(&upstream.name);
    let url = upstream.url.required("url", place, &mut checks.faults);
    let url = url.and_then(|text| origin(text, upstream.url.place(), checks));
    let headers = headers(upstream, place, checks);
    let pass = pass(upstream, checks);
    let addresses = addresses(upstream, checks);
    let ca_file = checks.readable_if_set(&upstream.ca_file);
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
        ca_file,
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

fn known_operations(operations: &str, place: &Place, folder: &Path, checks: &mut Checks) {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if operations.is_empty() || !operations.chars().all(plain) {
        let what = format!("`{}` cannot be a catalogue's name", shortened(operations));
        return checks.refuse(place, what, "the file's name without folder and `.yaml`");
    }
    let file = folder.join(format!("{operations}.yaml"));
    if file.is_file() {
        return;
    }
    let there: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.strip_suffix(".yaml").map(str::to_owned)
        })
        .collect();
    let hint = match nearest(operations, there.iter().map(String::as_str)) {
        Some(word) => format!("did you mean `{word}`?"),
        None => "`stile operations import` makes one from an OpenAPI file".to_owned(),
    };
    checks.refuse(
        place,
        format!("there is no catalogue `{}`", file.display()),
        &hint,
    );
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
