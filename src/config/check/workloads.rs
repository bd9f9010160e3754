//! Checks whose client certificates say who they are.
//!
//! In: `workloads` as written. Out: their settings; each with one kind of name, none with the name of
//! an issuer.
//!
//! A CA that no address asks callers for would never be asked about, so that is refused, too.

use super::{Checks, elements};
use crate::config::file::{File, Workload};
use crate::config::located::Located;
use crate::config::origin::Place;
use crate::identify::{WorkloadNames, WorkloadSettings};

/// All of them.
pub(super) fn workloads(file: &File, checks: &mut Checks) -> Option<Vec<WorkloadSettings>> {
    let list = file.workloads.get()?;
    let of_issuers = elements(file.issuers.get().map(Vec::as_slice).unwrap_or_default());
    let issuers = of_issuers.filter_map(|(_, issuer)| placed(&issuer.name));
    let own = elements(list).filter_map(|(_, workload)| placed(&workload.name));
    checks.distinct(
        issuers.chain(own).collect::<Vec<_>>(),
        "issuers and workloads",
    );
    if !list.is_empty() && !asks_for_certificates(file) {
        let what = "no address asks callers for a certificate";
        let hint = "set `client_ca` under the `tls` of an address, with the CA of `ca_file` in it";
        checks.refuse(file.workloads.place(), what, hint);
    }
    let all: Vec<_> = elements(list)
        .map(|(place, workload)| one(workload, place, checks))
        .collect();
    all.into_iter().collect()
}

fn placed(name: &Located<String>) -> Option<(&Place, String)> {
    Some((name.place(), name.get()?.clone()))
}

fn asks_for_certificates(file: &File) -> bool {
    let listeners = elements(file.listen.get().map(Vec::as_slice).unwrap_or_default());
    let mut asking = listeners.filter_map(|(_, listener)| listener.tls.get()?.client_ca.get());
    asking.next().is_some()
}

fn one(workload: &Workload, place: &Place, checks: &mut Checks) -> Option<WorkloadSettings> {
    let name = workload.name.required("name", place, &mut checks.faults);
    checks.name(&workload.name);
    let there = workload
        .ca_file
        .required("ca_file", place, &mut checks.faults);
    let ca_file = there.and_then(|_| checks.readable(&workload.ca_file));
    let names = names(workload, place, checks);
    let longest = workload.longest_lifetime.get()?;
    Some(WorkloadSettings {
        name: name?.clone(),
        ca_file: ca_file?,
        names: names?,
        longest_lifetime_ms: longest.as_ms(),
    })
}

fn names(workload: &Workload, place: &Place, checks: &mut Checks) -> Option<WorkloadNames> {
    let domain = |set: &Located<String>, checks: &mut Checks| {
        let name = set.get()?;
        if !is_domain(name) {
            let what = format!("`{}` is not a domain", crate::config::tree::shortened(name));
            checks.refuse(
                set.place(),
                what,
                "lower case, without a scheme: acme.example",
            );
            return None;
        }
        Some(name.clone())
    };
    match (workload.trust_domain.get(), workload.dns_below.get()) {
        (Some(_), Some(_)) => {
            let what = "both `trust_domain` and `dns_below`";
            checks.refuse(
                workload.dns_below.place(),
                what,
                "a certificate has one name: remove one",
            );
            None
        }
        (Some(_), None) => {
            let trust_domain = domain(&workload.trust_domain, checks)?;
            Some(WorkloadNames::Spiffe { trust_domain })
        }
        (None, Some(_)) => {
            let below = domain(&workload.dns_below, checks)?;
            Some(WorkloadNames::Dns { below })
        }
        (None, None) => {
            if !workload.trust_domain.wrong() && !workload.dns_below.wrong() {
                let what = "neither `trust_domain` nor `dns_below`";
                checks.refuse(
                    place,
                    what,
                    "say which names its CA gives: SPIFFE ids or DNS names",
                );
            }
            None
        }
    }
}

/// SPIFFE allows `_` in a trust domain, too; a domain that has none serves both.
fn is_domain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = |label: &str| !label.is_empty() && label.len() <= 63 && label.chars().all(plain);
    text.len() <= 200 && text.split('.').all(is_label)
}
