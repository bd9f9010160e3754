//! What a job may say of its deployment, and what it cannot.

use serde_json::{Value, json};
use stile_kit::{Answer, Call, World};

use crate::support::{close, records, world};

async fn deploy(world: &World, token: &str, body: &Value) -> Answer {
    let url = format!("{}/.stile/v1/deployments", world.stile.url());
    let call = Call::new("POST", url).token(token);
    let call = call.body("application/json", body.to_string());
    call.send().await.unwrap()
}

/// The one span that arrived since.
fn arrived(world: &World, before: usize) -> Value {
    let seen = world.upstream.seen_since(before);
    assert_eq!(seen.len(), 1, "{seen:?}");
    let body: Value = serde_json::from_slice(&seen[0].body).unwrap();
    body["resourceSpans"][0].clone()
}

fn attribute<'v>(of: &'v Value, name: &str) -> &'v str {
    let all = of["attributes"].as_array().unwrap();
    let found = all.iter().find(|one| one["key"] == name);
    let found = found.unwrap_or_else(|| panic!("no {name} in {of}"));
    found["value"]["stringValue"].as_str().unwrap()
}

#[tokio::test]
async fn what_is_said_of_a_deployment_agrees_with_the_token_or_is_refused() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let sha = world.job()["sha"].as_str().unwrap().to_owned();
    let whole = json!({"service": "checkout", "commit": sha, "version": &sha[..8],
        "environment": "production", "tier": "production",
        "links": [{"name": "runbook", "url": "https://wiki.acme.example/checkout"}]});
    let answer = deploy(&world, &token, &whole).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let span = arrived(&world, 0);
    for (name, value) in [
        ("service.name", "checkout"),
        ("service.version", sha.as_str()),
        ("vcs.ref.head.revision", sha.as_str()),
        ("deployment.environment.name", "production"),
    ] {
        assert_eq!(attribute(&span["resource"], name), value);
    }
    let span = &span["scopeSpans"][0]["spans"][0];
    assert_eq!(
        attribute(span, "stile.links"),
        "runbook https://wiki.acme.example/checkout"
    );

    let before = world.upstream.seen().len();
    let other = "0".repeat(40);
    for (field, said) in [
        ("commit", json!(other)),
        ("commit", json!(&sha[..8])),
        ("commit", json!(sha.to_uppercase())),
        ("commit", json!("")),
        ("version", json!(other)),
        ("version", json!(&sha[..6])),
        ("version", json!("main")),
        ("version", json!("v1.0")),
        ("environment", json!("staging")),
        ("environment", json!("Production")),
        ("tier", json!("testing")),
    ] {
        let mut body = whole.clone();
        body[field] = said.clone();
        let answer = deploy(&world, &token, &body).await;
        assert_eq!(answer.status, 403, "{field} {said}: {}", answer.text());
        assert!(answer.text().contains("provenance_mismatch"));
        assert!(
            answer.text().contains(&format!("`{field}`")),
            "{}",
            answer.text()
        );
    }
    assert_eq!(world.upstream.seen().len(), before, "nothing was sent");
    close(world, &[token]).await;
}

