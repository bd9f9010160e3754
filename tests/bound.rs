//! Tokens that are bound to a key: by DPoP (RFC 9449), or to a client certificate (RFC 8705).
//!
//! Each case starts from a request that passes and changes one thing.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};
use stile::refusal::Reason;
use stile_kit::issuer::claims::now_s;
use stile_kit::mint::{self, Signer, SigningKey};
use stile_kit::tls::{DevCa, ServerCertificate};
use stile_kit::world::AUDIENCE;
use stile_kit::{Answer, Call, World};

use crate::support::{ask, close, ground, program, records_of};

const PATH: &str = "/public/v0.2/acme/projects/X/streams";

/// A job whose tokens are bound to its key.
struct Prover<'a> {
    world: &'a World,
    key: SigningKey,
    token: String,
}

/// One request, before it is sent.
#[derive(Clone)]
struct Shown {
    scheme: &'static str,
    token: String,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signer: SigningKey,
}

impl Prover<'_> {
    fn of(world: &World, key: SigningKey) -> Prover<'_> {
        let token = world.job_token(json!({ "cnf": { "jkt": key.thumbprint() } }));
        Prover { world, key, token }
    }

    fn shown(&self) -> Shown {
        Shown {
            scheme: "DPoP",
            token: self.token.clone(),
            header: map(json!({ "typ": "dpop+jwt", "alg": self.key.alg, "jwk": self.key.jwk() })),
            claims: map(json!({
                "jti": mint::fresh_uuid(), "htm": "POST", "htu": format!("{AUDIENCE}{PATH}"),
                "iat": now_s(), "ath": mint::b64(mint::sha256(self.token.as_bytes())),
            })),
            signer: self.key.clone(),
        }
    }

    fn with(&self, change: impl FnOnce(&mut Shown)) -> Shown {
        let mut shown = self.shown();
        change(&mut shown);
        shown
    }

    async fn send(&self, shown: Shown) -> Answer {
        let proof = shown.proof();
        ask(self.world, shown.call(self.world).field("dpop", &proof)).await
    }
}

impl Shown {
    fn proof(&self) -> String {
        mint::mint_with(&self.header, &self.claims, &self.signer)
    }

    fn call(&self, world: &World) -> Call {
        let call = world.api("POST", "X/streams");
        let call = call.field("authorization", &format!("{} {}", self.scheme, self.token));
        call.body("application/vnd.api+json", "{}")
    }

    fn claim(&mut self, name: &str, value: Value) {
        self.claims.insert(name.to_owned(), value);
    }
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// A world old enough that proofs made now are younger than it.
async fn world() -> World {
    let world = crate::support::world().await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    world
}

#[track_caller]
fn assert_is(case: &str, answer: &Answer, reason: Reason) {
    let body = answer.text();
    assert_eq!(answer.json()["reason"], reason.word(), "{case}: {body}");
    assert_eq!(answer.status, reason.status(), "{case}: {body}");
}

#[tokio::test]
async fn a_token_bound_to_a_key_passes_with_a_proof_of_any_kind_of_key_and_is_not_passed_on() {
    let world = world().await;
    let keys = [
        SigningKey::es256(),
        SigningKey::es384(),
        SigningKey::ed25519(),
        SigningKey::rs256(),
        SigningKey::rs256().with_alg("PS256"),
    ];
    for key in &keys {
        let prover = Prover::of(&world, key.clone());
        let answer = prover.send(prover.shown()).await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "{}: {}",
            key.alg,
            answer.text()
        );
        let record = &records_of(&world, answer.field("stile-decision"))[0];
        assert_eq!(record.word("cred"), "dpop_jwt");
        // Another proof for the same token passes, too.
        let again = prover.send(prover.with(|s| s.scheme = "dpop")).await;
        assert_eq!(
            again.status,
            StatusCode::OK,
            "{}: {}",
            key.alg,
            again.text()
        );
    }
    let seen = world.upstream.seen();
    assert_eq!(seen.len(), 2 * keys.len());
    for request in &seen {
        assert_eq!(request.value("dpop"), None);
        assert!(
            !request
                .value("authorization")
                .unwrap_or_default()
                .contains("DPoP")
        );
    }
    close(world, &[]).await;
}

