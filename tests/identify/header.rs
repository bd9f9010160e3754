//! Headers: algorithm (T1 to T4), key id (T5 to T7), extensions (T8, T9), type (T12).

use super::*;
use stile::identify::ClaimNames;

fn with_header(change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let mut header = mint::header(&BENCH.rsa);
    change(&mut header);
    mint::mint_with(&header, &job(), &BENCH.rsa)
}

fn with_field(name: &str, value: Value) -> String {
    with_header(|header| {
        header.insert(name.to_owned(), value);
    })
}

fn with_header_text(header: &str) -> String {
    mint::compose(
        header,
        Value::Object(job()).to_string(),
        Signer::Key(&BENCH.rsa),
    )
}

#[test]
fn no_algorithm_but_the_issuers_own_is_accepted() {
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS256",
        "HS384",
        "HS512",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES384",
        "ES512",
        "ES256K",
        "EdDSA",
        "rs256",
        "RS256 ",
        " RS256",
        "RS256\u{0}",
        "RSA-OAEP",
        "dir",
        "unaccepted",
    ] {
        for kid in [&BENCH.rsa.kid, &BENCH.ec.kid] {
            let mut header = mint::header(&BENCH.rsa);
            header.insert("alg".to_owned(), json!(alg));
            header.insert("kid".to_owned(), json!(kid));
            let kept = mint::mint_with(&header, &job(), &BENCH.rsa);
            assert_refused(
                &format!("{alg:?} signature kept"),
                &kept,
                Reason::AlgNotAllowed,
            );
            let message = kept.rsplit_once('.').unwrap().0;
            let empty = format!("{message}.");
            assert_refused(
                &format!("{alg:?} no signature"),
                &empty,
                Reason::AlgNotAllowed,
            );
        }
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let rsa = &BENCH.rsa;
    let jwk = rsa.jwk();
    let der = rsa.public_der();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        mint::b64(&der)
    );
    let modulus = jwk["n"].as_str().unwrap().as_bytes().to_vec();
    let point = BENCH.ec.jwk()["x"].as_str().unwrap().as_bytes().to_vec();
    let secrets: [(&str, Vec<u8>); 6] = [
        ("PEM", pem.into_bytes()),
        ("DER", der),
        ("modulus", modulus),
        ("JWK", jwk.to_string().into_bytes()),
        ("EC point", point),
        ("empty", Vec::new()),
    ];
    for (name, secret) in secrets {
        for kid in [&BENCH.rsa.kid, &BENCH.ec.kid] {
            let header = json!({ "alg": "HS256", "typ": "JWT", "kid": kid }).to_string();
            let payload = Value::Object(job()).to_string();
            let token = mint::compose(header, payload, Signer::Hmac(&secret));
            assert_refused(name, &token, Reason::AlgNotAllowed);
        }
    }
}

#[test]
fn a_key_verifies_only_the_algorithm_it_is_published_for() {
    let mut wide = gitlab();
    wide.algorithms = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384"]
        .map(|name| name.parse().unwrap())
        .to_vec();
    let now = Time::from_secs(NOW_S);
    for alg in ["RS384", "RS512", "PS256"] {
        let token = mint::mint(&job(), &BENCH.rsa.with_alg(alg));
        assert_is(
            alg,
            examined(&token, &wide, now).outcome,
            Reason::AlgNotAllowed,
        );
    }
    for (alg, kid) in [
        ("ES256", &BENCH.rsa.kid),
        ("RS256", &BENCH.ec.kid),
        ("ES384", &BENCH.ec.kid),
    ] {
        let header = json!({ "alg": alg, "kid": kid, "typ": "JWT" });
        let token = mint::mint_with(header.as_object().unwrap(), &job(), &BENCH.rsa);
        assert_is(
            alg,
            examined(&token, &wide, now).outcome,
            Reason::AlgNotAllowed,
        );
    }
}

