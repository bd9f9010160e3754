//! Teams follow the provider's directory: each request of the providers, and what becomes of access.

mod dialects;
mod hostile;
mod many;
mod replicas;
mod rule;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stile_kit::{Answer, Call, Ground, World};

use crate::support::{self, Recorded, program, records};

const TOKEN: &str = "scim-token-of-okta-0123456789abcdef";
const OTHER_TOKEN: &str = "scim-token-of-gitlab-0123456789abcdef";
const MEDIA: &str = "application/scim+json";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A ground whose Okta keeps a directory; `more` are further lines about people.
async fn ground(more: &str) -> Ground {
    let mut ground = support::ground().await;
    let folder = ground.folder();
    for (file, token) in [("scim.key", TOKEN), ("other.key", OTHER_TOKEN)] {
        let file = format!("secrets/{file}");
        folder.write_secret(&file, &format!("{token}\n")).unwrap();
    }
    ground.settings += &format!(
        "people:\n  scim:\n    - issuer: okta\n      token_file: secrets/scim.key\n{more}"
    );
    ground
}

async fn world() -> World {
    let world = ground("").await.serve(program()).await.unwrap();
    ready(&world).await;
    world
}

/// Waits until it has read what is known of people.
async fn ready(world: &World) {
    let token = world.person_token("nobody@acme", &[]);
    until(world, &token, 403).await;
}

/// Asks for what administrators may; the status.
async fn asks(world: &World, token: &str) -> Answer {
    let body = json!({"data": {"type": "stream", "attributes": {"name": "n", "query": "q"}}});
    let call = world.api("POST", "X/streams").token(token);
    let call = call.body("application/vnd.api+json", body.to_string());
    call.send().await.unwrap()
}

/// Asks until that is answered; how long it took.
async fn until(world: &World, token: &str, status: u16) -> Duration {
    let began = Instant::now();
    loop {
        let answer = asks(world, token).await;
        if answer.status == status {
            if status == 401 {
                assert_eq!(answer.json()["reason"], "ended", "{}", answer.text());
            }
            return began.elapsed();
        }
        let waited = began.elapsed();
        assert!(
            waited < PATIENCE,
            "{} and not {status}: {}",
            answer.status,
            answer.text()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn call(world: &World, method: &str, path: &str) -> Call {
    let url = format!("{}/.stile/scim/v2{path}", world.stile.url());
    Call::new(method, url)
}

/// What Okta is answered.
async fn scim(world: &World, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let mut call = call(world, method, path).token(TOKEN);
    if let Some(body) = body {
        call = call.body(MEDIA, body.to_string());
    }
    let answer = call.send().await.unwrap();
    assert!(
        !answer.field("stile-record").is_empty(),
        "{}",
        answer.text()
    );
    answer
}

/// Makes a user; its id.
async fn user(world: &World, name: &str, external: &str) -> String {
    let body = json!({"schemas": [USER], "userName": name, "externalId": external});
    made(scim(world, "POST", "/Users", Some(&body)).await)
}

/// Makes a group of these members; its id.
async fn group(world: &World, name: &str, members: &[&str]) -> String {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    let body = json!({"schemas": [GROUP], "displayName": name, "members": members});
    made(scim(world, "POST", "/Groups", Some(&body)).await)
}

fn made(answer: Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn patch(operations: Value) -> Value {
    json!({"schemas": [PATCH], "Operations": operations})
}

/// The events that the directory left in the journal.
fn told(world: &World) -> Vec<Recorded> {
    let all = records(&world.stile.journal()).into_iter();
    all.filter(|one| one.word("event").starts_with("directory."))
        .collect()
}

const PATIENCE: Duration = Duration::from_secs(20);
