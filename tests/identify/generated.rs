//! Cases by the hundred, each with the reason that a rule written here, and not in the product, says
//! it deserves: algorithm × key × signer, header field × value, part × encoding, claim × value,
//! and the three times against one another.

use std::collections::{BTreeSet, HashSet};
use std::sync::Mutex;

use super::*;

/// What a token deserves; nothing when it is good.
type Deserved = Option<Reason>;

/// Counts what was tried, each token once.
#[derive(Default)]
struct Tried {
    tokens: Mutex<HashSet<String>>,
    met: Mutex<BTreeSet<Reason>>,
}

impl Tried {
    fn count(&self) -> usize {
        self.tokens.lock().unwrap().len()
    }

    #[track_caller]
    fn case(&self, name: &str, token: &str, jwks: &[u8], deserved: Deserved) {
        let now = Time::from_secs(NOW_S);
        let outcome = verify_with_jwks(token, jwks, &gitlab(), now).outcome;
        self.tokens.lock().unwrap().insert(token.to_owned());
        match (outcome, deserved) {
            (Ok(_), None) => {}
            (Ok(_), Some(reason)) => panic!("{name}: accepted, not {reason:?}"),
            (Err(refusal), None) => panic!("{name}: refused: {refusal:?}"),
            (Err(refusal), Some(reason)) => {
                assert_eq!(refusal.reason(), reason, "{name}: {refusal:?}");
                self.met.lock().unwrap().insert(reason);
                assert_helps(name, &refusal);
            }
        }
    }
}

/// A refusal says what is wrong and, after a colon or a semicolon, what to look at or to do.
#[track_caller]
fn assert_helps(name: &str, refusal: &Refusal) {
    let told = refusal.told();
    let help = told
        .split_once([':', ';'])
        .map_or("", |(_, help)| help.trim());
    assert!(help.len() >= 8, "{name}: no help in `{told}`");
    assert!(!told.ends_with('.') && told.len() < 400, "{name}: `{told}`");
}

fn all_keys() -> Vec<SigningKey> {
    vec![
        BENCH.rsa.clone(),
        BENCH.ec.clone(),
        SigningKey::es384(),
        SigningKey::ed25519(),
        SigningKey::rs256_unlike(&BENCH.rsa).with_alg("PS256"),
    ]
}

fn published(keys: &[SigningKey]) -> Vec<u8> {
    let keys: Vec<Value> = keys.iter().map(SigningKey::jwk).collect();
    json!({ "keys": keys }).to_string().into_bytes()
}

fn algorithms_by_keys_by_signers(tried: &Tried) {
    let keys = all_keys();
    let jwks = published(&keys);
    let payload = Value::Object(job()).to_string();
    for alg in [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
        "HS256", "none", "rs256", "",
    ] {
        for named in &keys {
            for signer in &keys {
                let header = json!({ "alg": alg, "kid": named.kid, "typ": "JWT" }).to_string();
                let token = mint::compose(header, &payload, Signer::Key(signer));
                let deserved = if !["RS256", "ES256"].contains(&alg) || named.alg != alg {
                    Some(Reason::AlgNotAllowed)
                } else if signer.kid != named.kid {
                    Some(Reason::BadSignature)
                } else {
                    None
                };
                let name = format!("{alg} with {} by {}", named.alg, signer.alg);
                tried.case(&name, &token, &jwks, deserved);
            }
        }
    }
}

fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(NOW_S),
        json!(""),
        json!(" "),
        json!("x"),
        json!("1"),
        json!([]),
        json!([1]),
        json!(["x"]),
        json!([[]]),
        json!({}),
        json!({ "x": 1 }),
    ]
}

fn header_fields_by_values(tried: &Tried) {
    for name in [
        "alg", "kid", "typ", "crit", "b64", "zip", "enc", "cty", "jku", "x5u", "jwk", "x5c",
    ] {
        for value in values() {
            let mut header = mint::header(&BENCH.rsa);
            header.insert(name.to_owned(), value.clone());
            let token = mint::mint_with(&header, &job(), &BENCH.rsa);
            let deserved = match (name, value.is_string()) {
                ("alg", true) => Reason::AlgNotAllowed,
                ("kid", true) | ("jku" | "x5u" | "jwk" | "x5c", _) => Reason::UnknownKey,
                ("typ", true) => Reason::WrongType,
                _ => Reason::MalformedToken,
            };
            tried.case(
                &format!("{name} {value}"),
                &token,
                &BENCH.jwks,
                Some(deserved),
            );
        }
    }
}

