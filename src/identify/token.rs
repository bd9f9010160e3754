//! Reads a token before anyone believes it.
//!
//! In: the text of a credential. Out: an [`Unverified`], and from it [`Claims`] once a key of its
//! issuer verified the signature.
//!
//! What a token says of itself serves to find out what to check it with, and for nothing else: an
//! [`Unverified`] tells its issuer, key id, algorithm and type. Its claims lie inside and come out
//! through [`Unverified::verified`] only. A [`Signed`] is the same without a look at the claims.
//!
//! Refused before any key is looked at: what is not three parts of canonical base64url, what is not
//! strict JSON, what an extension would have to be understood for (`crit`, `b64`, `zip`), a token in
//! a token (`cty`), and a header that brings its own key or says where to get one.
//!
//! RFC 7515 4.1, 5.2, 7.1; RFC 7797 (`b64`, refused); RFC 8725 3.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::claims::{Claims, malformed};
use super::json;
use super::key::Key;
use crate::refusal::{Reason, Refusal};

/// A well-formed token that nobody has vouched for yet.
#[derive(Debug)]
pub(super) struct Unverified<'a> {
    signed: Signed<'a>,
    issuer: String,
    payload: Map<String, Value>,
}

/// A well-formed signature over a message, whatever the message says.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    message: &'a str,
    payload: &'a str,
    signature: &'a str,
    header: Header,
}

#[derive(Debug)]
struct Header {
    algorithm: String,
    key_id: Option<String>,
    typ: Option<String>,
}

impl<'a> Unverified<'a> {
    /// Reads the text of a credential.
    pub(super) fn read(token: &'a str) -> Result<Unverified<'a>, Refusal> {
        let signed = Signed::read(token)?;
        let payload = json::object(&decoded(signed.payload)?)
            .ok_or_else(|| malformed("the payload is not one strict JSON object"))?;
        let Some(Value::String(issuer)) = payload.get("iss") else {
            return Err(malformed("claim `iss` is missing or not a text"));
        };
        Ok(Unverified {
            signed,
            issuer: issuer.clone(),
            payload,
        })
    }

    /// Who is said to have signed it.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What it is said to be signed with.
    pub(super) fn signed(&self) -> &Signed<'a> {
        &self.signed
    }

    /// Its claims, if this key signed them with this algorithm.
    pub(super) fn verified(
        self,
        key: &Key,
        algorithm: jsonwebtoken::Algorithm,
    ) -> Result<Claims, Refusal> {
        self.signed.check(key, algorithm)?;
        Ok(Claims::signed(self.payload))
    }
}

impl<'a> Signed<'a> {
    /// Reads all but the payload, of which it knows only that it is encoded canonically.
    pub(super) fn read(token: &'a str) -> Result<Signed<'a>, Refusal> {
        if token.len() > LONGEST_TOKEN_BYTES {
            return Err(malformed("longer than 16 KiB"));
        }
        let parts = Parts::of(token)?;
        let header = Header::read(&decoded(parts.header)?)?;
        decoded(parts.payload)?;
        decoded(parts.signature)?;
        Ok(Signed {
            message: parts.message,
            payload: parts.payload,
            signature: parts.signature,
            header,
        })
    }

    /// The key it is said to be signed with.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.key_id.as_deref()
    }

    /// The algorithm it is said to be signed with.
    pub(super) fn algorithm(&self) -> &str {
        &self.header.algorithm
    }

    /// The kind of token it says it is.
    pub(super) fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// Refuses what this key did not sign with this algorithm.
    pub(super) fn check(
        &self,
        key: &Key,
        algorithm: jsonwebtoken::Algorithm,
    ) -> Result<(), Refusal> {
        match key.verifies(algorithm, self.message.as_bytes(), self.signature) {
            true => Ok(()),
            false => Err(Refusal::new(Reason::BadSignature)),
        }
    }
}

/// The three parts of a compact serialization, still encoded.
pub(super) struct Parts<'a> {
    pub(super) header: &'a str,
    pub(super) payload: &'a str,
    pub(super) signature: &'a str,
    /// Header and payload with the dot between them: what is signed.
    pub(super) message: &'a str,
}

impl<'a> Parts<'a> {
    /// Cuts at the two dots.
    pub(super) fn of(token: &'a str) -> Result<Parts<'a>, Refusal> {
        // Counted before anything is split, so that a megabyte of dots costs one pass.
        match token.bytes().filter(|byte| *byte == b'.').count() {
            2 => {}
            0 => return Err(malformed("not a token at all").telling(API_KEY)),
            4 => return Err(malformed("encrypted (five parts)").telling(ENCRYPTED)),
            _ => return Err(malformed("not three parts")),
        }
        let cut = token.rsplit_once('.').and_then(|(message, signature)| {
            let (header, payload) = message.split_once('.')?;
            Some(Parts {
                header,
                payload,
                signature,
                message,
            })
        });
        cut.ok_or_else(|| malformed("not three parts"))
    }
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Header, Refusal> {
        let fields = json::object(bytes)
            .ok_or_else(|| malformed("the header is not one strict JSON object"))?;
        for extension in ["crit", "b64", "zip", "enc", "cty"] {
            if fields.contains_key(extension) {
                return Err(malformed(format!("the header has `{extension}`")));
            }
        }
        let key_id = text(&fields, "kid")?;
        if key_id
            .as_ref()
            .is_some_and(|id| id.len() > LONGEST_KEY_ID_BYTES)
        {
            return Err(malformed("the key id is longer than 1 KiB"));
        }
        let algorithm =
            text(&fields, "alg")?.ok_or_else(|| malformed("the header has no `alg`"))?;
        let typ = text(&fields, "typ")?;
        // A key that comes with the token proves nothing (RFC 8725 3.10).
        if ["jku", "x5u", "jwk", "x5c"]
            .iter()
            .any(|own| fields.contains_key(*own))
        {
            let refusal = Refusal::new(Reason::UnknownKey);
            return Err(refusal.telling(OWN_KEY).noting(OWN_KEY));
        }
        Ok(Header {
            algorithm,
            key_id,
            typ,
        })
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match fields.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(malformed(format!("header field `{name}` is not a text"))),
    }
}

/// Canonical base64url: no padding, no stray bits in the last letter, no other alphabet.
pub(super) fn decoded(part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| malformed("a part is not canonical base64url"))
}

/// Also the limit on what is hashed and looked up.
pub(super) const LONGEST_TOKEN_BYTES: usize = 16 * 1024;
const LONGEST_KEY_ID_BYTES: usize = 1024;
const API_KEY: &str = "this looks like a Lightstep API key, not a token: \
    remove the CI/CD variable LIGHTSTEP_API_KEY and send the job's ID token";
const OWN_KEY: &str = "the token's header brings its own key or says where to get one; keys come from the issuer alone";
const ENCRYPTED: &str = "the token is encrypted; only signed tokens are accepted";