#[test]
fn a_key_published_without_an_algorithm_verifies_what_its_type_can() {
    let mut wide = gitlab();
    wide.algorithms = ["RS256", "RS512", "PS256"]
        .map(|name| name.parse().unwrap())
        .to_vec();
    let mut jwk = BENCH.rsa.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let jwks = json!({ "keys": [jwk] }).to_string();
    let now = Time::from_secs(NOW_S);
    for alg in ["RS256", "RS512", "PS256"] {
        let token = mint::mint(&job(), &BENCH.rsa.with_alg(alg));
        let outcome = verify_with_jwks(&token, jwks.as_bytes(), &wide, now).outcome;
        assert!(outcome.is_ok(), "{alg}: {outcome:?}");
    }
}

#[test]
fn an_algorithm_that_is_not_one_text_is_malformed() {
    for value in [
        json!(256),
        json!(["RS256"]),
        json!(null),
        json!({ "RS256": 1 }),
        json!(true),
    ] {
        assert_refused(
            &value.to_string(),
            &with_field("alg", value),
            Reason::MalformedToken,
        );
    }
    let absent = with_header(|header| {
        header.remove("alg");
    });
    assert_refused("absent", &absent, Reason::MalformedToken);
    let kid = &BENCH.rsa.kid;
    for twice in [
        format!(r#"{{"alg":"RS256","alg":"none","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"none","alg":"RS256","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}","\u0061lg":"RS256"}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"JWT","typ":"JWT"}}"#),
    ] {
        assert_refused(&twice, &with_header_text(&twice), Reason::MalformedToken);
    }
}

#[test]
fn a_key_id_that_is_not_published_finds_no_key() {
    let kid = BENCH.rsa.kid.clone();
    let strangers = [
        String::new(),
        "../../etc/passwd".to_owned(),
        "/dev/null".to_owned(),
        "https://evil.example/keys".to_owned(),
        "' OR '1'='1".to_owned(),
        format!("{kid}\u{0}"),
        format!("{kid}\n"),
        format!("{kid} "),
        format!(" {kid}"),
        kid.to_uppercase(),
        kid.chars().rev().collect(),
        "0".to_owned(),
        "null".to_owned(),
        "a".repeat(1024),
        kid.get(1..).unwrap().to_owned(),
    ];
    for stranger in strangers {
        let token = with_field("kid", json!(stranger));
        assert_refused(&format!("{stranger:?}"), &token, Reason::UnknownKey);
    }
    let absent = with_header(|header| {
        header.remove("kid");
    });
    assert_refused("absent", &absent, Reason::UnknownKey);
}

#[test]
fn a_key_id_that_is_not_a_short_text_is_malformed() {
    for value in [
        json!(1),
        json!(null),
        json!(["a"]),
        json!({ "a": 1 }),
        json!(false),
        json!("a".repeat(1025)),
        json!("a".repeat(8 * 1024)),
        json!("a".repeat(100 * 1024)),
    ] {
        assert_refused("kid", &with_field("kid", value), Reason::MalformedToken);
    }
}

#[test]
fn a_key_that_comes_with_the_token_is_not_used() {
    let own = SigningKey::es256();
    for (name, value) in [
        ("jku", json!("https://evil.example/keys")),
        ("jku", json!(GITLAB)),
        ("x5u", json!("https://evil.example/cert")),
        ("jwk", own.jwk()),
        ("jwk", BENCH.rsa.jwk()),
        ("x5c", json!(["MIIB"])),
        ("x5c", json!([])),
        ("jku", json!(1)),
    ] {
        // Signed well, so that only the field can be the reason.
        let token = with_field(name, value.clone());
        assert_refused(&format!("{name} {value}"), &token, Reason::UnknownKey);
        let mut header = mint::header(&own);
        header.insert(name.to_owned(), value);
        let theirs = mint::mint_with(&header, &job(), &own);
        assert_refused(name, &theirs, Reason::UnknownKey);
    }
}

#[test]
fn an_extension_is_malformed_whether_critical_or_not() {
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["x"])),
        ("crit", json!([])),
        ("crit", json!("b64")),
        ("crit", json!(["alg"])),
        ("crit", json!(["x", "x"])),
        ("crit", json!(null)),
        ("crit", json!(["b64"])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("cty", json!("JWT")),
        ("cty", json!("json")),
    ] {
        let token = with_field(name, value.clone());
        assert_refused(&format!("{name} {value}"), &token, Reason::MalformedToken);
    }
    let both = with_header(|header| {
        header.insert("crit".to_owned(), json!(["b64"]));
        header.insert("b64".to_owned(), json!(false));
    });
    assert_refused("crit and b64", &both, Reason::MalformedToken);
}

