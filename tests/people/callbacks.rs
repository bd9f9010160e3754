//! What comes back from the provider: each thing that can be wrong with it begins no session.

use serde_json::{Map, Value, json};
use stile_kit::issuer::claims::now_s;
use stile_kit::mint::{self, SigningKey};

use super::browser::{Browser, callback};
use super::*;
use crate::support::{close, records};

#[tokio::test]
async fn a_person_signs_in_and_is_known_by_the_session_on_pages_of_ours_alone() {
    let world = world().await;
    let mut browser = Browser::new(&world);
    is_refused("without", &browser.me().await, "no_credential");
    let begun = browser.begins("/.stile/login?return_to=/.stile/me").await;
    assert!(
        begun
            .url
            .starts_with(&format!("{}/oauth/authorize?", world.okta.url()))
    );
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", "https://stile.example.com/.stile/callback"),
        ("scope", "openid profile email groups"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(begun.value(name), value, "{name}");
    }
    let claims = mira(&world, begun.value("nonce"));
    world.okta.answer_tokens(200, tokens(&world, &claims));
    let answer = browser.comes_back(&begun, &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.field("location"), "/.stile/me");
    is_of_mira(&browser.me().await);

    // The code was asked for by who began, and by nobody else.
    let posted = world.okta.posted().pop().unwrap();
    let form: Vec<(String, String)> = form_urlencoded::parse(posted.as_bytes())
        .into_owned()
        .collect();
    let said = |name: &str| &form.iter().find(|(key, _)| key == name).unwrap().1;
    assert_eq!(said("code"), "code-canary-1");
    assert_eq!(said("grant_type"), "authorization_code");
    let verifier = mint::sha256(said("code_verifier").as_bytes());
    assert_eq!(mint::b64(verifier), begun.value("code_challenge"));

    // An API behind is not called with a session, whatever the page.
    let path = "/public/v0.2/acme/projects/X/streams";
    is_refused("an API", &browser.asks("GET", path).await, "no_credential");

    let records = records(&world.stile.journal());
    let own = |path: &str| {
        let found = records
            .iter()
            .find(|one| one.json["path"] == path && one.json["decision"] == "own");
        found.unwrap_or_else(|| panic!("no record of {path}"))
    };
    assert_eq!(own("/.stile/callback").word("cred"), "session");
    assert_eq!(own("/.stile/me").word("cred"), "session");
    let secrets = [
        "code-canary-1".to_owned(),
        SECRET.to_owned(),
        "opaque-access-canary".to_owned(),
        browser.session().to_owned(),
        begun.value("state").to_owned(),
        begun.value("nonce").to_owned(),
        said("code_verifier").clone(),
        world.okta.mint(&claims),
    ];
    close(world, &secrets).await;
}

#[tokio::test]
async fn what_does_not_belong_to_the_sign_in_that_this_browser_began_begins_no_session() {
    let world = world().await;
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("no state", &[("state", "")]),
        ("another state", &[("state", "x")]),
        ("no code", &[("code", "")]),
        ("another issuer", &[("iss", "https://evil.example")]),
        ("an error", &[("code", ""), ("error", "access_denied")]),
        ("an error and a code", &[("error", "access_denied")]),
        (
            "an attack",
            &[("code", ""), ("error", "<script>alert(1)</script>")],
        ),
    ];
    for (case, changes) in cases {
        let mut browser = Browser::new(&world);
        let begun = browser.begins("/.stile/login").await;
        let good = tokens(&world, &mira(&world, begun.value("nonce")));
        world.okta.answer_tokens(200, good);
        let answer = browser.comes_back(&begun, changes).await;
        is_refused(case, &answer, "login_failed");
        assert_eq!(answer.status, 400, "{case}");
        assert!(!answer.text().contains("<script>"), "{case}");
        is_refused(case, &browser.me().await, "no_credential");
    }
    // Each parameter twice, in the same and in another spelling.
    for twice in ["state", "code", "iss", "%73tate", "c%6fde"] {
        let mut browser = Browser::new(&world);
        let begun = browser.begins("/.stile/login").await;
        let path = format!(
            "{}&iss={}&{twice}=x",
            callback(&begun, &[]),
            world.okta.url()
        );
        is_refused(twice, &browser.asks("GET", &path).await, "login_failed");
    }
    // Another browser has no sign-in under way, and a second one has another.
    let mut one = Browser::new(&world);
    let begun = one.begins("/.stile/login").await;
    let good = tokens(&world, &mira(&world, begun.value("nonce")));
    world.okta.answer_tokens(200, good);
    let mut other = Browser::new(&world);
    is_refused(
        "another browser",
        &other.comes_back(&begun, &[]).await,
        "login_failed",
    );
    other.begins("/.stile/login").await;
    is_refused(
        "login CSRF",
        &other.comes_back(&begun, &[]).await,
        "login_failed",
    );
    // It counts once: the cookie is gone with the answer.
    assert_eq!(one.comes_back(&begun, &[]).await.status, 303);
    let mut again = one.clone();
    again.cookies.remove("__Host-stile");
    is_refused(
        "again",
        &again.comes_back(&begun, &[]).await,
        "login_failed",
    );
    close(world, &[]).await;
}

