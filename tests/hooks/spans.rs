//! What the telemetry learns of pipelines and deployments.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;
use stile_kit::gitlab::Webhook;
use stile_kit::upstream::{INGEST_KEY, Script};
use stile_kit::{Call, World};

use super::{COMMIT, run, send, world};
use crate::support::{close, program};

/// A span as a receiver of OTLP has it, with the texts of its resource.
struct Received {
    span: Span,
    resource: BTreeMap<String, String>,
}

impl Received {
    fn text(&self, name: &str) -> String {
        texts(&self.span.attributes)
            .remove(name)
            .unwrap_or_default()
    }
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |one: &KeyValue| match one.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some((one.key.clone(), text.clone())),
        _ => None,
    };
    attributes.iter().filter_map(text).collect()
}

/// Every span that arrived, decoded as a receiver decodes it; each request carried our key.
fn received(world: &World) -> Vec<Received> {
    let mut all = Vec::new();
    for seen in world.upstream.seen() {
        assert_eq!(seen.target, "/v1/traces");
        assert_eq!(seen.values("lightstep-access-token"), [INGEST_KEY]);
        let request: ExportTraceServiceRequest = serde_json::from_slice(&seen.body).unwrap();
        for one in request.resource_spans {
            let resource = texts(&one.resource.unwrap().attributes);
            for span in one.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let resource = resource.clone();
                all.push(Received { span, resource });
            }
        }
    }
    all
}

