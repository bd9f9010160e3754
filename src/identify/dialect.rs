//! How one kind of issuer words its tokens: every question whose answer depends on that.
//!
//! In: a [`Dialect`] and what the token says. Out: what it means, or a [`Refusal`].
//!
//! The order of checks knows no single dialect, and a dialect knows no order: a new one is a file
//! beside this one and a line in each answer here, where the compiler asks for it. What each reads
//! is its table; all of them are in `docs/dialects.md`.
//!
//! Never: takes a token of one kind for another of the same issuer.
//!
//! RFC 7515 4.1.9 (`typ`); RFC 8725 3.11; RFC 9068 2.1.

use super::claim_table::ClaimLine;
use super::claims::Claims;
use super::facts::{Facts, Who};
use super::kept_claims::KeptClaims;
use super::settings::{Dialect, IssuerSettings};
use super::{auth0, entra, github, gitlab, google, keycloak, okta, openid};
use crate::refusal::{Reason, Refusal};

impl Dialect {
    /// What it reads beside the claims of every token.
    pub const fn table(&self) -> &'static [ClaimLine] {
        match self {
            Dialect::Gitlab => gitlab::CLAIMS,
            Dialect::Github => github::CLAIMS,
            Dialect::Okta => okta::CLAIMS,
            Dialect::Keycloak { .. } => keycloak::CLAIMS,
            Dialect::Auth0 { .. } => auth0::CLAIMS,
            Dialect::Entra => entra::CLAIMS,
            Dialect::Google => google::CLAIMS,
            Dialect::Openid(_) => openid::CLAIMS,
        }
    }

    /// Whether its tokens are of jobs.
    pub const fn is_of_jobs(&self) -> bool {
        matches!(self, Dialect::Gitlab | Dialect::Github)
    }

    /// Refuses a token whose header says another type than this dialect's tokens have.
    pub(super) fn check_typ(&self, typ: Option<&str>) -> Result<(), Refusal> {
        let is = |wanted: &str| typ.is_some_and(|typ| is_type(typ, wanted));
        let fits = match self {
            Dialect::Gitlab | Dialect::Github | Dialect::Entra | Dialect::Google => {
                typ.is_none() || is("JWT")
            }
            Dialect::Okta | Dialect::Keycloak { .. } | Dialect::Auth0 { .. } => {
                typ.is_none() || is("JWT") || is("at+jwt")
            }
            Dialect::Openid(names) => match &names.typ {
                Some(demanded) => is(demanded),
                None => typ.is_none() || is("JWT") || is("at+jwt"),
            },
        };
        if fits {
            Ok(())
        } else {
            Err(Refusal::new(Reason::WrongType))
        }
    }

    /// Whether an audience is one that the issuer adds for itself beside the one asked for.
    pub(super) fn adds_audience(&self, audience: &str, issuer_url: &str) -> bool {
        match self {
            Dialect::Auth0 { .. } => auth0::adds(audience, issuer_url),
            _ => false,
        }
    }

    /// The issuer's own id of the person, where tokens have it beside the subject.
    pub(super) fn user_id(&self, claims: &Claims) -> Result<Option<String>, Refusal> {
        match self {
            Dialect::Okta => claims.optional_text("uid"),
            Dialect::Entra => claims.optional_text("oid"),
            _ => Ok(None),
        }
    }

    /// The claims that records keep, as they are.
    pub(super) fn kept(&self, claims: &Claims) -> KeptClaims {
        KeptClaims::of(self.table(), claims)
    }

    /// What helps the bearer of a token that is over.
    pub(super) fn renewal(&self) -> &'static str {
        match self {
            Dialect::Gitlab => "a longer `timeout:` on the job makes it live longer",
            Dialect::Github => "it lives five minutes: ask for one right before it is used",
            _ => "get a new one",
        }
    }
}

impl IssuerSettings {
    /// Who these claims speak of, by the issuer's name for them.
    pub(super) fn facts(&self, claims: &Claims) -> Result<Facts, Refusal> {
        let subject = claims.text("sub")?;
        let (subject, who) = self.read(claims, subject)?;
        Ok(Facts {
            issuer: self.name.clone(),
            subject,
            who,
        })
    }

    fn read(&self, claims: &Claims, subject: String) -> Result<(String, Who), Refusal> {
        let who = match &self.dialect {
            Dialect::Gitlab => gitlab::who(claims)?,
            Dialect::Github => github::who(claims)?,
            Dialect::Okta => okta::who(claims)?,
            Dialect::Keycloak { groups } => keycloak::who(claims, groups, &self.audiences)?,
            Dialect::Auth0 { groups } => auth0::who(claims, groups)?,
            Dialect::Entra => return entra::who(claims, &self.url),
            Dialect::Google => google::who(claims)?,
            Dialect::Openid(names) => openid::who(claims, names)?,
        };
        Ok((subject, who))
    }
}

/// A media type may be spelled with its `application/` and in any case.
fn is_type(typ: &str, wanted: &str) -> bool {
    let short = typ
        .split_at_checked(12)
        .filter(|(prefix, _)| prefix.eq_ignore_ascii_case("application/"));
    short
        .map_or(typ, |(_, rest)| rest)
        .eq_ignore_ascii_case(wanted)
}
