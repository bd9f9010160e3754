//! The scenes: who asks what, and what must come of it.

use std::io;

use serde_json::{Value, json};

use super::story::Story;
use crate::caller::{Answer, Call};
use crate::issuer::claims;
use crate::upstream::{API_KEY, INGEST_KEY};
use crate::world::{AUDIENCE, World};

/// A member of team payments.
pub(super) const MIRA: &str = "mira@acme.example";
/// The Okta group that is team payments.
pub(super) const PAYMENTS: &str = "lightstep-payments";
const CONTRACTORS: &str = "lightstep-contractors";

/// Plays them in order.
pub(super) async fn play(world: &World, story: &mut Story) -> io::Result<()> {
    jobs(world, story).await?;
    deployments(world, story).await?;
    people(world, story).await?;
    others(world, story).await?;
    upstream(world, story);
    Ok(())
}

async fn jobs(world: &World, story: &mut Story) -> io::Result<()> {
    story.scene("A pipeline on main creates a stream");
    story.asks(
        "job acme/shop/api on main (protected)",
        "POST .../projects/X/streams",
    );
    story.allowed(&stream(world, &world.job_token(json!({}))).await?);

    story.scene("The same pipeline on a feature branch");
    story.denied(
        &stream(world, &world.feature_token()).await?,
        &["protected", "feat/x"],
    );

    story.scene("A merge request, first from a fork, then from a branch of the project");
    let fork = world.job_token(json!({"project_id": "99", "project_path": "kim/api",
        "namespace_path": "kim", "pipeline_source": "merge_request_event"}));
    story.denied(&stream(world, &fork).await?, &["no-fork-or-mr-tokens"]);
    let request = world.job_token(json!({"pipeline_source": "merge_request_event"}));
    story.denied(&stream(world, &request).await?, &["no-fork-or-mr-tokens"]);
    Ok(())
}

async fn deployments(world: &World, story: &mut Story) -> io::Result<()> {
    story.scene("A staging job posts a deployment, then a production job does");
    let deploy = |token: String| {
        Call::new(
            "POST",
            format!("{}/.stile/v1/deployments", world.stile.url()),
        )
        .token(&token)
        .body("application/json", r#"{"service":"checkout"}"#)
        .send()
    };
    let staging = world.job_token(json!({"environment": "staging",
        "environment_protected": "false", "deployment_tier": "staging"}));
    story.denied(
        &deploy(staging).await?,
        &["deployments-prod-only", "production"],
    );
    let before = world.upstream.seen().len();
    story.allowed(&deploy(world.job_token(json!({}))).await?);
    let sha = world
        .job()
        .get("sha")
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_owned();
    let arrived = world
        .upstream
        .seen_since(before)
        .iter()
        .any(|seen| seen.mentions(&sha));
    story.holds(
        &format!("the span names commit {}, read from the token", short(&sha)),
        arrived,
    );
    Ok(())
}

async fn people(world: &World, story: &mut Story) -> io::Result<()> {
    story.scene("Mira of team payments edits her dashboard, then one of team search");
    let mira = world.person_token(MIRA, &[PAYMENTS]);
    story.allowed(&edit(world, &mira, "checkout-latency").await?);
    story.denied(&edit(world, &mira, "search-latency").await?, &["own"]);

    story.scene("A contractor without a second factor");
    let mut contractor = claims::okta_person(
        world.okta.url(),
        AUDIENCE,
        "lee@agency.example",
        &[CONTRACTORS],
    );
    claims::put(&mut contractor, json!({"amr": ["pwd"]}));
    let read = world.api("GET", "X/metric_dashboards/checkout-latency");
    story.denied(
        &read.token(&world.okta.mint(&contractor)).send().await?,
        &["contractors-office-hours-mfa"],
    );
    Ok(())
}

async fn others(world: &World, story: &mut Story) -> io::Result<()> {
    story.scene("An AI agent acting for Mira reads, then tries to write");
    let agent = claims::okta_agent(world.okta.url(), AUDIENCE, "agent-7", MIRA, &[PAYMENTS]);
    let agent = world.okta.mint(&agent);
    let read = world.api("GET", "X/metric_dashboards/checkout-latency");
    story.allowed(&read.token(&agent).send().await?);
    story.denied(
        &edit(world, &agent, "checkout-latency").await?,
        &["agents-read-only"],
    );
    Ok(())
}

fn upstream(world: &World, story: &mut Story) {
    story.scene("What reached the upstream: our key, never a caller's token");
    let seen = world.upstream.seen();
    let keyed = seen
        .iter()
        .all(|s| s.mentions(API_KEY) || s.mentions(INGEST_KEY));
    let tokens = seen.iter().any(|s| s.mentions("eyJ"));
    story.holds(
        &format!("{0} of {0} forwarded requests carried our key", seen.len()),
        keyed,
    );
    story.holds("none carried a token", !tokens);
    story.holds("the denied ones never left", seen.len() == 4);
}

async fn stream(world: &World, token: &str) -> io::Result<Answer> {
    let body = json!({"data": {"type": "stream", "attributes": {"name": "checkout errors",
        "query": "service IN (\"checkout\") AND \"error\" IN (\"true\")"}}});
    let call = world.api("POST", "X/streams").token(token);
    call.body("application/vnd.api+json", body.to_string())
        .send()
        .await
}

async fn edit(world: &World, token: &str, dashboard: &str) -> io::Result<Answer> {
    let body = json!({"data": {"type": "dashboard", "id": dashboard,
        "attributes": {"name": "latency, by region"}}});
    let call = world
        .api("PUT", &format!("X/metric_dashboards/{dashboard}"))
        .token(token);
    call.body("application/vnd.api+json", body.to_string())
        .send()
        .await
}

fn short(sha: &str) -> &str {
    sha.get(..7).unwrap_or(sha)
}
