//! Checks whose webhooks are taken.
//!
//! In: `hooks` as written. Out: the settings of each GitLab.

use std::path::PathBuf;

use super::{Checks, elements};
use crate::config::file::{File, Hook};
use crate::config::located::Located;
use crate::config::origin::Place;
use crate::hook::HookSettings;

/// Every GitLab whose webhooks are taken.
pub(super) fn hooks(file: &File, checks: &mut Checks) -> Option<Vec<HookSettings>> {
    let list = file.hooks.get()?;
    let issuers = elements(list).filter_map(|(_, hook)| {
        let issuer = hook.issuer.get()?;
        Some((hook.issuer.place(), issuer.clone()))
    });
    checks.distinct(issuers.collect::<Vec<_>>(), "senders of webhooks");
    let all: Vec<_> = elements(list)
        .map(|(place, written)| hook(file, written, place, checks))
        .collect();
    all.into_iter().collect()
}

fn hook(file: &File, one: &Hook, place: &Place, checks: &mut Checks) -> Option<HookSettings> {
    let issuer = one.issuer.required("issuer", place, &mut checks.faults);
    if let Some(name) = issuer {
        let mut known = elements(file.issuers.get().map(Vec::as_slice).unwrap_or_default());
        if !known.any(|(_, issuer)| issuer.name.get() == Some(name)) {
            let what = format!("there is no issuer `{name}`");
            let hint = "write the `name` of the GitLab among `issuers` whose jobs these are";
            checks.refuse(one.issuer.place(), what, hint);
        }
    }
    let groups = one.groups.required("groups", place, &mut checks.faults)?;
    if groups.is_empty() {
        let hint = "name the groups whose projects may tell something: `groups: [acme]`";
        checks.refuse(one.groups.place(), "webhooks of no project are taken", hint);
    }
    for (place, group) in elements(groups) {
        if !is_path(group) {
            let what = format!("`{group}` is no path of a group or project");
            checks.refuse(place, what, "write it as in its address: `acme/shop`");
        }
    }
    let services = one.services.get()?;
    for (project, service) in services {
        let named = service.get().is_some_and(|name| is_path(name));
        if !is_path(project) || !named {
            let what =
                "a project's path and a service's name are letters, digits, `.`, `_`, `-`, `/`";
            checks.refuse(service.place(), what, "such as `acme/shop/api: checkout`");
        }
    }
    let mut guarded = |files: [&Located<PathBuf>; 2]| -> Option<Vec<PathBuf>> {
        let set = files.into_iter().filter(|file| file.get().is_some());
        let read: Vec<_> = set.map(|file| checks.guarded(file)).collect();
        read.into_iter().collect()
    };
    let secret_files = guarded([&one.secret_file, &one.next_secret_file])?;
    let signing_key_files = guarded([&one.signing_key_file, &one.next_signing_key_file])?;
    if secret_files.is_empty() && signing_key_files.is_empty() {
        let hint = "set `signing_key_file`, or `secret_file` for a GitLab that cannot sign";
        checks.refuse(place, "anybody could send webhooks", hint);
    }
    let texts = |list: &[Located<String>]| -> Vec<String> {
        elements(list).map(|(_, text)| text.clone()).collect()
    };
    Some(HookSettings {
        issuer: issuer?.clone(),
        groups: texts(groups),
        secret_files,
        signing_key_files,
        services: services
            .iter()
            .filter_map(|(project, service)| Some((project.clone(), service.get()?.clone())))
            .collect(),
        machines: texts(one.machines.get()?)
            .iter()
            .map(|word| word.to_lowercase())
            .collect(),
    })
}

fn is_path(text: &str) -> bool {
    let plain = |part: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        !part.is_empty() && part.chars().all(fits)
    };
    text.len() <= LONGEST && text.split('/').all(plain)
}

const LONGEST: usize = 255;
