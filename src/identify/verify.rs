//! The order in which a token is checked.
//!
//! In: an [`Unverified`] token, its issuer's settings and keys, the time. Out: a [`Principal`], or
//! the first [`Refusal`].
//!
//! Two halves with the choice of a key between them. Before the key: what costs nothing and asks
//! nobody, so that a stranger's token never makes us ask the network. After it: the signature, then
//! whom it is for, then when, then what the dialect makes of it. No claim is read before its
//! signature held.
//!
//! OpenID Connect Core 3.1.3.7; RFC 8725; RFC 9068 4.

use jsonwebtoken::Algorithm;

use super::bound::Bound;
use super::claims::Claims;
use super::facts::Facts;
use super::key::Key;
use super::key_set::KeySet;
use super::principal::{Principal, TokenFacts};
use super::settings::IssuerSettings;
use super::token::{Signed, Unverified};
use super::trail::Trail;
use super::validity::{self, Validity};
use crate::clock::Time;
use crate::refusal::{Reason, Refusal};

/// A principal with the span of time for which it counts.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) principal: Principal,
    pub(super) validity: Validity,
}

/// What can be checked without a key. Gives the algorithm to verify with.
pub(super) fn before_key(
    token: &Unverified<'_>,
    settings: &IssuerSettings,
    trail: &mut Trail,
) -> Result<Algorithm, Refusal> {
    trail.begin("its algorithm is accepted from this issuer");
    let signed = token.signed();
    let algorithm = accepted_algorithm(signed.algorithm(), &settings.algorithms)?;
    trail.held(|| Some(word(algorithm).to_owned()));
    trail.begin("its type is one that this issuer uses");
    settings.dialect.check_typ(signed.typ())?;
    trail.held(|| signed.typ().map(str::to_owned));
    trail.begin("its key is published by its issuer");
    if signed.key_id().is_none() && !settings.tokens_without_key_id {
        return Err(Refusal::new(Reason::UnknownKey).telling(NO_KEY_ID));
    }
    Ok(algorithm)
}

/// Everything from the signature on.
pub(super) fn with_keys(
    token: Unverified<'_>,
    algorithm: Algorithm,
    settings: &IssuerSettings,
    keys: &KeySet,
    digest: [u8; 32],
    now: Time,
    trail: &mut Trail,
) -> Result<Verified, Refusal> {
    let key_id = token.signed().key_id().map(str::to_owned);
    let typ = token.signed().typ().map(str::to_owned);
    let key = key_for(token.signed(), algorithm, keys, trail)?;
    let claims = token.verified(key, algorithm)?;
    trail.held(|| None);

    trail.begin("it is made for this proxy and nobody else");
    validity::check_audience(&claims, settings)?;
    trail.held(|| Some(claims.audience().join(", ")));
    trail.begin("it is valid now and not for too long");
    let validity = validity::check_times(&claims, settings, now)?;
    trail.held(|| Some(format!("{} s left", validity.expires.ms_since(now) / 1000)));
    trail.begin("its kind is accepted and its claims are well typed");
    let facts = facts(&claims, settings)?;
    trail.held(|| Some(facts.subject.escape_debug().to_string()));

    trail.begin("it is bound to nothing, or to what can be checked");
    let bound = Bound::read(&claims)?;
    trail.held(|| bound.map(|bound| bound.words().to_owned()));

    let token = TokenFacts {
        key_id,
        algorithm: word(algorithm),
        typ,
        jti: claims.optional_text("jti")?,
        session_id: claims.optional_text("sid")?,
        user_id: settings.dialect.user_id(&claims)?,
        issued: validity.issued,
        expires: validity.expires,
        bound,
        kept_claims: settings.dialect.kept(&claims),
    };
    let principal = Principal {
        facts,
        issuer_url: settings.url.clone(),
        token,
        digest,
    };
    Ok(Verified {
        principal,
        validity,
    })
}

/// The key to verify with; the check that follows is the signature's.
pub(super) fn key_for<'k>(
    signed: &Signed<'_>,
    algorithm: Algorithm,
    keys: &'k KeySet,
    trail: &mut Trail,
) -> Result<&'k Key, Refusal> {
    let key = match signed.key_id() {
        Some(id) => keys.key(id)?,
        None => keys.only_for(algorithm)?,
    };
    trail.held(|| signed.key_id().map(|id| id.escape_debug().to_string()));
    trail.begin("its key is for that algorithm");
    if !key.is_for(algorithm) {
        return Err(Refusal::new(Reason::AlgNotAllowed).telling(OTHER_ALGORITHM));
    }
    trail.held(|| None);
    trail.begin("its signature verifies");
    Ok(key)
}

/// The algorithm of this exact name, if it is in the list (RFC 8725 3.1).
pub(super) fn accepted_algorithm(name: &str, accepted: &[Algorithm]) -> Result<Algorithm, Refusal> {
    accepted
        .iter()
        .copied()
        .find(|algorithm| word(*algorithm) == name)
        .ok_or_else(|| Refusal::new(Reason::AlgNotAllowed))
}

fn facts(claims: &Claims, settings: &IssuerSettings) -> Result<Facts, Refusal> {
    // Security tokens and logout tokens of the same issuer (RFC 8417 2.2).
    if claims.has("events") {
        return Err(Refusal::new(Reason::WrongType));
    }
    settings.facts(claims)
}

/// The name of an algorithm in JWA (RFC 7518 3.1).
pub(super) fn word(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::RS256 => "RS256",
        Algorithm::RS384 => "RS384",
        Algorithm::RS512 => "RS512",
        Algorithm::PS256 => "PS256",
        Algorithm::PS384 => "PS384",
        Algorithm::PS512 => "PS512",
        Algorithm::ES256 => "ES256",
        Algorithm::ES384 => "ES384",
        Algorithm::EdDSA => "EdDSA",
        // Symmetric ones never come this far; no token names an algorithm of this name.
        _ => "unaccepted",
    }
}

const NO_KEY_ID: &str = "the token does not name the key it is signed with (`kid`); \
    use an issuer that does, or have the operator set `tokens_without_key_id` for it";
const OTHER_ALGORITHM: &str = "the issuer publishes the token's key for another algorithm than \
    the token names; get a new token, and if that stays tell the issuer's operator";
