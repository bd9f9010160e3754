//! The dialect of any OpenID issuer, by a mapping of claim names.
//!
//! In: verified claims and [`ClaimNames`]. Out: a [`Person`](super::Person) or an
//! [`Agent`](super::Agent), or a [`Refusal`].
//!
//! What neither the mapping nor the table names is not read. Whether the tokens of an issuer are of
//! people or of programs is the operator's word; only `act` makes a program of a person's token. A
//! token whose issuer left the groups out because they were too many (`_claim_names`) is refused.
//!
//! OpenID Connect Core 5.6.2; RFC 9068 2.2; RFC 8693 4.1 to 4.3

use super::bearer::{Bearer, check_groups_are_here, proved_more_than_a_password};
use super::claim_table::{ClaimLine, Form, line};
use super::claims::{Claims, malformed};
use super::facts::Who;
use super::reading::Reading;
use super::settings::ClaimNames;
use crate::refusal::{Reason, Refusal};

/// Who these claims speak of.
pub(super) fn who(claims: &Claims, names: &ClaimNames) -> Result<Who, Refusal> {
    let named = [
        ("{name}", names.name.as_str()),
        ("{groups}", names.groups.as_str()),
    ];
    let token = Reading::of(claims, CLAIMS, &named, "")?;
    check_kind(&token)?;
    check_groups_are_here(&token, &names.groups)?;
    let client = match (token.maybe("azp")?, token.maybe("client_id")?) {
        (Some(azp), Some(id)) if azp != id => {
            return Err(malformed("claims `azp` and `client_id` differ"));
        }
        (azp, id) => azp.or(id),
    };
    let bearer = Bearer {
        subject: claims.text("sub")?,
        name: token.maybe("{name}")?,
        is_program: names.agents,
        client,
        actors: token.actors()?,
        groups: token.texts("{groups}")?,
        scopes: token.scopes()?,
        mfa: proved_more_than_a_password(&token)?,
        ..Bearer::default()
    };
    Ok(bearer.who())
}

/// Keycloak says the kind in a claim `typ`, too; a refresh token opens nothing here.
fn check_kind(token: &Reading<'_>) -> Result<(), Refusal> {
    match token.maybe("typ")?.as_deref() {
        Some("Refresh" | "Offline" | "Logout") => Err(Refusal::new(Reason::WrongType)),
        _ => Ok(()),
    }
}

/// Of any issuer.
pub(super) const CLAIMS: &[ClaimLine] = &[
    line("{name}", Form::MaybeText, "name"),
    line("{groups}", Form::Texts, "teams"),
    line("_claim_names", Form::Object, "groups left out"),
    line("typ", Form::MaybeText, "kind of token"),
    line("azp", Form::MaybeText, "client").kept(),
    line("client_id", Form::MaybeText, "client").kept(),
    line("scope", Form::Words, "scopes").kept(),
    line("scp", Form::Words, "scopes").kept(),
    line("amr", Form::Texts, "mfa").kept(),
    line("auth_time", Form::Number, "-").kept(),
    line("act", Form::Actors, "actors").personal(),
];
