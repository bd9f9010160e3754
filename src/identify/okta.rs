//! The dialect of Okta's custom authorization servers.
//!
//! In: verified claims. Out: a [`Person`] or an [`Agent`], or a [`Refusal`].
//!
//! Only access tokens are for resource servers: they have `cid`; ID tokens have not, and are
//! refused. A token with `act` is of the program that acts, for the person in `sub`; one without
//! `uid` is of a program by itself.
//!
//! developer.okta.com/docs/reference/api/oidc; RFC 8693 4.1 (`act`); RFC 8176 (`amr`).

use super::claims::Claims;
use super::facts::{Agent, Person, Who};
use crate::refusal::{Reason, Refusal};

/// Who these claims speak of.
pub(super) fn who(claims: &Claims) -> Result<Who, Refusal> {
    if !claims.has("cid") {
        return Err(Refusal::new(Reason::WrongType).telling(NO_ACCESS_TOKEN));
    }
    let application = claims.text("cid")?;
    let subject = claims.text("sub")?;
    let groups = claims.texts("groups")?;
    let mfa = proved_more_than_a_password(claims)?;
    if let Some(actor) = claims.actor()? {
        return Ok(Who::Agent(Agent {
            name: actor,
            groups,
            acts_for: Some(subject),
        }));
    }
    if claims.optional_text("uid")?.is_none() {
        return Ok(Who::Agent(Agent {
            name: application,
            groups,
            acts_for: None,
        }));
    }
    Ok(Who::Person(Person {
        name: claims
            .optional_text("preferred_username")?
            .unwrap_or(subject),
        groups,
        mfa,
    }))
}

/// Whether `amr` names a second factor or a key in hardware (RFC 8176 2).
pub(super) fn proved_more_than_a_password(claims: &Claims) -> Result<bool, Refusal> {
    let methods = claims.texts("amr")?;
    Ok(methods
        .iter()
        .any(|method| STRONG.contains(&method.as_str())))
}

/// Claims that records may keep.
pub(super) const KEPT: &[&str] = &["cid", "uid", "scp", "amr", "auth_time", "act"];

const STRONG: [&str; 7] = ["mfa", "otp", "hwk", "swk", "fpt", "face", "pop"];
const NO_ACCESS_TOKEN: &str =
    "the token is an ID token; send an access token of the authorization server";
