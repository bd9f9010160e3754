//! Checks where else records go.
//!
//! In: `leave` as written. Out: the settings of each destination.
//!
//! A key that means nothing for the kind of a destination is refused: it was meant for something.
//! Whether a receiver answers is not asked: one that is away is no reason not to serve.

use std::path::PathBuf;

use super::upstreams::injected;
use super::url::Parts;
use super::{Checks, elements};
use crate::config::file::{Destination, File};
use crate::config::origin::Place as Written;
use crate::config::tree::shortened;
use crate::config::words::{LeaveForm, LeaveKind};
use crate::leave::{DestinationSettings, Form, OtlpSettings, Place, SyslogSettings, TlsSettings};

/// All destinations.
pub(super) fn destinations(file: &File, checks: &mut Checks) -> Option<Vec<DestinationSettings>> {
    let list = file.leave.get()?;
    let names = elements(list).filter_map(|(_, one)| {
        let name = one.name.get()?;
        Some((one.name.place(), name.clone()))
    });
    checks.distinct(names.collect::<Vec<_>>(), "destinations");
    let all: Vec<_> = elements(list)
        .map(|(place, written)| destination(written, place, checks))
        .collect();
    all.into_iter().collect()
}

fn destination(
    one: &Destination,
    place: &Written,
    checks: &mut Checks,
) -> Option<DestinationSettings> {
    let name = one.name.required("name", place, &mut checks.faults);
    checks.name(&one.name);
    let kind = one.kind.required("kind", place, &mut checks.faults)?;
    let (otlp, syslog) = (*kind == LeaveKind::Otlp, *kind == LeaveKind::Syslog);
    let file = *kind == LeaveKind::OcsfFile;
    let of = |written: Option<&Written>, fits: bool| written.filter(|_| !fits).cloned();
    let strays = [
        of(one.url.written(), otlp),
        of(one.headers.written(), otlp),
        of(one.address.written(), syslog),
        of(one.message.written(), syslog),
        of(one.file.written(), file),
        of(one.ca_file.written(), !file),
        of(one.certificate.written(), !file),
        of(one.key.written(), !file),
        of(one.timeout.written(), !file),
        of(one.compress.written(), otlp),
    ];
    for stray in strays.iter().flatten() {
        let what = "means nothing for this kind of destination";
        checks.refuse(stray, what, "remove it, or choose another `kind`");
    }
    let settled = match kind {
        LeaveKind::Otlp => to_otlp(one, place, checks).map(Place::Otlp),
        LeaveKind::Syslog => to_syslog(one, place, checks).map(Place::Syslog),
        LeaveKind::OcsfFile => to_file(one, place, checks).map(Place::OcsfFile),
    };
    Some(DestinationSettings {
        name: name?.clone(),
        place: settled?,
    })
}

fn to_otlp(one: &Destination, place: &Written, checks: &mut Checks) -> Option<OtlpSettings> {
    let url = one.url.required("url", place, &mut checks.faults);
    let url = url.and_then(|text| {
        let example = "write the whole URL: https://otel.example.com/v1/logs";
        match Parts::of(text) {
            Err(what) => checks.refuse(one.url.place(), what, example),
            Ok(parts) if !parts.secure && !parts.loopback() => {
                let what = "records and key would travel in clear text";
                checks.refuse(one.url.place(), what, "http is for the loopback only");
            }
            Ok(parts) if matches!(parts.path, "" | "/") => {
                checks.refuse(one.url.place(), "the path is missing", example);
            }
            Ok(_) => return text.parse().ok(),
        }
        None
    });
    let list = one.headers.get()?;
    let names = elements(list).filter_map(|(_, header)| {
        let name = header.name.get()?.to_ascii_lowercase();
        Some((header.name.place(), name))
    });
    checks.distinct(names.collect::<Vec<_>>(), "headers");
    for (_, header) in elements(list) {
        let own = header.keys_by_project.place();
        for (written, place) in [
            (header.next_key_file.written(), header.next_key_file.place()),
            (header.key_command.written(), header.key_command.place()),
            (header.keys_by_project.written(), own),
        ] {
            if written.is_some() {
                let hint = "take it out: records leave with one key, read anew for each request";
                checks.refuse(
                    place,
                    "only upstreams have other keys, and keys of programs",
                    hint,
                );
            }
        }
    }
    let headers: Vec<_> = elements(list)
        .map(|(place, header)| injected(header, place, checks))
        .collect();
    let tls = tls(one, checks);
    Some(OtlpSettings {
        url: url?,
        headers: headers.into_iter().collect::<Option<_>>()?,
        tls: tls?,
        timeout_ms: one.timeout.get()?.as_ms(),
        compress: *one.compress.get()?,
    })
}

fn to_syslog(one: &Destination, place: &Written, checks: &mut Checks) -> Option<SyslogSettings> {
    let address = one.address.required("address", place, &mut checks.faults);
    let address = address.and_then(|text| {
        let found = host_and_port(text);
        if found.is_none() {
            let what = format!("`{}` is not host and port", shortened(text));
            checks.refuse(
                one.address.place(),
                what,
                "write it as siem.example.com:6514, without a scheme",
            );
        }
        found
    });
    let tls = tls(one, checks);
    let (host, port) = address?;
    Some(SyslogSettings {
        host,
        port,
        form: match one.message.get()? {
            LeaveForm::Ocsf => Form::Ocsf,
            LeaveForm::Record => Form::Record,
        },
        tls: tls?,
        timeout_ms: one.timeout.get()?.as_ms(),
    })
}

fn to_file(one: &Destination, place: &Written, checks: &mut Checks) -> Option<PathBuf> {
    let written = one.file.required("file", place, &mut checks.faults)?;
    let full = checks.resolved(written);
    let folder = full
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if full.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
        let what = format!("`{}` cannot be a file", full.display());
        checks.refuse(
            one.file.place(),
            what,
            "name a file in a folder that is there",
        );
        return None;
    }
    Some(full)
}

/// A host without brackets, and a port that is not 0.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let authority: http::uri::Authority = text.parse().ok()?;
    let port = authority.port_u16().filter(|port| *port > 0)?;
    let host = authority.host();
    let plain = text == format!("{host}:{port}") && !host.is_empty();
    plain.then(|| (host.trim_matches(['[', ']']).to_owned(), port))
}

fn tls(one: &Destination, checks: &mut Checks) -> Option<TlsSettings> {
    let ca_file = checks.readable_if_set(&one.ca_file);
    let certificate = checks.readable_if_set(&one.certificate);
    let key = match one.key.get() {
        Some(_) => checks.guarded(&one.key),
        None => None,
    };
    for (written, other, name) in [
        (&one.certificate, &one.key, "key"),
        (&one.key, &one.certificate, "certificate"),
    ] {
        if written.get().is_some() && other.get().is_none() && !other.wrong() {
            let what = format!("there is no `{name}` beside it");
            checks.refuse(
                written.place(),
                what,
                "a certificate and its key go together",
            );
            return None;
        }
    }
    let whole = |file: &Option<PathBuf>, set: bool| file.is_some() || !set;
    let all = whole(&ca_file, one.ca_file.get().is_some())
        && whole(&certificate, one.certificate.get().is_some())
        && whole(&key, one.key.get().is_some());
    all.then(|| TlsSettings {
        ca_file,
        client: certificate.zip(key),
    })
}
