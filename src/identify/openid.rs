//! The dialect of any OpenID issuer, by a mapping of claim names.
//!
//! In: verified claims and [`ClaimNames`]. Out: a [`Person`] or an [`Agent`], or a [`Refusal`].
//!
//! What the mapping does not name is not read. Whether the tokens of an issuer are of people or of
//! programs is the operator's word; only `act` makes a program of a person's token. Groups that the
//! issuer left out because they were too many (`_claim_names`) are no groups.
//!
//! OpenID Connect Core 5.6.2; RFC 9068 2.1; RFC 8693 4.1 (`act`).

use super::claims::Claims;
use super::facts::{Agent, Person, Who};
use super::okta::proved_more_than_a_password;
use super::settings::ClaimNames;
use crate::refusal::{Reason, Refusal};

/// Who these claims speak of.
pub(super) fn who(claims: &Claims, names: &ClaimNames) -> Result<Who, Refusal> {
    check_kind(claims)?;
    let subject = claims.text("sub")?;
    let name = claims.optional_text(&names.name)?;
    let groups = claims.texts(&names.groups)?;
    let mfa = proved_more_than_a_password(claims)?;
    if let Some(actor) = claims.actor()? {
        return Ok(Who::Agent(Agent {
            name: actor,
            groups,
            acts_for: Some(subject),
        }));
    }
    let name = name.unwrap_or(subject);
    if names.agents {
        return Ok(Who::Agent(Agent {
            name,
            groups,
            acts_for: None,
        }));
    }
    Ok(Who::Person(Person { name, groups, mfa }))
}

/// Keycloak says the kind in a claim `typ`, too; a refresh token opens nothing here.
fn check_kind(claims: &Claims) -> Result<(), Refusal> {
    let kind = claims.optional_text("typ")?;
    match kind.as_deref() {
        Some("Refresh" | "Offline" | "Logout") => Err(Refusal::new(Reason::WrongType)),
        _ => Ok(()),
    }
}

/// Claims that records may keep.
pub(super) const KEPT: &[&str] = &[
    "azp",
    "client_id",
    "scope",
    "scp",
    "amr",
    "auth_time",
    "act",
];
