//! Signatures: changed (T41, T44, C-68), degenerate (T22), of another key (T25).

use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

fn with_signature(token: &str, signature: &[u8]) -> String {
    let message = token.rsplit_once('.').unwrap().0;
    format!("{message}.{}", mint::b64(signature))
}

fn signature_of(token: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode(token.rsplit_once('.').unwrap().1)
        .unwrap()
}

#[test]
fn no_flipped_bit_of_a_signature_verifies() {
    for key in [&BENCH.rsa, &BENCH.ec] {
        let token = mint::mint(&job(), key);
        let signature = signature_of(&token);
        for bit in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let case = format!("{} bit {bit}", key.alg);
            assert_refused(
                &case,
                &with_signature(&token, &flipped),
                Reason::BadSignature,
            );
        }
    }
}

#[test]
fn no_flipped_bit_of_a_signature_of_any_algorithm_verifies() {
    let mut wide = gitlab();
    let names = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
    ];
    wide.algorithms = names.map(|name| name.parse().unwrap()).to_vec();
    let now = Time::from_secs(NOW_S);
    for name in &names[1..] {
        let key = match *name {
            "ES256" => continue,
            "ES384" => SigningKey::es384(),
            "EdDSA" => SigningKey::ed25519(),
            rsa => SigningKey::rs256().with_alg(rsa),
        };
        let jwks = json!({ "keys": [key.jwk()] }).to_string();
        let outcome = |token: &str| verify_with_jwks(token, jwks.as_bytes(), &wide, now).outcome;
        let token = mint::mint(&job(), &key);
        assert!(outcome(&token).is_ok(), "{name}");
        let signature = signature_of(&token);
        for bit in 0..signature.len() * 8 {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let outcome = outcome(&with_signature(&token, &flipped));
            assert_is(&format!("{name} bit {bit}"), outcome, Reason::BadSignature);
        }
    }
}

#[test]
fn a_signature_cut_or_extended_does_not_verify() {
    for key in [&BENCH.rsa, &BENCH.ec] {
        let token = mint::mint(&job(), key);
        let signature = signature_of(&token);
        for length in 0..signature.len() {
            let cut = with_signature(&token, &signature[..length]);
            assert_refused(
                &format!("{} to {length}", key.alg),
                &cut,
                Reason::BadSignature,
            );
        }
        for more in [vec![0], vec![0; 32], vec![255; 200]] {
            let longer = [signature.clone(), more.clone()].concat();
            assert_refused(
                key.alg,
                &with_signature(&token, &longer),
                Reason::BadSignature,
            );
            let before = [more, signature.clone()].concat();
            assert_refused(
                key.alg,
                &with_signature(&token, &before),
                Reason::BadSignature,
            );
        }
    }
}

#[test]
fn degenerate_elliptic_signatures_do_not_verify() {
    let token = mint::mint(&job(), &BENCH.ec);
    let good = signature_of(&token);
    let (r, s) = good.split_at(32);
    let order: Vec<u8> = [
        0xffff_ffff_0000_0000_ffff_ffff_ffff_ffff_u128.to_be_bytes(),
        0xbce6_faad_a717_9e84_f3b9_cac2_fc63_2551_u128.to_be_bytes(),
    ]
    .concat();
    let (zero, ones) = (vec![0; 32], vec![255; 32]);
    for (case, signature) in [
        ("both zero", [zero.clone(), zero.clone()].concat()),
        ("r zero", [zero.as_slice(), s].concat()),
        ("s zero", [r, zero.as_slice()].concat()),
        ("r is the order", [order.as_slice(), s].concat()),
        ("s is the order", [r, order.as_slice()].concat()),
        ("both the order", [order.clone(), order.clone()].concat()),
        ("all ones", [ones.clone(), ones.clone()].concat()),
        ("swapped", [s, r].concat()),
        ("63 bytes", good[..63].to_vec()),
        ("65 bytes", [good.as_slice(), &[0]].concat()),
        (
            "DER",
            [&[0x30, 0x44, 0x02, 0x20], r, &[0x02, 0x20], s].concat(),
        ),
        ("empty", Vec::new()),
    ] {
        assert_refused(
            case,
            &with_signature(&token, &signature),
            Reason::BadSignature,
        );
    }
}

#[test]
fn a_changed_claim_or_header_breaks_the_signature() {
    let token = signed(&job());
    let (_, rest) = token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let other = Value::Object(job_with("project_path", json!("acme/admin"))).to_string();
    let header = Value::Object(mint::header(&BENCH.rsa)).to_string();
    let changed = format!("{}.{}.{signature}", mint::b64(&header), mint::b64(other));
    assert_refused("payload", &changed, Reason::BadSignature);
    let spaced = format!("{}.{payload}.{signature}", mint::b64(format!(" {header}")));
    assert_refused("header", &spaced, Reason::BadSignature);
}

#[test]
fn a_key_of_another_issuer_under_the_same_id_does_not_verify() {
    let thief = SigningKey::rs256_unlike(&BENCH.rsa).named(&BENCH.rsa.kid);
    assert_refused("RS256", &mint::mint(&job(), &thief), Reason::BadSignature);
    let thief = SigningKey::es256().named(&BENCH.ec.kid);
    assert_refused("ES256", &mint::mint(&job(), &thief), Reason::BadSignature);
}

#[test]
fn an_expired_token_with_a_bad_signature_is_told_of_the_signature_only() {
    let token = with_signature(&signed(&job_with("exp", json!(1))), &[0; 256]);
    assert_refused("both", &token, Reason::BadSignature);
    let foreign = with_signature(&signed(&job_with("aud", json!("x"))), &[0; 256]);
    assert_refused("both", &foreign, Reason::BadSignature);
}

#[test]
fn a_signature_alone_can_be_checked_and_proves_no_identity() {
    let algorithms = gitlab().algorithms;
    let check = |token: &str| {
        stile::identify::verify_signature_with_jwks(token, &BENCH.jwks, &algorithms)
            .map_err(|refusal| refusal.reason())
    };
    assert_eq!(check(&signed(&job_with("exp", json!(1)))), Ok(()));
    let forged = with_signature(&signed(&job()), &[1; 256]);
    assert_eq!(check(&forged), Err(Reason::BadSignature));
}
