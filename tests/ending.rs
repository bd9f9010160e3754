//! Who was ended is refused within a second: told by providers, told by operators, obeyed by all.

mod away;
mod events;
mod logout;
mod operator;
mod provider;
mod replicas;
mod revocation;
mod streams;

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use stile_kit::issuer::{Issuer, claims};
use stile_kit::mint::{self, fresh_uuid};
use stile_kit::{Answer, Call, Ground, World};

use crate::support::{ground, program, records};

/// The client's id at the provider: whom logout tokens are for.
const CLIENT: &str = "0oastile";
/// Whom security events are for.
const EVENTS_AUDIENCE: &str = "https://stile.example.com/.stile/events";
/// Who may revoke.
const REVOKER: &str = "0oarevoker";

/// A ground whose Okta may end what it gave, in each of the three ways.
async fn ending_ground() -> Ground {
    let mut ground = ground().await;
    ground.settings += &format!(
        "people:\n  ended_by:\n    - issuer: okta\n      logout_audience: {CLIENT}\n      \
         events_audience: {EVENTS_AUDIENCE}\n      revocation_client: {REVOKER}\n"
    );
    ground
}

async fn ending_world() -> World {
    let world = ending_ground().await.serve(program()).await.unwrap();
    ready(&world).await;
    world
}

/// Waits until it has read who is ended.
async fn ready(world: &World) {
    let begun = Instant::now();
    loop {
        let url = format!("{}/readyz", world.stile.admin);
        let page = Call::new("GET", url).send().await.unwrap();
        if page.json()["settings"]["people_unread"].is_null()
            && asks(world, &token(world, "first@acme")).await.status == 200
        {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "never ready: {}", page.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A person's token that belongs to a session of this name.
fn in_session(world: &World, login: &str, sid: &str) -> String {
    person(world, login, json!({ "sid": sid }))
}

/// A person's token that names no session.
fn token(world: &World, login: &str) -> String {
    person(world, login, json!({}))
}

fn person(world: &World, login: &str, changes: Value) -> String {
    let url = world.okta.url();
    let groups = ["lightstep-payments"];
    let mut claims = claims::okta_person(url, stile_kit::world::AUDIENCE, login, &groups);
    // Each has an id of its own there.
    claims::put(&mut claims, json!({ "uid": format!("00u-{login}") }));
    claims::put(&mut claims, changes);
    world.okta.mint(&claims)
}

/// The token of somebody who signs in after now: of the second after the next.
fn later(world: &World, login: &str) -> String {
    let now = now_s();
    person(world, login, json!({ "iat": now + 3, "exp": now + 600 }))
}

fn now_s() -> u64 {
    stile::clock::Clock::machine().now().as_secs()
}

/// Whether a request of this token is let in, as 200. It asks for what is not there: that is told to
/// nobody who is refused, and waits for no upstream and no index.
async fn asks(world: &World, token: &str) -> Answer {
    let call = world.api("GET", "X/nothing").token(token);
    let mut answer = call.send().await.unwrap();
    if answer.json()["reason"] == "no_operation" {
        answer.status = http::StatusCode::OK;
    }
    answer
}

/// Asks until it is refused as ended; how long that took.
async fn until_ended(world: &World, token: &str) -> Duration {
    let begun = Instant::now();
    loop {
        let answer = asks(world, token).await;
        if answer.status == 401 {
            assert_eq!(answer.json()["reason"], "ended", "{}", answer.text());
            let challenge = answer.field("www-authenticate");
            assert!(challenge.contains("invalid_token"), "{challenge}");
            return begun.elapsed();
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(begun.elapsed() < PATIENCE, "never ended");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for longer than an ending takes, then asks.
async fn still_in(world: &World, token: &str) {
    tokio::time::sleep(Duration::from_millis(600)).await;
    let answer = asks(world, token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A notice of this type.
fn signed(issuer: &Issuer, typ: &str, claims: &Map<String, Value>) -> String {
    let mut header = mint::header(&issuer.rsa());
    header.insert("typ".to_owned(), json!(typ));
    issuer.mint_with(&header, claims, &issuer.rsa())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

/// The same with a member changed, or taken out where it is null.
fn with(claims: &Map<String, Value>, name: &str, value: Value) -> Map<String, Value> {
    let mut changed = claims.clone();
    if value.is_null() {
        changed.remove(name);
    } else {
        changed.insert(name.to_owned(), value);
    }
    changed
}

/// The claims with one of them there twice.
fn doubled(claims: &Map<String, Value>, name: &str) -> String {
    let text = serde_json::to_string(claims).unwrap();
    format!("{{\"{name}\":{},{}", claims[name], &text[1..])
}

/// Signs exactly this text as a notice.
fn signed_text(issuer: &Issuer, typ: &str, payload: &str) -> String {
    let mut header = mint::header(&issuer.rsa());
    header.insert("typ".to_owned(), json!(typ));
    let header = serde_json::to_string(&header).unwrap();
    mint::compose(header, payload, mint::Signer::Key(&issuer.rsa()))
}

/// Values that are no text.
fn no_texts() -> Vec<Value> {
    vec![
        json!(true),
        json!(0),
        json!(1.5),
        json!(""),
        json!([]),
        json!(["x"]),
        json!({}),
        json!({ "x": 1 }),
    ]
}

/// Values that are no time.
fn no_times() -> Vec<Value> {
    vec![
        json!(true),
        json!(""),
        json!("1795434000"),
        json!([]),
        json!({}),
        json!(1e300),
        json!(-1e300),
    ]
}

/// The events of one kind in the journal.
fn noted(world: &World, event: &str) -> Vec<Value> {
    let all = records(&world.stile.journal()).into_iter();
    all.filter(|one| one.word("event") == event)
        .map(|one| one.json)
        .collect()
}

/// Runs a command of stile with the settings of the world.
async fn command(world: &World, words: &[&str]) -> (i32, String, String) {
    let settings = world.stile.folder().path().join("stile.yaml");
    let mut command = tokio::process::Command::new(program());
    command.arg("--config").arg(settings).args(words);
    let output = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

/// Who is ended, as the command lists it.
async fn endings(world: &World) -> Vec<Value> {
    let (code, out, said) = command(world, &["--format", "json", "sessions", "endings"]).await;
    assert_eq!(code, 0, "{said}");
    serde_json::from_str::<Value>(&out)
        .unwrap()
        .as_array()
        .unwrap()
        .clone()
}

const PATIENCE: Duration = Duration::from_secs(10);
/// Within which an ending is obeyed.
const BOUND: Duration = Duration::from_secs(1);
