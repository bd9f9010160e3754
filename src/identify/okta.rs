//! The dialect of Okta's custom authorization servers.
//!
//! In: verified claims. Out: a [`Person`](super::Person) or an [`Agent`](super::Agent), or a
//! [`Refusal`].
//!
//! Only access tokens are for resource servers: they have `cid`; ID tokens have not, and are
//! refused. A token with `act` is of the program that acts, for the person in `sub`; one without
//! `uid` is of a program by itself.
//!
//! developer.okta.com/docs/reference/api/oidc

use super::bearer::{Bearer, check_groups_are_here, proved_more_than_a_password};
use super::claim_table::{ClaimLine, Form, line};
use super::claims::Claims;
use super::facts::Who;
use super::reading::Reading;
use crate::refusal::Refusal;

/// Who these claims speak of.
pub(super) fn who(claims: &Claims) -> Result<Who, Refusal> {
    let token = Reading::of(claims, CLAIMS, &[], NO_ACCESS_TOKEN)?;
    check_groups_are_here(&token, "groups")?;
    let client = token.text("cid")?;
    let is_program = token.maybe("uid")?.is_none();
    let name = match is_program {
        true => Some(client.clone()),
        false => token.maybe("preferred_username")?,
    };
    let bearer = Bearer {
        subject: claims.text("sub")?,
        name,
        is_program,
        client: Some(client),
        actors: token.actors()?,
        groups: token.texts("groups")?,
        scopes: token.scopes()?,
        mfa: proved_more_than_a_password(&token)?,
        ..Bearer::default()
    };
    Ok(bearer.who())
}

/// Of access tokens of custom servers.
pub(super) const CLAIMS: &[ClaimLine] = &[
    line("cid", Form::Mark, "client").kept(),
    line("uid", Form::MaybeText, "person or agent").personal(),
    line("ver", Form::Number, "-"),
    line("preferred_username", Form::MaybeText, "name"),
    line("groups", Form::Texts, "teams"),
    line("_claim_names", Form::Object, "groups left out"),
    line("scp", Form::Words, "scopes").kept(),
    line("amr", Form::Texts, "mfa").kept(),
    line("auth_time", Form::Number, "-").kept(),
    line("act", Form::Actors, "actors").personal(),
];

const NO_ACCESS_TOKEN: &str =
    "the token is an ID token; send an access token of the authorization server";
