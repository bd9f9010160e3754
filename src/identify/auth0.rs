//! The dialect of Auth0 tenants.
//!
//! In: verified claims, the claim that groups are in. Out: a [`Person`](super::Person) or an
//! [`Agent`](super::Agent), or a [`Refusal`].
//!
//! Access tokens name the program that got them, in `azp` (Auth0's own profile) or in `client_id`
//! (the profile of RFC 9068); ID tokens name it in neither and are refused. Who asked for `openid`
//! gets the tenant's own `/userinfo` into `aud` beside ours: the one foreign audience that is let
//! pass, since the tenant could read the token anyway.
//!
//! auth0.com/docs: access token profiles, client credentials flow; RFC 9068 2.2

use super::bearer::{Bearer, check_groups_are_here, proved_more_than_a_password};
use super::claim_table::{ClaimLine, Form, line};
use super::claims::{Claims, malformed};
use super::facts::Who;
use super::reading::Reading;
use crate::refusal::{Reason, Refusal};

/// Who these claims speak of.
pub(super) fn who(claims: &Claims, groups: &str) -> Result<Who, Refusal> {
    let named = [("{groups}", groups)];
    let token = Reading::of(claims, CLAIMS, &named, NO_ACCESS_TOKEN)?;
    check_groups_are_here(&token, groups)?;
    let client = client(&token)?;
    let subject = claims.text("sub")?;
    let is_program = token.maybe("gty")?.as_deref() == Some("client-credentials")
        || subject.ends_with("@clients")
        || subject == client;
    let bearer = Bearer {
        name: is_program.then(|| client.clone()),
        subject,
        is_program,
        client: Some(client),
        actors: token.actors()?,
        groups: token.texts("{groups}")?,
        roles: token.texts("permissions")?,
        scopes: token.scopes()?,
        mfa: proved_more_than_a_password(&token)?,
        ..Bearer::default()
    };
    Ok(bearer.who())
}

/// Whether an audience is the tenant's own, which it adds by itself.
pub(super) fn adds(audience: &str, issuer_url: &str) -> bool {
    audience.strip_prefix(issuer_url) == Some("userinfo") && issuer_url.ends_with('/')
}

fn client(token: &Reading<'_>) -> Result<String, Refusal> {
    match (token.maybe("azp")?, token.maybe("client_id")?) {
        (Some(azp), Some(id)) if azp != id => Err(malformed("claims `azp` and `client_id` differ")),
        (Some(client), _) | (None, Some(client)) => Ok(client),
        (None, None) => Err(Refusal::new(Reason::WrongType).telling(NO_ACCESS_TOKEN)),
    }
}

/// Of access tokens of both profiles.
pub(super) const CLAIMS: &[ClaimLine] = &[
    line("azp", Form::MaybeText, "client").kept(),
    line("client_id", Form::MaybeText, "client").kept(),
    line("gty", Form::MaybeText, "person or agent").kept(),
    line("{groups}", Form::Texts, "teams"),
    line("_claim_names", Form::Object, "groups left out"),
    line("permissions", Form::Texts, "roles").kept(),
    line("scope", Form::Words, "scopes").kept(),
    line("amr", Form::Texts, "mfa").kept(),
    line("auth_time", Form::Number, "-").kept(),
    line("org_id", Form::MaybeText, "-").kept(),
    line("nonce", Form::Never, "kind of token"),
    line("act", Form::Actors, "actors").personal(),
];

const NO_ACCESS_TOKEN: &str = "the token is an ID token; send an access token for this API";
