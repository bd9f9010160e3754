//! Okta's Universal Logout: who may ask for it, and what it ends.

use super::*;

fn url(world: &World) -> String {
    format!("{}/.stile/global-token-revocation", world.stile.url())
}

fn asker(world: &World) -> Map<String, Value> {
    let now = now_s();
    object(json!({
        "iss": world.okta.url(), "sub": REVOKER, "jti": fresh_uuid(), "iat": now, "nbf": now - 300,
        "exp": now + 300, "aud": format!("{}/.stile/global-token-revocation", stile_kit::world::AUDIENCE),
    }))
}

fn shown(world: &World, claims: &Map<String, Value>) -> String {
    signed(&world.okta, "global-token-revocation+jwt", claims)
}

async fn revoke(world: &World, token: &str, body: &str) -> Answer {
    let call = Call::new("POST", url(world)).token(token);
    call.body("application/json", body.to_owned())
        .send()
        .await
        .unwrap()
}

fn iss_sub(world: &World, subject: &str) -> Value {
    json!({ "sub_id": { "format": "iss_sub", "iss": world.okta.url(), "sub": subject } })
}

#[tokio::test]
async fn a_revocation_ends_everything_of_a_person_in_each_way_to_name_them() {
    let world = ending_world().await;
    for (login, body) in [
        ("a@acme", iss_sub(&world, "00u-a@acme")),
        (
            "b@acme",
            json!({ "sub_id": { "format": "email", "email": "b@acme" } }),
        ),
        (
            "c@acme",
            json!({ "sub_id": { "format": "opaque", "id": "00u-c@acme" } }),
        ),
    ] {
        let ended = [in_session(&world, login, "s-1"), token(&world, login)];
        assert_eq!(asks(&world, &ended[0]).await.status, 200);
        let answer = revoke(&world, &shown(&world, &asker(&world)), &body.to_string()).await;
        assert_eq!(answer.status, 204, "{body}: {}", answer.text());
        for token in &ended {
            assert!(until_ended(&world, token).await < BOUND);
        }
        still_in(&world, &later(&world, login)).await;
    }
    still_in(&world, &token(&world, "other@acme")).await;
    crate::support::close(world, &[]).await;
}

#[tokio::test]
async fn whoever_does_not_prove_to_be_the_client_revokes_nothing() {
    let world = ending_world().await;
    let mira = token(&world, "mira@acme");
    let body = iss_sub(&world, "mira@acme").to_string();
    let (good, now) = (asker(&world), now_s());
    let mut all: Vec<(String, String)> = Vec::new();
    for name in ["iss", "sub", "aud", "iat", "exp", "jti"] {
        all.push((
            format!("no {name}"),
            shown(&world, &with(&good, name, Value::Null)),
        ));
        let twice = doubled(&good, name);
        all.push((
            format!("{name} twice"),
            signed_text(&world.okta, "global-token-revocation+jwt", &twice),
        ));
    }
    for name in ["iss", "sub", "aud", "jti"] {
        for value in no_texts() {
            all.push((
                format!("{name} {value}"),
                shown(&world, &with(&good, name, value)),
            ));
        }
    }
    for name in ["iat", "exp", "nbf"] {
        for value in no_times() {
            all.push((
                format!("{name} {value}"),
                shown(&world, &with(&good, name, value)),
            ));
        }
    }
    for (name, value) in [
        ("iss", json!(world.gitlab.url())),
        ("sub", json!("0oaother")),
        ("sub", json!("mira@acme")),
        ("aud", json!(stile_kit::world::AUDIENCE)),
        ("aud", json!(CLIENT)),
        (
            "aud",
            json!(format!("{}/.stile/events", stile_kit::world::AUDIENCE)),
        ),
        ("iat", json!(now - 3_600)),
        ("iat", json!(now + 120)),
        ("nbf", json!(now + 120)),
        ("exp", json!(now - 120)),
        ("exp", json!(now + 86_400)),
    ] {
        all.push((
            format!("{name} {value}"),
            shown(&world, &with(&good, name, value)),
        ));
    }
    for typ in ["JWT", "logout+jwt", "secevent+jwt", "at+jwt", ""] {
        all.push((format!("typ {typ}"), signed(&world.okta, typ, &good)));
    }
    let foreign = mint::SigningKey::rs256_unlike(&world.okta.rsa()).named(&world.okta.rsa().kid);
    let mut header = mint::header(&foreign);
    header.insert("typ".to_owned(), json!("global-token-revocation+jwt"));
    all.push(("forged".into(), mint::mint_with(&header, &good, &foreign)));
    all.push(("an access token".into(), mira.clone()));
    let count = all.len();
    for (name, token) in all {
        let answer = revoke(&world, &token, &body).await;
        assert_eq!(answer.status, 401, "{name}: {}", answer.text());
        assert!(
            answer.field("www-authenticate").starts_with("Bearer"),
            "{name}"
        );
    }
    println!("{count} flaws of a request to revoke");
    for call in [
        Call::new("POST", url(&world)),
        Call::new("POST", url(&world)).field("authorization", "Basic eDp5"),
    ] {
        let answer = call
            .body("application/json", body.clone())
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status, 401, "{}", answer.text());
    }
    still_in(&world, &mira).await;
    assert_eq!(endings(&world).await, Vec::<Value>::new());
    // The one without a flaw is taken, and only once.
    let token = shown(&world, &good);
    assert_eq!(revoke(&world, &token, &body).await.status, 204);
    assert_eq!(revoke(&world, &token, &body).await.status, 401);
    until_ended(&world, &mira).await;
    crate::support::close(world, &[mira]).await;
}

#[tokio::test]
async fn a_body_that_names_nobody_is_told_how() {
    let world = ending_world().await;
    let of_gitlab =
        json!({ "sub_id": { "format": "iss_sub", "iss": world.gitlab.url(), "sub": "x" } });
    for (body, status) in [
        (String::new(), 400),
        ("{}".into(), 400),
        ("[]".into(), 400),
        ("{\"sub_id\":{},\"sub_id\":{}}".into(), 400),
        (json!({ "sub_id": "mira@acme" }).to_string(), 400),
        (json!({ "sub_id": {} }).to_string(), 400),
        (json!({ "sub_id": { "format": "email" } }).to_string(), 400),
        (
            json!({ "sub_id": { "format": "email", "email": ["a@b"] } }).to_string(),
            400,
        ),
        (
            json!({ "subject": { "format": "email", "email": "a@b" } }).to_string(),
            400,
        ),
        (of_gitlab.to_string(), 403),
        (
            json!({ "sub_id": { "format": "phone_number", "phone_number": "+1" } }).to_string(),
            422,
        ),
        (
            json!({ "sub_id": { "format": "did", "url": "did:x" } }).to_string(),
            422,
        ),
    ] {
        let answer = revoke(&world, &shown(&world, &asker(&world)), &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
    let get = Call::new("GET", url(&world)).send().await.unwrap();
    assert_eq!(get.status, 405);
    assert_eq!(endings(&world).await, Vec::<Value>::new());
    crate::support::close(world, &[]).await;
}
