//! Records leave for others: every one, in order, whatever ends in between, and nobody waits for it.

mod away;
mod documented;
mod file;
mod foreign;
mod operator;
mod otlp;
mod receiver;
mod settings;
mod syslog;
mod tail;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use stile_kit::{Call, Ground, World};

use crate::support::{self, program};

/// A world whose records leave for this destination, in a list of YAML.
async fn leaving_for(destination: &str) -> World {
    let ground = with_destination(support::ground().await, destination);
    ground.serve(program()).await.unwrap()
}

fn with_destination(mut ground: Ground, destination: &str) -> Ground {
    ground.settings += "leave:\n";
    ground.settings += destination;
    ground
}

fn otlp(url: &str) -> String {
    format!("  - {{ name: siem, kind: otlp, url: {url}/v1/logs, timeout: 2s }}\n")
}

/// So many requests of a job, each second one of a branch that may not.
async fn ask_times(world: &World, times: usize) {
    let tokens = [world.job_token(json!({})), world.feature_token()];
    for at in 0..times {
        let body = json!({"data": {"type": "stream", "attributes": {"name": "n", "query": "q"}}});
        let call = world.api("POST", "X/streams").token(&tokens[at % 2]);
        let call = call.body("application/vnd.api+json", body.to_string());
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status.as_u16(), [200, 403][at % 2], "{answer:?}");
    }
}

/// The name of each record of a journal, in order.
fn uids(journal: &Path) -> Vec<String> {
    let records = stile::record::read(journal).unwrap();
    let uid = |record: stile::record::Record| {
        let json: Value = serde_json::from_slice(&record.payload).unwrap();
        format!("{}/{}", json["log"].as_str().unwrap(), record.seq)
    };
    records.map(|record| uid(record.unwrap())).collect()
}

/// A line of the metrics page, as a number; 0 where it is not there.
async fn metric(admin: &str, line: &str) -> f64 {
    let page = Call::new("GET", format!("{admin}/metrics"));
    let page = page.send().await.unwrap().text();
    let found = page.lines().find_map(|l| l.strip_prefix(line));
    found.map_or(0.0, |rest| rest.trim().parse().unwrap())
}

async fn readiness(world: &World) -> Value {
    let ready = Call::new("GET", format!("{}/readyz", world.stile.admin));
    ready.send().await.unwrap().json()["leaving"][0].clone()
}

/// Looks until it holds, for as long as a test has patience.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}

/// Waits until nothing is behind.
async fn until_all_left(world: &World) {
    until("all has left", async || {
        let state = readiness(world).await;
        state["behind"] == 0 && state["fault"].is_null()
    })
    .await;
}
