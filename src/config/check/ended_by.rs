//! Checks whose word ends what issuers gave.
//!
//! In: `people.ended_by` as written, and the issuers. Out: its settings.

use super::{Checks, elements};
use crate::config::file::EndedBy;
use crate::config::located::Located;
use crate::config::origin::Place;
use crate::identify::IssuerSettings;
use crate::people::EndedBySettings;

/// Every issuer that may end something.
pub(super) fn ended_by(
    list: &Located<Vec<Located<EndedBy>>>,
    issuers: &[IssuerSettings],
    checks: &mut Checks,
) -> Option<Vec<EndedBySettings>> {
    let list = list.get()?;
    let named = elements(list).filter_map(|(_, one)| {
        let name = one.issuer.get()?;
        Some((one.issuer.place(), name.clone()))
    });
    checks.distinct(named.collect::<Vec<_>>(), "issuers that end something");
    let all: Vec<_> = elements(list)
        .map(|(place, one)| check_one(one, place, issuers, checks))
        .collect();
    all.into_iter().collect()
}

fn check_one(
    one: &EndedBy,
    place: &Place,
    issuers: &[IssuerSettings],
    checks: &mut Checks,
) -> Option<EndedBySettings> {
    let issuer = one.issuer.required("issuer", place, &mut checks.faults);
    let issuer = issuer.filter(|name| known(name, one.issuer.place(), issuers, checks));
    let also: Vec<_> = elements(one.also.get()?)
        .map(|(place, name)| known(name, place, issuers, checks).then(|| name.clone()))
        .collect();
    for said in [
        &one.logout_audience,
        &one.events_audience,
        &one.revocation_client,
    ] {
        if said.get().is_some_and(String::is_empty) {
            let hint = "write what the provider's notices say, or take the line out";
            checks.refuse(said.place(), "it says nothing", hint);
        }
    }
    let text = |said: &Located<String>| said.get().filter(|text| !text.is_empty()).cloned();
    let settings = EndedBySettings {
        issuer: issuer?.clone(),
        also: also.into_iter().collect::<Option<_>>()?,
        logout_audience: text(&one.logout_audience),
        events_audience: text(&one.events_audience),
        events_secret_file: match one.events_secret_file.get() {
            None => None,
            Some(_) => Some(checks.guarded(&one.events_secret_file)?),
        },
        revocation_client: text(&one.revocation_client),
    };
    let takes_nothing = settings.logout_audience.is_none()
        && settings.events_audience.is_none()
        && settings.revocation_client.is_none();
    if takes_nothing {
        let what = "it could end nothing: no notice of it is taken";
        let hint = "set `logout_audience`, `events_audience` or `revocation_client`";
        checks.refuse(place, what, hint);
    }
    if settings.events_secret_file.is_some() && settings.events_audience.is_none() {
        let hint = "set `events_audience` beside it";
        checks.refuse(one.events_secret_file.place(), "no events are taken", hint);
    }
    Some(settings)
}

fn known(name: &str, place: &Place, issuers: &[IssuerSettings], checks: &mut Checks) -> bool {
    let is_known = issuers.iter().any(|issuer| issuer.name == name);
    if !is_known {
        let what = format!("there is no issuer `{name}`");
        checks.refuse(place, what, "write the `name` of one of `issuers`");
    }
    is_known
}
