//! The timeline: which commit reached which environment, who says so, and what changed around it.

use std::time::Duration;

use serde_json::{Value, json};
use stile_kit::claims::now_s;
use stile_kit::gitlab::{self, Run, SIGNING_KEY, Webhook};
use stile_kit::{Answer, Call, World};

use crate::support::{self, close, program};

const FIRST: &str = "77d0aa10a6d1f4c2b8e7a90b1c2d3e4f5a6b7c8d";
const SECOND: &str = "3b1c9e0a6d1f4c2b8e7a90b1c2d3e4f5a6b7c8d9";

async fn world() -> World {
    let mut ground = support::ground().await;
    let folder = ground.folder();
    folder
        .write_secret("secrets/hook.key", &format!("{SIGNING_KEY}\n"))
        .unwrap();
    ground.settings += &gitlab::settings();
    ground.serve(program()).await.unwrap()
}

async fn tell(world: &World, event: &'static str, payload: &Value) {
    let hook = Webhook::of(world.stile.url(), event, payload);
    let answer = hook.signed().send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

async fn announce(world: &World, claims: Value) -> (Answer, String) {
    let token = world.job_token(claims);
    let url = format!("{}/.stile/v1/deployments", world.stile.url());
    let call = Call::new("POST", url).token(&token);
    let call = call.body("application/json", r#"{"service":"checkout"}"#);
    (call.send().await.unwrap(), token)
}

/// A deployment of a commit by a job, announced by it and told by GitLab.
async fn deploy(world: &World, pipeline: u64, commit: &str, at: u64) -> (Run, String) {
    let run = Run::of("acme/shop/api", pipeline, commit, at);
    let job = run.jobs.last().unwrap().clone();
    let claims = json!({"sha": commit, "pipeline_id": pipeline.to_string(),
        "job_id": job.id.to_string()});
    let (answer, token) = announce(world, claims).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    tell(world, "Deployment Hook", &run.deployment(&job, "success")).await;
    (run, token)
}

/// What `stile deploys` prints, once the index has what was just recorded.
fn command(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let folder = world.stile.folder().path();
    let settings = folder.join("stile.yaml");
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(program());
        command.arg("--config").arg(&settings).args(arguments);
        command.output().unwrap()
    };
    let said = run(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        said.status.code().unwrap(),
        text(&said.stdout),
        text(&said.stderr),
    )
}

async fn listed(world: &World, count: usize) -> Vec<Value> {
    listed_until(world, count, |_| true).await
}

/// The same, once this is so: the index is a moment behind.
async fn listed_until(world: &World, count: usize, is_so: fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..300 {
        let (code, out, said) = command(world, &["--format", "json", "deploys"]);
        if code == 0 {
            let all: Vec<Value> = serde_json::from_str(&out).unwrap();
            if all.len() >= count && is_so(&all) {
                assert_eq!(all.len(), count, "{all:#?}");
                return all;
            }
        } else {
            assert_eq!(code, 3, "{said}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{count} deployments are not on the timeline");
}

#[tokio::test]
async fn a_deployment_is_one_line_with_what_ran_before_and_what_changed_around_it() {
    let world = world().await;
    let mut tokens = Vec::new();
    let at = now_s() - 100;
    let push = |commits: &[(&str, &str)], before: &str, after: &str| {
        Run::of("acme/shop/api", 1, after, at).push(before, commits)
    };
    tell(
        &world,
        "Push Hook",
        &push(&[(FIRST, "log refund id")], "0000", FIRST),
    )
    .await;
    let (_, token) = deploy(&world, 1, FIRST, at - 600).await;
    tokens.push(token);
    let machine = "retry refunds once\n\nCo-authored-by: Claude <a@b.example>";
    let second = [("c44d2100", "test refunds"), (SECOND, machine)];
    tell(&world, "Push Hook", &push(&second, FIRST, SECOND)).await;
    tell(
        &world,
        "Merge Request Hook",
        &Run::of("acme/shop/api", 2, SECOND, at).merge_request(),
    )
    .await;
    let (run, token) = deploy(&world, 2, SECOND, at - 300).await;
    let create = world.api("POST", "X/streams").token(&token);
    let body = r#"{"data":{"type":"stream","attributes":{"name":"a","query":"b"}}}"#;
    let created = create
        .body("application/vnd.api+json", body)
        .send()
        .await
        .unwrap();
    assert_eq!(created.status, 200, "{}", created.text());
    let denied = world
        .api("GET", "X/streams")
        .token(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(denied.status, 403);
    tokens.push(token);

    let all = listed_until(&world, 2, |all| all[0]["denied"] == 1).await;
    let (newest, oldest) = (&all[0], &all[1]);
    assert_eq!(oldest["commit"], FIRST);
    assert_eq!(oldest["previous"], Value::Null);
    for (member, value) in [
        ("service", json!("checkout")),
        ("environment", json!("production")),
        ("project", json!("acme/shop/api")),
        ("commit", json!(SECOND)),
        ("status", json!("deployed")),
        ("verified", json!(true)),
        ("told_by", json!(["token", "webhook"])),
        ("by", json!("dana")),
        ("title", json!("Retry refunds once")),
        ("merge_request", json!("812")),
        ("pipeline", json!("2")),
        ("job", json!(run.jobs.last().unwrap().id.to_string())),
        ("previous", json!(FIRST)),
        ("rollback", json!(false)),
        ("machines", json!(["claude"])),
        ("writes", json!(1)),
        ("denied", json!(1)),
    ] {
        assert_eq!(newest[member], value, "{member} of {newest:#}");
    }
    let between: Vec<_> = newest["commits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["id"])
        .collect();
    assert_eq!(between, [SECOND, "c44d2100"]);

    for (machine, count) in [("claude", 1), ("any", 1), ("copilot", 0)] {
        let (_, out, _) = command(
            &world,
            &["--format", "jsonl", "deploys", "--machine", machine],
        );
        assert_eq!(out.lines().count(), count, "{machine}: {out}");
    }
    let (code, table, _) = command(&world, &["deploys"]);
    assert_eq!(code, 0);
    for piece in [
        "3b1c9e0a",
        "!812 Retry refunds once",
        "2 commits",
        "token+webhook",
        "1 write, 1 denied",
        "first seen",
    ] {
        assert!(table.contains(piece), "{piece} in\n{table}");
    }
    close(world, &tokens).await;
}

#[tokio::test]
async fn a_rollback_is_recognised_and_blame_says_what_ran() {
    let world = world().await;
    let mut tokens = Vec::new();
    let at = now_s() - 100;
    for (pipeline, commit) in [(1, FIRST), (2, SECOND), (3, FIRST)] {
        tokens.push(deploy(&world, pipeline, commit, at).await.1);
        // The time of an announcement is that of its arrival.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let all = listed(&world, 3).await;
    let rollbacks: Vec<_> = all
        .iter()
        .map(|one| one["rollback"].as_bool().unwrap())
        .collect();
    assert_eq!(rollbacks, [true, false, false]);
    let (code, said, _) = command(&world, &["deploys", "blame", "checkout"]);
    assert_eq!(code, 0, "{said}");
    for piece in [
        "77d0aa10 deployed",
        "ROLLBACK from 3b1c9e0a",
        "verified",
        SECOND,
    ] {
        assert!(said.contains(piece), "{piece} in\n{said}");
    }
    let time = all[1]["time"].as_u64().unwrap();
    let then = jiff::Timestamp::from_millisecond(i64::try_from(time).unwrap() + 1).unwrap();
    let (_, said, _) = command(
        &world,
        &["deploys", "blame", "checkout", "--at", &then.to_string()],
    );
    assert!(said.contains("3b1c9e0a deployed"), "{said}");
    let (code, _, said) = command(&world, &["deploys", "blame", "search"]);
    assert_eq!(code, 1, "{said}");
    let (code, _, said) = command(&world, &["deploys", "blame", "checkout", "--at", "soon"]);
    assert_eq!(code, 2, "{said}");
    close(world, &tokens).await;
}

#[tokio::test]
async fn what_was_refused_or_failed_is_on_the_timeline_and_runs_nowhere() {
    let world = world().await;
    let at = now_s() - 100;
    let (_, first) = deploy(&world, 1, FIRST, at).await;
    let claims = json!({"sha": SECOND, "job_id": "90", "pipeline_id": "9",
        "environment": "staging", "environment_protected": "false", "deployment_tier": "staging"});
    let (answer, staging) = announce(&world, claims).await;
    assert_eq!(answer.status, 403);
    let failed = Run::of("acme/shop/api", 3, SECOND, at);
    let job = failed.jobs.last().unwrap();
    tell(&world, "Deployment Hook", &failed.deployment(job, "failed")).await;
    let all = listed(&world, 3).await;
    let found = |status: &str| all.iter().find(|one| one["status"] == status).unwrap();
    assert_eq!(found("denied")["reason"], "policy_denied");
    assert_eq!(found("denied")["decision"], answer.field("stile-decision"));
    assert_eq!(found("failed")["verified"], false);
    assert_eq!(found("failed")["told_by"], json!(["webhook"]));
    let (code, said, _) = command(&world, &["deploys", "blame", "checkout"]);
    assert_eq!(code, 0);
    assert!(said.contains("77d0aa10 deployed"), "{said}");
    close(world, &[first, staging]).await;
}

#[tokio::test]
async fn the_timeline_is_told_to_whom_a_policy_lets_see_it() {
    let world = world().await;
    let at = now_s() - 100;
    let (_, job) = deploy(&world, 1, FIRST, at).await;
    listed_until(&world, 1, |all| all[0]["status"] == "deployed").await;
    let mira = world.person_token("mira@acme.example", &["lightstep-payments"]);
    let ask = async |query: &str, token: &str| {
        let url = format!("{}/.stile/v1/deployments{query}", world.stile.url());
        support::ask(&world, Call::new("GET", url).token(token)).await
    };
    let answer = ask("", &mira).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["deployments"][0]["commit"], FIRST);
    let text = ask("?format=text", &mira).await.text();
    assert!(text.contains("checkout 77d0aa10 in production"), "{text}");
    let notes = ask("?format=grafana&service=checkout&since=1h", &mira)
        .await
        .json();
    assert_eq!(notes[0]["tags"][0], "deployment");
    assert!(notes[0]["time"].as_u64().unwrap() > at * 1000);
    let feed = ask("?format=atom", &mira).await;
    assert_eq!(
        feed.field("content-type"),
        "application/atom+xml; charset=utf-8"
    );
    let title = "<title>checkout 77d0aa10 in production</title>";
    assert!(feed.text().contains(title), "{}", feed.text());
    assert_eq!(
        ask("?service=search", &mira).await.json()["deployments"],
        json!([])
    );
    for query in [
        "?since=soon",
        "?x=1",
        "?limit=0",
        "?limit=9999",
        "?format=pdf",
        "?service=%3Cscript%3E",
        "?service=",
        "?format=html&format=json",
        "?service=a&since=1h&service=b",
        "?since",
    ] {
        let answer = ask(query, &mira).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
    let denied = ask("", &job).await;
    assert_eq!(denied.status, 403, "{}", denied.text());
    close(world, &[mira, job]).await;
}
