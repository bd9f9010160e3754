//! A team edits its own dashboards, by their labels, and nobody else's by any spelling.

use serde_json::{Value, json};
use stile_kit::{Answer, Call, World};

use crate::support::{ask, close, program, records_of, world};

mod documented;
mod spellings;

/// Makes a dashboard with these labels behind stile's back and returns its id.
async fn made(world: &World, labels: Value) -> String {
    let url = format!(
        "{}/public/v0.2/acme/projects/X/metric_dashboards",
        world.upstream.url()
    );
    let key = format!("bearer {}", stile_kit::upstream::API_KEY);
    let call = Call::new("POST", url)
        .field("authorization", &key)
        .body("application/json", dashboard(labels, "made"));
    let answer = call.send().await.unwrap();
    answer.json()["data"]["id"].as_str().unwrap().to_owned()
}

fn of(team: &str) -> Value {
    json!([{"key": "team", "value": team}])
}

fn dashboard(labels: Value, name: &str) -> String {
    json!({"data": {"type": "dashboard", "attributes": {"name": name, "labels": labels}}})
        .to_string()
}

fn mira(world: &World) -> String {
    world.person_token("mira@acme", &["lightstep-payments"])
}

async fn put(world: &World, id: &str, labels: Value) -> Answer {
    let call = world.api("PUT", &format!("X/metric_dashboards/{id}"));
    let call = call
        .token(&mira(world))
        .body("application/json", dashboard(labels, "changed"));
    ask(world, call).await
}

/// What was asked of the upstream since, but for stile's own reads.
fn changes(world: &World, since: usize) -> Vec<String> {
    let seen = world.upstream.seen_since(since);
    let changes = seen.iter().filter(|seen| seen.method != "GET");
    changes
        .map(|seen| format!("{} {}", seen.method, seen.target))
        .collect()
}

fn inputs(world: &World, answer: &Answer) -> Value {
    let records = records_of(world, answer.field("stile-decision"));
    records[0].json["inputs"]["seen"].clone()
}

#[tokio::test]
async fn a_team_edits_its_own_dashboard_by_its_label() {
    let world = world().await;
    let id = made(&world, of("payments")).await;
    let answer = put(&world, &id, of("payments")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = inputs(&world, &answer);
    assert_eq!(seen["found"], "label");
    assert_eq!(seen["team"], "payments");
    assert_eq!(seen["would_be"], json!({"team": "payments"}));
    assert_eq!(seen["digest"].as_str().map(str::len), Some(64));
    let sent = world.upstream.seen();
    let sent = sent.last().unwrap();
    assert_eq!(sent.body, dashboard(of("payments"), "changed").as_bytes());
}

#[tokio::test]
async fn a_team_creates_what_would_be_its_own_and_nothing_else() {
    let world = world().await;
    for (labels, status) in [
        (of("payments"), 200),
        (of("search"), 403),
        (of("nobody-knows"), 403),
        (json!([]), 403),
    ] {
        let call = world
            .api("POST", "X/metric_dashboards")
            .token(&mira(&world));
        let call = call.body("application/json", dashboard(labels.clone(), "new"));
        let before = world.upstream.seen().len();
        let answer = ask(&world, call).await;
        assert_eq!(answer.status, status, "{labels}: {}", answer.text());
        assert_eq!(
            changes(&world, before).len(),
            usize::from(status == 200),
            "{labels}"
        );
    }
}

#[tokio::test]
async fn what_is_another_teams_or_nobodys_is_not_changed() {
    let world = world().await;
    for labels in [
        of("search"),
        json!([]),
        json!([{"key": "Team", "value": "payments"}]),
    ] {
        let id = made(&world, labels.clone()).await;
        let before = world.upstream.seen().len();
        let answer = put(&world, &id, of("payments")).await;
        assert_eq!(answer.status, 403, "{labels}: {}", answer.text());
        assert_eq!(answer.json()["reason"], "policy_denied");
        assert_eq!(changes(&world, before), [""; 0], "{labels}");
    }
}

#[tokio::test]
async fn what_is_ones_own_is_not_given_away_or_left_without_an_owner() {
    let world = world().await;
    let id = made(&world, of("payments")).await;
    for labels in [
        of("search"),
        json!([]),
        Value::Null,
        json!([{"key": "team", "value": "PAYMENTS"}]),
    ] {
        let before = world.upstream.seen().len();
        let answer = put(&world, &id, labels.clone()).await;
        assert_eq!(answer.status, 403, "{labels}: {}", answer.text());
        assert_eq!(inputs(&world, &answer)["team"], "payments");
        assert_eq!(changes(&world, before), [""; 0], "{labels}");
    }
}

#[tokio::test]
async fn what_the_directory_lists_is_not_taken_over_by_a_label() {
    let world = world().await;
    let before = world.upstream.seen().len();
    let answer = put(&world, "search-latency", of("payments")).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(inputs(&world, &answer)["found"], "directory");
    assert_eq!(
        world.upstream.seen_since(before).len(),
        0,
        "nothing was read"
    );
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_nobodys() {
    let world = world().await;
    let answer = put(&world, "no-such-dashboard", of("payments")).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(inputs(&world, &answer)["found"], "missing");
}

#[tokio::test]
async fn nothing_is_read_for_whom_no_rule_asks_for_the_owner() {
    let world = world().await;
    let id = made(&world, of("payments")).await;
    let before = world.upstream.seen().len();
    let token = world.person_token("sam@acme", &["lightstep-search"]);
    let call = world
        .api("PUT", &format!("X/metric_dashboards/{id}"))
        .token(&token);
    let call = call.body("application/json", dashboard(of("search"), "taken"));
    let answer = ask(&world, call).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(world.upstream.seen_since(before).len(), 0);
    assert_eq!(inputs(&world, &answer), Value::Null);
}

#[tokio::test]
async fn reads_share_what_was_seen_until_a_change() {
    let world = world().await;
    let id = made(&world, of("payments")).await;
    let path = format!("X/metric_dashboards/{id}");
    let read = async || {
        let before = world.upstream.seen().len();
        let answer = ask(&world, world.api("GET", &path).token(&mira(&world))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        world.upstream.seen_since(before).len()
    };
    assert_eq!(read().await, 2, "one to decide, one to answer");
    assert_eq!(read().await, 1, "kept");
    assert_eq!(put(&world, &id, of("payments")).await.status, 200);
    assert_eq!(read().await, 2, "forgotten");
}

#[tokio::test]
async fn a_replay_asks_with_what_was_seen() {
    let world = world().await;
    let id = made(&world, of("payments")).await;
    for (labels, status) in [
        (of("payments"), 200),
        (of("search"), 403),
        (of("payments"), 200),
    ] {
        assert_eq!(put(&world, &id, labels).await.status, status);
    }
    let output = std::process::Command::new(program())
        .current_dir(world.stile.folder().path())
        .args(["replay", "--config", "stile.yaml", "--format", "json"])
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&said["replayed"], &said["same"]),
        (&json!(3), &json!(3)),
        "{said}"
    );
    close(world, &[]).await;
}
