//! Says whether an issuer as it was set can be trusted at all.
//!
//! In: [`IssuerSettings`]. Out: nothing, or the [`SetupError`] that says what to change.
//!
//! Found at start-up rather than by the first refused token: URLs that no token could match,
//! algorithms whose key both sides know, audiences that any job gets without asking, Okta's org
//! server, whose tokens nobody but Okta may verify, and an Entra ID issuer of all tenants at once.
//!
//! RFC 8414 2 (issuer: no query, no fragment); RFC 8725 3.1 and 3.2.

use http::Uri;
use jsonwebtoken::AlgorithmFamily;

use super::entra::tenant_of;
use super::fetch::is_safe;
use super::settings::{Dialect, IssuerSettings};
use crate::setup_error::SetupError;

/// Checks all issuers, each alone and against the others.
pub(super) fn check(settings: &[IssuerSettings]) -> Result<(), SetupError> {
    for (place, issuer) in settings.iter().enumerate() {
        check_one(issuer).map_err(|fault| SetupError {
            fault: format!("issuer `{}`: {}", issuer.name, fault.fault),
            ..fault
        })?;
        for other in settings.iter().take(place) {
            if other.url == issuer.url {
                let fault = format!(
                    "issuers `{}` and `{}` have one URL",
                    other.name, issuer.name
                );
                return Err(SetupError::new(fault).hint("list all audiences under one of them"));
            }
            if other.name == issuer.name {
                return Err(SetupError::new(format!(
                    "two issuers are named `{}`",
                    issuer.name
                )));
            }
        }
    }
    Ok(())
}

fn check_one(issuer: &IssuerSettings) -> Result<(), SetupError> {
    let url: Uri = check_url(&issuer.url)?;
    check_audiences(issuer)?;
    check_algorithms(issuer)?;
    if issuer.longest_lifetime_s == 0 {
        return Err(SetupError::new("no token lives 0 seconds"));
    }
    if issuer.longest_age_s == 0 {
        return Err(SetupError::new("no token is 0 seconds old"));
    }
    if issuer.dialect == Dialect::Okta && url.path() == "/" {
        let fault = format!("`{}` is Okta's org authorization server", issuer.url);
        return Err(SetupError::new(fault).hint(
            "tokens of the org server are for Okta only and cannot be verified by anyone else; \
             use a custom authorization server, such as `https://.../oauth2/default`",
        ));
    }
    if issuer.dialect == Dialect::Entra && tenant_of(&issuer.url).is_none() {
        let fault = format!("`{}` is not one tenant of Entra ID", issuer.url);
        return Err(SetupError::new(fault).hint(
            "all tenants share their keys, so the tenant must be in the URL: \
             `https://login.microsoftonline.com/TENANT-ID/v2.0`",
        ));
    }
    if matches!(issuer.dialect, Dialect::Auth0 { .. }) && !issuer.url.ends_with('/') {
        let fault = format!(
            "`{}` has no slash at its end, as Auth0's issuers have",
            issuer.url
        );
        return Err(SetupError::new(fault).hint("write it exactly as the tokens have it in `iss`"));
    }
    Ok(())
}

fn check_url(text: &str) -> Result<Uri, SetupError> {
    let wrong = |why: &str| SetupError::new(format!("`{text}` is not an issuer's URL: {why}"));
    let url: Uri = text.parse().map_err(|_| wrong("it does not parse"))?;
    if url.query().is_some() || text.contains(['#', '?']) {
        return Err(wrong("it has a query or a fragment"));
    }
    if !is_safe(&url) {
        return Err(
            wrong("it must begin with https:// (http:// only to the loopback)")
                .hint("write it exactly as the tokens have it in `iss`"),
        );
    }
    Ok(url)
}

fn check_audiences(issuer: &IssuerSettings) -> Result<(), SetupError> {
    if issuer.audiences.is_empty() || issuer.audiences.iter().any(String::is_empty) {
        return Err(SetupError::new("an audience is missing or empty")
            .hint("a token must say that it is made for this proxy"));
    }
    let own = issuer.url.trim_end_matches('/');
    let the_issuer = |audience: &&String| audience.trim_end_matches('/') == own;
    if let Some(audience) = issuer.audiences.iter().find(the_issuer) {
        let fault = format!("the audience `{audience}` is the issuer itself");
        return Err(SetupError::new(fault)
            .hint("tokens get that audience without asking; use the URL of this proxy"));
    }
    let of_account = |audience: &&String| audience.starts_with("https://github.com/");
    if issuer.dialect == Dialect::Github
        && let Some(audience) = issuer.audiences.iter().find(of_account)
    {
        let fault = format!("the audience `{audience}` is an account at GitHub");
        return Err(SetupError::new(fault)
            .hint("tokens get that audience without asking; use the URL of this proxy"));
    }
    Ok(())
}

fn check_algorithms(issuer: &IssuerSettings) -> Result<(), SetupError> {
    if issuer.algorithms.is_empty() {
        return Err(SetupError::new("no signature algorithm is accepted").hint("add `RS256`"));
    }
    let symmetric =
        |algorithm: &&jsonwebtoken::Algorithm| algorithm.family() == AlgorithmFamily::Hmac;
    if let Some(algorithm) = issuer.algorithms.iter().find(symmetric) {
        let fault = format!("`{algorithm:?}` signs with a key that both sides know");
        return Err(SetupError::new(fault).hint("use `RS256` or `ES256`"));
    }
    Ok(())
}
