//! Checks whose tokens are trusted.
//!
//! In: `issuers` as written. Out: their settings; at least one, no two alike.
//!
//! Well-known mistakes are refused by name: the audiences that GitLab and GitHub give every token when
//! a job asks for none, Okta's org server whose tokens nobody else may verify, an Entra ID issuer of
//! all tenants, an Auth0 issuer without its slash, and keys fetched in clear text.

use std::path::PathBuf;

use super::url::Parts;
use super::{Checks, elements};
use crate::config::dialects::Dialect as Written;
use crate::config::file::{self, File, Issuer};
use crate::config::located::Located;
use crate::config::origin::Place;
use crate::config::words::Duration;
use crate::identify::{ClaimNames, Dialect, IssuerSettings};

mod mistakes;

/// All issuers.
pub(super) fn issuers(
    file: &File,
    root: &Place,
    site: Option<&str>,
    checks: &mut Checks,
) -> Option<Vec<IssuerSettings>> {
    let list = file.issuers.required("issuers", root, &mut checks.faults)?;
    if list.is_empty() {
        let hint = "add the issuer of your tokens: its name, url and dialect";
        checks.refuse(
            file.issuers.place(),
            "nobody's tokens would be trusted",
            hint,
        );
    }
    let names = elements(list).filter_map(|(_, issuer)| placed(&issuer.name));
    checks.distinct(names, "issuers");
    let urls = elements(list).filter_map(|(_, issuer)| placed(&issuer.url));
    checks.distinct(urls, "issuers");
    let all: Vec<_> = elements(list)
        .map(|(place, issuer)| one(issuer, place, site, checks))
        .collect();
    all.into_iter().collect()
}

fn one(
    issuer: &Issuer,
    place: &Place,
    site: Option<&str>,
    checks: &mut Checks,
) -> Option<IssuerSettings> {
    let name = issuer.name.required("name", place, &mut checks.faults);
    checks.name(&issuer.name);
    let dialect = issuer
        .dialect
        .required("dialect", place, &mut checks.faults);
    let url = issuer.url.required("url", place, &mut checks.faults);
    if let Some(url) = url {
        reachable_safely(issuer, url, dialect.copied(), checks);
    }
    let claims = claims(issuer, dialect.copied(), checks);
    let audiences = audiences(issuer, place, site, checks);
    let algorithms = algorithms(issuer, checks);
    let ca_file = checks.readable_if_set(&issuer.ca_file);
    let keys_file = keys_file(issuer, checks);
    let lifetime_s = whole_seconds(&issuer.longest_lifetime, checks);
    let age_s = match issuer.longest_age.wrong() {
        true => None,
        false => whole_seconds(&issuer.longest_age, checks).or(lifetime_s),
    };
    Some(IssuerSettings {
        name: name?.clone(),
        url: url?.clone(),
        dialect: match dialect? {
            Written::Gitlab => Dialect::Gitlab,
            Written::Github => Dialect::Github,
            Written::Okta => Dialect::Okta,
            Written::Keycloak => Dialect::Keycloak {
                groups: claims?.groups,
            },
            Written::Auth0 => Dialect::Auth0 {
                groups: claims?.groups,
            },
            Written::Entra => Dialect::Entra,
            Written::Google => Dialect::Google,
            Written::Openid => Dialect::Openid(claims?),
        },
        audiences: audiences?,
        algorithms: algorithms?,
        ca_file,
        keys_file,
        longest_lifetime_s: lifetime_s?,
        longest_age_s: age_s?,
        tokens_without_key_id: *issuer.tokens_without_key_id.get()?,
    })
}

/// A span in the unit that tokens tell time in.
fn whole_seconds(span: &Located<Duration>, checks: &mut Checks) -> Option<u64> {
    let said = *span.get()?;
    if said.as_ms() % 1000 != 0 {
        let what = format!("`{said}` is finer than tokens tell");
        checks.refuse(span.place(), what, "whole seconds, such as 1h or 90s");
    }
    Some(said.as_ms() / 1000)
}

fn reachable_safely(issuer: &Issuer, url: &str, dialect: Option<Written>, checks: &mut Checks) {
    let place = issuer.url.place();
    let parts = match Parts::of(url) {
        Ok(parts) => parts,
        Err(what) => {
            return checks.refuse(place, what, "write it exactly as tokens say it in `iss`");
        }
    };
    if !parts.secure && !parts.loopback() {
        let what = "its keys would be fetched in clear text";
        return checks.refuse(place, what, "an issuer's URL begins with https://");
    }
    if let Some((what, hint)) = dialect.and_then(|dialect| mistakes::unlike(dialect, url, &parts)) {
        checks.refuse(place, what, hint);
    }
    let okta_host = OKTA_DOMAINS
        .iter()
        .any(|domain| parts.host.ends_with(domain));
    let custom_server = parts
        .path
        .strip_prefix("/oauth2/")
        .is_some_and(|id| !id.is_empty());
    if !custom_server && (dialect == Some(Written::Okta) || okta_host) {
        let what = "this is Okta's org server, whose access tokens only Okta may verify";
        let hint = "use a custom authorization server: https://acme.okta.com/oauth2/default";
        checks.refuse(place, what, hint);
    }
}