async fn wait_for(world: &World, count: usize) -> Vec<Received> {
    for _ in 0..1_000 {
        let all = received(world);
        if all.len() >= count {
            // What would come too much, comes now.
            tokio::time::sleep(Duration::from_millis(900)).await;
            let all = received(world);
            assert_eq!(all.len(), count, "{:?}", names(&all));
            return all;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!(
        "{count} spans did not arrive, but {:?}",
        names(&received(world))
    );
}

fn names(all: &[Received]) -> Vec<&str> {
    all.iter().map(|one| one.span.name.as_str()).collect()
}

fn named<'r>(all: &'r [Received], name: &str) -> &'r Received {
    let found: Vec<_> = all.iter().filter(|one| one.span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {:?}", names(all));
    found[0]
}

#[tokio::test]
async fn a_pipeline_is_a_trace_of_stages_and_jobs() {
    let world = world().await;
    let mut run = run(574);
    run.jobs[2].status = "failed";
    send(&world, "Pipeline Hook", &run.pipeline("running")).await;
    send(&world, "Pipeline Hook", &run.pipeline("failed")).await;
    let all = wait_for(&world, 1 + 3 + 4).await;
    let root = named(&all, "RUN acme/shop/api");
    assert!(root.span.parent_span_id.is_empty());
    assert_eq!(root.span.start_time_unix_nano, run.at * 1_000_000_000);
    assert_eq!(root.span.end_time_unix_nano, (run.at + 70) * 1_000_000_000);
    assert_eq!(root.span.status.as_ref().unwrap().code, 2);
    assert_eq!(root.text("cicd.pipeline.result"), "failure");
    assert_eq!(root.text("vcs.change.id"), "812");
    assert_eq!(root.text("vcs.change.title"), "Retry refunds once");
    assert!(
        root.text("cicd.pipeline.run.url.full")
            .ends_with("/-/pipelines/574")
    );
    for one in &all {
        assert_eq!(one.span.trace_id, root.span.trace_id);
        for (name, value) in [
            ("service.name", "acme/shop/api"),
            ("vcs.repository.name", "api"),
            ("vcs.owner.name", "acme/shop"),
            ("vcs.ref.head.name", "main"),
            ("vcs.ref.head.revision", COMMIT),
            ("cicd.pipeline.run.id", "574"),
            ("vcs.provider.name", "gitlab"),
        ] {
            assert_eq!(one.resource[name], value);
        }
        assert!(
            !one.resource.contains_key("service.version"),
            "a pipeline is no deployment"
        );
    }
    for (stage, jobs, status) in [
        ("build", &["compile"][..], 1),
        ("test", &["unit", "lint"], 2),
        ("deploy", &["production"], 1),
    ] {
        let stage = named(&all, &format!("stage {stage}"));
        assert_eq!(stage.span.parent_span_id, root.span.span_id);
        assert_eq!(stage.span.status.as_ref().unwrap().code, status);
        for job in jobs {
            let told = run.jobs.iter().find(|one| one.name == *job).unwrap();
            let job = named(&all, &format!("RUN {job}"));
            assert_eq!(job.span.parent_span_id, stage.span.span_id);
            assert_eq!(job.text("cicd.pipeline.task.run.id"), told.id.to_string());
            let begins = (run.at + told.after) * 1_000_000_000;
            assert_eq!(job.span.start_time_unix_nano, begins);
            assert_eq!(
                job.span.end_time_unix_nano,
                begins + told.takes * 1_000_000_000
            );
            assert!(stage.span.start_time_unix_nano <= begins);
        }
    }
    assert_eq!(
        named(&all, "RUN lint").text("cicd.pipeline.task.run.result"),
        "failure"
    );
    close(world, &[]).await;
}

#[tokio::test]
async fn what_is_told_twice_late_and_in_any_order_is_sent_once() {
    let world = world().await;
    let run = run(574);
    let deploy = run.jobs.last().unwrap().clone();
    let pipeline = ("Pipeline Hook", run.pipeline("success"));
    let mut told = vec![
        pipeline.clone(),
        ("Deployment Hook", run.deployment(&deploy, "success")),
    ];
    told.push(("Deployment Hook", run.deployment(&deploy, "running")));
    for job in run.jobs.iter().rev() {
        told.push(("Job Hook", run.job(job, "success")));
        told.push(("Job Hook", run.job(job, "running")));
    }
    told.push(pipeline);
    told.push(("Deployment Hook", run.deployment(&deploy, "success")));
    let mut retried = run.clone();
    (retried.jobs[1].id, retried.jobs[1].after) = (9_001, 200);
    told.push(("Pipeline Hook", retried.pipeline("success")));
    for (event, payload) in &told {
        send(&world, event, payload).await;
    }
    // The root, three stages, four jobs, the deployment; the retried job and the second end.
    let all = wait_for(&world, 11).await;
    let deployment = named(&all, "deployment");
    assert_eq!(deployment.resource["service.name"], "checkout");
    assert_eq!(deployment.resource["service.version"], COMMIT);
    assert_eq!(
        deployment.resource["deployment.environment.name"],
        "production"
    );
    let end = named(&all, "END acme/shop/api").span.end_time_unix_nano;
    assert_eq!(end, (run.at + 220) * 1_000_000_000);
    let job = named(&all, "RUN production");
    assert_eq!(deployment.span.parent_span_id, job.span.span_id);
    assert_eq!(deployment.span.trace_id, job.span.trace_id);
    let root = named(&all, "RUN acme/shop/api");
    assert_eq!(
        named(&all, "END acme/shop/api").span.parent_span_id,
        root.span.span_id
    );
    close(world, &[]).await;
}

#[tokio::test]
async fn a_deployment_that_its_job_announced_is_not_sent_for_the_webhook_again() {
    let world = world().await;
    let mut run = run(574);
    let deploy = run.jobs.last_mut().unwrap();
    deploy.id = 302;
    let deploy = deploy.clone();
    let token = world.job_token(json!({}));
    let url = format!("{}/.stile/v1/deployments", world.stile.url());
    let call = Call::new("POST", url).token(&token);
    let call = call.body("application/json", r#"{"service":"checkout"}"#);
    assert_eq!(call.send().await.unwrap().status, 200);
    send(&world, "Job Hook", &run.job(&deploy, "success")).await;
    send(
        &world,
        "Deployment Hook",
        &run.deployment(&deploy, "success"),
    )
    .await;
    let all = wait_for(&world, 2).await;
    let (job, deployment) = (named(&all, "RUN production"), named(&all, "deployment"));
    assert_eq!(deployment.span.parent_span_id, job.span.span_id);
    assert_eq!(
        deployment.span.trace_id, job.span.trace_id,
        "one trace, whoever told of it"
    );
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_failed_deployment_is_told_and_changes_no_version() {
    let world = world().await;
    let run = run(574);
    let deploy = run.jobs.last().unwrap();
    send(&world, "Deployment Hook", &run.deployment(deploy, "failed")).await;
    send(
        &world,
        "Deployment Hook",
        &run.deployment(deploy, "canceled"),
    )
    .await;
    let all = wait_for(&world, 1).await;
    assert_eq!(all[0].text("deployment.status"), "failed");
    assert_eq!(all[0].span.status.as_ref().unwrap().code, 2);
    assert!(!all[0].resource.contains_key("service.version"));
    close(world, &[]).await;
}

/// Every webhook is answered while the upstream is away, stile is killed in between, and all of it
/// arrives in order when the upstream is back.
#[tokio::test]
async fn nothing_is_lost_or_doubled_when_the_upstream_is_away_and_stile_is_killed() {
    let world = world().await;
    let first = run(1);
    send(&world, "Pipeline Hook", &first.pipeline("success")).await;
    wait_for(&world, 8).await;
    world.upstream.script(Script::Refuse).await;
    for pipeline in 2..=20 {
        send(&world, "Pipeline Hook", &run(pipeline).pipeline("success")).await;
    }
    let world = world.killed(program(), |_| {}).await.unwrap();
    let again = Webhook::of(
        world.stile.url(),
        "Pipeline Hook",
        &run(20).pipeline("success"),
    );
    assert_eq!(again.signed().send().await.unwrap().status, 200);
    for pipeline in 21..=40 {
        send(&world, "Pipeline Hook", &run(pipeline).pipeline("success")).await;
    }
    world.upstream.script(Script::Well).await;
    let all = wait_for(&world, 40 * 8).await;
    let roots = all
        .iter()
        .filter(|one| one.span.name == "RUN acme/shop/api");
    let order: Vec<_> = roots
        .map(|one| one.resource["cicd.pipeline.run.id"].clone())
        .collect();
    let expected: Vec<_> = (1..=40).map(|id| id.to_string()).collect();
    assert_eq!(order, expected);
    close(world, &[]).await;
}