#[tokio::test]
async fn a_sign_in_that_is_kept_by_the_browser_cannot_be_changed_by_it() {
    let world = world().await;
    let mut browser = Browser::new(&world);
    let begun = browser.begins("/.stile/login").await;
    let good = tokens(&world, &mira(&world, begun.value("nonce")));
    world.okta.answer_tokens(200, good);
    let kept = browser.cookies["__Host-stile-login"].clone();
    let letters: Vec<char> = kept.chars().collect();
    for place in (0..letters.len()).step_by(7) {
        let mut changed = letters.clone();
        changed[place] = if changed[place] == 'A' { 'B' } else { 'A' };
        let changed: String = changed.into_iter().collect();
        browser
            .cookies
            .insert("__Host-stile-login".to_owned(), changed);
        let answer = browser.comes_back(&begun, &[]).await;
        is_refused(&format!("letter {place}"), &answer, "login_failed");
    }
    for cut in [
        "",
        "A",
        &kept[..kept.len() - 1],
        &kept[1..],
        &"A".repeat(9_000),
    ] {
        browser
            .cookies
            .insert("__Host-stile-login".to_owned(), cut.to_owned());
        is_refused(cut, &browser.comes_back(&begun, &[]).await, "login_failed");
    }
    browser
        .cookies
        .insert("__Host-stile-login".to_owned(), kept);
    assert_eq!(browser.comes_back(&begun, &[]).await.status, 303);
    close(world, &[]).await;
}

/// An ID token with one thing changed.
type Change = fn(&mut Map<String, Value>);

#[tokio::test]
async fn an_id_token_with_one_thing_wrong_begins_no_session() {
    let world = world().await;
    let cases: &[(&str, Change)] = &[
        ("no nonce", |c| drop(c.remove("nonce"))),
        ("another nonce", |c| {
            drop(c.insert("nonce".into(), json!("x")))
        }),
        ("a nonce that is no text", |c| {
            drop(c.insert("nonce".into(), json!(["x"])))
        }),
        ("another issuer", |c| {
            drop(c.insert("iss".into(), json!("https://evil.example")))
        }),
        ("no issuer", |c| drop(c.remove("iss"))),
        ("another audience", |c| {
            drop(c.insert("aud".into(), json!("another")))
        }),
        ("our audience for APIs", |c| {
            drop(c.insert("aud".into(), json!(stile_kit::world::AUDIENCE)));
        }),
        ("two audiences", |c| {
            drop(c.insert("aud".into(), json!([CLIENT, "another"])))
        }),
        ("no audience", |c| drop(c.remove("aud"))),
        ("no subject", |c| drop(c.remove("sub"))),
        ("an empty subject", |c| {
            drop(c.insert("sub".into(), json!("")))
        }),
        ("an old one", |c| {
            drop(c.insert("iat".into(), json!(now_s() - 7200)));
            drop(c.insert("exp".into(), json!(now_s() - 3600)));
        }),
        ("one of tomorrow", |c| {
            drop(c.insert("iat".into(), json!(now_s() + 86_400)))
        }),
        ("one without end", |c| drop(c.remove("exp"))),
        ("an end that is a text", |c| {
            drop(c.insert("exp".into(), json!("never")))
        }),
        ("groups that are no list", |c| {
            drop(c.insert("groups".into(), json!({"a": 1})))
        }),
        ("groups left out", |c| {
            c.insert("_claim_names".into(), json!({"groups": "src1"}));
        }),
        ("a logout token", |c| {
            let event = "http://schemas.openid.net/event/backchannel-logout";
            c.insert("events".into(), json!({event: {}}));
        }),
        ("another access token's hash", |c| {
            drop(c.insert("at_hash".into(), json!("AAAAAAAAAAAAAAAAAAAAAA")))
        }),
    ];
    let mut unreadable = Vec::new();
    for (case, change) in cases {
        let mut browser = Browser::new(&world);
        let begun = browser.begins("/.stile/login").await;
        let mut claims = mira(&world, begun.value("nonce"));
        change(&mut claims);
        world.okta.answer_tokens(200, tokens(&world, &claims));
        let answer = browser.comes_back(&begun, &[]).await;
        match answer.status.as_u16() {
            400 | 401 => {}
            503 => unreadable.push(*case),
            _ => panic!("{case}: {}", answer.text()),
        }
        assert!(browser.session().is_empty(), "{case}");
    }
    // What is no ID token by its types is an answer that cannot be read, and nothing else is.
    let of_wrong_types = [
        "a nonce that is no text",
        "no issuer",
        "no subject",
        "one without end",
        "an end that is a text",
    ];
    assert_eq!(unreadable, of_wrong_types);
    close(world, &[]).await;
}

