//! Security events: what each ends, how a transmitter is answered, and what ends nothing.

use super::*;

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
const SSF: &str = "https://schemas.openid.net/secevent/ssf/event-type/";

/// An event of this kind about this subject.
fn event(world: &World, kind: &str, subject: Value) -> Map<String, Value> {
    object(json!({
        "iss": world.okta.url(), "aud": EVENTS_AUDIENCE, "iat": now_s(), "jti": fresh_uuid(),
        "sub_id": subject, "events": { kind: { "event_timestamp": now_s() } },
    }))
}

fn caep(world: &World, kind: &str, subject: Value) -> Map<String, Value> {
    event(world, &format!("{CAEP}{kind}"), subject)
}

fn iss_sub(world: &World, subject: &str) -> Value {
    json!({ "format": "iss_sub", "iss": world.okta.url(), "sub": subject })
}

fn call(world: &World, token: &str) -> Call {
    let url = format!("{}/.stile/events", world.stile.url());
    Call::new("POST", url).body("application/secevent+jwt", token.to_owned())
}

async fn push(world: &World, claims: &Map<String, Value>) -> Answer {
    let token = signed(&world.okta, "secevent+jwt", claims);
    call(world, &token).send().await.unwrap()
}

async fn taken(world: &World, claims: &Map<String, Value>) {
    let answer = push(world, claims).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn each_event_ends_whom_it_is_about_in_each_way_to_name_them() {
    let world = ending_world().await;
    let user = |login: &str| iss_sub(&world, &format!("00u-{login}"));
    let opaque = |id: &str| json!({ "format": "opaque", "id": id });
    let email = |of: &str| json!({ "format": "email", "email": of.to_uppercase() });
    type Said = (&'static str, &'static str, Value);
    let said: Vec<Said> = vec![
        ("a@acme", "session-revoked", user("a@acme")),
        ("b@acme", "credential-change", user("b@acme")),
        ("c@acme", "token-claims-change", opaque("c@acme")),
        ("d@acme", "session-revoked", email("d@acme")),
        (
            "e@acme",
            "session-revoked",
            json!({ "format": "complex", "user": user("e@acme") }),
        ),
        (
            "f@acme",
            "credential-change",
            json!({ "user": user("f@acme"), "device": opaque("d-1"), "tenant": opaque("t-1") }),
        ),
        (
            "g@acme",
            "session-revoked",
            json!({ "session": opaque("s-other"), "user": user("g@acme") }),
        ),
        (
            "h@acme",
            "credential-change",
            json!({ "session": opaque("s-other"), "user": user("h@acme") }),
        ),
        (
            "i@acme",
            "session-revoked",
            json!({ "format": "aliases", "identifiers": [
            { "format": "phone_number", "phone_number": "+1" }, email("i@acme") ] }),
        ),
    ];
    for (login, kind, subject) in said {
        let ended = token(&world, login);
        let other = token(&world, "other@acme");
        assert_eq!(asks(&world, &ended).await.status, 200);
        let claims = caep(&world, kind, subject.clone());
        taken(&world, &claims).await;
        let took = until_ended(&world, &ended).await;
        assert!(took < BOUND, "{kind} {subject}: {took:?}");
        assert_eq!(asks(&world, &other).await.status, 200, "{kind} {subject}");
    }
    // As drafts have it and Okta sends it: the subject inside the event.
    let ended = token(&world, "k@acme");
    let mut claims = caep(&world, "session-revoked", json!({}));
    claims.remove("sub_id");
    let inside = json!({ "event_timestamp": now_s(), "subject": { "user": user("k@acme") } });
    claims::put(
        &mut claims,
        json!({ "events": { format!("{CAEP}session-revoked"): inside } }),
    );
    taken(&world, &claims).await;
    until_ended(&world, &ended).await;
    // A token by its id, and a session that leaves another one alone.
    let ended = person(&world, "l@acme", json!({ "jti": "AT.leaked" }));
    let subject = json!({ "format": "jwt_id", "iss": world.okta.url(), "jti": "AT.leaked" });
    taken(&world, &caep(&world, "session-revoked", subject)).await;
    until_ended(&world, &ended).await;
    still_in(&world, &token(&world, "l@acme")).await;
    let (ended, other) = (
        in_session(&world, "m@acme", "s-1"),
        in_session(&world, "m@acme", "s-2"),
    );
    let subject = json!({ "format": "complex", "session": opaque("s-1"), "user": user("m@acme") });
    taken(&world, &caep(&world, "session-revoked", subject)).await;
    until_ended(&world, &ended).await;
    still_in(&world, &other).await;
    crate::support::close(world, &[]).await;
}

#[tokio::test]
async fn a_disabled_person_stays_out_until_enabled_and_what_was_ended_stays_so() {
    let world = ending_world().await;
    let subject = || iss_sub(&world, "mira@acme");
    taken(
        &world,
        &event(&world, &format!("{RISC}account-disabled"), subject()),
    )
    .await;
    let signed_in_later = later(&world, "mira@acme");
    until_ended(&world, &signed_in_later).await;
    // An operator lifts nothing else by it.
    let words = [
        "sessions",
        "block",
        "--issuer",
        "okta",
        "--subject",
        "mira@acme",
        "--why",
        "x",
    ];
    assert_eq!(command(&world, &words).await.0, 0);
    taken(
        &world,
        &event(&world, &format!("{RISC}account-enabled"), subject()),
    )
    .await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    until_ended(&world, &signed_in_later).await;
    let words = [
        "sessions",
        "unblock",
        "--issuer",
        "okta",
        "--subject",
        "mira@acme",
    ];
    assert_eq!(command(&world, &words).await.0, 0);
    still_in(&world, &later(&world, "mira@acme")).await;
    assert_eq!(command(&world, &words).await.0, 1);
    crate::support::close(world, &[]).await;
}

#[tokio::test]
async fn what_is_not_understood_is_acknowledged_written_down_and_ends_nothing() {
    let world = ending_world().await;
    let mira = token(&world, "mira@acme");
    let subject = iss_sub(&world, "mira@acme");
    for (kind, subject) in [
        (
            format!("{SSF}verification"),
            json!({ "format": "opaque", "id": "stream-1" }),
        ),
        (format!("{CAEP}device-compliance-change"), subject.clone()),
        (format!("{CAEP}session-established"), subject.clone()),
        (
            "https://elsewhere.example.com/session-revoked".to_owned(),
            subject.clone(),
        ),
        (
            format!("{CAEP}session-revoked"),
            json!({ "format": "phone_number", "phone_number": "+1" }),
        ),
        (
            format!("{CAEP}session-revoked"),
            json!({ "format": "account", "uri": "acct:mira@acme" }),
        ),
        (
            format!("{CAEP}session-revoked"),
            json!({ "tenant": { "format": "opaque", "id": "t" } }),
        ),
    ] {
        taken(&world, &event(&world, &kind, subject)).await;
    }
    let notes = noted(&world, "notice.taken");
    assert_eq!(notes.len(), 7);
    assert!(
        notes.iter().all(|note| note["detail"]["effect"] == "none"),
        "{notes:?}"
    );
    still_in(&world, &mira).await;
    assert_eq!(endings(&world).await, Vec::<Value>::new());
    crate::support::close(world, &[mira]).await;
}

#[tokio::test]
async fn a_repeated_event_is_acknowledged_and_counts_once() {
    let world = ending_world().await;
    let claims = caep(&world, "session-revoked", iss_sub(&world, "mira@acme"));
    taken(&world, &claims).await;
    taken(&world, &claims).await;
    assert_eq!(noted(&world, "notice.taken").len(), 1);
    assert_eq!(endings(&world).await.len(), 1);
    crate::support::close(world, &[]).await;
}

#[tokio::test]
async fn each_flaw_of_an_event_is_refused_in_the_words_of_its_protocol_and_ends_nothing() {
    let world = ending_world().await;
    let mira = token(&world, "mira@acme");
    let subject = || iss_sub(&world, "mira@acme");
    let good = || caep(&world, "session-revoked", subject());
    let (okta, now) = (&world.okta, now_s());
    let sign = |claims: &Map<String, Value>| signed(okta, "secevent+jwt", claims);
    let kind = format!("{CAEP}session-revoked");
    let mut all: Vec<(String, String, &str)> = Vec::new();
    for (name, word) in [
        ("iss", "invalid_request"),
        ("aud", "invalid_audience"),
        ("iat", "invalid_request"),
        ("jti", "invalid_request"),
        ("events", "invalid_request"),
        ("sub_id", "invalid_request"),
    ] {
        all.push((
            format!("no {name}"),
            sign(&with(&good(), name, Value::Null)),
            word,
        ));
        let twice = signed_text(okta, "secevent+jwt", &doubled(&good(), name));
        all.push((format!("{name} twice"), twice, "invalid_request"));
        for value in no_texts() {
            let is_object = value.is_object() && name == "sub_id";
            let word = match (name, &value) {
                ("aud", _) => "invalid_audience",
                ("iss", Value::String(_)) => "invalid_issuer",
                ("iat", Value::Number(_)) => "invalid_request",
                _ => "invalid_request",
            };
            // A time that is a number is one; objects are subjects of no format.
            if name == "iat" && value.is_number() || is_object && value == json!({ "x": 1 }) {
                continue;
            }
            all.push((
                format!("{name} {value}"),
                sign(&with(&good(), name, value)),
                word,
            ));
        }
    }
    for (name, value, word) in [
        ("iss", json!(world.gitlab.url()), "invalid_issuer"),
        (
            "iss",
            json!("https://elsewhere.example.com"),
            "invalid_issuer",
        ),
        ("aud", json!(CLIENT), "invalid_audience"),
        (
            "aud",
            json!([EVENTS_AUDIENCE, "https://other"]),
            "invalid_audience",
        ),
        ("iat", json!(now + 120), "invalid_request"),
        ("iat", json!(now - 8 * 86_400), "invalid_request"),
        ("exp", json!(now + 120), "invalid_request"),
        ("nbf", json!(now + 120), "invalid_request"),
        ("sub", json!("mira@acme"), "invalid_request"),
        (
            "events",
            json!({ kind.as_str(): {}, "urn:x": {} }),
            "invalid_request",
        ),
        ("events", json!({ kind.as_str(): [] }), "invalid_request"),
        ("events", json!({ kind.as_str(): null }), "invalid_request"),
        (
            "events",
            json!({ kind.as_str(): { "subject": { "format": "opaque", "id": "x" } } }),
            "invalid_request",
        ),
        (
            "sub_id",
            json!({ "format": "iss_sub", "iss": okta.url() }),
            "invalid_request",
        ),
        (
            "sub_id",
            json!({ "format": "iss_sub", "iss": okta.url(), "sub": 1 }),
            "invalid_request",
        ),
        (
            "sub_id",
            json!({ "format": "iss_sub", "iss": okta.url(), "sub": "mira@acme", "email": "x@y" }),
            "invalid_request",
        ),
        (
            "sub_id",
            json!({ "format": "iss_sub", "iss": world.gitlab.url(), "sub": "mira@acme" }),
            "invalid_issuer",
        ),
        (
            "sub_id",
            json!({ "format": "opaque", "id": "mira@acme\0" }),
            "invalid_request",
        ),
        (
            "sub_id",
            json!({ "format": "opaque", "id": "" }),
            "invalid_request",
        ),
        (
            "sub_id",
            json!({ "format": "opaque", "id": "x".repeat(1025) }),
            "invalid_request",
        ),
        (
            "sub_id",
            json!({ "format": "email", "email": "mira" }),
            "invalid_request",
        ),
        (
            "sub_id",
            json!({ "format": "aliases", "identifiers": [] }),
            "invalid_request",
        ),
        (
            "sub_id",
            json!({ "format": "aliases", "identifiers": [{ "format": "aliases", "identifiers": [] }] }),
            "invalid_request",
        ),
        ("sub_id", json!({ "format": 1 }), "invalid_request"),
        ("sub_id", json!({ "user": "mira@acme" }), "invalid_request"),
        ("sub_id", json!({ "users": {} }), "invalid_request"),
    ] {
        all.push((
            format!("{name} {value}"),
            sign(&with(&good(), name, value)),
            word,
        ));
    }
    for typ in ["JWT", "logout+jwt", "at+jwt", "", "secevent"] {
        all.push((
            format!("typ {typ}"),
            signed(okta, typ, &good()),
            "invalid_request",
        ));
    }
    let untyped = json!({ "alg": "RS256", "kid": okta.rsa().kid }).to_string();
    let payload = serde_json::to_string(&good()).unwrap();
    let untyped = mint::compose(untyped, &payload, mint::Signer::Key(&okta.rsa()));
    all.push(("no typ".into(), untyped, "invalid_request"));
    let foreign = mint::SigningKey::rs256_unlike(&okta.rsa());
    let headed = |alg: &str, kid: &str, signer: mint::Signer<'_>| {
        let header = json!({ "alg": alg, "kid": kid, "typ": "secevent+jwt" }).to_string();
        mint::compose(header, &payload, signer)
    };
    let kid = okta.rsa().kid;
    all.push((
        "none".into(),
        headed("none", &kid, mint::Signer::Fixed(b"")),
        "invalid_key",
    ));
    all.push((
        "HS256".into(),
        headed("HS256", &kid, mint::Signer::Hmac(b"x")),
        "invalid_key",
    ));
    all.push((
        "forged".into(),
        headed("RS256", &kid, mint::Signer::Key(&foreign)),
        "invalid_key",
    ));
    all.push((
        "unknown key".into(),
        headed("RS256", "nobody", mint::Signer::Key(&foreign)),
        "invalid_key",
    ));
    all.push(("an access token".into(), mira.clone(), "invalid_request"));
    all.push(("nothing".into(), String::new(), "invalid_request"));
    all.push((
        "two".into(),
        format!("{} {}", sign(&good()), sign(&good())),
        "invalid_request",
    ));
    let count = all.len();
    for (name, token, word) in all {
        let answer = call(&world, &token).send().await.unwrap();
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
        assert_eq!(answer.json()["err"], word, "{name}: {}", answer.text());
        assert!(answer.json()["description"].is_string(), "{name}");
        assert_eq!(answer.field("content-language"), "en", "{name}");
    }
    still_in(&world, &mira).await;
    assert_eq!(endings(&world).await, Vec::<Value>::new());
    println!("{count} flaws of a security event");
    assert!(count > 80, "{count}");
    let answer = call(&world, &sign(&good()))
        .body("text/plain", "x")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status, 400);
    crate::support::close(world, &[mira]).await;
}

