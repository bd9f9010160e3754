//! Makes signing keys and signs tokens with them, well-formed or not.
//!
//! In: claims, or the exact text of header and payload. Out: a token.
//!
//! Signs with aws-lc-rs directly and writes the token's text itself, so that a fault in the library
//! that stile verifies with cannot hide behind the same fault here. [`compose`] writes whatever text
//! it is given: duplicate keys, wrong types, no JSON at all.
//!
//! RSA keys come from a small pool made once per process, because making one takes long; elliptic
//! keys are fresh.
//!
//! RFC 7515 (JWS compact serialization), RFC 7517 (JWK), RFC 7518 3.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a kit that breaks should stop its test at once"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512,
};
use aws_lc_rs::{hmac, rsa};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// A private key with the id it is published under.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// The key id.
    pub kid: String,
    /// The algorithm it signs with, by its JWA name, and publishes.
    pub alg: &'static str,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    Rsa(Arc<rsa::KeyPair>),
    Ec(Arc<EcdsaKeyPair>),
    Ed(Arc<Ed25519KeyPair>),
}

impl SigningKey {
    /// An RSA key of 2048 bits for `RS256`: the next one of the pool, under a fresh id.
    pub fn rs256() -> SigningKey {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        SigningKey {
            kid: fresh_id("rsa"),
            alg: "RS256",
            material: Material::Rsa(pooled_rsa(NEXT.fetch_add(1, Ordering::Relaxed))),
        }
    }

    /// An RSA key of 2048 bits for `RS256` that is not this one, under a fresh id.
    pub fn rs256_unlike(other: &SigningKey) -> SigningKey {
        let one = SigningKey::rs256();
        if one.jwk().get("n") == other.jwk().get("n") {
            return SigningKey {
                material: Material::Rsa(pooled_rsa_unlike(&one.material)),
                ..one
            };
        }
        one
    }

    /// A fresh P-256 key for `ES256`.
    pub fn es256() -> SigningKey {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        SigningKey {
            kid: fresh_id("p256"),
            alg: "ES256",
            material: Material::Ec(Arc::new(pair)),
        }
    }

    /// A fresh P-384 key for `ES384`.
    pub fn es384() -> SigningKey {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        SigningKey {
            kid: fresh_id("p384"),
            alg: "ES384",
            material: Material::Ec(Arc::new(pair)),
        }
    }

    /// A fresh Ed25519 key for `EdDSA`.
    pub fn ed25519() -> SigningKey {
        let pair = Ed25519KeyPair::generate().unwrap();
        SigningKey {
            kid: fresh_id("ed25519"),
            alg: "EdDSA",
            material: Material::Ed(Arc::new(pair)),
        }
    }

    /// The same key under another id.
    #[must_use]
    pub fn named(&self, kid: &str) -> SigningKey {
        SigningKey {
            kid: kid.to_owned(),
            ..self.clone()
        }
    }

    /// The same key signing with another algorithm of its family: `RS384`, `RS512`, `PS256` and on.
    #[must_use]
    pub fn with_alg(&self, alg: &'static str) -> SigningKey {
        SigningKey {
            alg,
            ..self.clone()
        }
    }

    /// The public half as GitLab and Okta publish it.
    pub fn jwk(&self) -> Value {
        match &self.material {
            Material::Rsa(pair) => json!({
                "kty": "RSA", "kid": self.kid, "use": "sig", "alg": self.alg,
                "n": b64(pair.public_key().modulus().big_endian_without_leading_zero()),
                "e": b64(pair.public_key().exponent().big_endian_without_leading_zero()),
            }),
            Material::Ec(pair) => {
                let (x, y) = self.point(pair);
                json!({
                    "kty": "EC", "kid": self.kid, "use": "sig", "alg": self.alg,
                    "crv": if x.len() == 32 { "P-256" } else { "P-384" },
                    "x": b64(&x), "y": b64(&y),
                })
            }
            Material::Ed(pair) => json!({
                "kty": "OKP", "kid": self.kid, "use": "sig", "alg": self.alg,
                "crv": "Ed25519", "x": b64(pair.public_key()),
            }),
        }
    }

