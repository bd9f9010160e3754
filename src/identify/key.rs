//! Reads one published key, and says what it may verify.
//!
//! In: one entry of a JWK set. Out: a [`Key`], or the [`Fault`] for which it is not used.
//!
//! What makes a key usable: an RSA modulus of 2048 to 8192 bits or a point on P-256, P-384 or
//! Ed25519, no private or secret half, and nothing in `use`, `key_ops` or `alg` that speaks of
//! anything but verifying signatures.
//!
//! Never: takes a symmetric key, or lets a token's header choose the algorithm of a key.
//!
//! RFC 7517 4; RFC 7518 6; RFC 8725 3.5; FIPS 186-5 (exponents).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

/// One verification key.
#[derive(Debug)]
pub(super) struct Key {
    decoding: DecodingKey,
    kind: Kind,
    /// What its issuer says it is for, where it says so.
    algorithm: Option<Algorithm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// With the bits of its modulus.
    Rsa(usize),
    P256,
    P384,
    Ed25519,
}

/// Why a published key is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Weak(&'static str),
    Unfit(&'static str),
}

impl Fault {
    /// Whether the key would do if it were stronger.
    pub(super) fn is_weak(self) -> bool {
        matches!(self, Fault::Weak(_))
    }

    /// What is wrong with it.
    pub(super) fn why(self) -> &'static str {
        match self {
            Fault::Weak(why) | Fault::Unfit(why) => why,
        }
    }
}

impl Key {
    /// Whether this key may verify that algorithm: as published, and as its kind allows.
    pub(super) fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|own| own == algorithm) && self.kind.fits(algorithm)
    }

    /// Whether the signature (base64url) over the message is this key's.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &str) -> bool {
        self.is_for(algorithm)
            && jsonwebtoken::crypto::verify(signature, message, &self.decoding, algorithm)
                .unwrap_or(false)
    }

    /// What it is, in one word: `RSA`, `P-256`, `P-384` or `Ed25519`.
    pub(super) fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Rsa(_) => "RSA",
            Kind::P256 => "P-256",
            Kind::P384 => "P-384",
            Kind::Ed25519 => "Ed25519",
        }
    }

    /// How long its modulus or its curve's field is, in bits.
    pub(super) fn bits(&self) -> usize {
        match self.kind {
            Kind::Rsa(bits) => bits,
            Kind::P256 | Kind::Ed25519 => 256,
            Kind::P384 => 384,
        }
    }

    /// The one algorithm that its issuer publishes it for.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// Reads and checks an entry.
    pub(super) fn read(jwk: &Map<String, Value>) -> Result<Key, Fault> {
        check_purpose(jwk)?;
        let (kind, decoding) = match (text(jwk, "kty"), text(jwk, "crv")) {
            (Some("RSA"), _) => rsa(jwk)?,
            (Some("EC"), Some("P-256")) => (Kind::P256, ec(jwk, 32, &ECDSA_P256_SHA256_FIXED)?),
            (Some("EC"), Some("P-384")) => (Kind::P384, ec(jwk, 48, &ECDSA_P384_SHA384_FIXED)?),
            (Some("OKP"), Some("Ed25519")) => (Kind::Ed25519, ed25519(jwk)?),
            (Some("EC" | "OKP"), _) => return Err(Fault::Unfit("its curve is not accepted")),
            _ => return Err(Fault::Unfit("it is not a public key of a known type")),
        };
        let algorithm = match jwk.get("alg") {
            None => None,
            Some(alg) => Some(published_algorithm(alg, kind)?),
        };
        Ok(Key {
            decoding,
            kind,
            algorithm,
        })
    }
}

impl Kind {
    fn fits(self, algorithm: Algorithm) -> bool {
        match self {
            Kind::Rsa(_) => algorithm.family() == jsonwebtoken::AlgorithmFamily::Rsa,
            Kind::P256 => algorithm == Algorithm::ES256,
            Kind::P384 => algorithm == Algorithm::ES384,
            Kind::Ed25519 => algorithm == Algorithm::EdDSA,
        }
    }
}