#[tokio::test]
async fn a_transmitter_with_a_secret_shows_it_beside_its_signature() {
    let ground = ending_ground().await;
    let secret = "transmitter-0123456789abcdef";
    ground
        .folder()
        .write_secret("secrets/ssf.key", &format!("{secret}\n"))
        .unwrap();
    let line = format!("      events_audience: {EVENTS_AUDIENCE}\n");
    let both = format!("{line}      events_secret_file: secrets/ssf.key\n");
    let world = ground.with(&line, &both).serve(program()).await.unwrap();
    ready(&world).await;
    let mira = token(&world, "mira@acme");
    let good = || {
        let claims = caep(&world, "session-revoked", iss_sub(&world, "mira@acme"));
        call(&world, &signed(&world.okta, "secevent+jwt", &claims))
    };
    for (name, call) in [
        ("none", good()),
        (
            "another",
            good().field("authorization", "Bearer transmitter-0123456789abcdeg"),
        ),
        (
            "shorter",
            good().field("authorization", "Bearer transmitter"),
        ),
        (
            "basic",
            good().field("authorization", &format!("Basic {secret}")),
        ),
        ("bare", good().field("authorization", secret)),
        ("twice", good().token(secret).token(secret)),
        ("a token", good().token(&mira)),
    ] {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
        assert_eq!(answer.json()["err"], "authentication_failed", "{name}");
    }
    still_in(&world, &mira).await;
    assert_eq!(good().token(secret).send().await.unwrap().status, 202);
    until_ended(&world, &mira).await;
    crate::support::close(world, &[mira, secret.to_owned()]).await;
}
