//! How one kind of issuer words its tokens: every question whose answer depends on that.
//!
//! In: a [`Dialect`] and what the token says. Out: what it means, or a [`Refusal`].
//!
//! The order of checks knows no single dialect, and a dialect knows no order: a new one is a file
//! beside this one and a line in each answer here, where the compiler asks for it.
//!
//! Never: takes a token of one kind for another of the same issuer.
//!
//! RFC 7515 4.1.9 (`typ`); RFC 8725 3.11; RFC 9068 2.1.

use super::claims::Claims;
use super::facts::Who;
use super::settings::Dialect;
use super::{gitlab, okta, openid};
use crate::refusal::{Reason, Refusal};

impl Dialect {
    /// Refuses a token whose header says another type than this dialect's tokens have.
    pub(super) fn check_typ(&self, typ: Option<&str>) -> Result<(), Refusal> {
        let is = |wanted: &str| typ.is_some_and(|typ| is_type(typ, wanted));
        let fits = match self {
            Dialect::Gitlab => typ.is_none() || is("JWT"),
            Dialect::Okta => typ.is_none() || is("JWT") || is("at+jwt"),
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

    /// Who these claims speak of.
    pub(super) fn who(&self, claims: &Claims) -> Result<Who, Refusal> {
        match self {
            Dialect::Gitlab => gitlab::who(claims),
            Dialect::Okta => okta::who(claims),
            Dialect::Openid(names) => openid::who(claims, names),
        }
    }

    /// Claims that records may keep.
    pub(super) fn kept(&self) -> &'static [&'static str] {
        match self {
            Dialect::Gitlab => gitlab::KEPT,
            Dialect::Okta => okta::KEPT,
            Dialect::Openid(_) => openid::KEPT,
        }
    }

    /// What helps the bearer of a token that is over.
    pub(super) fn renewal(&self) -> &'static str {
        match self {
            Dialect::Gitlab => "a longer `timeout:` on the job makes it live longer",
            Dialect::Okta | Dialect::Openid(_) => "get a new one",
        }
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