fn audiences(
    issuer: &Issuer,
    place: &Place,
    site: Option<&str>,
    checks: &mut Checks,
) -> Option<Vec<String>> {
    let Some(list) = issuer.audiences.get() else {
        if issuer.audiences.wrong() {
            return None;
        }
        let audience = site?;
        mistakes::check_audience(issuer, audience, place, checks);
        return Some(vec![audience.to_owned()]);
    };
    if list.is_empty() {
        let hint = "name this proxy, or remove the key for the default: the URL of the site";
        checks.refuse(
            issuer.audiences.place(),
            "no token could be made for nobody",
            hint,
        );
    }
    for (place, audience) in elements(list) {
        if audience.is_empty()
            || audience
                .chars()
                .any(|c| c.is_whitespace() || c.is_control())
        {
            let what = format!("`{audience}` cannot be an audience");
            checks.refuse(place, what, "write it exactly as tokens say it in `aud`");
        }
        mistakes::check_audience(issuer, audience, place, checks);
    }
    checks.distinct(
        elements(list).map(|(place, text)| (place, text.clone())),
        "audiences",
    );
    let all: Vec<_> = list
        .iter()
        .map(|audience| audience.get().cloned())
        .collect();
    all.into_iter().collect()
}

fn algorithms(issuer: &Issuer, checks: &mut Checks) -> Option<Vec<jsonwebtoken::Algorithm>> {
    let list = issuer.algorithms.get()?;
    if list.is_empty() {
        let hint = "write [RS256], or remove the key for that default";
        checks.refuse(
            issuer.algorithms.place(),
            "no signature could be accepted",
            hint,
        );
    }
    let all: Vec<_> = list
        .iter()
        .map(|algorithm| algorithm.get().map(|a| a.0))
        .collect();
    all.into_iter().collect()
}

fn claims(issuer: &Issuer, dialect: Option<Written>, checks: &mut Checks) -> Option<ClaimNames> {
    check_which_are_known(issuer, dialect, checks);
    let preset = file::Claims::default();
    let claims = match issuer.claims.get() {
        None if issuer.claims.wrong() => return None,
        None => &preset,
        Some(claims) => claims,
    };
    for claim in [&claims.name, &claims.groups, &claims.typ] {
        if claim.get().is_some_and(String::is_empty) {
            checks.refuse(
                claim.place(),
                "an empty name",
                "name the claim, or remove the key",
            );
        }
    }
    Some(ClaimNames {
        agents: *claims.agents.get()?,
        name: claims.name.get()?.clone(),
        groups: claims.groups.get()?.clone(),
        typ: claims.typ.get().cloned(),
    })
}

/// A dialect that knows its claims takes none of these, or only where its groups are.
fn check_which_are_known(issuer: &Issuer, dialect: Option<Written>, checks: &mut Checks) {
    let (Some(dialect), Some(claims)) = (dialect, issuer.claims.get()) else {
        return;
    };
    let word = dialect.word();
    match dialect {
        Written::Openid => {}
        Written::Keycloak | Written::Auth0 => {
            let known = [
                claims.agents.written(),
                claims.name.written(),
                claims.typ.written(),
            ];
            for place in known.into_iter().flatten() {
                let what = format!("the dialect `{word}` knows this claim");
                checks.refuse(place, what, "remove it; only `groups` can be named");
            }
        }
        _ => checks.refuse(
            issuer.claims.place(),
            format!("the dialect `{word}` knows its claims"),
            "remove `claims`, or use dialect `openid`",
        ),
    }
}

/// Where the list of blocked keys is. It is read where the keys are, so that `stile keys block` can
/// begin it.
pub(super) fn blocked_file(file: &File, checks: &mut Checks) -> Option<PathBuf> {
    let place = &file.keys.get()?.blocked_file;
    let full = checks.resolved(place.get()?);
    let folder = full
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        let what = format!("there is no folder for `{}`", full.display());
        let hint = "relative paths start at the folder of the settings file";
        checks.refuse(place.place(), what, hint);
    }
    Some(full)
}

/// A key file takes the network's place, so what is for the network beside it is a slip.
fn keys_file(issuer: &Issuer, checks: &mut Checks) -> Option<PathBuf> {
    if issuer.keys_file.get().is_some() && issuer.ca_file.get().is_some() {
        let what = "keys from a file are not fetched, so no CA is needed";
        let hint = "remove `ca_file`, or `keys_file` to fetch the keys";
        checks.refuse(issuer.ca_file.place(), what, hint);
    }
    checks.readable_if_set(&issuer.keys_file)
}

fn placed(text: &Located<String>) -> Option<(&Place, String)> {
    text.get().map(|value| (text.place(), value.clone()))
}

const OKTA_DOMAINS: &[&str] = &[
    ".okta.com",
    ".oktapreview.com",
    ".okta-emea.com",
    ".okta-gov.com",
];
