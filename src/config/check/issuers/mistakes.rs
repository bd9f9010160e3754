//! Knows the mistakes that people make with each dialect's URL and audience.
//!
//! In: what was written. Out: what shows that it is wrong, and what right looks like.

use crate::config::check::Checks;
use crate::config::check::url::Parts;
use crate::config::dialects::Dialect as Written;
use crate::config::file::Issuer;
use crate::config::origin::Place;
use crate::identify::tenant_of;

/// What shows that an URL is not of that dialect, and what one looks like.
pub(super) fn unlike(
    dialect: Written,
    url: &str,
    parts: &Parts<'_>,
) -> Option<(&'static str, &'static str)> {
    match dialect {
        Written::Keycloak if !parts.path.contains("/realms/") => Some((
            "a Keycloak issuer is a realm",
            "write https://HOST/realms/REALM",
        )),
        Written::Auth0 if !url.ends_with('/') => Some((
            "Auth0 ends its issuer with a slash",
            "write https://TENANT.auth0.com/ with the last slash",
        )),
        Written::Entra if tenant_of(url).is_none() => Some((
            "an Entra ID issuer of version 2 is one tenant, by its id",
            "write https://login.microsoftonline.com/TENANT-ID/v2.0, never `common`",
        )),
        Written::Google if !parts.loopback() && url != GOOGLE => Some((
            "Google has one issuer",
            "write https://accounts.google.com without a slash",
        )),
        _ => None,
    }
}

/// Refuses an audience that tokens have without anybody asking for it.
pub(super) fn check_audience(issuer: &Issuer, audience: &str, place: &Place, checks: &mut Checks) {
    forbid_gitlab_itself(issuer, audience, place, checks);
    forbid_owner_as_audience(issuer, audience, place, checks);
}

/// GitLab makes every token for itself when the job names no audience: all its jobs would be let in
/// with tokens that were made for other purposes.
fn forbid_gitlab_itself(issuer: &Issuer, audience: &str, place: &Place, checks: &mut Checks) {
    let Some(url) = issuer.url.get() else { return };
    let dialect = issuer.dialect.get();
    let gitlab = dialect == Some(&Written::Gitlab);
    let same = |a: &str, b: &str| {
        a.trim_end_matches('/')
            .eq_ignore_ascii_case(b.trim_end_matches('/'))
    };
    let host_only = url
        .split_once("://")
        .is_some_and(|(_, rest)| same(rest, audience));
    if gitlab && (same(url, audience) || host_only) {
        let what = format!(
            "`{audience}` is GitLab itself: its tokens name that when no audience is asked for"
        );
        checks.refuse(
            place,
            what,
            "name this proxy, as `aud` in the job's `id_tokens` does",
        );
    }
}

/// GitHub makes a token for the repository's owner when the job names no audience.
fn forbid_owner_as_audience(issuer: &Issuer, audience: &str, place: &Place, checks: &mut Checks) {
    let of_github = issuer.dialect.get() == Some(&Written::Github);
    if of_github && audience.starts_with("https://github.com/") {
        let what = format!(
            "`{audience}` is an account at GitHub: its jobs' tokens name that when no audience is \
             asked for"
        );
        let hint = "name this proxy, and ask for that `audience` in the job";
        checks.refuse(place, what, hint);
    }
}

const GOOGLE: &str = "https://accounts.google.com";
