//! Who is asking, after verification; made only by this step.
//!
//! In: verified claims. Out: a [`Principal`].
//!
//! A [`Principal`] has no public constructor and no public field, so holding one means that an
//! issuer we trust signed it for us.
//!
//! Every field is there and rightly typed in this forgery; only privacy stops it:
//!
//! ```compile_fail,E0451
//! # use stile::identify::{Facts, Principal, TokenFacts};
//! fn forge(facts: Facts, issuer_url: String, token: TokenFacts, digest: [u8; 32]) -> Principal {
//!     Principal { facts, issuer_url, token, digest }
//! }
//! ```

use super::bound::Bound;
use super::facts::Facts;
use super::kept_claims::KeptClaims;
use super::validity::LEEWAY_MS;
use crate::clock::Time;

/// Who is asking, with the proof that it was verified.
#[derive(Clone, Debug)]
pub struct Principal {
    pub(super) facts: Facts,
    pub(super) issuer_url: String,
    pub(super) token: TokenFacts,
    pub(super) digest: [u8; 32],
}

/// What the record says of the token, without the token.
#[derive(Clone, Debug)]
pub struct TokenFacts {
    /// The key id in the token's header.
    pub key_id: Option<String>,
    /// The algorithm that verified it.
    pub algorithm: &'static str,
    /// The `typ` in its header.
    pub typ: Option<String>,
    /// The `jti`, for fingerprints only: never written down as it is.
    pub jti: Option<String>,
    /// The `sid`: the session at its issuer that it belongs to (OpenID Connect Front-Channel Logout 3).
    pub session_id: Option<String>,
    /// The issuer's own id of the person, where `sub` is another name: Okta's `uid`.
    pub user_id: Option<String>,
    /// When it was issued.
    pub issued: Time,
    /// When it ends.
    pub expires: Time,
    /// What its bearer must show beside it, where it is bound to something.
    pub bound: Option<Bound>,
    /// Claims that records may keep, by their name at the issuer.
    pub kept_claims: KeptClaims,
}

impl TokenFacts {
    /// When it counts for nothing any more, whatever the clocks.
    pub(crate) fn end(&self) -> Time {
        self.expires.plus_ms(LEEWAY_MS)
    }
}

impl Principal {
    /// What policies read.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The issuer's exact URL.
    pub fn issuer_url(&self) -> &str {
        &self.issuer_url
    }

    /// What the record says of the token.
    pub fn token(&self) -> &TokenFacts {
        &self.token
    }

    /// SHA-256 of the token: two principals with one digest are one.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}
