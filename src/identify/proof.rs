//! Checks a DPoP proof: that who sends the request has the key its token is bound to.
//!
//! In: the text of the field `dpop`, and what the proof must say. Out: the id to remember it by, or
//! a [`Refusal`].
//!
//! A proof brings its own key, which proves nothing by itself: it counts because the key's
//! thumbprint is the one in the verified token. It is as strict a JWS as a token, of its own type,
//! for one method, one address without query and one token, made within the last minute.
//!
//! Each fault has the word of the same fault of a token; its sentence says that it is the proof's.
//! Nonces of the server's (section 8) are not asked for: ids are remembered instead.
//!
//! RFC 9449 4.2, 4.3 and 7; RFC 7638 (thumbprints).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, Uri};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value, json};

use super::claims::Claims;
use super::json;
use super::key::Key;
use super::token::{Parts, decoded};
use super::validity::LEEWAY_MS;
use super::{sha256, verify};
use crate::clock::Time;
use crate::refusal::{Reason, Refusal};

/// What a proof must say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand<'a> {
    pub(super) thumbprint: &'a [u8; 32],
    pub(super) method: &'a str,
    /// Scheme and authority of this proxy; without one no proof is good.
    pub(super) origin: Option<&'a str>,
    pub(super) path: &'a str,
    /// The token that comes with it.
    pub(super) token: &'a str,
    /// Proofs from before this moment are not remembered.
    pub(super) since: Time,
    pub(super) now: Time,
}

/// A proof that is good, if it was not used before.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) id: String,
    pub(super) end: Time,
}

/// The one proof of a request.
pub(super) fn find(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(DPOP).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(Refusal::new(Reason::NoCredential).telling(NO_PROOF)),
        (Some(_), Some(_)) => Err(Refusal::new(Reason::MultipleCredentials)
            .telling("the field `dpop` came more than once; send one proof")),
        (Some(proof), None) => proof.to_str().map_err(|_| malformed("it is not a text")),
    }
}

/// Refuses a proof that does not say what it must.
pub(super) fn check(proof: &str, demand: &Demand<'_>) -> Result<Fresh, Refusal> {
    if proof.len() > LONGEST_PROOF_BYTES {
        return Err(malformed("it is longer than 8 KiB"));
    }
    let parts = Parts::of(proof).map_err(|_| malformed("it is not a signed JWT of three parts"))?;
    let header = object(parts.header)?;
    let payload = object(parts.payload)?;
    decoded(parts.signature).map_err(|_| malformed("a part is not canonical base64url"))?;
    let (key, algorithm) = key(&header, demand.thumbprint)?;
    if !key.verifies(algorithm, parts.message.as_bytes(), parts.signature) {
        return Err(faulty(Reason::BadSignature, "signature does not verify"));
    }
    let claims = Claims::signed(payload);
    check_request(&claims, demand)?;
    let end = check_time(&claims, demand)?;
    let id = claim(&claims, "jti")?;
    if id.len() > LONGEST_ID_BYTES {
        return Err(malformed("its `jti` is longer than 256 bytes"));
    }
    Ok(Fresh { id, end })
}

/// Scheme and authority of a URL, spelled in one way (RFC 3986 6.2.2 and 6.2.3).
pub(super) fn origin(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let scheme = url.scheme_str()?.to_ascii_lowercase();
    let authority = url.authority()?;
    if authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host().to_ascii_lowercase();
    let preset = if scheme == "https" { 443 } else { 80 };
    let port = authority.port_u16().unwrap_or(preset);
    Some(format!("{scheme}://{host}:{port}"))
}

/// The proof's own key, if it is the one that the token is bound to.
fn key(header: &Map<String, Value>, thumbprint: &[u8; 32]) -> Result<(Key, Algorithm), Refusal> {
    let said = |name: &str| header.get(name).and_then(Value::as_str);
    if !said("typ").is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt")) {
        return Err(malformed("its `typ` is not `dpop+jwt`"));
    }
    if let Some(unknown) = ["crit", "b64", "zip", "enc", "cty"]
        .iter()
        .find(|name| header.contains_key(**name))
    {
        return Err(malformed(&format!("its header has `{unknown}`")));
    }
    let named = said("alg").ok_or_else(|| malformed("its header has no `alg`"))?;
    let algorithm = verify::accepted_algorithm(named, ALGORITHMS).map_err(|_| {
        let taken = ALGORITHMS.map(verify::word).join(", ");
        let told = format!("the DPoP proof's algorithm is not accepted; use one of {taken}");
        Refusal::new(Reason::AlgNotAllowed).telling(told)
    })?;
    let jwk = header.get("jwk").and_then(Value::as_object);
    let jwk = jwk.ok_or_else(|| malformed("its header has no `jwk`"))?;
    let key = Key::read(jwk).map_err(|fault| match fault.is_weak() {
        true => faulty(Reason::WeakKey, "key is too weak to be trusted"),
        false => malformed("its `jwk` is not a public key for signatures"),
    })?;
    if !key.is_for(algorithm) {
        let why = "key is not for the algorithm it names";
        return Err(faulty(Reason::AlgNotAllowed, why));
    }
    if thumbprint_of(jwk) != Some(*thumbprint) {
        let why = "key is another one than the token is bound to";
        return Err(faulty(Reason::BadSignature, why));
    }
    Ok((key, algorithm))
}

