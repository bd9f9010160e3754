//! Checks what is kept of people and how they sign in.
//!
//! In: `people` as written, the issuers, and the journal's folder. Out: its settings; none where the
//! section is not there.

use std::path::Path;

use super::database::{Written, database};
use super::ended_by::ended_by;
use super::{Checks, elements};
use crate::config::file::{File, Scim, SignIn};
use crate::config::origin::Place;
use crate::identify::{Dialect, IssuerSettings};
use crate::people::{PeopleSettings, ProviderSettings, ScimSettings, SubjectAttribute};

/// What is set of people; none inside where nothing is kept of them.
pub(super) fn people(
    file: &File,
    issuers: &[IssuerSettings],
    journal: Option<&Path>,
    checks: &mut Checks,
) -> Option<Option<PeopleSettings>> {
    let Some(people) = file.people.get() else {
        return (!file.people.wrong()).then_some(None);
    };
    let written = Written {
        file: &people.file,
        url_file: &people.postgres_url_file,
        ca_file: &people.ca_file,
    };
    let database = database(&written, "people.sqlite", journal, checks);
    let (idle, longest) = (people.session_idle.get()?, people.session_longest.get()?);
    if idle.as_ms() == 0 || idle.as_ms() > longest.as_ms() {
        let what = "a session that nobody uses cannot live longer than any session";
        let hint = "set it above 0 and to at most `session_longest`";
        checks.refuse(people.session_idle.place(), what, hint);
    }
    let list = people.sign_in.get()?;
    let by_tls = file.site.get().and_then(|site| site.url.get());
    if !list.is_empty() && !by_tls.is_some_and(|url| url.starts_with("https://")) {
        let what = "browsers keep a session for a site with TLS only";
        let hint = "write `site.url` as people type it, with https";
        checks.refuse(people.sign_in.place(), what, hint);
    }
    let named = elements(list).filter_map(|(_, one)| {
        let name = one.issuer.get()?;
        Some((one.issuer.place(), name.clone()))
    });
    checks.distinct(named.collect::<Vec<_>>(), "providers to sign in with");
    let providers: Vec<_> = elements(list)
        .map(|(place, one)| provider(one, place, issuers, checks))
        .collect();
    let ended_by = ended_by(&people.ended_by, issuers, checks);
    let list = people.scim.get()?;
    let named = elements(list).filter_map(|(_, one)| {
        let name = one.issuer.get()?;
        Some((one.issuer.place(), name.clone()))
    });
    checks.distinct(named.collect::<Vec<_>>(), "providers of a directory");
    let scim: Vec<_> = elements(list)
        .map(|(place, one)| directory(one, place, issuers, checks))
        .collect();
    Some(Some(PeopleSettings {
        scim: scim.into_iter().collect::<Option<_>>()?,
        database: database?,
        providers: providers.into_iter().collect::<Option<_>>()?,
        ended_by: ended_by?,
        session_idle_ms: idle.as_ms(),
        session_longest_ms: longest.as_ms(),
    }))
}

fn provider(
    one: &SignIn,
    place: &Place,
    issuers: &[IssuerSettings],
    checks: &mut Checks,
) -> Option<ProviderSettings> {
    let named = one.issuer.required("issuer", place, &mut checks.faults);
    let issuer = named.and_then(|name| issuer(name, one.issuer.place(), issuers, checks));
    let client_id = one
        .client_id
        .required("client_id", place, &mut checks.faults);
    let secret = one
        .client_secret_file
        .required("client_secret_file", place, &mut checks.faults);
    let secret_file = secret.and_then(|_| checks.guarded(&one.client_secret_file));
    let mut scopes = vec!["openid".to_owned()];
    for (place, scope) in elements(one.scopes.get()?) {
        let is_token = |c: char| matches!(c, '!' | '#'..='[' | ']'..='~');
        if scope.is_empty() || !scope.chars().all(is_token) {
            let what = "a scope is one word of visible ASCII";
            checks.refuse(place, what, "one element of the list for each");
        }
        if scope != "openid" {
            scopes.push(scope.clone());
        }
    }
    let issuer = issuer?;
    Some(ProviderSettings {
        label: one.label.get().unwrap_or(&issuer.name).clone(),
        issuer,
        client_id: client_id?.clone(),
        secret_file: secret_file?,
        scopes,
        name_claim: one.name.get()?.clone(),
        groups_claim: one.groups.get()?.clone(),
    })
}

fn directory(
    one: &Scim,
    place: &Place,
    issuers: &[IssuerSettings],
    checks: &mut Checks,
) -> Option<ScimSettings> {
    let named = one.issuer.required("issuer", place, &mut checks.faults);
    let issuer = named.and_then(|name| issuer(name, one.issuer.place(), issuers, checks));
    let token = one
        .token_file
        .required("token_file", place, &mut checks.faults);
    let token_file = token.and_then(|_| checks.guarded(&one.token_file));
    let next = match one.next_token_file.get() {
        Some(_) => Some(checks.guarded(&one.next_token_file)?),
        None => None,
    };
    let subject = subjects(one, issuer.as_ref(), checks);
    let refuses_unknown = match one.unknown.get()?.as_str() {
        "keep" => Some(false),
        "refuse" => Some(true),
        other => {
            let what = format!("`{other}` is not what can become of people whom it does not know");
            checks.refuse(one.unknown.place(), what, "one of `keep`, `refuse`");
            None
        }
    };
    Some(ScimSettings {
        issuer: issuer?,
        token_files: std::iter::once(token_file?).chain(next).collect(),
        subject: subject?,
        refuses_unknown: refuses_unknown?,
    })
}

/// What tokens name people by.
fn subjects(
    one: &Scim,
    issuer: Option<&IssuerSettings>,
    checks: &mut Checks,
) -> Option<Vec<SubjectAttribute>> {
    if one.subject.wrong() {
        return None;
    }
    let Some(list) = one.subject.get() else {
        return Some(match issuer?.dialect {
            Dialect::Okta => vec![SubjectAttribute::ExternalId, SubjectAttribute::UserName],
            _ => vec![SubjectAttribute::ExternalId],
        });
    };
    if list.is_empty() {
        let hint = "one or several of `externalId`, `userName`, `id`";
        checks.refuse(one.subject.place(), "tokens name people by something", hint);
    }
    let mut read = Vec::new();
    for (place, word) in elements(list) {
        match word.as_str() {
            "externalId" => read.push(SubjectAttribute::ExternalId),
            "userName" => read.push(SubjectAttribute::UserName),
            "id" => read.push(SubjectAttribute::Id),
            other => {
                let what = format!("tokens name nobody by `{other}`");
                checks.refuse(place, what, "one of `externalId`, `userName`, `id`");
            }
        }
    }
    Some(read)
}

fn issuer(
    name: &str,
    place: &Place,
    issuers: &[IssuerSettings],
    checks: &mut Checks,
) -> Option<IssuerSettings> {
    let found = issuers.iter().find(|issuer| issuer.name == name);
    if found.is_none() {
        let what = format!("there is no issuer `{name}`");
        let hint = "write the `name` of the provider among `issuers`";
        checks.refuse(place, what, hint);
    }
    found.cloned()
}