fn parts_by_encodings(tried: &Tried) {
    let token = signed(&job());
    let parts: Vec<&str> = token.split('.').collect();
    type Change = fn(&str) -> String;
    let changes: [(&str, Change); 15] = [
        ("padded", |part| format!("{part}=")),
        ("padded twice", |part| format!("{part}==")),
        ("a plus", |part| format!("+{}", &part[1..])),
        ("a slash", |part| format!("/{}", &part[1..])),
        ("a space before", |part| format!(" {part}")),
        ("a space after", |part| format!("{part} ")),
        ("a space within", |part| {
            format!("{} {}", &part[..8], &part[8..])
        }),
        ("a line break", |part| {
            format!("{}\n{}", &part[..8], &part[8..])
        }),
        ("a return", |part| format!("{part}\r")),
        ("a tab", |part| format!("{part}\t")),
        ("a nul", |part| format!("{part}\0")),
        ("escaped", |part| format!("%{}", &part[1..])),
        ("one letter more than bytes", |part| {
            "A".repeat(part.len() / 4 * 4 + 1)
        }),
        ("stray bits", |_| "eyJhIjoxfR".to_owned()),
        ("a letter of no alphabet", |part| format!("é{}", &part[2..])),
    ];
    for place in 0..parts.len() {
        for (name, change) in &changes {
            let changed = change(parts[place]);
            let mut whole = parts.clone();
            whole[place] = &changed;
            let token = whole.join(".");
            let name = format!("part {place}: {name}");
            tried.case(&name, &token, &BENCH.jwks, Some(Reason::MalformedToken));
        }
    }
}

fn registered_claims_by_values(tried: &Tried) {
    for name in ["iss", "aud", "sub", "exp", "iat", "nbf", "jti"] {
        for value in values() {
            let token = signed(&job_with(name, value.clone()));
            let text = value.as_str();
            let seconds = value.as_f64().filter(|seconds| seconds.abs() < 1e15);
            let deserved = match name {
                "iss" if text.is_some() => Some(Reason::UnknownIssuer),
                "aud" => Some(Reason::WrongAudience),
                "sub" if text.is_some_and(|text| !text.is_empty()) => None,
                "jti" if text.is_some() => None,
                "exp" => Some(match seconds {
                    None => Reason::MalformedToken,
                    // Within the leeway, but not after its own issue.
                    Some(seconds) if seconds == NOW_S as f64 => continue,
                    Some(_) => Reason::Expired,
                }),
                "iat" => match seconds {
                    None => Some(Reason::MalformedToken),
                    Some(seconds) if seconds == NOW_S as f64 => None,
                    Some(_) => Some(Reason::LifetimeTooLong),
                },
                "nbf" if seconds.is_some() => None,
                _ => Some(Reason::MalformedToken),
            };
            tried.case(&format!("{name} {value}"), &token, &BENCH.jwks, deserved);
        }
    }
}

fn times_by_one_another(tried: &Tried) {
    let now = i64::try_from(NOW_S).unwrap();
    let day = 86_400;
    for exp in [
        -day,
        -31,
        -30,
        -29,
        0,
        1,
        60,
        3600,
        day - 30,
        day,
        day + 1,
        2 * day,
    ] {
        for iat in [-2 * day, -day, -3600, -1, 0, 29, 30, 31, 3600] {
            for nbf in [-day, 0, 30, 31] {
                let mut claims = job();
                for (name, offset) in [("exp", exp), ("iat", iat), ("nbf", nbf)] {
                    claims.insert(name.to_owned(), json!(now + offset));
                }
                let deserved = if exp <= -30 {
                    Some(Reason::Expired)
                } else if exp - iat > day {
                    Some(Reason::LifetimeTooLong)
                } else if -iat > day + 30 {
                    Some(Reason::Expired)
                } else if iat.max(nbf) > 30 {
                    Some(Reason::NotYetValid)
                } else if exp < iat {
                    Some(Reason::MalformedToken)
                } else {
                    None
                };
                let name = format!("exp {exp} iat {iat} nbf {nbf}");
                tried.case(&name, &signed(&claims), &BENCH.jwks, deserved);
            }
        }
    }
}