#[tokio::test]
async fn a_proof_counts_once_and_a_bound_token_is_no_plain_one() {
    let world = world().await;
    let prover = Prover::of(&world, SigningKey::es256());
    let shown = prover.shown();
    assert_eq!(prover.send(shown.clone()).await.status, 200);
    let again = prover.send(shown).await;
    assert_is("again", &again, Reason::Replayed);
    assert!(again.text().contains("make a new one for each request"));
    let as_bearer = prover.send(prover.with(|s| s.scheme = "Bearer")).await;
    assert_is("as Bearer", &as_bearer, Reason::WrongType);
    assert!(
        as_bearer.text().contains("authorization: DPoP"),
        "{}",
        as_bearer.text()
    );
    let plain = world.job_token(json!({}));
    let unbound = prover.send(prover.with(|s| {
        s.token = plain.clone();
        s.claim("ath", json!(mint::b64(mint::sha256(plain.as_bytes()))));
    }));
    assert_is("plain as DPoP", &unbound.await, Reason::WrongType);
    let without = ask(&world, prover.shown().call(&world)).await;
    assert_is("no proof", &without, Reason::NoCredential);
    let (one, other) = (prover.shown(), prover.shown());
    let both = one.call(&world).field("dpop", &one.proof());
    let both = ask(&world, both.field("dpop", &other.proof())).await;
    assert_is("two proofs", &both, Reason::MultipleCredentials);
    assert_eq!(world.upstream.seen().len(), 1);
    let record = &records_of(&world, again.field("stile-decision"))[0];
    assert_eq!(record.word("reason"), "replayed");
    let secrets = [prover.token];
    close(world, &secrets).await;
}

#[tokio::test]
async fn a_proof_that_says_anything_else_is_refused() {
    let world = world().await;
    let prover = Prover::of(&world, SigningKey::es256());
    let other = SigningKey::es256();
    let now = now_s();
    use Reason::{
        AlgNotAllowed, BadSignature, Expired, MalformedToken, NotYetValid, WeakKey, WrongAudience,
    };
    type Change<'a> = Box<dyn FnOnce(&mut Shown) + 'a>;
    let claim = |name: &'static str, value: Value| -> Change<'_> {
        Box::new(move |s| s.claim(name, value))
    };
    let header = |name: &'static str, value: Value| -> Change<'_> {
        Box::new(move |s| {
            s.header.insert(name.to_owned(), value);
        })
    };
    let url = |text: &str| json!(text.replace("SITE", AUDIENCE).replace("PATH", PATH));
    let mut cases: Vec<(String, Change<'_>, Reason)> = vec![
        (
            "another's key".into(),
            Box::new(|s| {
                s.signer = other.clone();
                s.header.insert("jwk".to_owned(), other.jwk());
            }),
            BadSignature,
        ),
        (
            "signed by another".into(),
            Box::new(|s| s.signer = other.clone()),
            BadSignature,
        ),
        (
            "another's key shown".into(),
            header("jwk", other.jwk()),
            BadSignature,
        ),
        (
            "secret half".into(),
            Box::new(|s| {
                s.header["jwk"]
                    .as_object_mut()
                    .unwrap()
                    .insert("d".to_owned(), json!("AQAB"));
            }),
            MalformedToken,
        ),
        (
            "a symmetric key".into(),
            header("jwk", json!({ "kty": "oct", "k": "AQAB" })),
            MalformedToken,
        ),
        (
            "a weak key".into(),
            header(
                "jwk",
                json!({ "kty": "RSA", "n": mint::b64([0xc5; 128]), "e": "AQAB" }),
            ),
            WeakKey,
        ),
        (
            "off its curve".into(),
            Box::new(|s| {
                s.header["jwk"]
                    .as_object_mut()
                    .unwrap()
                    .insert("y".to_owned(), json!(mint::b64([1; 32])));
            }),
            WeakKey,
        ),
    ];
    for alg in ["none", "HS256", "ES384", "RS256", "es256", ""] {
        cases.push((
            format!("alg {alg}"),
            header("alg", json!(alg)),
            AlgNotAllowed,
        ));
    }
    for typ in [
        json!("JWT"),
        json!("at+jwt"),
        json!(""),
        json!(null),
        json!(1),
        json!("dpop"),
    ] {
        cases.push((format!("typ {typ}"), header("typ", typ), MalformedToken));
    }
    for name in ["crit", "b64", "zip", "enc", "cty"] {
        cases.push((
            format!("has {name}"),
            header(name, json!(["x"])),
            MalformedToken,
        ));
    }
    for name in ["typ", "alg", "jwk"] {
        cases.push((
            format!("without {name}"),
            Box::new(move |s| {
                s.header.remove(name);
            }),
            MalformedToken,
        ));
    }
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        cases.push((
            format!("without {name}"),
            Box::new(move |s| {
                s.claims.remove(name);
            }),
            MalformedToken,
        ));
        for wrong in [json!(null), json!(true), json!(["POST"]), json!({ "a": 1 })] {
            cases.push((
                format!("{name} {wrong}"),
                claim(name, wrong),
                MalformedToken,
            ));
        }
    }
    cases.push((
        "a long id".into(),
        claim("jti", json!("a".repeat(257))),
        MalformedToken,
    ));
    cases.push((
        "a long proof".into(),
        claim("x", json!("a".repeat(8192))),
        MalformedToken,
    ));
    cases.push((
        "time as text".into(),
        claim("iat", json!(now.to_string())),
        MalformedToken,
    ));
    for htm in ["GET", "post", "POST ", "PUT"] {
        cases.push((
            format!("htm {htm}"),
            claim("htm", json!(htm)),
            WrongAudience,
        ));
    }
    for htu in [
        "SITE",
        "SITE/",
        "SITEPATH/",
        "SITEPATH/x",
        "http://stile.example.comPATH",
        "https://stile.example.com:8443PATH",
        "https://evil.examplePATH",
        "https://stile.example.com.evil.examplePATH",
        "https://u@stile.example.comPATH",
        "PATH",
        "SITE/public/v0.2/acme/projects/Y/streams",
        "SITE/public/v0.2/acme/projects/%58/streams",
        "x",
        " SITEPATH",
    ] {
        cases.push((format!("htu {htu}"), claim("htu", url(htu)), WrongAudience));
    }
    for ath in [
        mint::b64(mint::sha256(b"another")),
        prover.token.clone(),
        "x".to_owned(),
    ] {
        cases.push((
            format!("ath {ath}"),
            claim("ath", json!(ath)),
            WrongAudience,
        ));
    }
    for ago in [92, 600, 86_400, now] {
        cases.push((
            format!("{ago} s ago"),
            claim("iat", json!(now - ago)),
            Expired,
        ));
    }
    for ahead in [60, 86_400] {
        cases.push((
            format!("{ahead} s ahead"),
            claim("iat", json!(now + ahead)),
            NotYetValid,
        ));
    }
    let count = cases.len();
    for (case, change, reason) in cases {
        let answer = prover.send(prover.with(change)).await;
        assert_is(&case, &answer, reason);
        assert!(
            answer.text().contains("DPoP proof"),
            "{case}: {}",
            answer.text()
        );
    }
    assert!(count >= 70, "{count}");
    for (case, proof) in [
        ("nothing", String::new()),
        ("a word", "x".to_owned()),
        ("five parts", "a.b.c.d.e".to_owned()),
        ("the token", prover.token.clone()),
        ("padded", format!("{}=", prover.shown().proof())),
        ("no JSON", mint::compose("x", "y", Signer::Key(&prover.key))),
        (
            "a claim twice",
            mint::compose(
                Value::Object(prover.shown().header).to_string(),
                r#"{"jti":"a","jti":"b"}"#,
                Signer::Key(&prover.key),
            ),
        ),
    ] {
        let call = prover.shown().call(&world).field("dpop", &proof);
        assert_is(case, &ask(&world, call).await, MalformedToken);
    }
    assert!(world.upstream.seen().is_empty());
    for good in [
        format!("{AUDIENCE}:443{PATH}"),
        format!("HTTPS://Stile.Example.COM{PATH}"),
        format!("{AUDIENCE}{PATH}?a=b"),
        format!("{AUDIENCE}{PATH}#x"),
    ] {
        let answer = prover
            .send(prover.with(|s| s.claim("htu", json!(good))))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{good}: {}", answer.text());
    }
    let secrets = [prover.token];
    close(world, &secrets).await;
}

