//! Tokens that should not pass, end to end: flaw x protocol, by the numbers of the threat model.

use serde_json::{Value, json};
use stile_kit::mint::{self, Signer, SigningKey, b64};
use stile_kit::{Call, World};
use tokio::net::TcpListener;

use crate::support::{ask, close, world};

/// A token, and the reasons it may be refused with.
struct Flawed {
    name: String,
    token: String,
    reasons: &'static [&'static str],
}

#[tokio::test]
async fn no_flawed_token_passes_and_none_makes_us_call_anybody() {
    let world = world().await;
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let trap_url = format!("http://{}", trap.local_addr().unwrap());
    let fetched = |w: &World| (w.gitlab.fetches().keys, w.okta.fetches().keys);
    let good = world.job_token(json!({}));
    assert_eq!(
        send(&world, &good, false).await.status,
        403,
        "the valid case reads no streams"
    );
    let before = fetched(&world);
    let all = flawed(&world, &trap_url);
    assert!(all.len() > 90, "{}", all.len());
    for (n, flawed) in all.iter().enumerate() {
        // A head of more than twice the limit is answered by the HTTP/2 library alone.
        let http2 = n % 2 == 1 && flawed.token.len() < 48 << 10;
        let answer = send(&world, &flawed.token, http2).await;
        let reason = answer.json()["reason"].as_str().unwrap_or("").to_owned();
        assert!(
            flawed.reasons.contains(&reason.as_str()),
            "{}: {} {reason}",
            flawed.name,
            answer.status
        );
    }
    assert!(world.upstream.seen().is_empty());
    let called = tokio::time::timeout(std::time::Duration::from_millis(50), trap.accept()).await;
    assert!(called.is_err(), "stile called an address out of a token");
    let after = fetched(&world);
    assert!(
        after.0 <= before.0 + 1 && after.1 <= before.1 + 1,
        "{before:?} {after:?}"
    );
    let long: Vec<String> = all
        .into_iter()
        .map(|f| f.token)
        .filter(|t| t.len() > 200)
        .collect();
    close(world, &long).await;
}

async fn send(world: &World, token: &str, http2: bool) -> stile_kit::Answer {
    let url = format!("{}/public/v0.2/acme/projects/X/streams", world.stile.url());
    let mut call = Call::new("GET", url).token(token);
    if http2 {
        call = call.http2();
    }
    ask(world, call).await
}

const ALG: &[&str] = &["alg_not_allowed"];
const MALFORMED: &[&str] = &["malformed_token"];
const ALG_OR_MALFORMED: &[&str] = &["alg_not_allowed", "malformed_token"];
const KEY: &[&str] = &["unknown_key"];
const KEY_OR_MALFORMED: &[&str] = &["unknown_key", "malformed_token"];
const SIGNATURE: &[&str] = &["bad_signature"];
const SIGNATURE_OR_MALFORMED: &[&str] = &["bad_signature", "malformed_token"];
const ISSUER: &[&str] = &["unknown_issuer"];
const ISSUER_OR_MALFORMED: &[&str] = &["unknown_issuer", "malformed_token"];
const AUDIENCE: &[&str] = &["wrong_audience"];
const AUDIENCE_OR_MALFORMED: &[&str] = &["wrong_audience", "malformed_token"];
const TYPE: &[&str] = &["wrong_type"];
const LARGE: &[&str] = &["malformed_token", "header_too_large"];