#[test]
fn a_field_that_means_nothing_here_does_no_harm() {
    for (name, value) in [
        ("x5t", json!("abc")),
        ("x5t#S256", json!("abc")),
        ("nonce", json!("n")),
    ] {
        assert_accepted(name, &with_field(name, value));
    }
}

#[test]
fn a_type_of_another_profile_is_the_wrong_type() {
    for typ in [
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "at+jwt",
        "application/at+jwt",
        "JWE",
        "",
        "jw",
        "JWT ",
        "global-token-revocation+jwt",
        "token-introspection+jwt",
        "application/",
        "application/jwt;x",
        "text/jwt",
    ] {
        assert_refused(typ, &with_field("typ", json!(typ)), Reason::WrongType);
    }
    for typ in ["JWT", "jwt", "application/jwt", "APPLICATION/JWT"] {
        assert_accepted(typ, &with_field("typ", json!(typ)));
    }
    let absent = with_header(|header| {
        header.remove("typ");
    });
    assert_accepted("absent", &absent);
    for value in [json!(1), json!(null), json!(["JWT"])] {
        assert_refused("typ", &with_field("typ", value), Reason::MalformedToken);
    }
}

#[test]
fn where_a_type_is_demanded_no_other_will_do() {
    let names = ClaimNames {
        agents: false,
        name: "sub".to_owned(),
        groups: "groups".to_owned(),
        typ: Some("at+jwt".to_owned()),
    };
    let strict = settings(GITLAB, Dialect::Openid(names));
    let now = Time::from_secs(NOW_S);
    let outcome = |token: &str| examined(token, &strict, now).outcome;
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        assert!(outcome(&with_field("typ", json!(typ))).is_ok(), "{typ}");
    }
    for typ in ["JWT", "id+jwt", "at", ""] {
        assert_is(
            typ,
            outcome(&with_field("typ", json!(typ))),
            Reason::WrongType,
        );
    }
    let absent = with_header(|header| {
        header.remove("typ");
    });
    assert_is("absent", outcome(&absent), Reason::WrongType);
}

#[test]
fn a_token_without_a_key_id_needs_an_issuer_set_so_and_one_key_that_fits() {
    let absent = with_header(|header| {
        header.remove("kid");
    });
    let mut lenient = gitlab();
    lenient.tokens_without_key_id = true;
    let now = Time::from_secs(NOW_S);
    let with = |keys: Value| {
        let jwks = json!({ "keys": keys }).to_string();
        verify_with_jwks(&absent, jwks.as_bytes(), &lenient, now).outcome
    };
    let (rsa, ec) = (BENCH.rsa.jwk(), BENCH.ec.jwk());
    let without = |jwk: &Value, name: &str| {
        let mut jwk = jwk.clone();
        jwk.as_object_mut().unwrap().remove(name);
        jwk
    };
    assert!(with(json!([rsa, ec])).is_ok(), "one of its algorithm");
    assert!(with(json!([without(&rsa, "kid"), ec])).is_ok(), "no id");
    let strict = verify_with_jwks(&absent, &BENCH.jwks, &gitlab(), now).outcome;
    assert_is("not set so", strict, Reason::UnknownKey);
    let other = SigningKey::rs256_unlike(&BENCH.rsa).jwk();
    for (case, keys, reason) in [
        ("two fit", json!([rsa, other]), Reason::UnknownKey),
        (
            "two, one without an id",
            json!([without(&other, "kid"), rsa]),
            Reason::UnknownKey,
        ),
        (
            "two, one for any RSA",
            json!([without(&other, "alg"), rsa]),
            Reason::UnknownKey,
        ),
        ("none fits", json!([ec]), Reason::UnknownKey),
        ("none at all", json!([]), Reason::UnknownKey),
        ("another's", json!([other]), Reason::BadSignature),
    ] {
        assert_is(case, with(keys), reason);
    }
    let stray = with_field("kid", json!("stray"));
    let outcome = verify_with_jwks(&stray, &BENCH.jwks, &lenient, now).outcome;
    assert_is("a key id that is there counts", outcome, Reason::UnknownKey);
}
