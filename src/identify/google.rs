//! The dialect of Google accounts: ID tokens.
//!
//! In: verified claims. Out: a [`Person`](super::Person) or an [`Agent`](super::Agent), or a
//! [`Refusal`].
//!
//! Anybody can have a Google account. `domain` is what Google says of the account (`hd`), never the
//! end of an address; an address counts only when Google verified it. A service account is a
//! program: its token is for itself (`azp` is `sub`), or its address is one that only service
//! accounts have. Google gives no groups.
//!
//! developers.google.com/identity/openid-connect; cloud.google.com: service account ID tokens

use super::bearer::{Bearer, proved_more_than_a_password};
use super::claim_table::{ClaimLine, Form, line};
use super::claims::Claims;
use super::facts::Who;
use super::reading::Reading;
use crate::refusal::Refusal;

/// Who these claims speak of.
pub(super) fn who(claims: &Claims) -> Result<Who, Refusal> {
    let token = Reading::of(claims, CLAIMS, &[], NO_ID_TOKEN)?;
    let subject = claims.text("sub")?;
    let client = token.text("azp")?;
    let address = token.maybe("email")?;
    let of_service_account = |address: &String| address.ends_with(".gserviceaccount.com");
    let is_program = client == subject || address.as_ref().is_some_and(of_service_account);
    let verified = token.is_true("email_verified")?;
    let email = address.filter(|_| verified);
    let bearer = Bearer {
        name: email.clone(),
        subject,
        is_program,
        client: Some(client),
        actors: token.actors()?,
        mfa: proved_more_than_a_password(&token)?,
        email,
        domain: token.maybe("hd")?,
        ..Bearer::default()
    };
    Ok(bearer.who())
}

/// Of ID tokens.
pub(super) const CLAIMS: &[ClaimLine] = &[
    line("azp", Form::Mark, "client").kept(),
    line("email", Form::MaybeText, "email"),
    line("email_verified", Form::Flag, "email"),
    line("hd", Form::MaybeText, "domain").kept(),
    line("name", Form::MaybeText, "-"),
    line("amr", Form::Texts, "mfa").kept(),
    line("auth_time", Form::Number, "-").kept(),
    line("nonce", Form::MaybeText, "-"),
    line("at_hash", Form::MaybeText, "-"),
    line("act", Form::Actors, "actors").personal(),
];

const NO_ID_TOKEN: &str = "the token does not name its client in `azp`: send a Google ID token";
