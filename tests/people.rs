//! People sign in, are known by their session on pages of ours, and are out again when they should be.
//!
//! A browser is played by hand here, so that each of its moves can be wrong; `callers/sign_in.rs` has a
//! real one, with a provider that is not ours.

mod browser;
mod callbacks;
mod returns;
mod sessions;

use serde_json::{Map, Value, json};
use stile_kit::world::Ground;
use stile_kit::{Answer, World};

use browser::Browser;

use crate::support::{ground, program};

/// The id that the provider gave to stile.
const CLIENT: &str = "stile-console";
const SECRET: &str = "client-secret-canary-7f";

/// A world in which people sign in with okta.
async fn laid() -> Ground {
    let ground = ground().await;
    ground
        .folder()
        .write_secret("secrets/okta-client.key", &format!("{SECRET}\n"))
        .unwrap();
    ground.with(
        "policies:\n",
        &format!(
            "people:\n  sign_in:\n    - issuer: okta\n      client_id: {CLIENT}\n      \
             client_secret_file: secrets/okta-client.key\npolicies:\n"
        ),
    )
}

pub(crate) async fn world() -> World {
    laid().await.serve(program()).await.unwrap()
}

/// What the provider says of mira when she signs in with this nonce.
fn mira(world: &World, nonce: &str) -> Map<String, Value> {
    let now = stile_kit::issuer::claims::now_s();
    let claims = json!({
        "iss": world.okta.url(), "sub": "00u-mira", "aud": CLIENT, "nonce": nonce,
        "iat": now, "exp": now + 600, "auth_time": now, "sid": "op-session-1",
        "preferred_username": "mira@acme.example", "groups": ["lightstep-payments"],
    });
    claims.as_object().unwrap().clone()
}

/// What the provider's token endpoint answers with for these claims.
fn tokens(world: &World, claims: &Map<String, Value>) -> Value {
    json!({
        "access_token": "opaque-access-canary", "token_type": "Bearer", "expires_in": 600,
        "id_token": world.okta.mint(claims),
    })
}

/// A browser that has signed in as mira.
async fn signed_in(world: &World) -> Browser {
    let mut browser = Browser::new(world);
    let begun = browser.begins("/.stile/login").await;
    world
        .okta
        .answer_tokens(200, tokens(world, &mira(world, begun.value("nonce"))));
    let answer = browser.comes_back(&begun, &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    browser
}

/// Whether the answer is of mira's own page.
#[track_caller]
fn is_of_mira(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["who"]["name"], "mira@acme.example");
}

#[track_caller]
fn is_refused(case: &str, answer: &Answer, reason: &str) {
    assert_eq!(answer.json()["reason"], reason, "{case}: {}", answer.text());
    assert!(
        !answer.field("set-cookie").contains("__Host-stile="),
        "{case} begins a session"
    );
}
