//! Published keys that must not be used (T23, T24).

use super::*;

/// The outcome of a good token when its key is published so.
fn outcome_with(keys: Value, token: &str) -> Result<Arc<Principal>, Refusal> {
    let jwks = json!({ "keys": keys }).to_string();
    verify_with_jwks(token, jwks.as_bytes(), &gitlab(), Time::from_secs(NOW_S)).outcome
}

fn published(key: &SigningKey, changes: Value) -> Value {
    let mut jwk = key.jwk();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => jwk.as_object_mut().unwrap().remove(name),
            _ => jwk
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    jwk
}

fn modulus(bits: usize) -> String {
    let mut bytes = vec![0xff; bits.div_ceil(8)];
    bytes[0] = 0xff >> ((8 - bits % 8) % 8);
    mint::b64(bytes)
}

#[test]
fn a_weak_key_is_told_apart_from_an_unknown_one() {
    let rsa = &BENCH.rsa;
    let (x, y) = (BENCH.ec.jwk()["x"].clone(), BENCH.ec.jwk()["y"].clone());
    for (case, key, changes) in [
        ("1024 bits", rsa, json!({ "n": modulus(1024) })),
        ("2047 bits", rsa, json!({ "n": modulus(2047) })),
        (
            "2047 bits, padded",
            rsa,
            json!({ "n": mint::b64([vec![0; 40], vec![1; 200]].concat()) }),
        ),
        ("8193 bits", rsa, json!({ "n": modulus(8193) })),
        ("16384 bits", rsa, json!({ "n": modulus(16_384) })),
        (
            "even modulus",
            rsa,
            json!({ "n": mint::b64([vec![0xff; 255], vec![0xfe]].concat()) }),
        ),
        ("no modulus", rsa, json!({ "n": "" })),
        ("e = 0", rsa, json!({ "e": "AA" })),
        ("e = 1", rsa, json!({ "e": "AQ" })),
        ("e = 2", rsa, json!({ "e": "Ag" })),
        ("e = 3", rsa, json!({ "e": "Aw" })),
        ("e = 65536", rsa, json!({ "e": "AQAA" })),
        ("e of 2048 bits", rsa, json!({ "e": modulus(2048) })),
        ("no e", rsa, json!({ "e": "" })),
        ("off its curve", &BENCH.ec, json!({ "x": y, "y": x })),
        (
            "at zero",
            &BENCH.ec,
            json!({ "x": mint::b64([0; 32]), "y": mint::b64([0; 32]) }),
        ),
        ("short point", &BENCH.ec, json!({ "x": mint::b64([1; 31]) })),
        ("long point", &BENCH.ec, json!({ "y": mint::b64([1; 33]) })),
    ] {
        let token = mint::mint(&job(), key);
        assert_is(
            case,
            outcome_with(json!([published(key, changes)]), &token),
            Reason::WeakKey,
        );
    }
}

#[test]
fn an_unfit_key_is_as_good_as_none_and_spoils_no_other() {
    let rsa = &BENCH.rsa;
    for (case, changes) in [
        ("for encryption", json!({ "use": "enc" })),
        ("use of another type", json!({ "use": ["sig"] })),
        ("signing only", json!({ "key_ops": ["sign"] })),
        ("no operation", json!({ "key_ops": [] })),
        ("operations of another type", json!({ "key_ops": "verify" })),
        ("symmetric", json!({ "kty": "oct", "k": "c2VjcmV0" })),
        ("symmetric beside", json!({ "k": "c2VjcmV0" })),
        ("private", json!({ "d": "AQAB" })),
        ("private factor", json!({ "p": "AQAB" })),
        ("type in lower case", json!({ "kty": "rsa" })),
        ("type of another type", json!({ "kty": 1 })),
        ("no type", json!({ "kty": null })),
        ("elliptic without a curve", json!({ "kty": "EC" })),
        (
            "unaccepted curve",
            json!({ "kty": "EC", "crv": "secp256k1" }),
        ),
        ("P-521", json!({ "kty": "EC", "crv": "P-521" })),
        ("X25519", json!({ "kty": "OKP", "crv": "X25519" })),
        ("algorithm of another family", json!({ "alg": "ES256" })),
        ("algorithm for encryption", json!({ "alg": "RSA-OAEP" })),
        ("algorithm of another type", json!({ "alg": 256 })),
        ("symmetric algorithm", json!({ "alg": "HS256" })),
        ("no modulus", json!({ "n": null })),
        ("modulus of another type", json!({ "n": 65537 })),
        ("modulus in standard base64", json!({ "n": "////" })),
        ("no id", json!({ "kid": null })),
        ("id of another type", json!({ "kid": 1 })),
        ("empty id", json!({ "kid": "" })),
    ] {
        let keys = json!([published(rsa, changes), BENCH.ec.jwk()]);
        let token = mint::mint(&job(), rsa);
        assert_is(case, outcome_with(keys.clone(), &token), Reason::UnknownKey);
        let neighbour = outcome_with(keys, &mint::mint(&job(), &BENCH.ec));
        assert!(neighbour.is_ok(), "{case}: {neighbour:?}");
    }
}

#[test]
fn of_two_keys_with_one_id_neither_is_used() {
    let other = SigningKey::es256().named(&BENCH.rsa.kid);
    for keys in [
        json!([BENCH.rsa.jwk(), other.jwk()]),
        json!([other.jwk(), BENCH.rsa.jwk()]),
        json!([BENCH.rsa.jwk(), BENCH.rsa.jwk()]),
        json!([BENCH.rsa.jwk(), other.jwk(), BENCH.rsa.jwk()]),
    ] {
        for key in [&BENCH.rsa, &other] {
            let outcome = outcome_with(keys.clone(), &mint::mint(&job(), key));
            assert_is("twice", outcome, Reason::UnknownKey);
        }
    }
}

#[test]
fn what_is_no_key_set_is_no_key_set() {
    let token = signed(&job());
    let jwk = BENCH.rsa.jwk();
    for text in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        json!([jwk]).to_string(),
        jwk.to_string(),
        json!({ "keys": jwk }).to_string(),
        json!({ "keys": null }).to_string(),
        json!({ "Keys": [jwk] }).to_string(),
        "<!doctype html>".to_owned(),
        format!("{{\"keys\":[],\"keys\":[{jwk}]}}"),
        format!("{{\"keys\":[{jwk}]}} x"),
    ] {
        let now = Time::from_secs(NOW_S);
        let outcome = verify_with_jwks(&token, text.as_bytes(), &gitlab(), now).outcome;
        assert_is(&text, outcome, Reason::IdpUnavailable);
    }
    let strange = json!([1, null, "x", [], jwk]);
    assert!(outcome_with(strange, &token).is_ok());
    assert_is("empty", outcome_with(json!([]), &token), Reason::UnknownKey);
}

#[test]
fn a_key_with_zeros_before_its_modulus_is_the_same_key() {
    use base64::Engine;
    let n = BENCH.rsa.jwk()["n"].as_str().unwrap().to_owned();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(n)
        .unwrap();
    let padded = mint::b64([vec![0], bytes].concat());
    let keys = json!([published(&BENCH.rsa, json!({ "n": padded }))]);
    assert!(outcome_with(keys, &signed(&job())).is_ok());
}