/// Only public halves, and only for signatures (RFC 7517 4.2, 4.3).
fn check_purpose(jwk: &Map<String, Value>) -> Result<(), Fault> {
    if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
        .iter()
        .any(|half| jwk.contains_key(*half))
    {
        return Err(Fault::Unfit("its secret half is published"));
    }
    if jwk.get("use").is_some_and(|purpose| purpose != "sig") {
        return Err(Fault::Unfit("its `use` is not `sig`"));
    }
    let verifies = |ops: &Value| {
        ops.as_array()
            .is_some_and(|ops| ops.iter().any(|op| op == "verify"))
    };
    if jwk.get("key_ops").is_some_and(|ops| !verifies(ops)) {
        return Err(Fault::Unfit("its `key_ops` do not have `verify`"));
    }
    Ok(())
}

fn published_algorithm(alg: &Value, kind: Kind) -> Result<Algorithm, Fault> {
    alg.as_str()
        .and_then(|alg| alg.parse().ok())
        .filter(|algorithm| kind.fits(*algorithm))
        .ok_or(Fault::Unfit("its `alg` does not fit its type"))
}

fn rsa(jwk: &Map<String, Value>) -> Result<(Kind, DecodingKey), Fault> {
    let (modulus, exponent) = (number(jwk, "n")?, number(jwk, "e")?);
    let modulus_bits = bits(&modulus);
    if modulus_bits < 2048 {
        return Err(Fault::Weak("its modulus is shorter than 2048 bits"));
    }
    if modulus_bits > 8192 {
        return Err(Fault::Weak("its modulus is longer than 8192 bits"));
    }
    if modulus.last().is_none_or(|byte| byte % 2 == 0) {
        return Err(Fault::Weak("its modulus is even"));
    }
    // Odd and at least 65537; above 33 bits the verifying library stops.
    let odd = exponent.last().is_some_and(|byte| byte % 2 == 1);
    if !odd || !(17..=33).contains(&bits(&exponent)) {
        return Err(Fault::Weak("its exponent is even, too small or too large"));
    }
    let decoding = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
    Ok((Kind::Rsa(modulus_bits), decoding))
}

fn ec(
    jwk: &Map<String, Value>,
    coordinate_bytes: usize,
    curve: &'static dyn VerificationAlgorithm,
) -> Result<DecodingKey, Fault> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != coordinate_bytes || y.len() != coordinate_bytes {
        return Err(Fault::Weak("its point has the wrong length"));
    }
    let point = [&[0x04], x.as_slice(), y.as_slice()].concat();
    if ParsedPublicKey::new(curve, &point).is_err() {
        return Err(Fault::Weak("its point is not on its curve"));
    }
    Ok(DecodingKey::from_ec_der(&point))
}

fn ed25519(jwk: &Map<String, Value>) -> Result<DecodingKey, Fault> {
    let point = bytes(jwk, "x")?;
    if ParsedPublicKey::new(&ED25519, &point).is_err() {
        return Err(Fault::Weak("its point is not on its curve"));
    }
    Ok(DecodingKey::from_ed_der(&point))
}

/// A member that is a text.
pub(super) fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    jwk.get(name)?.as_str()
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Fault> {
    text(jwk, name)
        .and_then(|encoded| URL_SAFE_NO_PAD.decode(encoded).ok())
        .ok_or(Fault::Unfit("a number of it is not base64url"))
}

/// A big-endian number without zeros in front, which some issuers write (RFC 7518 6.3.1.1).
fn number(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Fault> {
    let mut number = bytes(jwk, name)?;
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    Ok(number.split_off(zeros))
}

fn bits(number: &[u8]) -> usize {
    let first = number
        .first()
        .map_or(0, |byte| byte.leading_zeros() as usize);
    (number.len() * 8).saturating_sub(first)
}
