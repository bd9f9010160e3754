//! The dialect of Keycloak realms.
//!
//! In: verified claims, the claim that groups are in, our audiences. Out: a
//! [`Person`](super::Person) or an [`Agent`](super::Agent), or a [`Refusal`].
//!
//! A claim `typ` tells access tokens (`Bearer`) from ID, refresh, offline and logout tokens of the
//! same realm. A realm's roles are `realm:NAME`; roles at a client count where that client is one of
//! our audiences, as `client:ID:NAME`: what somebody may do at another client says nothing here.
//! Groups are as the mapper writes them, best with their full path. A program that got the token for
//! itself has a service account.
//!
//! keycloak.org: server administration guide, protocol mappers; `AccessToken` of its core

use super::bearer::{Bearer, check_groups_are_here, proved_more_than_a_password};
use super::claim_table::{ClaimLine, Form, line};
use super::claims::Claims;
use super::facts::Who;
use super::reading::Reading;
use crate::refusal::{Reason, Refusal};

/// Who these claims speak of.
pub(super) fn who(claims: &Claims, groups: &str, audiences: &[String]) -> Result<Who, Refusal> {
    let named = [("{groups}", groups)];
    let token = Reading::of(claims, CLAIMS, &named, NO_ACCESS_TOKEN)?;
    if token.text("typ")? != "Bearer" {
        return Err(Refusal::new(Reason::WrongType).telling(NO_ACCESS_TOKEN));
    }
    check_groups_are_here(&token, groups)?;
    let name = token.maybe("preferred_username")?;
    let own_client = token.maybe("client_id")?.or(token.maybe("clientId")?);
    let is_program = own_client.is_some()
        || name
            .as_ref()
            .is_some_and(|name| name.starts_with("service-account-"));
    let verified = token.is_true("email_verified")?;
    let email = token.maybe("email")?.filter(|_| verified);
    let bearer = Bearer {
        subject: claims.text("sub")?,
        name,
        is_program,
        client: Some(token.text("azp")?),
        actors: token.actors()?,
        groups: token.texts("{groups}")?,
        roles: roles(&token, audiences)?,
        scopes: token.scopes()?,
        mfa: proved_more_than_a_password(&token)?,
        email,
        domain: None,
    };
    Ok(bearer.who())
}

fn roles(token: &Reading<'_>, audiences: &[String]) -> Result<Vec<String>, Refusal> {
    let realm = token.roles("realm_access")?;
    let mut roles: Vec<String> = realm.iter().map(|role| format!("realm:{role}")).collect();
    for client in audiences {
        for role in token.roles_at("resource_access", client)? {
            roles.push(format!("client:{client}:{role}"));
        }
    }
    Ok(roles)
}

/// Of access tokens.
pub(super) const CLAIMS: &[ClaimLine] = &[
    line("typ", Form::Mark, "kind of token").kept(),
    line("azp", Form::Text, "client").kept(),
    line("client_id", Form::MaybeText, "person or agent").kept(),
    line("clientId", Form::MaybeText, "person or agent").kept(),
    line("preferred_username", Form::MaybeText, "name"),
    line("email", Form::MaybeText, "email"),
    line("email_verified", Form::Flag, "email"),
    line("{groups}", Form::Texts, "teams"),
    line("_claim_names", Form::Object, "groups left out"),
    line("realm_access", Form::Roles, "roles"),
    line("resource_access", Form::RolesByClient, "roles"),
    line("scope", Form::Words, "scopes").kept(),
    line("amr", Form::Texts, "mfa").kept(),
    line("acr", Form::MaybeText, "-").kept(),
    line("auth_time", Form::Number, "-").kept(),
    line("sid", Form::MaybeText, "-"),
    line("act", Form::Actors, "actors").personal(),
];

const NO_ACCESS_TOKEN: &str =
    "the token is an ID, refresh or logout token; send an access token of the realm";