/// SHA-256 of a key's required members, in the order of the alphabet (RFC 7638 3).
fn thumbprint_of(jwk: &Map<String, Value>) -> Option<[u8; 32]> {
    let said = |name: &str| jwk.get(name).and_then(Value::as_str);
    let required = match said("kty")? {
        "RSA" => json!({ "e": said("e")?, "kty": "RSA", "n": said("n")? }),
        "EC" => json!({ "crv": said("crv")?, "kty": "EC", "x": said("x")?, "y": said("y")? }),
        "OKP" => json!({ "crv": said("crv")?, "kty": "OKP", "x": said("x")? }),
        _ => return None,
    };
    // Base64url and curve names need no escapes, and the members are written as above.
    Some(sha256(required.to_string().as_bytes()))
}

fn check_request(claims: &Claims, demand: &Demand<'_>) -> Result<(), Refusal> {
    let other = |told: String| Err(Refusal::new(Reason::WrongAudience).telling(told));
    let Some(own) = demand.origin else {
        return other("this proxy does not know its own address, so it takes no DPoP proof".into());
    };
    if claim(claims, "htm")? != demand.method {
        let method = demand.method;
        return other(format!(
            "the DPoP proof was made for another method; its `htm` must be {method}"
        ));
    }
    let said = claim(claims, "htu")?;
    let path = said.parse::<Uri>().ok().map(|url| url.path().to_owned());
    if origin(&said).as_deref() != Some(own) || path.as_deref() != Some(demand.path) {
        return other(format!(
            "the DPoP proof was made for another address; its `htu` must be {own}{}",
            demand.path
        ));
    }
    if claim(claims, "ath")? != URL_SAFE_NO_PAD.encode(sha256(demand.token.as_bytes())) {
        return other(
            "the DPoP proof was made for another token; its `ath` must be the SHA-256 of the \
             token that is sent"
                .into(),
        );
    }
    Ok(())
}

fn check_time(claims: &Claims, demand: &Demand<'_>) -> Result<Time, Refusal> {
    let seconds = claims
        .seconds("iat")
        .map_err(|_| malformed("its `iat` is not a number of seconds"))?;
    let issued = Time::from_secs(u64::try_from(seconds).unwrap_or(0));
    if issued > demand.now.plus_ms(LEEWAY_MS) {
        let why = "time (`iat`) is ahead of this proxy's; compare the clocks";
        return Err(faulty(Reason::NotYetValid, why));
    }
    let end = issued.plus_ms(PROOF_LIFE_MS + LEEWAY_MS);
    if end <= demand.now || issued <= demand.since {
        let why = "time (`iat`) is too long ago: make a new one for each request";
        return Err(faulty(Reason::Expired, why));
    }
    Ok(end)
}

fn claim(claims: &Claims, name: &str) -> Result<String, Refusal> {
    claims
        .text(name)
        .map_err(|_| malformed(&format!("its `{name}` is missing or not a text")))
}

fn object(part: &str) -> Result<Map<String, Value>, Refusal> {
    decoded(part)
        .ok()
        .and_then(|bytes| json::object(&bytes))
        .ok_or_else(|| malformed("a part of it is not one strict JSON object in base64url"))
}

fn malformed(why: &str) -> Refusal {
    let told = format!("the DPoP proof is not well-formed: {why}");
    Refusal::new(Reason::MalformedToken).telling(told)
}

fn faulty(reason: Reason, why: &str) -> Refusal {
    Refusal::new(reason).telling(format!("the DPoP proof's {why}"))
}

/// Carries the proof.
const DPOP: HeaderName = HeaderName::from_static("dpop");
const ALGORITHMS: &[Algorithm; 9] = &[
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];
const LONGEST_PROOF_BYTES: usize = 8 * 1024;
const LONGEST_ID_BYTES: usize = 256;
/// How old a proof may be, beside what clocks may differ.
const PROOF_LIFE_MS: u64 = 60_000;
const NO_PROOF: &str = "no DPoP proof was sent: put one into the field `dpop`, made with the key \
    that the token is bound to";
