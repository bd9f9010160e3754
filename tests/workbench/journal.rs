//! What `stile explain` and `stile suggest` make of a journal that the real program wrote.

use std::path::Path;

use serde_json::{Value, json};
use stile_kit::World;

use crate::support::{ask, close, ground, program, records_of, world};

const STREAMS: &str = "X/streams";

async fn asks(world: &World, method: &str, path: &str, token: &str) -> (u16, String) {
    let call = world.api(method, path).token(token);
    let call = match method {
        "POST" => call.body("application/vnd.api+json", "{}".to_owned()),
        _ => call,
    };
    let answer = ask(world, call).await;
    let decision = answer.field("stile-decision").to_owned();
    (answer.status.as_u16(), decision)
}

async fn stile(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let mut command = tokio::process::Command::new(program());
    command
        .args(words)
        .arg("--config")
        .arg(folder.join("stile.yaml"));
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test]
async fn a_deny_is_explained_from_its_record_check_by_check() {
    let world = world().await;
    let token = world.feature_token();
    let (status, id) = asks(&world, "POST", STREAMS, &token).await;
    assert_eq!(status, 403);
    let folder = world.stile.folder().path().to_owned();
    let (exit, out, err) = stile(&folder, &["explain", &id]).await;
    assert_eq!((exit, err.as_str()), (1, ""), "{out}");
    assert!(out.starts_with("DENY streams.create\n"), "{out}");
    assert!(
        out.contains("nearest rule  ci-create-in-X (rules/jobs.cedar:"),
        "{out}"
    );
    assert!(out.contains("  ✓ resource in project X"), "{out}");
    assert!(out.contains("  ✗ branch is protected"), "{out}");
    assert!(
        out.contains("ways to \"allow\"\n  1  run the job on a protected branch or tag\n"),
        "{out}"
    );

    let (exit, json, _) = stile(&folder, &["explain", &id, "--format", "json"]).await;
    let document: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (exit, &document["then"], &document["decision"]),
        (1, &"deny".into(), &"deny".into())
    );
    let recorded = &records_of(&world, &id)[0];
    assert_eq!(document["then_policy_set"], recorded.json["policy_set"]);
    assert_eq!(document["facts"]["subject"], recorded.json["subject"]);
    close(world, &[token]).await;
}

#[tokio::test]
async fn the_binding_for_a_deny_is_the_smallest_and_its_case_passes_where_it_is_put() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let path = format!("{STREAMS}/s1");
    let (status, id) = asks(&world, "GET", &path, &token).await;
    assert_eq!(status, 403);
    let folder = world.stile.folder().path().to_owned();
    let words = ["explain", &id, "--emit-binding", "--format", "json"];
    let (exit, json, err) = stile(&folder, &words).await;
    assert_eq!(exit, 0, "{json}{err}");
    let proposal: Value = serde_json::from_str(&json).unwrap();
    let text = |name: &str| proposal[name].as_str().unwrap().to_owned();
    assert!(
        text("bindings.yaml").contains("  ci: acme/shop/api\n"),
        "{json}"
    );
    assert_eq!(text("roles.yaml"), "streams-read: [streams.read]\n");

    // As a person would put it in force.
    let policies = folder.join("policies");
    let append = |name: &str, more: &str| {
        let before = std::fs::read_to_string(policies.join(name)).unwrap_or_default();
        std::fs::write(policies.join(name), format!("{before}\n{more}")).unwrap();
    };
    append("bindings.yaml", &text("bindings.yaml"));
    append("roles.yaml", &text("roles.yaml"));
    append("tests/proposed.yaml", &text("tests"));
    let (exit, out, err) = stile(&folder, &["explain", &id]).await;
    assert_eq!(exit, 0, "{out}{err}");
    assert!(out.contains("now      ANOTHER ANSWER by set "), "{out}");
    assert!(
        out.contains(&format!("ALLOW streams.read by {}", text("name"))),
        "{out}"
    );
    close(world, &[token]).await;
}

#[tokio::test]
async fn what_no_binding_can_allow_is_said_so() {
    let world = world().await;
    let fork = world.job_token(json!({"project_id": "99", "project_path": "kim/api"}));
    let (_, id) = asks(&world, "POST", STREAMS, &fork).await;
    let folder = world.stile.folder().path().to_owned();
    let (exit, out, _) = stile(&folder, &["explain", &id, "--emit-binding"]).await;
    assert_eq!(exit, 1, "{out}");
    assert!(
        out.starts_with("NO BINDING no binding can allow this"),
        "{out}"
    );
    let (exit, _, err) = stile(
        &folder,
        &["explain", "019a1b2c-3d4e-7f50-8a6b-9c0d1e2f3a4b"],
    )
    .await;
    assert_eq!(exit, 2, "{err}");
    assert!(err.contains("has no decision 019a1b2c"), "{err}");
    let (_, id) = asks(&world, "POST", STREAMS, "no.valid.token").await;
    let (exit, out, _) = stile(&folder, &["explain", &id]).await;
    assert_eq!(exit, 1, "{out}");
    assert!(out.starts_with("REFUSED malformed_token: "), "{out}");
    close(world, &[fork]).await;
}

#[tokio::test]
async fn what_was_not_used_is_proposed_for_removal_and_what_was_done_as_one_binding() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let (status, _) = asks(&world, "POST", STREAMS, &token).await;
    assert_eq!(status, 200);
    let folder = world.stile.folder().path().to_owned();
    let (exit, out, err) = stile(&folder, &["suggest", "--format", "csv"]).await;
    assert_eq!(exit, 0, "{out}{err}");
    assert!(out.contains("payments-edit-own,bindings.yaml:"), "{out}");
    assert!(err.contains("covers 0 whole days only, not 90"), "{err}");

    let (exit, out, err) = stile(&folder, &["suggest", "--for", "acme/shop/api"]).await;
    assert_eq!(exit, 0, "{out}{err}");
    assert!(
        out.contains("  ci: acme/shop/api\n") && out.contains("  on: X\n"),
        "{out}"
    );
    assert!(out.contains("streams-create: [streams.create]\n"), "{out}");
    assert!(err.contains("loaded and judged again: allowed"), "{err}");
    let (exit, _, err) = stile(&folder, &["suggest", "--for", "acme/shop/ape"]).await;
    assert_eq!(exit, 2, "{err}");
    close(world, &[token]).await;
}

#[tokio::test]
async fn told_tersely_a_caller_reads_one_sentence_and_the_operator_all_checks() {
    let ground = ground()
        .await
        .with("policies:\n", "policies:\n  explain: terse\n");
    let world = ground.serve(program()).await.unwrap();
    let token = world.feature_token();
    let call = world.api("POST", STREAMS).token(&token);
    let answer = ask(&world, call).await;
    assert_eq!(answer.status, 403);
    let body = answer.json();
    assert!(
        body["detail"]
            .as_str()
            .unwrap()
            .contains("branch is protected"),
        "{body}"
    );
    for member in ["checks", "nearest_rule", "fix", "policy"] {
        assert!(body[member].is_null(), "{body}");
    }
    let folder = world.stile.folder().path().to_owned();
    let id = answer.field("stile-decision").to_owned();
    let (_, out, _) = stile(&folder, &["explain", &id]).await;
    assert!(out.contains("  ✗ branch is protected"), "{out}");
    close(world, &[token]).await;
}