fn flawed(world: &World, trap: &str) -> Vec<Flawed> {
    let key = world.gitlab.rsa();
    let claims = serde_json::to_string(&world.job()).unwrap();
    let mut all = Vec::new();
    let mut add = |name: String, token: String, reasons| {
        all.push(Flawed {
            name,
            token,
            reasons,
        })
    };

    // T1, T2, T3, T4: the algorithm is the token's word and nothing else's.
    let jwk = key.jwk();
    let n = jwk["n"].as_str().unwrap().to_owned();
    let secrets = [String::new(), n.clone(), jwk.to_string(), key.kid.clone()];
    for alg in [
        "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "rs256", "RS256 ", "RS384",
        "PS256", "ES256", "EdDSA",
    ] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": key.kid}).to_string();
        add(
            format!("alg {alg}, no signature"),
            mint::compose(&header, &claims, Signer::Fixed(b"")),
            ALG_OR_MALFORMED,
        );
        add(
            format!("alg {alg}, kept signature"),
            mint::compose(&header, &claims, Signer::Key(&key)),
            ALG,
        );
        for secret in &secrets {
            add(
                format!("alg {alg}, hmac"),
                mint::compose(&header, &claims, Signer::Hmac(secret.as_bytes())),
                ALG,
            );
        }
    }
    for alg in [
        json!(1),
        json!(["RS256"]),
        json!({"a": "RS256"}),
        Value::Null,
        json!(true),
    ] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": key.kid}).to_string();
        add(
            format!("alg {alg}"),
            mint::compose(header, &claims, Signer::Key(&key)),
            ALG_OR_MALFORMED,
        );
    }
    for header in [
        format!(r#"{{"alg":"RS256","alg":"none","kid":"{}"}}"#, key.kid),
        format!(r#"{{"alg":"none","alg":"RS256","kid":"{}"}}"#, key.kid),
        format!(r#"{{"alg":"none","\u0061lg":"RS256","kid":"{}"}}"#, key.kid),
    ] {
        add(
            "alg twice".to_owned(),
            mint::compose(&header, &claims, Signer::Key(&key)),
            MALFORMED,
        );
    }

    // T5, T6, T7: the key is the issuer's, never the token's.
    for kid in [
        "../../etc/passwd",
        "/dev/null",
        "' OR 1=1 --",
        "a\0b",
        "a\nb",
        "A\u{202e}b",
        trap,
        "",
        &key.kid.to_uppercase(),
        &format!("{} ", key.kid),
        &"k".repeat(1025),
    ] {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid}).to_string();
        add(
            format!("kid {}", kid.escape_debug()),
            mint::compose(header, &claims, Signer::Key(&key)),
            KEY_OR_MALFORMED,
        );
    }
    for kid in [json!(1), Value::Null, json!([key.kid]), json!({})] {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid}).to_string();
        add(
            format!("kid {kid}"),
            mint::compose(header, &claims, Signer::Key(&key)),
            KEY_OR_MALFORMED,
        );
    }
    let mine = SigningKey::rs256_unlike(&key);
    for (field, value) in [
        ("jku", json!(format!("{trap}/keys"))),
        ("x5u", json!(format!("{trap}/chain"))),
        ("jwk", mine.jwk()),
        ("x5c", json!([n])),
    ] {
        let mut header = mint::header(&mine);
        header.insert(field.to_owned(), value.clone());
        add(
            format!("{field}, own kid"),
            mint::mint_with(&header, &world.job(), &mine),
            KEY_OR_MALFORMED,
        );
        header.insert("kid".to_owned(), json!(key.kid));
        add(
            format!("{field}, their kid"),
            mint::mint_with(&header, &world.job(), &mine),
            KEY,
        );
    }
    let okta = world.okta.rsa();
    add(
        "another issuer's key".to_owned(),
        mint::mint(&world.job(), &okta),
        KEY,
    );
    let mut renamed = SigningKey::rs256_unlike(&key);
    renamed.kid = key.kid.clone();
    add(
        "a stranger's key under their id".to_owned(),
        mint::mint(&world.job(), &renamed),
        SIGNATURE,
    );

    // T8, T9, T10: what this profile does not have.
    for (field, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!("b64")),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        let mut header = mint::header(&key);
        header.insert(field.to_owned(), value.clone());
        add(
            format!("{field} {value}"),
            mint::mint_with(&header, &world.job(), &key),
            MALFORMED,
        );
    }
    let good = mint::mint(&world.job(), &key);
    let parts: Vec<&str> = good.split('.').collect();
    let (head, body, signature) = (parts[0], parts[1], parts[2]);
    add(
        "nested".to_owned(),
        mint::compose(
            json!({"alg": "RS256", "kid": key.kid, "cty": "JWT"}).to_string(),
            &good,
            Signer::Key(&key),
        ),
        MALFORMED,
    );
    for (name, token) in [
        ("detached", format!("{head}..{signature}")),
        ("five parts", format!("{good}.a.b")),
        ("four parts", format!("{good}.")),
        ("two parts", format!("{head}.{body}")),
        (
            "flattened",
            json!({"protected": head, "payload": body, "signature": signature})
                .to_string()
                .replace(',', ";"),
        ),
        ("padding", format!("{head}=.{body}.{signature}")),
        ("a space", format!("{head}. {body}.{signature}")),
        ("standard alphabet", format!("{head}.{body}.+/{signature}")),
        ("prefixed", format!("x{good}")),
        ("twice bearer", format!("Bearer {good}")),
    ] {
        add(name.to_owned(), token, MALFORMED);
    }
    for (name, signature) in [
        ("empty", String::new()),
        ("short", signature[..signature.len() - 4].to_owned()),
        ("long", format!("{signature}AAAA")),
        ("zeros", b64([0; 256])),
    ] {
        add(
            format!("{name} signature"),
            format!("{head}.{body}.{signature}"),
            SIGNATURE_OR_MALFORMED,
        );
    }

    // T11: one claim, one value.
    for extra in [
        r#""project_path":"acme/shop/api""#,
        r#""\u0070roject_path":"acme/other""#,
        r#""ref_protected":"true""#,
        r#""iss":"https://gitlab.example.com""#,
        r#""aud":"https://vault.example.com""#,
        r#""exp":99999999999"#,
    ] {
        for payload in [
            format!("{{{extra},{}", &claims[1..]),
            format!("{},{extra}}}", &claims[..claims.len() - 1]),
        ] {
            add(
                format!("{extra} twice"),
                mint::compose(
                    json!(mint::header(&key)).to_string(),
                    payload,
                    Signer::Key(&key),
                ),
                MALFORMED,
            );
        }
    }

    // T12: a token of another profile.
    for typ in [
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "at+jwt",
        "application/kb+jwt",
        "x",
    ] {
        let mut header = mint::header(&key);
        header.insert("typ".to_owned(), json!(typ));
        add(
            format!("typ {typ}"),
            mint::mint_with(&header, &world.job(), &key),
            TYPE,
        );
    }
    let login = stile_kit::claims::gitlab_login(world.gitlab.url(), stile_kit::world::AUDIENCE);
    add("a login".to_owned(), world.gitlab.mint(&login), TYPE);

    // T13: made for us and nobody else.
    let ours = stile_kit::world::AUDIENCE;
    for aud in [
        json!("https://other.example.com"),
        json!(format!("{ours}/")),
        json!(format!("{ours}.evil.example")),
        json!(ours.to_uppercase()),
        json!(&ours[..ours.len() - 1]),
        json!([ours, "https://other.example.com"]),
        json!([]),
        json!(""),
    ] {
        add(
            format!("aud {aud}"),
            world.job_token(json!({"aud": aud})),
            AUDIENCE_OR_MALFORMED,
        );
    }
    let many: Vec<String> = (0..400).map(|n| format!("https://{n}.example")).collect();
    add(
        "400 audiences".to_owned(),
        world.job_token(json!({"aud": many})),
        AUDIENCE,
    );
    for aud in [json!(1), json!([[ours]]), json!({"a": ours}), Value::Null] {
        add(
            format!("aud {aud}"),
            world.job_token(json!({"aud": aud})),
            AUDIENCE_OR_MALFORMED,
        );
    }

    // T14: the issuer is its exact URL.
    let iss = world.gitlab.url();
    for other in [
        format!("{iss}/"),
        iss.to_uppercase(),
        iss.replace("http:", "https:"),
        iss.replace("http://", "http://a@"),
        iss.replace("127.0.0.1", "localhost"),
        iss.replace("127.0.0.1", "127.0.0.1."),
        format!("{iss}\0"),
        format!("{iss}#"),
        format!(" {iss}"),
        trap.to_owned(),
        "https://gitl\u{0430}b.example.com".to_owned(),
        String::new(),
    ] {
        add(
            format!("iss {}", other.escape_debug()),
            world.job_token(json!({"iss": other})),
            ISSUER_OR_MALFORMED,
        );
    }
    add(
        "iss of the other issuer".to_owned(),
        world.job_token(json!({"iss": world.okta.url()})),
        KEY,
    );

    // T38: size is no way in.
    add(
        "64 KiB".to_owned(),
        world.job_token(json!({"x": "y".repeat(48 << 10)})),
        LARGE,
    );
    add("20 KiB of dots".to_owned(), ".".repeat(20 << 10), LARGE);
    add(
        "deep".to_owned(),
        mint::compose(
            json!(mint::header(&key)).to_string(),
            format!("{{\"a\":{}", "[".repeat(9 << 10)),
            Signer::Key(&key),
        ),
        LARGE,
    );
    let unknown = world.job_token(json!({"iss": "https://nobody.example"}));
    add("nobody".to_owned(), unknown, ISSUER);
    add(
        "aud missing".to_owned(),
        without(world, "aud"),
        AUDIENCE_OR_MALFORMED,
    );
    add("exp missing".to_owned(), without(world, "exp"), MALFORMED);
    all
}

fn without(world: &World, claim: &str) -> String {
    let mut job = world.job();
    job.remove(claim);
    world.gitlab.mint(&job)
}
