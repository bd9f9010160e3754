//! Logout tokens: the valid ones end what they name, and each flaw leaves everything as it was.

use super::*;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A logout token's claims with these beside.
pub(super) fn claims_for(issuer: &str, audience: &str, named: Value) -> Map<String, Value> {
    let now = now_s();
    let mut claims = object(json!({
        "iss": issuer, "aud": audience, "iat": now, "exp": now + 120, "jti": fresh_uuid(),
        "events": { EVENT: {} },
    }));
    claims::put(&mut claims, named);
    claims
}

fn logout(world: &World, named: Value) -> Map<String, Value> {
    claims_for(world.okta.url(), CLIENT, named)
}

pub(super) async fn send(url: &str, token: &str) -> Answer {
    post(url, &format!("logout_token={token}")).await
}

async fn post(url: &str, form: &str) -> Answer {
    let call = Call::new("POST", format!("{url}/.stile/backchannel-logout"));
    let call = call.body("application/x-www-form-urlencoded", form.to_owned());
    call.send().await.unwrap()
}

#[tokio::test]
async fn a_logout_ends_its_session_and_no_other() {
    let world = ending_world().await;
    let ended = in_session(&world, "mira@acme", "s-1");
    let other = in_session(&world, "mira@acme", "s-2");
    assert_eq!(asks(&world, &ended).await.status, 200);
    for typ in ["logout+jwt", "application/logout+jwt", "JWT"] {
        let claims = logout(&world, json!({ "sid": "s-1" }));
        let answer = send(world.stile.url(), &signed(&world.okta, typ, &claims)).await;
        assert_eq!(answer.status, 200, "{typ}: {}", answer.text());
        assert_eq!(answer.field("cache-control"), "no-store");
        assert!(answer.body.is_empty());
    }
    assert!(until_ended(&world, &ended).await < BOUND);
    still_in(&world, &other).await;
    let notes = noted(&world, "notice.taken");
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert_eq!(notes[0]["detail"]["effect"], "end");
    assert_eq!(notes[0]["detail"]["event"], "backchannel-logout");
    assert!(!notes[0].to_string().contains("s-1"), "{}", notes[0]);
    // As docs/ending.md has an auditor find it.
    let named = format!("session\0{}\0s-1", world.okta.url());
    let digest = mint::sha256(named.as_bytes());
    let digest: String = digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(notes[0]["detail"]["about"], format!("session {digest}"));
    assert_eq!(noted(&world, "endings.changed").len(), 1);
    crate::support::close(world, &[ended, other]).await;
}