#[tokio::test]
async fn no_flipped_bit_of_a_proofs_signature_verifies() {
    let world = world().await;
    let prover = Prover::of(&world, SigningKey::es256());
    let shown = prover.shown();
    let proof = shown.proof();
    let message = proof.rsplit_once('.').unwrap().0;
    let good = prover.key.sign(message.as_bytes());
    for bit in (0..good.len() * 8).step_by(7) {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let forged = format!("{message}.{}", mint::b64(flipped));
        let answer = shown
            .call(&world)
            .field("dpop", &forged)
            .send()
            .await
            .unwrap();
        assert_is("flipped", &answer, Reason::BadSignature);
    }
    close(world, &[]).await;
}

#[tokio::test]
async fn a_used_proof_stays_used_over_a_reload_and_over_a_restart() {
    let world = world().await;
    let prover = Prover::of(&world, SigningKey::es256());
    let shown = prover.shown();
    assert_eq!(prover.send(shown.clone()).await.status, 200);
    world.stile.signal("HUP").unwrap();
    world
        .stile
        .waits_for("new settings are in force")
        .await
        .unwrap();
    assert_is(
        "reloaded",
        &prover.send(shown.clone()).await,
        Reason::Replayed,
    );
    let token = prover.token.clone();
    let proof = shown.proof();
    let world = world.killed(program(), |_| ()).await.unwrap();
    let call = Shown { token, ..shown }.call(&world).field("dpop", &proof);
    assert_is("restarted", &ask(&world, call).await, Reason::Expired);
    assert_eq!(world.upstream.seen().len(), 1);
    close(world, &[]).await;
}

