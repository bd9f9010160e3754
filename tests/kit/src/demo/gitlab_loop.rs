//! The tenth scene: GitLab tells of the pipeline, and the timeline says what it did.

use std::io;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Stage;
use super::story::Story;
use crate::gitlab::{Run, Webhook};
use crate::world::World;

pub(super) async fn play(world: &World, stage: &Stage, story: &mut Story) -> io::Result<()> {
    story.scene("GitLab tells of that pipeline by signed webhooks");
    let claims = world.job();
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or("");
    let pipeline = claim("pipeline_id").parse().unwrap_or(0);
    let mut run = Run::of(claim("project_path"), pipeline, claim("sha"), 1_795_434_000);
    if let (Some(job), Ok(id)) = (run.jobs.last_mut(), claim("job_id").parse()) {
        job.id = id;
    }
    let url = world.stile.url();
    let forged = Webhook::of(url, "Pipeline Hook", &run.pipeline("success"));
    let refused = forged.unsigned().send().await?;
    story.holds(
        "one without a signature is refused: 401 no_credential",
        refused.status == 401 && refused.text().contains("no_credential"),
    );

    let before = world.upstream.seen().len();
    let began = Instant::now();
    let deploys = run.jobs.last().cloned();
    let deployed = deploys.map(|job| run.deployment(&job, "success"));
    let told = [
        (
            "Push Hook",
            Some(run.push(&"0".repeat(40), &[(&run.commit, &run.title)])),
        ),
        ("Pipeline Hook", Some(run.pipeline("success"))),
        ("Deployment Hook", deployed),
    ];
    for (event, payload) in told {
        let Some(payload) = payload else { continue };
        let answer = Webhook::of(url, event, &payload).signed().send().await?;
        story.holds(
            &format!("{event} is in the journal"),
            answer.status.is_success(),
        );
    }
    let mut spans = 0;
    while spans < SPANS && began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let seen = world.upstream.seen_since(before);
        spans = seen.iter().map(|one| one.text_count("\"spanId\"")).sum();
    }
    let took = began.elapsed().as_millis();
    story.holds(
        &format!("{took} ms later the pipeline is a trace of {spans} spans: root, stages, jobs"),
        spans == SPANS,
    );
    let line = timeline(world, stage).await?;
    story.holds(
        &format!(
            "`stile deploys`: {}",
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        ),
        line.contains("token+webhook") && line.contains(&run.title),
    );
    Ok(())
}

/// The newest line that `stile deploys` prints of what runs, once the index has all of it.
async fn timeline(world: &World, stage: &Stage) -> io::Result<String> {
    let settings = world.stile.folder().path().join("stile.yaml");
    let mut newest = String::new();
    for _ in 0..100 {
        let mut command = tokio::process::Command::new(&stage.program);
        command.arg("--config").arg(&settings);
        command.args(["deploys", "--environment", "production"]);
        let said = command.output().await?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        newest = said.lines().nth(1).unwrap_or_default().to_owned();
        if newest.contains("token+webhook") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(newest)
}

/// One root, three stages, four jobs; the deployment the job has announced itself.
const SPANS: usize = 8;