fn weak_keys(tried: &Tried) {
    for (n, e) in [
        (mint::b64([0xc5; 128]), "AQAB"),
        (mint::b64([0xc5; 1025]), "AQAB"),
        (mint::b64([0xc4; 256]), "AQAB"),
        (mint::b64([0xc5; 256]), "Aw"),
        (mint::b64([0xc5; 256]), "AQ"),
        (mint::b64([0xc5; 256]), "AQAA"),
    ] {
        let jwk = json!({ "kty": "RSA", "kid": BENCH.rsa.kid, "alg": "RS256", "n": n, "e": e });
        let jwks = json!({ "keys": [jwk] }).to_string();
        let token = signed(&job_with("x", json!(format!("{n}{e}").len())));
        tried.case("weak", &token, jwks.as_bytes(), Some(Reason::WeakKey));
    }
}

/// Where the case of a reason is.
enum Place {
    /// Here.
    Here,
    /// In this file, under this text.
    Elsewhere(&'static str, &'static str),
    /// It is no reason of this step.
    NotOfThisStep,
}

/// Without a wildcard on purpose.
fn place(reason: Reason) -> Place {
    use Place::{Elsewhere, Here, NotOfThisStep};
    match reason {
        Reason::MalformedToken
        | Reason::AlgNotAllowed
        | Reason::UnknownKey
        | Reason::BadSignature
        | Reason::WeakKey
        | Reason::UnknownIssuer
        | Reason::WrongAudience
        | Reason::WrongType
        | Reason::Expired
        | Reason::NotYetValid
        | Reason::LifetimeTooLong => Here,
        Reason::NoCredential | Reason::MultipleCredentials | Reason::Replayed => {
            Elsewhere(include_str!("../bound.rs"), "Reason::")
        }
        Reason::Ended | Reason::PeopleUnavailable => {
            Elsewhere(include_str!("../reachable.rs"), "Reason::")
        }
        Reason::IdpUnavailable => Elsewhere(include_str!("key_sets.rs"), "Reason::"),
        Reason::ClockUntrusted => Elsewhere(include_str!("../reachable.rs"), "Reason::"),
        Reason::MalformedRequest
        | Reason::AmbiguousFraming
        | Reason::BadTarget
        | Reason::BadHost
        | Reason::HeaderTooLarge
        | Reason::Misdirected
        | Reason::NoOperation
        | Reason::PolicyDenied
        | Reason::PolicyError
        | Reason::RateLimited
        | Reason::UpstreamResting
        | Reason::AuditUnavailable
        | Reason::AuditBackpressure
        | Reason::Overloaded
        | Reason::Draining
        | Reason::UnclearBody
        | Reason::BodyTooLarge
        | Reason::UnsupportedMedia
        | Reason::UnstampableBody
        | Reason::ProvenanceMismatch
        | Reason::NoUpstreamKey
        | Reason::UriTooLong
        | Reason::ClientTimeout
        | Reason::UpstreamTlsError
        | Reason::UpstreamBadResponse
        | Reason::UpstreamUnreachable
        | Reason::UpstreamTimeout
        | Reason::SessionInvalid
        | Reason::LoginFailed
        | Reason::Csrf => NotOfThisStep,
    }
}

#[test]
fn every_generated_token_gets_what_it_deserves_and_every_reason_of_this_step_has_a_case() {
    let tried = Tried::default();
    let mut counted = 0;
    type Generator = fn(&Tried);
    let generators: [(&str, Generator); 6] = [
        ("algorithm x key x signer", algorithms_by_keys_by_signers),
        ("header field x value", header_fields_by_values),
        ("part x encoding", parts_by_encodings),
        ("registered claim x value", registered_claims_by_values),
        ("exp x iat x nbf", times_by_one_another),
        ("weak keys", weak_keys),
    ];
    for (name, generate) in generators {
        generate(&tried);
        println!("{name}: {} distinct cases", tried.count() - counted);
        counted = tried.count();
    }
    println!("all: {counted} distinct cases");
    assert!(counted >= 1_000, "{counted}");
    let met = tried.met.lock().unwrap();
    for reason in Reason::ALL {
        let is_met = match place(*reason) {
            Place::Here => met.contains(reason),
            Place::Elsewhere(text, before) => text.contains(&format!("{before}{reason:?}")),
            Place::NotOfThisStep => continue,
        };
        assert!(is_met, "{reason:?} has no case");
    }
}

#[test]
fn the_sentence_of_every_reason_of_this_step_helps() {
    for reason in Reason::ALL {
        if matches!(place(*reason), Place::Here) {
            assert_helps(reason.word(), &Refusal::new(*reason));
        }
    }
}