/// A world whose TLS listener asks for client certificates of a CA of its own.
async fn mutual() -> (World, DevCa) {
    let ground = ground().await.with(
        "tls: { certificate: stile.pem, key: stile.key }",
        "tls: { certificate: stile.pem, key: stile.key, client_ca: clients/ca.pem }",
    );
    let clients = DevCa::new();
    let folder = ground.folder().path().join("clients");
    std::fs::create_dir(&folder).unwrap();
    clients.write_to(&folder);
    (ground.serve(program()).await.unwrap(), clients)
}

fn over_tls(world: &World, token: &str) -> Call {
    let url = world.stile.urls[1].replace("127.0.0.1", "localhost");
    let call = Call::new("POST", format!("{url}{PATH}")).token(token);
    let call = call.body("application/vnd.api+json", "{}");
    call.trusting(world.ca.certificate_pem().as_bytes())
}

fn bound_to(world: &World, own: &ServerCertificate) -> String {
    world.job_token(json!({ "cnf": { "x5t#S256": own.thumbprint() } }))
}

#[tokio::test]
async fn a_token_bound_to_a_certificate_passes_on_a_connection_that_shows_it() {
    let (world, clients) = mutual().await;
    let (own, other) = (clients.client("job"), clients.client("other"));
    let token = bound_to(&world, &own);
    for http2 in [false, true] {
        let call = over_tls(&world, &token).showing(&own);
        let call = if http2 { call.http2() } else { call };
        let answer = ask(&world, call).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let record = &records_of(&world, answer.field("stile-decision"))[0];
        let written = record.json["tls"]["client_certificate"].as_str().unwrap();
        assert_eq!(written.len(), 64);
        assert_eq!(record.word("cred"), "mtls_jwt");
    }
    let without = ask(&world, over_tls(&world, &token)).await;
    assert_is("no certificate", &without, Reason::WrongType);
    assert!(without.text().contains("connect with that certificate"));
    let another = ask(&world, over_tls(&world, &token).showing(&other)).await;
    assert_is("another", &another, Reason::WrongType);
    let clear = world.api("POST", "X/streams").token(&token);
    assert_is("clear text", &ask(&world, clear).await, Reason::WrongType);
    let prover = Prover::of(&world, SigningKey::es256());
    let proof = prover.shown().proof();
    let crossed = over_tls(&world, &prover.token)
        .showing(&own)
        .field("dpop", &proof);
    assert_is(
        "bound to a key",
        &ask(&world, crossed).await,
        Reason::WrongType,
    );
    // A plain token passes with a certificate and without one.
    let plain = world.job_token(json!({}));
    assert_eq!(ask(&world, over_tls(&world, &plain)).await.status, 200);
    assert_eq!(
        ask(&world, over_tls(&world, &plain).showing(&other))
            .await
            .status,
        200
    );
    // A certificate of nobody known ends the handshake.
    let stranger = DevCa::new().client("job");
    assert!(
        over_tls(&world, &plain)
            .showing(&stranger)
            .send()
            .await
            .is_err()
    );
    assert_eq!(world.upstream.seen().len(), 4);
    close(world, &[token, plain]).await;
}

#[tokio::test]
async fn a_binding_that_cannot_be_checked_is_refused() {
    let world = world().await;
    let (jkt, x5t) = (SigningKey::es256().thumbprint(), mint::b64([7; 32]));
    for (cnf, reason) in [
        (json!({}), Reason::WrongType),
        (json!({ "jkt": jkt, "x5t#S256": x5t }), Reason::WrongType),
        (
            json!({ "jwk": SigningKey::es256().jwk() }),
            Reason::WrongType,
        ),
        (json!({ "kid": "a" }), Reason::WrongType),
        (json!({ "jku": "https://evil.example" }), Reason::WrongType),
        (json!({ "x5t": x5t }), Reason::WrongType),
        (json!({ "jkt": 1 }), Reason::MalformedToken),
        (json!({ "jkt": "short" }), Reason::MalformedToken),
        (json!({ "jkt": format!("{jkt}=") }), Reason::MalformedToken),
        (json!({ "x5t#S256": null }), Reason::MalformedToken),
        (json!(null), Reason::MalformedToken),
        (json!("x"), Reason::MalformedToken),
        (json!([jkt]), Reason::MalformedToken),
    ] {
        let token = world.job_token(json!({ "cnf": cnf }));
        let call = world.api("POST", "X/streams");
        assert_is(
            &cnf.to_string(),
            &ask(&world, call.clone().token(&token)).await,
            reason,
        );
        let field = format!("DPoP {token}");
        let as_dpop = ask(&world, call.field("authorization", &field)).await;
        assert_is(&cnf.to_string(), &as_dpop, reason);
    }
    assert!(world.upstream.seen().is_empty());
    close(world, &[]).await;
}