#[tokio::test]
async fn an_id_token_that_its_provider_did_not_sign_begins_no_session() {
    let world = world().await;
    let forged = |claims: &Map<String, Value>| -> Vec<(&'static str, String)> {
        let own = world.okta.rsa();
        let mut foreign = SigningKey::rs256_unlike(&own);
        let unknown = world
            .okta
            .mint_with(&mint::header(&foreign), claims, &foreign);
        foreign.kid.clone_from(&own.kid);
        let stolen_id = world
            .okta
            .mint_with(&mint::header(&foreign), claims, &foreign);
        let none = json!({"alg": "none", "typ": "JWT"}).to_string();
        let none = mint::compose(
            none,
            serde_json::to_string(claims).unwrap(),
            mint::Signer::Fixed(b""),
        );
        let mut header = mint::header(&own);
        header.insert("typ".to_owned(), json!("logout+jwt"));
        let of_another_type = world.okta.mint_with(&header, claims, &own);
        let by_another = world.gitlab.mint(claims);
        vec![
            ("an unknown key", unknown),
            ("a key that borrows an id", stolen_id),
            ("no signature", none),
            ("a type of another use", of_another_type),
            ("another issuer's key", by_another),
            ("no token", "not-a-token".to_owned()),
            ("nothing", String::new()),
        ]
    };
    let count = forged(&Map::new()).len();
    for number in 0..count {
        let mut browser = Browser::new(&world);
        let begun = browser.begins("/.stile/login").await;
        let claims = mira(&world, begun.value("nonce"));
        let (case, id_token) = forged(&claims).swap_remove(number);
        let mut answer = tokens(&world, &claims);
        answer["id_token"] = json!(id_token);
        world.okta.answer_tokens(200, answer);
        let answer = browser.comes_back(&begun, &[]).await;
        assert!(
            matches!(answer.status.as_u16(), 400 | 401 | 503),
            "{case}: {}",
            answer.text()
        );
        assert!(browser.session().is_empty(), "{case}");
    }
    close(world, &[]).await;
}

#[tokio::test]
async fn a_provider_that_answers_badly_begins_no_session_and_is_told_apart() {
    let world = world().await;
    for (status, body, reason) in [
        (400, json!({"error": "invalid_grant"}), "login_failed"),
        (401, json!({"error": "invalid_client"}), "login_failed"),
        (500, json!({}), "idp_unavailable"),
        (200, json!({}), "idp_unavailable"),
        (200, json!("text"), "idp_unavailable"),
        (
            200,
            json!({"access_token": "a", "token_type": "Bearer"}),
            "login_failed",
        ),
    ] {
        let mut browser = Browser::new(&world);
        let begun = browser.begins("/.stile/login").await;
        world.okta.answer_tokens(status, body.clone());
        let answer = browser.comes_back(&begun, &[]).await;
        is_refused(&body.to_string(), &answer, reason);
        assert!(browser.session().is_empty());
    }
    close(world, &[]).await;
}