#[tokio::test]
async fn the_tag_of_a_tags_job_is_a_version_and_the_name_of_a_branch_is_none() {
    let world = world().await;
    let tag = world.job_token(json!({"ref_type": "tag", "ref": "v1.2.3",
        "sub": "project_path:acme/shop/api:ref_type:tag:ref:v1.2.3"}));
    let body = json!({"service": "checkout", "version": "v1.2.3"});
    let answer = deploy(&world, &tag, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let branch = world.job_token(json!({}));
    let body = json!({"service": "checkout", "version": "main"});
    assert_eq!(deploy(&world, &branch, &body).await.status, 403);
    close(world, &[tag, branch]).await;
}

#[tokio::test]
async fn a_body_that_two_readers_could_take_differently_is_refused() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let url = format!("{}/.stile/v1/deployments", world.stile.url());
    let send = async |body: &str| {
        let call = Call::new("POST", url.clone()).token(&token);
        call.body("application/json", body.to_owned())
            .send()
            .await
            .unwrap()
    };
    assert_eq!(send(r#"{"service":"checkout"}"#).await.status, 200);
    let before = world.upstream.seen().len();
    for body in [
        "",
        "[]",
        "{}",
        r#"{"service":""}"#,
        r#"{"service":7}"#,
        r#"{"service":"a b"}"#,
        r#"{"service":"a\nb"}"#,
        r#"{"service":"checkout","service":"search"}"#,
        r#"{"service":"checkout","\u0073ervice":"search"}"#,
        r#"{"service":"checkout","Service":"search"}"#,
        r#"{"service":"checkout","sha":"1"}"#,
        r#"{"service":"checkout"} {"service":"search"}"#,
        r#"{"service":"checkout","links":[{"name":"x","url":"javascript:alert(1)"}]}"#,
        r#"{"service":"checkout","links":[{"name":"x","url":"https://a b"}]}"#,
        "\u{feff}{\"service\":\"checkout\"}",
    ] {
        let answer = send(body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert!(answer.text().contains("malformed_request"), "{body}");
    }
    let long =
        json!({"service": "checkout", "links": [{"name": "x".repeat(70_000), "url": "https://a"}]});
    assert_eq!(send(&long.to_string()).await.status, 413);
    let call = Call::new("POST", url.clone()).token(&token);
    let call = call.body("application/json", r#"{"service":"checkout"}"#);
    let encoded = call.field("content-encoding", "gzip").send().await.unwrap();
    assert_eq!(encoded.status, 400, "{}", encoded.text());
    assert_eq!(world.upstream.seen().len(), before, "nothing was sent");
    close(world, std::slice::from_ref(&token)).await;
}

#[tokio::test]
async fn a_deployment_that_is_posted_again_arrives_once() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let checkout = json!({"service": "checkout"});
    for _ in 0..3 {
        let answer = deploy(&world, &token, &checkout).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let first = arrived(&world, 0)["scopeSpans"][0]["spans"][0].clone();
    let another = world.job_token(json!({"job_id": "4712"}));
    let before = world.upstream.seen().len();
    assert_eq!(deploy(&world, &another, &checkout).await.status, 200);
    let second = arrived(&world, before)["scopeSpans"][0]["spans"][0].clone();
    assert_ne!(
        first["spanId"], second["spanId"],
        "another job, another deployment"
    );
    assert_eq!(first["traceId"], second["traceId"], "of one pipeline");

    close(world, &[token, another]).await;
}

#[tokio::test]
async fn each_post_is_recorded_with_its_service() {
    let world = world().await;
    let token = world.job_token(json!({}));
    for _ in 0..2 {
        deploy(&world, &token, &json!({"service": "checkout"})).await;
    }
    let refused = deploy(
        &world,
        &token,
        &json!({"service": "checkout", "tier": "other"}),
    )
    .await;
    assert_eq!(refused.status, 403);
    let journal = world.stile.journal();
    let mut looks = 0;
    let all = loop {
        let all = records(&journal);
        if all.iter().filter(|one| one.is("outcome")).count() == 3 {
            break all;
        }
        looks += 1;
        assert!(looks < 500, "no third outcome");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let decided = all.iter().find(|one| one.is("decision")).unwrap();
    assert_eq!(
        decided.json["resource"],
        json!(["Deployment", "checkout", null])
    );
    let outcomes = all.iter().filter(|one| one.is("outcome"));
    let ends: Vec<_> = outcomes
        .map(|one| (one.word("end"), &one.json["reason"]))
        .collect();
    let refused = json!("provenance_mismatch");
    let expected = [
        ("complete", &Value::Null),
        ("not_forwarded", &Value::Null),
        ("not_forwarded", &refused),
    ];
    assert_eq!(ends, expected);
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_policy_may_ask_which_service_is_deployed() {
    let ground = crate::support::ground().await;
    let rule = "\n@id(\"checkout-is-theirs\")\n@deny(\"only acme/pay deploys checkout\")\n@fix(\"ask them\")\n\
        forbid (principal, action == Action::\"deployments.create\", resource == \
        Deployment::\"/checkout\") unless { principal in Group::\"acme/pay\" };\n";
    let file = ground
        .folder()
        .path()
        .join("policies/guardrails/jobs.cedar");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + rule).unwrap();
    std::fs::remove_dir_all(ground.folder().path().join("policies/tests")).unwrap();
    let world = ground.serve(crate::support::program()).await.unwrap();
    let token = world.job_token(json!({}));
    let search = deploy(&world, &token, &json!({"service": "search"})).await;
    assert_eq!(search.status, 200, "{}", search.text());
    let checkout = deploy(&world, &token, &json!({"service": "checkout"})).await;
    assert_eq!(checkout.status, 403, "{}", checkout.text());
    assert!(checkout.text().contains("checkout-is-theirs"));
    close(world, &[token]).await;
}