    /// SHA-256 of the public half, as tokens that are bound to it name it (RFC 7638).
    pub fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let said = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
        let members = match &self.material {
            Material::Rsa(_) => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, said("e"), said("n"))
            }
            Material::Ec(_) => format!(
                r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
                said("crv"),
                said("x"),
                said("y")
            ),
            Material::Ed(_) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, said("x"))
            }
        };
        b64(sha256(members.as_bytes()))
    }

    /// The public half in DER (`SubjectPublicKeyInfo`), for tests of algorithm confusion.
    pub fn public_der(&self) -> Vec<u8> {
        use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
        match &self.material {
            Material::Rsa(pair) => {
                let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
                der.as_ref().to_vec()
            }
            Material::Ec(pair) => {
                let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
                der.as_ref().to_vec()
            }
            Material::Ed(pair) => {
                let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
                der.as_ref().to_vec()
            }
        }
    }

    /// The raw signature over a message, as JWS wants it (ECDSA: r and s side by side).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.material {
            Material::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding: &'static dyn aws_lc_rs::signature::RsaEncoding = match self.alg {
                    "RS256" => &RSA_PKCS1_SHA256,
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    other => panic!("an RSA key cannot sign {other}"),
                };
                pair.sign(padding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Material::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Material::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    fn point(&self, pair: &EcdsaKeyPair) -> (Vec<u8>, Vec<u8>) {
        let uncompressed = pair.public_key().as_ref();
        let (x, y) = uncompressed
            .get(1..)
            .unwrap()
            .split_at((uncompressed.len() - 1) / 2);
        (x.to_vec(), y.to_vec())
    }
}

/// Who signs a composed token.
#[derive(Clone, Copy, Debug)]
pub enum Signer<'a> {
    /// This key, with its own algorithm.
    Key(&'a SigningKey),
    /// HMAC-SHA-256 with this secret.
    Hmac(&'a [u8]),
    /// Nobody: these bytes stand where the signature belongs.
    Fixed(&'a [u8]),
}

/// A token for the claims, with the header GitLab writes: `kid`, `typ: JWT`, `alg`.
pub fn mint(claims: &Map<String, Value>, key: &SigningKey) -> String {
    mint_with(&header(key), claims, key)
}

/// A token with this header, whatever it says.
pub fn mint_with(
    header: &Map<String, Value>,
    claims: &Map<String, Value>,
    key: &SigningKey,
) -> String {
    compose(
        serde_json::to_string(header).unwrap(),
        serde_json::to_string(claims).unwrap(),
        Signer::Key(key),
    )
}

/// The header GitLab writes.
pub fn header(key: &SigningKey) -> Map<String, Value> {
    let mut header = Map::new();
    header.insert("kid".to_owned(), json!(key.kid));
    header.insert("typ".to_owned(), json!("JWT"));
    header.insert("alg".to_owned(), json!(key.alg));
    header
}

/// A token of exactly these texts, signed over exactly these bytes.
pub fn compose(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>, signer: Signer<'_>) -> String {
    sign_parts(&b64(header), &b64(payload), signer)
}

/// A token whose first two parts are already encoded, canonically or not.
pub fn sign_parts(header_part: &str, payload_part: &str, signer: Signer<'_>) -> String {
    let message = format!("{header_part}.{payload_part}");
    let signature = match signer {
        Signer::Key(key) => key.sign(message.as_bytes()),
        Signer::Hmac(secret) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
        }
        Signer::Fixed(bytes) => bytes.to_vec(),
    };
    format!("{message}.{}", b64(signature))
}

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().to_vec()
}

/// Base64url without padding.
pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A random id that reads as a UUID.
pub fn fresh_uuid() -> String {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (a, rest) = hex.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

fn fresh_id(family: &str) -> String {
    format!("{family}-{}", fresh_uuid())
}

fn pooled_rsa_unlike(material: &Material) -> Arc<rsa::KeyPair> {
    let first = pooled_rsa(0);
    match material {
        Material::Rsa(pair) if Arc::ptr_eq(pair, &first) => pooled_rsa(1),
        _ => first,
    }
}

fn pooled_rsa(turn: usize) -> Arc<rsa::KeyPair> {
    static POOL: [OnceLock<Arc<rsa::KeyPair>>; 2] = [const { OnceLock::new() }; 2];
    let slot = POOL.get(turn % POOL.len()).expect("the pool is not empty");
    slot.get_or_init(|| Arc::new(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap()))
        .clone()
}
