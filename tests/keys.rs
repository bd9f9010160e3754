//! Keys of issuers through the real program: seen, blocked, fetched anew, from files, in an outage.

mod blocking;
mod commands;
mod doctor;
mod files;
mod outage;

use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stile_kit::{Answer, Call, Ground, World};

use crate::support::{ground, program};

/// A ground whose settings name a list of blocked keys, which is empty.
async fn blocking_ground() -> Ground {
    let ground = ground().await;
    ground.folder().write(LIST, "[]\n").unwrap();
    let piece = "admin:\n  address: 127.0.0.1:0\n";
    ground.with(piece, &format!("{piece}keys:\n  blocked_file: {LIST}\n"))
}

const LIST: &str = "blocked-keys.yaml";

/// Any request of this token that policies would allow a job of `main`.
async fn asks(world: &World, token: &str) -> Answer {
    let body = json!({"data": {"type": "stream",
        "attributes": {"name": "checkout errors", "query": "service IN (\"checkout\")"}}});
    let call = world.api("POST", "X/streams").token(token);
    let call = call.body("application/vnd.api+json", body.to_string());
    call.send().await.unwrap()
}

/// Asks until the answer has this status; how long that took.
async fn until(world: &World, token: &str, status: u16) -> Duration {
    let begun = Instant::now();
    loop {
        let answer = asks(world, token).await;
        if answer.status == status {
            return begun.elapsed();
        }
        let text = answer.text();
        assert!(begun.elapsed() < PATIENCE, "never {status}: {text}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What the admin listener says at this path.
async fn admin(world: &World, path: &str) -> Answer {
    let url = format!("{}{path}", world.stile.admin);
    Call::new("GET", url).send().await.unwrap()
}

/// How readiness tells of one issuer's keys.
async fn readiness(world: &World, issuer: &str) -> Value {
    let page = admin(world, "/readyz").await.json();
    let keys = page["keys"].as_array().unwrap();
    let found = keys.iter().find(|keys| keys["issuer"] == issuer);
    found.unwrap().clone()
}

/// Runs a command of stile with the settings of the world.
async fn command(world: &World, words: &[&str]) -> (i32, String, String) {
    let settings = world.stile.folder().path().join("stile.yaml");
    run(&settings, words).await
}

async fn run(settings: &std::path::Path, words: &[&str]) -> (i32, String, String) {
    let mut command = tokio::process::Command::new(program());
    command.arg("--config").arg(settings).args(words);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// Every event of this kind in the journal.
fn events(world: &World, event: &str) -> Vec<Value> {
    crate::support::records(&world.stile.journal())
        .into_iter()
        .filter(|record| record.word("event") == event)
        .map(|record| record.json["detail"].clone())
        .collect()
}

/// Waits until the journal has an event of this kind that holds.
async fn event(world: &World, event: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        if let Some(found) = events(world, event).into_iter().find(|found| holds(found)) {
            return found;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "no {event}: {:?}",
            events(world, event)
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
