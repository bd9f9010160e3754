//! What breaks a claim is no figure of speech: as a token and a request it gets through the serving
//! program, and with the shipped policies it does not.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use stile_kit::issuer::claims;
use stile_kit::world::{AUDIENCE, Ground};
use stile_kit::{Call, World};

use super::broken::{HOLES, Hole, refutation, site_with};
use super::prove;
use crate::callers::solver;
use crate::support::{close, program, records_of};

/// The claims broken by facts that a token of the world can carry now: no hours, no break-glass.
fn servable() -> impl Iterator<Item = &'static Hole> {
    let by_the_clock = ["contractors-only-in-office-hours"];
    let of_another_issuer = ["agents-only-read"];
    HOLES
        .iter()
        .filter(move |(name, ..)| !by_the_clock.contains(name) && !of_another_issuer.contains(name))
}

/// The claims of a token with these facts.
fn token(world: &World, facts: &Value) -> String {
    let text = |name: &str| facts[name].as_str().map(str::to_owned);
    if facts["kind"] == "person" {
        let groups: Vec<&str> = facts["groups"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut person = claims::okta_person(
            world.okta.url(),
            AUDIENCE,
            &text("name").unwrap_or_else(|| "mira@acme.example".to_owned()),
            &groups,
        );
        if facts["mfa"] != true {
            claims::put(&mut person, json!({"amr": ["pwd"]}));
        }
        return world.okta.mint(&person);
    }
    let (repository, id) = (text("repository").unwrap(), text("repository_id").unwrap());
    let mut job: Map<String, Value> =
        claims::gitlab_job_of(world.gitlab.url(), AUDIENCE, &repository, &id);
    let git_ref = text("git_ref").unwrap();
    claims::put(
        &mut job,
        json!({
            "ref": git_ref,
            "ref_path": format!("refs/heads/{git_ref}"),
            "ref_protected": (facts["ref_protected"] == true).to_string(),
            "pipeline_source": text("pipeline_source").unwrap(),
            "sub": format!("project_path:{repository}:ref_type:branch:ref:{git_ref}"),
        }),
    );
    if let Some(group) = text("namespace_id") {
        claims::put(&mut job, json!({"namespace_id": group}));
    }
    match text("environment") {
        None => claims::without_environment(&mut job),
        Some(environment) => claims::put(
            &mut job,
            json!({
                "environment": environment,
                "environment_protected": (facts["environment_protected"] == true).to_string(),
                "deployment_tier": text("deployment_tier").unwrap_or("other".to_owned()),
            }),
        ),
    }
    if facts["from_fork"] == true {
        claims::put(
            &mut job,
            json!({"job_project_id": "941", "job_project_path": "mallory/api",
                   "job_namespace_id": "808", "job_namespace_path": "mallory"}),
        );
    }
    world.gitlab.mint(&job)
}

/// What the serving program decides with these policies, by which of them, and how many requests
/// the upstream then saw.
async fn served(policies: &Path, refutation: &Value) -> (String, Value, usize) {
    let ground = Ground::lay(policies).await.unwrap();
    let world = ground.serve(program()).await.unwrap();
    let token = token(&world, &refutation["facts"]);
    let request = refutation["request"].as_str().unwrap();
    let (method, path) = request.split_once(' ').unwrap();
    let call = Call::new(method, format!("{}{path}", world.stile.url()));
    let answer = call
        .token(&token)
        .body("application/json", r#"{"service":"api"}"#)
        .send()
        .await
        .unwrap();
    let decision = answer.field("stile-decision").to_owned();
    let record = records_of(&world, &decision).remove(0);
    let decided = record.word("decision").to_owned();
    let reached = world.upstream.seen().len();
    let said = (decided, record.json["policies"].clone(), reached);
    close(world, &[token]).await;
    said
}

#[tokio::test]
async fn what_breaks_a_claim_gets_through_as_a_token_and_a_request() {
    for hole in servable() {
        let site = site_with(hole);
        let Some(solver) = solver(&site.path("")) else {
            return;
        };
        let words = [hole.0, "--format", "json"];
        let found = refutation(&prove(&site, Some(&solver), &words));
        if !found["ticket"].is_null() {
            continue; // no request carries a ticket yet
        }
        // Cases notice the holes too, and would keep the set from being served.
        fs::remove_dir_all(site.path("policies/tests")).unwrap();
        let (decided, by, reached) = served(&site.path("policies"), &found).await;
        let by = (decided.as_str(), &by, reached);
        assert_eq!(by, ("allow", &found["allowed_by"], 1), "{found}");
        let (decided, _, reached) = served(Path::new("policies"), &found).await;
        assert_eq!((decided.as_str(), reached), ("deny", 0), "{found}");
    }
}
