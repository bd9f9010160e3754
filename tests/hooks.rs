//! GitLab tells what happened: who is believed, what is kept, and what the telemetry learns of it.

mod believed;
mod spans;

use serde_json::Value;
use stile_kit::gitlab::{self, Run, SIGNING_KEY, Webhook};
use stile_kit::{Answer, Ground, World};

use crate::support::{self, Recorded, program, records};

async fn ground() -> Ground {
    let mut ground = support::ground().await;
    let folder = ground.folder();
    folder
        .write_secret("secrets/hook.key", &format!("{SIGNING_KEY}\n"))
        .unwrap();
    ground.settings += &gitlab::settings();
    ground
}

async fn world() -> World {
    ground().await.serve(program()).await.unwrap()
}

const COMMIT: &str = "3b1c9e0a6d1f4c2b8e7a90b1c2d3e4f5a6b7c8d9";

fn run(pipeline: u64) -> Run {
    Run::of("acme/shop/api", pipeline, COMMIT, 1_795_434_000)
}

async fn send(world: &World, event: &'static str, payload: &Value) -> Answer {
    let hook = Webhook::of(world.stile.url(), event, payload);
    let answer = hook.signed().send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

/// The events that GitLab's webhooks left in the journal.
fn told(world: &World) -> Vec<Recorded> {
    let all = records(&world.stile.journal()).into_iter();
    all.filter(|one| one.word("event").starts_with("gitlab."))
        .collect()
}
