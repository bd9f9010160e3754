//! What a replay foretells is what the changed set then decides.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use stile_kit::{Call, World};

use crate::support::{ask, close, program, records_of, world};

#[tokio::test]
async fn the_set_that_decided_decides_the_same_again_while_the_journal_is_in_use() {
    let world = world().await;
    for call in calls(&world) {
        ask(&world, call).await;
    }
    let output = replay(&world, &["--format", "json"]).await;
    let said = report(&output, 0);
    assert_eq!(said["replayed"], 6, "{said}");
    assert_eq!(
        (&said["same"], &said["differences"]),
        (&json!(6), &json!([]))
    );
    assert_eq!(said["not_by_policy"], 1, "the call without a token: {said}");
    assert_eq!(said["could_not_be_replayed"], json!({}));
    let table = replay(&world, &["--since", "30d"]).await;
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.starts_with("SAME 6 replayed, 6 same, 0 newly denied"),
        "{table}"
    );
    close(world, &[]).await;
}

#[tokio::test]
async fn each_difference_that_is_foretold_comes_true_and_no_other() {
    let world = world().await;
    let mut before = Vec::new();
    for call in calls(&world) {
        before.push(decided(&world, call).await);
    }
    let folder = world.stile.folder();
    let changed = folder.copy(&crate::support::policies(), "changed").unwrap();
    change(&changed);
    let output = replay(&world, &["--policies", "changed", "--format", "json"]).await;
    let foretold = report(&output, 1);

    let in_force = folder.path().join("policies");
    std::fs::remove_dir_all(&in_force).unwrap();
    std::fs::rename(&changed, &in_force).unwrap();
    world.stile.signal("HUP").unwrap();
    world
        .stile
        .waits_for("new settings are in force")
        .await
        .unwrap();
    let mut came = json!({"newly denied": 0, "newly allowed": 0, "other policy": 0});
    let mut count = |word: &str| came[word] = json!(came[word].as_u64().unwrap() + 1);
    for (call, was) in calls(&world).into_iter().zip(&before) {
        let is = decided(&world, call).await;
        match (was["decision"] == "allow", is["decision"] == "allow") {
            (true, false) => count("newly denied"),
            (false, true) => count("newly allowed"),
            _ if was.get("policies") != is.get("policies") => count("other policy"),
            _ => {}
        }
    }
    assert_eq!(
        came,
        json!({"newly denied": 1, "newly allowed": 1, "other policy": 1})
    );
    assert_eq!(foretold["newly_denied"], came["newly denied"], "{foretold}");
    assert_eq!(
        foretold["newly_allowed"], came["newly allowed"],
        "{foretold}"
    );
    assert_eq!(foretold["other_policy"], came["other policy"], "{foretold}");
    let denied = foretold["differences"].as_array().unwrap();
    let denied = denied
        .iter()
        .find(|one| one["change"] == "newly denied")
        .unwrap();
    assert_eq!(denied["was"], "allow by ci-create-in-X");
    assert_eq!(denied["would_be"], "deny");
    assert_eq!(denied["action"], "streams.create");
    close(world, &[]).await;
}

#[tokio::test]
async fn what_cannot_be_replayed_is_counted_with_its_reason() {
    let world = world().await;
    for call in calls(&world) {
        ask(&world, call).await;
    }
    let folder = world.stile.folder();
    let changed = folder.copy(&crate::support::policies(), "changed").unwrap();
    // Without the operations and what names them.
    let operations = changed.join("operations/lightstep.yaml");
    let text = std::fs::read_to_string(&operations).unwrap();
    std::fs::write(&operations, text.replace("streams.create", "streams.make")).unwrap();
    let rules = changed.join("rules/jobs.cedar");
    let text = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, text.replace("streams.create", "streams.make")).unwrap();
    std::fs::remove_dir_all(changed.join("tests")).unwrap();
    let output = replay(&world, &["--policies", "changed", "--format", "json"]).await;
    let said = report(&output, 0);
    let why = "no catalogue has the action `streams.create`";
    assert_eq!(said["could_not_be_replayed"], json!({why: 3}), "{said}");
    assert_eq!(said["replayed"], 3);

    let nowhere = replay(&world, &["--journal", "nowhere"]).await;
    assert_eq!(nowhere.status.code(), Some(2));
    let never = replay(&world, &["--since", "yesterday"]).await;
    assert_eq!(never.status.code(), Some(2));
    close(world, &[]).await;
}

/// A job on its main branch, the same on a feature branch, one of a fork, two people and a stranger.
fn calls(world: &World) -> Vec<Call> {
    let body = json!({"data": {"type": "stream",
        "attributes": {"name": "checkout errors", "query": "service IN (\"checkout\")"}}});
    let create = || {
        let call = world.api("POST", "X/streams");
        call.body("application/vnd.api+json", body.to_string())
    };
    let mira = world.person_token("mira@acme.example", &["lightstep-payments"]);
    let admin = world.person_token("sam@acme.example", &["lightstep-sre-admins"]);
    let fork = world.job_token(json!({"project_id": "99", "project_path": "kim/api"}));
    vec![
        create().token(&world.job_token(json!({}))),
        create().token(&world.feature_token()),
        create().token(&fork),
        world.api("DELETE", "X/streams/s1").token(&mira),
        world.api("DELETE", "X/streams/s1").token(&admin),
        world.api("GET", "X/streams").token(&mira),
        create(),
    ]
}

/// Makes one decision newly denied, one newly allowed and one allowed by a rule of another name.
fn change(folder: &Path) {
    let edit = |file: &str, piece: &str, other: &str| {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(piece), "{file} has no `{piece}`");
        std::fs::write(&path, text.replace(piece, other)).unwrap();
    };
    edit(
        "rules/jobs.cedar",
        "principal.ref_protected",
        "!principal.ref_protected",
    );
    edit("rules/people.cedar", "everyone-reads", "all-read");
    std::fs::remove_dir_all(folder.join("tests")).unwrap(); // they expect the set as it was
}

async fn decided(world: &World, call: Call) -> Value {
    let answer = ask(world, call).await;
    let own = records_of(world, answer.field("stile-decision"));
    own.into_iter().find(|r| r.is("decision")).unwrap().json
}

async fn replay(world: &World, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(program());
    let command = command.current_dir(world.stile.folder().path());
    let command = command
        .args(["replay", "--config", "stile.yaml"])
        .args(arguments);
    command.output().await.unwrap()
}

fn report(output: &Output, code: i32) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}