#[tokio::test]
async fn a_logout_of_a_subject_ends_what_was_issued_before_and_nothing_later() {
    let world = ending_world().await;
    let ended = [
        in_session(&world, "mira@acme", "s-1"),
        token(&world, "mira@acme"),
    ];
    let other = token(&world, "dana@acme");
    for token in &ended {
        assert_eq!(asks(&world, token).await.status, 200);
    }
    let claims = logout(&world, json!({ "sub": "mira@acme" }));
    let answer = send(
        world.stile.url(),
        &signed(&world.okta, "logout+jwt", &claims),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    for token in &ended {
        assert!(until_ended(&world, token).await < BOUND);
    }
    still_in(&world, &other).await;
    still_in(&world, &later(&world, "mira@acme")).await;
    // The same subject of another issuer is another one.
    let job = world.job_token(json!({}));
    assert_eq!(asks(&world, &job).await.status, 200);
    crate::support::close(world, &ended).await;
}

#[tokio::test]
async fn a_logout_of_both_ends_the_session_and_what_names_none() {
    let world = ending_world().await;
    let ended = [
        in_session(&world, "mira@acme", "s-1"),
        token(&world, "mira@acme"),
    ];
    let other = in_session(&world, "mira@acme", "s-2");
    let named = json!({ "sub": "00u-mira@acme", "sid": "s-1" });
    let claims = logout(&world, named);
    let answer = send(
        world.stile.url(),
        &signed(&world.okta, "logout+jwt", &claims),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    for token in &ended {
        until_ended(&world, token).await;
    }
    still_in(&world, &other).await;
    crate::support::close(world, &[]).await;
}

/// Every flaw that a logout token can have, by name.
fn flaws(world: &World) -> Vec<(String, String)> {
    let okta = &world.okta;
    let good = || logout(world, json!({ "sid": "s-1" }));
    let sign = |claims: &Map<String, Value>| signed(okta, "logout+jwt", claims);
    let mut all: Vec<(String, String)> = Vec::new();
    for name in ["iss", "aud", "iat", "exp", "jti", "events", "sid"] {
        all.push((
            format!("no {name}"),
            sign(&with(&good(), name, Value::Null)),
        ));
        let twice = signed_text(okta, "logout+jwt", &doubled(&good(), name));
        all.push((format!("{name} twice"), twice));
    }
    for name in ["iss", "aud", "jti", "sid", "sub"] {
        for value in no_texts() {
            let claims = with(&good(), name, value.clone());
            all.push((format!("{name} {value}"), sign(&claims)));
        }
    }
    for name in ["iat", "exp", "nbf"] {
        for value in no_times() {
            let claims = with(&good(), name, value.clone());
            all.push((format!("{name} {value}"), sign(&claims)));
        }
    }
    let now = now_s();
    let events = json!({ EVENT: {} });
    for (name, value) in [
        ("iss", json!(world.gitlab.url())),
        ("iss", json!("https://elsewhere.example.com")),
        ("iss", json!(format!("{}/", world.okta.url()))),
        ("aud", json!("0oaother")),
        ("aud", json!([CLIENT, "0oaother"])),
        ("aud", json!([])),
        ("aud", json!(stile_kit::world::AUDIENCE)),
        ("aud", json!(EVENTS_AUDIENCE)),
        ("iat", json!(now - 3_600)),
        ("iat", json!(now + 120)),
        ("iat", json!(0)),
        ("nbf", json!(now + 120)),
        ("exp", json!(now - 120)),
        ("exp", json!(now + 86_400)),
        ("jti", json!("j".repeat(257))),
        ("sid", json!("s".repeat(1025))),
        ("sid", json!("s-1\0")),
        ("nonce", json!("n-1")),
        ("nonce", json!("")),
        ("nonce", json!(false)),
        ("events", json!("")),
        ("events", json!([EVENT])),
        ("events", json!({})),
        ("events", json!({ EVENT: null })),
        ("events", json!({ EVENT: [] })),
        ("events", json!({ EVENT: "" })),
        ("events", json!({ EVENT: true })),
        ("events", json!({ EVENT: {}, "urn:other": {} })),
        ("events", json!({ "urn:other": {} })),
        (
            "events",
            json!({ "https://schemas.openid.net/event/backchannel-logout": {} }),
        ),
        ("events", json!({ "x": events })),
    ] {
        all.push((format!("{name} {value}"), sign(&with(&good(), name, value))));
    }
    for typ in [
        "secevent+jwt",
        "at+jwt",
        "dpop+jwt",
        "logout",
        "logout+jwt2",
        "",
        "JOSE",
    ] {
        all.push((format!("typ {typ}"), signed(okta, typ, &good())));
    }
    let payload = serde_json::to_string(&good()).unwrap();
    let kid = okta.rsa().kid;
    let headed = |alg: &str, signer: mint::Signer<'_>| {
        let header = json!({ "alg": alg, "kid": kid, "typ": "logout+jwt" }).to_string();
        mint::compose(header, &payload, signer)
    };
    let public = okta.rsa().public_der();
    all.push(("none".into(), headed("none", mint::Signer::Fixed(b""))));
    all.push(("HS256".into(), headed("HS256", mint::Signer::Hmac(&public))));
    all.push((
        "a short secret".into(),
        headed("HS256", mint::Signer::Hmac(b"secret")),
    ));
    all.push((
        "ES256 named".into(),
        headed("ES256", mint::Signer::Key(&okta.rsa())),
    ));
    let foreign = mint::SigningKey::rs256_unlike(&okta.rsa());
    all.push(("another key".into(), mint::mint(&good(), &foreign)));
    all.push((
        "another key of that id".into(),
        mint::mint(&good(), &foreign.named(&kid)),
    ));
    let of_gitlab = claims_for(world.gitlab.url(), CLIENT, json!({ "sid": "s-1" }));
    all.push((
        "an issuer that may end nothing".into(),
        signed(&world.gitlab, "logout+jwt", &of_gitlab),
    ));
    let of_both = with(&good(), "iss", json!(world.okta.url()));
    all.push((
        "signed by another issuer".into(),
        signed(&world.gitlab, "logout+jwt", &of_both),
    ));
    let id_token = {
        let mut claims = claims::okta_person(world.okta.url(), CLIENT, "mira@acme", &[]);
        claims::put(&mut claims, json!({ "nonce": "n-1", "sid": "s-1" }));
        claims
    };
    all.push(("an ID token".into(), world.okta.mint(&id_token)));
    all.push(("an access token".into(), token(world, "mira@acme")));
    all.push(("nothing".into(), String::new()));
    all.push(("no token".into(), "a.b.c".into()));
    all.push((
        "huge".into(),
        sign(&with(&good(), "x", json!("x".repeat(20_000)))),
    ));
    all
}

#[tokio::test]
async fn each_flaw_of_a_logout_token_is_refused_and_ends_nothing() {
    let world = ending_world().await;
    let session = in_session(&world, "mira@acme", "s-1");
    let flaws = flaws(&world);
    let count = flaws.len();
    assert!(count > 120, "{count}");
    for (name, token) in flaws {
        let answer = send(world.stile.url(), &token).await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
        assert_eq!(answer.field("cache-control"), "no-store", "{name}");
        assert_eq!(
            answer.json()["error"],
            "invalid_request",
            "{name}: {}",
            answer.text()
        );
        assert!(!answer.field("stile-record").is_empty(), "{name}");
        assert_eq!(asks(&world, &session).await.status, 200, "{name}");
    }
    still_in(&world, &session).await;
    assert_eq!(endings(&world).await, Vec::<Value>::new());
    assert_eq!(noted(&world, "notice.taken").len(), 0);
    println!("{count} flaws of a logout token");
    // The same world takes the one without a flaw.
    let good = signed(
        &world.okta,
        "logout+jwt",
        &logout(&world, json!({ "sid": "s-1" })),
    );
    assert_eq!(send(world.stile.url(), &good).await.status, 200);
    until_ended(&world, &session).await;
    crate::support::close(world, &[session]).await;
}

#[tokio::test]
async fn a_logout_token_is_taken_once() {
    let world = ending_world().await;
    let good = signed(
        &world.okta,
        "logout+jwt",
        &logout(&world, json!({ "sid": "s-1" })),
    );
    assert_eq!(send(world.stile.url(), &good).await.status, 200);
    let again = send(world.stile.url(), &good).await;
    assert_eq!(again.status, 400, "{}", again.text());
    let all = records(&world.stile.journal());
    assert!(all.iter().any(|one| one.word("reason") == "replayed"));
    assert_eq!(noted(&world, "notice.taken").len(), 1);
    crate::support::close(world, &[]).await;
}

#[tokio::test]
async fn each_other_way_to_send_it_is_refused() {
    let world = ending_world().await;
    let session = in_session(&world, "mira@acme", "s-1");
    let good = || {
        signed(
            &world.okta,
            "logout+jwt",
            &logout(&world, json!({ "sid": "s-1" })),
        )
    };
    let url = format!("{}/.stile/backchannel-logout", world.stile.url());
    let form = "application/x-www-form-urlencoded";
    for (name, call, status) in [
        (
            "twice",
            Call::new("POST", &url).body(
                form,
                format!("logout_token={}&logout_token={}", good(), good()),
            ),
            400,
        ),
        (
            "twice in two spellings",
            Call::new("POST", &url).body(
                form,
                format!("logout_token={}&logout%5ftoken={}", good(), good()),
            ),
            400,
        ),
        (
            "in the query",
            Call::new("POST", format!("{url}?logout_token={}", good())).body(form, ""),
            400,
        ),
        (
            "in the query, too",
            Call::new("POST", format!("{url}?x=1")).body(form, format!("logout_token={}", good())),
            400,
        ),
        (
            "under another name",
            Call::new("POST", &url).body(form, format!("token={}", good())),
            400,
        ),
        (
            "as JSON",
            Call::new("POST", &url).body(
                "application/json",
                json!({ "logout_token": good() }).to_string(),
            ),
            400,
        ),
        (
            "as itself",
            Call::new("POST", &url).body("application/logout+jwt", good()),
            400,
        ),
        ("without a type", Call::new("POST", &url), 400),
        (
            "encoded",
            Call::new("POST", &url)
                .field("content-encoding", "gzip")
                .body(form, format!("logout_token={}", good())),
            400,
        ),
        (
            "too large",
            Call::new("POST", &url).body(
                form,
                format!("logout_token={}&x={}", good(), "x".repeat(70_000)),
            ),
            400,
        ),
        ("GET", Call::new("GET", &url), 405),
        (
            "GET with it",
            Call::new("GET", format!("{url}?logout_token={}", good())),
            405,
        ),
        (
            "PUT",
            Call::new("PUT", &url).body(form, format!("logout_token={}", good())),
            405,
        ),
        ("DELETE", Call::new("DELETE", &url), 405),
    ] {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        assert_eq!(answer.field("cache-control"), "no-store", "{name}");
        if status == 405 {
            assert_eq!(answer.field("allow"), "POST", "{name}");
        }
    }
    still_in(&world, &session).await;
    assert_eq!(endings(&world).await, Vec::<Value>::new());
    crate::support::close(world, &[session]).await;
}

#[tokio::test]
async fn a_logout_token_is_no_credential() {
    let world = ending_world().await;
    let mut claims = logout(&world, json!({ "sub": "mira@acme" }));
    claims::put(
        &mut claims,
        json!({
            "aud": stile_kit::world::AUDIENCE, "ver": 1, "cid": "c", "uid": "u", "scp": ["openid"],
            "groups": ["lightstep-payments"],
        }),
    );
    for typ in ["JWT", "logout+jwt"] {
        let answer = asks(&world, &signed(&world.okta, typ, &claims)).await;
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert_eq!(answer.json()["reason"], "wrong_type", "{}", answer.text());
    }
    crate::support::close(world, &[]).await;
}

#[tokio::test]
async fn a_proxy_that_was_not_told_whose_notices_to_take_takes_none() {
    let world = crate::support::world().await;
    let good = signed(
        &world.okta,
        "logout+jwt",
        &logout(&world, json!({ "sid": "s-1" })),
    );
    let answer = send(world.stile.url(), &good).await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert_eq!(answer.json()["reason"], "no_credential");
    crate::support::close(world, &[]).await;
}
