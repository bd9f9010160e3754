//! The dialect of Entra ID tenants: access tokens of version 2.
//!
//! In: verified claims, the issuer's URL. Out: the subject and a [`Person`](super::Person) or an
//! [`Agent`](super::Agent), or a [`Refusal`].
//!
//! All tenants share one key set, so the tenant in `tid` must be the one in the issuer's URL. `sub`
//! differs from application to application; the subject is `tid/oid`, which does not. Access tokens
//! name their client in `azp`, ID tokens do not and are refused. A program by itself has no `scp`.
//!
//! Whoever is in more than 200 groups gets a token without any: refused, since a guardrail on a
//! group would not see them.
//!
//! Never: decides by `preferred_username` or `name`, which people can change.
//!
//! learn.microsoft.com/entra/identity-platform/access-token-claims-reference

use super::bearer::{Bearer, check_groups_are_here, groups_left_out, proved_more_than_a_password};
use super::claim_table::{ClaimLine, Form, line};
use super::claims::Claims;
use super::facts::Who;
use super::reading::Reading;
use crate::refusal::{Reason, Refusal};

/// Who these claims speak of, and the tenant's name for them.
pub(super) fn who(claims: &Claims, issuer_url: &str) -> Result<(String, Who), Refusal> {
    let token = Reading::of(claims, CLAIMS, &[], NO_ACCESS_TOKEN)?;
    if token.text("ver")? != "2.0" {
        return Err(Refusal::new(Reason::WrongType).telling(OLD_VERSION));
    }
    let tenant = token.text("tid")?;
    if tenant_of(issuer_url) != Some(&tenant) {
        return Err(Refusal::new(Reason::UnknownIssuer).telling(OTHER_TENANT));
    }
    if token.is_true("hasgroups")? {
        return Err(groups_left_out());
    }
    check_groups_are_here(&token, "groups")?;
    let subject = format!("{tenant}/{}", token.text("oid")?);
    let client = token.text("azp")?;
    let scopes = token.scopes()?;
    let kind = token.maybe("idtyp")?;
    let is_program = scopes.is_empty() || kind.as_deref() == Some("app");
    let shown = token.maybe("preferred_username")?.or(token.maybe("name")?);
    let bearer = Bearer {
        subject: subject.clone(),
        name: match is_program {
            true => Some(client.clone()),
            false => shown,
        },
        is_program,
        client: Some(client),
        actors: token.actors()?,
        groups: token.texts("groups")?,
        roles: token.texts("roles")?,
        scopes,
        mfa: proved_more_than_a_password(&token)?,
        ..Bearer::default()
    };
    Ok((subject, bearer.who()))
}

/// The tenant in an issuer's URL, `https://login.microsoftonline.com/TENANT/v2.0`.
pub fn tenant_of(issuer_url: &str) -> Option<&str> {
    let (_, tenant) = issuer_url.strip_suffix("/v2.0")?.rsplit_once('/')?;
    is_guid(tenant).then_some(tenant)
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let digits = |group: &&str| {
        group
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(digits)
}

/// Of access tokens of version 2.
pub(super) const CLAIMS: &[ClaimLine] = &[
    line("ver", Form::Text, "kind of token").kept(),
    line("tid", Form::Text, "subject").kept(),
    line("oid", Form::Text, "subject").personal(),
    line("azp", Form::Mark, "client").kept(),
    line("azpacr", Form::MaybeText, "-").kept(),
    line("idtyp", Form::MaybeText, "person or agent").kept(),
    line("preferred_username", Form::MaybeText, "name"),
    line("name", Form::MaybeText, "name"),
    line("groups", Form::Texts, "teams"),
    line("_claim_names", Form::Object, "groups left out"),
    line("hasgroups", Form::Flag, "groups left out"),
    line("roles", Form::Texts, "roles").kept(),
    line("scp", Form::Words, "scopes").kept(),
    line("amr", Form::Texts, "mfa").kept(),
    line("acrs", Form::Texts, "-"),
    line("wids", Form::Texts, "-"),
    line("idp", Form::MaybeText, "-").kept(),
    line("uti", Form::MaybeText, "-"),
    line("act", Form::Actors, "actors").personal(),
];

const NO_ACCESS_TOKEN: &str = "the token does not name its client in `azp`: send an access token of version 2 for this API, \
     not an ID token";
const OLD_VERSION: &str = "the token is of version 1; \
    set `requestedAccessTokenVersion` to 2 in the manifest of this API's registration";
const OTHER_TENANT: &str = "the token is of another tenant than its issuer";
