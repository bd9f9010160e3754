//! Builds one [`Ruling`] from checked settings, whole or not at all.
//!
//! In: settings, and the ruling in force where there is one. Out: a [`Ruling`] whose policy cases
//! passed, or every fault found.
//!
//! Certificates are looked at here, too, although they decide nothing: a fault in one of them should
//! be told beside the others, and before any port is taken.

use std::path::Path;

use crate::authorize::Policies;
use crate::clock::Clock;
use crate::config::Settings;
use crate::forward::Upstreams;
use crate::hook::Hooks;
use crate::identify::{BlockedKeys, Issuers};
use crate::listen::TlsSwitch;
use crate::people::{People, Scim, SignIn};
use crate::pipeline::{Objects, Ruling};
use crate::resolve::{Catalogue, Speech};
use crate::setup_error::SetupError;
use crate::stamp::Stamps;

/// Builds and tests everything that decides.
///
/// # Errors
/// Every fault of certificates, catalogue, policies, issuers and upstreams, at once where they do
/// not depend on one another.
pub fn build(
    settings: &Settings,
    clock: &Clock,
    before: Option<&Ruling>,
) -> Result<Ruling, Vec<SetupError>> {
    let certificates = settings.listen.listeners.iter();
    let certificates = certificates.filter_map(|listener| listener.tls.as_ref());
    let mut faults: Vec<SetupError> = certificates
        .filter_map(|files| TlsSwitch::load(files).err())
        .collect();
    let upstreams = Upstreams::build(&settings.upstreams)
        .map(|upstreams| match before {
            Some(before) => upstreams.inherit(&before.upstreams, &settings.upstreams),
            None => upstreams,
        })
        .map_err(|e| faults.extend(e))
        .ok();
    let issuers = issuers(settings, clock)
        .map(|i| i.found_at(&settings.site.url, before.map(|b| &b.issuers)))
        .map_err(|e| faults.push(e))
        .ok();
    if let (Some(issuers), Some(before)) = (&issuers, before) {
        issuers.inherit(&before.issuers);
    }
    let catalogue = Catalogue::load(&settings.catalogue)
        .map_err(|e| faults.extend(e))
        .ok();
    if let (Some(upstreams), Some(catalogue)) = (&upstreams, &catalogue)
        && let Err(unknown) = upstreams.check_limits(catalogue.entries())
    {
        faults.extend(unknown);
    }
    let hooks = Hooks::read(&settings.hooks)
        .map_err(|e| faults.extend(e))
        .ok();
    if let Some(catalogue) = &catalogue {
        faults.extend(unstampable(settings, catalogue));
    }
    let people = match before {
        // What is set of them cannot change while stile runs.
        Some(before) => before.people.clone(),
        None => settings.people.clone().map(People::new),
    };
    let sign_in = match before {
        Some(before) => before.sign_in.clone(),
        None => signing_in(people.clone(), settings, clock)
            .map_err(|e| faults.push(e))
            .ok()
            .flatten(),
    };
    // Its tokens are read with each generation, so that a reload changes them.
    let scim = people
        .clone()
        .filter(|people| !people.settings().scim.is_empty())
        .and_then(|people| {
            Scim::build(people, &settings.site.url)
                .map_err(|e| faults.extend(e))
                .ok()
        });
    let policies = catalogue.as_ref().and_then(|catalogue| {
        Policies::load(&settings.policies, catalogue.entries(), clock.now())
            .map_err(|e| faults.extend(e))
            .ok()
    });
    match (upstreams, issuers, catalogue, policies, hooks) {
        (Some(upstreams), Some(issuers), Some(catalogue), Some(policies), Some(hooks))
            if faults.is_empty() =>
        {
            let (levels, config) = (
                settings.journal.levels,
                format!("sha256:{}", settings.digest),
            );
            let stamps = Stamps::build(
                &settings.stamps,
                settings.stamped_bytes,
                before.map(|before| &before.stamps),
            );
            let upstreams = match &settings.people {
                Some(_) => upstreams.heeding(issuers.standings().clone()),
                None => upstreams,
            };
            Ok(Ruling {
                issuers,
                catalogue,
                policies,
                upstreams,
                stamps,
                hooks,
                levels,
                config,
                objects: Objects::default(),
                people,
                sign_in,
                scim,
            })
        }
        _ => Err(faults),
    }
}

/// How people sign in, where they do.
fn signing_in(
    people: Option<People>,
    settings: &Settings,
    clock: &Clock,
) -> Result<Option<SignIn>, SetupError> {
    people
        .filter(|people| !people.settings().providers.is_empty())
        .map(|people| SignIn::build(people, &settings.site.url, clock))
        .transpose()
}

/// A fault for each upstream that is to be stamped and takes nothing that can be.
fn unstampable(settings: &Settings, catalogue: &Catalogue) -> Vec<SetupError> {
    let entries = catalogue.entries();
    let takes = |upstream: &str| {
        let mut its = entries.iter().filter(|entry| *entry.upstream == *upstream);
        its.any(|entry| entry.speech == Speech::Otlp)
    };
    let stamps = settings.stamps.iter();
    stamps
        .filter(|stamp| !takes(&stamp.upstream))
        .map(|stamp| {
            let what = format!("upstream `{}` takes no telemetry to stamp", stamp.upstream);
            SetupError::new(what)
                .hint("take `stamp` out, or say `speaks: otlp` in the catalogue of its operations")
        })
        .collect()
}

/// The issuers with their files read and the operator's blocks obeyed; nobody is asked yet.
///
/// # Errors
/// An issuer that cannot be trusted as it is set, or a file of keys that cannot be read.
pub fn issuers(settings: &Settings, clock: &Clock) -> Result<Issuers, SetupError> {
    let issuers = Issuers::build(settings.issuers.clone(), clock.clone())?;
    let issuers = issuers.and_workloads(settings.workloads.clone())?;
    if let Some(file) = &settings.blocked_file {
        issuers.block(&blocked_keys(settings, file)?);
    }
    Ok(issuers)
}

/// The operator's list of blocked keys.
pub(super) fn blocked_keys(settings: &Settings, file: &Path) -> Result<BlockedKeys, SetupError> {
    BlockedKeys::read(file, settings.issuers.iter().map(|one| one.name.as_str()))
}
