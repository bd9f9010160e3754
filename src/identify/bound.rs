//! Says which key the bearer of a token must show beside it.
//!
//! In: verified claims. Out: a [`Bound`], nothing for a plain bearer token, or a [`Refusal`].
//!
//! A token that was caught on its way is worth nothing to who has not the key. So a binding that
//! cannot be checked here is never taken for none: such a token is refused.
//!
//! RFC 7800 3.1 (`cnf`); RFC 8705 3.1 (`x5t#S256`); RFC 9449 6.1 (`jkt`).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::claims::{Claims, malformed};
use crate::refusal::{Reason, Refusal};

/// What the bearer of a token must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A proof made with the key of this thumbprint (RFC 7638).
    ToKey([u8; 32]),
    /// A connection with the client certificate of this SHA-256.
    ToCertificate([u8; 32]),
    /// It is that client certificate itself: there is no token.
    IsCertificate([u8; 32]),
    /// It is a session that was begun here: there is no token.
    IsSession,
}

impl Bound {
    /// What these claims bind the token to.
    pub(super) fn read(claims: &Claims) -> Result<Option<Bound>, Refusal> {
        let confirmation = match claims.get("cnf") {
            None => return Ok(None),
            Some(Value::Object(confirmation)) => confirmation,
            Some(_) => return Err(malformed("claim `cnf` is not an object")),
        };
        let [(name, value)] = members(confirmation)[..] else {
            return Err(unknown());
        };
        match name {
            "jkt" => Ok(Some(Bound::ToKey(digest(value)?))),
            "x5t#S256" => Ok(Some(Bound::ToCertificate(digest(value)?))),
            _ => Err(unknown()),
        }
    }

    /// How a person would say it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Bound::ToKey(_) => "to a key, by DPoP: a request must prove it",
            Bound::ToCertificate(_) => "to a client certificate: a connection must show it",
            Bound::IsCertificate(_) => "to the key of the certificate that it is",
            Bound::IsSession => "to the browser that signed in",
        }
    }
}

fn members(object: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let members = object.iter();
    members
        .map(|(name, value)| (name.as_str(), value))
        .collect()
}

fn digest(value: &Value) -> Result<[u8; 32], Refusal> {
    value
        .as_str()
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| malformed("claim `cnf` has no SHA-256 in base64url"))
}

fn unknown() -> Refusal {
    Refusal::new(Reason::WrongType).telling(UNKNOWN)
}

const UNKNOWN: &str = "the token is bound to its holder in a way that this proxy cannot check; \
    ask for a plain bearer token, or one bound by DPoP (`jkt`) or by certificate (`x5t#S256`)";
