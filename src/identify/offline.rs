//! Verifies a token with keys from a file, for `stile token verify --jwks FILE`.
//!
//! In: a token, a JWK set, settings, the time. Out: an [`Examination`], or a bare yes or no.
//!
//! The same checks in the same order as for a request; only where the keys come from differs, so
//! that an issuer's tokens can be tried before it is trusted, and on a machine without a network.

use std::sync::Arc;

use jsonwebtoken::Algorithm;

use super::key_set::KeySet;
use super::principal::Principal;
use super::settings::IssuerSettings;
use super::token::{Signed, Unverified};
use super::trail::{Examination, Trail};
use super::{sha256, verify};
use crate::clock::Time;
use crate::refusal::{Reason, Refusal};

/// Checks a token as a request's would be, with these keys in place of its issuer's.
///
/// A document that is no JWK set ends in `idp_unavailable`.
pub fn verify_with_jwks(
    token: &str,
    jwks: &[u8],
    settings: &IssuerSettings,
    now: Time,
) -> Examination {
    let mut trail = Trail::seen();
    let outcome = verified(token, jwks, settings, now, &mut trail);
    trail.end(outcome.map(Arc::new))
}

/// Checks form, algorithm, key and signature and nothing else, not even whether claims were signed.
/// Proves no identity.
///
/// # Errors
///
/// The refusal; `idp_unavailable` when the document is no JWK set.
pub fn verify_signature_with_jwks(
    token: &str,
    jwks: &[u8],
    algorithms: &[Algorithm],
) -> Result<(), Refusal> {
    let keys = read_keys(jwks)?;
    let signed = Signed::read(token)?;
    let algorithm = verify::accepted_algorithm(signed.algorithm(), algorithms)?;
    let key = verify::key_for(&signed, algorithm, &keys, &mut Trail::unseen())?;
    signed.check(key, algorithm)
}

fn verified(
    token: &str,
    jwks: &[u8],
    settings: &IssuerSettings,
    now: Time,
    trail: &mut Trail,
) -> Result<Principal, Refusal> {
    let digest = sha256(token.as_bytes());
    trail.begin("it is a well-formed signed token");
    let token = Unverified::read(token)?;
    trail.held(|| None);
    trail.begin("its issuer is trusted");
    if token.issuer() != settings.url {
        return Err(Refusal::new(Reason::UnknownIssuer));
    }
    trail.held(|| Some(settings.url.clone()));
    let algorithm = verify::before_key(&token, settings, trail)?;
    let keys = read_keys(jwks)?;
    let verified = verify::with_keys(token, algorithm, settings, &keys, digest, now, trail)?;
    Ok(verified.principal)
}

fn read_keys(jwks: &[u8]) -> Result<KeySet, Refusal> {
    KeySet::read(jwks)
        .map_err(|_| Refusal::new(Reason::IdpUnavailable).telling("the key file is not a JWK set"))
}
