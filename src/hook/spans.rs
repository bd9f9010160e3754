//! Makes spans of what webhooks told.
//!
//! In: an event of the journal. Out: the spans that it completes; none for what has not ended.
//!
//! A pipeline is a trace: the pipeline its root, stages below it, jobs below their stage, a
//! deployment below its job. Webhooks come late, twice and in any order, so each span is made from
//! one webhook alone and has an id that the next webhook about the same thing gives again: who sends
//! them leaves out what was sent.
//!
//! OpenTelemetry semantic conventions: `cicd`, `vcs`, `deployment`, `service`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::clock::Time;
use crate::deploy::ids::{
    SpanId, again_span, deployment_span, job_span, pipeline_span, stage_span, trace_of,
};
use crate::deploy::{Attribute, Ended, Span};

/// What whoever sends the spans knows of earlier ones.
pub trait Known {
    /// Whether this span was sent.
    fn was_sent(&self, id: &SpanId) -> bool;
    /// The pipeline that a job is of.
    fn pipeline_of(&self, issuer: &str, job: &str) -> Option<String>;
}

/// The spans that an event completes, by its word and its details.
pub fn spans_of(event: &str, detail: &Value, known: &dyn Known) -> Vec<Span> {
    let fact = Facts(detail);
    let spans = match event {
        "gitlab.pipeline" => pipeline(&fact, known),
        "gitlab.job" => job(&fact).map(|span| vec![span]),
        "gitlab.deployment" => deployment(&fact, known).map(|span| vec![span]),
        _ => None,
    };
    let mut spans = spans.unwrap_or_default();
    spans.retain(|span| !known.was_sent(&span.id));
    spans
}

/// The id of the end that an event tells of, whichever span told of it: a pipeline that ends twice
/// has two, a webhook that comes twice has one.
pub fn end_in(event: &str, detail: &Value) -> Option<SpanId> {
    let fact = Facts(detail);
    let ended = fact
        .moment("ended")
        .filter(|_| event == "gitlab.pipeline")?;
    how(fact.text("status")?)?;
    Some(end_of(fact.text("issuer")?, fact.text("pipeline")?, ended))
}

fn end_of(issuer: &str, pipeline: &str, ended: Time) -> SpanId {
    again_span(issuer, pipeline, &ended.as_ms().to_string())
}

/// Jobs that an event names, each with its pipeline.
pub fn jobs_in(event: &str, detail: &Value) -> Vec<(String, String)> {
    let fact = Facts(detail);
    let Some(pipeline) = fact.text("pipeline") else {
        return Vec::new();
    };
    let ids: Vec<String> = match event {
        "gitlab.job" => fact.text("job").map(str::to_owned).into_iter().collect(),
        "gitlab.pipeline" => told_jobs(&fact).into_iter().map(|job| job.id).collect(),
        _ => Vec::new(),
    };
    ids.into_iter()
        .map(|job| (job, pipeline.to_owned()))
        .collect()
}

/// The details of an event.
struct Facts<'v>(&'v Value);

impl<'v> Facts<'v> {
    fn text(&self, name: &str) -> Option<&'v str> {
        self.0.get(name)?.as_str()
    }

    fn moment(&self, name: &str) -> Option<Time> {
        self.0.get(name)?.as_u64().map(Time::from_ms)
    }

    /// What every span of a pipeline is of.
    fn resource(&self) -> Option<Vec<Attribute>> {
        let project = self.text("project")?;
        let (owner, name) = project.rsplit_once('/').unwrap_or(("", project));
        let mut resource = vec![
            ("service.name", project.to_owned()),
            ("vcs.provider.name", "gitlab".to_owned()),
            ("vcs.owner.name", owner.to_owned()),
            ("vcs.repository.name", name.to_owned()),
        ];
        self.add(&mut resource, "vcs.ref.head.name", "ref");
        self.add(&mut resource, "vcs.ref.head.revision", "commit");
        self.add(&mut resource, "cicd.pipeline.run.id", "pipeline");
        Some(resource)
    }

    fn add(&self, to: &mut Vec<Attribute>, attribute: &'static str, fact: &str) {
        if let Some(text) = self.text(fact) {
            to.push((attribute, text.to_owned()));
        }
    }
}

fn pipeline(fact: &Facts<'_>, known: &dyn Known) -> Option<Vec<Span>> {
    let (issuer, id) = (fact.text("issuer")?, fact.text("pipeline")?);
    let (ended, result) = how(fact.text("status")?)?;
    let (begins, ends) = (fact.moment("started")?, fact.moment("ended")?);
    let resource = fact.resource()?;
    let mut attributes = vec![("cicd.pipeline.result", result.to_owned())];
    fact.add(&mut attributes, "cicd.pipeline.name", "project");
    fact.add(&mut attributes, "cicd.pipeline.run.url.full", "url");
    fact.add(&mut attributes, "vcs.change.id", "change");
    fact.add(&mut attributes, "vcs.change.title", "title");
    fact.add(&mut attributes, "stile.pipeline.source", "source");
    fact.add(&mut attributes, "stile.pipeline.parent", "parent");
    let root = Span {
        trace: trace_of(issuer, id),
        id: pipeline_span(issuer, id),
        parent: None,
        link: None,
        name: format!("RUN {}", fact.text("project")?),
        begins,
        ends,
        ended,
        resource,
        attributes,
    };
    // A root that was sent says how it ended first; then another says how it ended now.
    let root = match known.was_sent(&root.id) {
        false => root,
        true => Span {
            id: end_of(issuer, id, ends),
            parent: Some(root.id),
            name: format!("END {}", fact.text("project")?),
            begins: ends,
            ..root
        },
    };
    let jobs = told_jobs(fact);
    let mut spans = vec![root];
    spans.extend(stages(fact, issuer, id, &jobs)?);
    for job in &jobs {
        spans.push(job.span(fact, issuer, id)?);
    }
    Some(spans)
}

/// A job as a pipeline's event lists it.
struct Told {
    id: String,
    name: String,
    stage: String,
    status: String,
    begins: Time,
    ends: Time,
}

fn told_jobs(fact: &Facts<'_>) -> Vec<Told> {
    let list = fact.0.get("jobs").and_then(Value::as_array);
    let told = |one: &Value| {
        let text = |at: usize| one.get(at)?.as_str().map(str::to_owned);
        let moment = |at: usize| one.get(at)?.as_u64().map(Time::from_ms);
        Some(Told {
            id: text(0)?,
            name: text(1)?,
            stage: text(2)?,
            status: text(3)?,
            begins: moment(4)?,
            ends: moment(5)?,
        })
    };
    list.into_iter().flatten().filter_map(told).collect()
}

/// Each stage from the begin of its first job to the end of its last.
fn stages(fact: &Facts<'_>, issuer: &str, id: &str, jobs: &[Told]) -> Option<Vec<Span>> {
    let mut stages: BTreeMap<&str, (Time, Time, Ended)> = BTreeMap::new();
    for job in jobs {
        let (ended, _) = how(&job.status).unwrap_or((Ended::Neither, ""));
        let stage = stages.entry(&job.stage);
        let whole = stage.or_insert((job.begins, job.ends, ended));
        whole.0 = whole.0.min(job.begins);
        whole.1 = whole.1.max(job.ends);
        if ended == Ended::Badly {
            whole.2 = ended;
        }
    }
    let span = |(name, (begins, ends, ended)): (&str, (Time, Time, Ended))| {
        Some(Span {
            trace: trace_of(issuer, id),
            id: stage_span(issuer, id, name),
            parent: Some(pipeline_span(issuer, id)),
            link: None,
            name: format!("stage {name}"),
            begins,
            ends,
            ended,
            resource: fact.resource()?,
            attributes: vec![("stile.pipeline.stage", name.to_owned())],
        })
    };
    stages.into_iter().map(span).collect()
}

impl Told {
    fn span(&self, fact: &Facts<'_>, issuer: &str, pipeline: &str) -> Option<Span> {
        let (ended, result) = how(&self.status)?;
        Some(Span {
            trace: trace_of(issuer, pipeline),
            id: job_span(issuer, &self.id),
            parent: Some(stage_span(issuer, pipeline, &self.stage)),
            link: None,
            name: format!("RUN {}", self.name),
            begins: self.begins,
            ends: self.ends,
            ended,
            resource: fact.resource()?,
            attributes: vec![
                ("cicd.pipeline.task.name", self.name.clone()),
                ("cicd.pipeline.task.run.id", self.id.clone()),
                ("cicd.pipeline.task.run.result", result.to_owned()),
                ("stile.pipeline.stage", self.stage.clone()),
            ],
        })
    }
}

fn job(fact: &Facts<'_>) -> Option<Span> {
    let told = Told {
        id: fact.text("job")?.to_owned(),
        name: fact.text("name")?.to_owned(),
        stage: fact.text("stage")?.to_owned(),
        status: fact.text("status")?.to_owned(),
        begins: fact.moment("started")?,
        ends: fact.moment("ended")?,
    };
    let mut span = told.span(fact, fact.text("issuer")?, fact.text("pipeline")?)?;
    fact.add(&mut span.attributes, "error.type", "why");
    fact.add(
        &mut span.attributes,
        "deployment.environment.name",
        "environment",
    );
    Some(span)
}

/// A deployment of which the job itself said nothing here: the same span that it would have sent.
fn deployment(fact: &Facts<'_>, known: &dyn Known) -> Option<Span> {
    let (issuer, job) = (fact.text("issuer")?, fact.text("job")?);
    let (service, status) = (fact.text("service")?, fact.text("status")?);
    let (ended, status) = match status {
        "success" => (Ended::Well, "succeeded"),
        "failed" => (Ended::Badly, "failed"),
        _ => return None,
    };
    let at = fact.moment("ended")?;
    let mut resource = fact.resource()?;
    resource.retain(|(name, _)| *name != "service.name");
    resource.push(("service.name", service.to_owned()));
    if ended == Ended::Well {
        fact.add(&mut resource, "service.version", "commit");
    }
    fact.add(&mut resource, "deployment.environment.name", "environment");
    resource.push(("cicd.pipeline.task.run.id", job.to_owned()));
    let mut attributes = vec![("deployment.status", status.to_owned())];
    fact.add(&mut attributes, "deployment.id", "deployment");
    fact.add(&mut attributes, "stile.deployment.tier", "tier");
    fact.add(&mut attributes, "stile.deployment.title", "title");
    // Which pipeline it was, this webhook does not say, but that of the job did before it.
    let trace = match known.pipeline_of(issuer, job) {
        Some(pipeline) => trace_of(issuer, &pipeline),
        None => trace_of(issuer, &format!("job {job}")),
    };
    Some(Span {
        trace,
        id: deployment_span(issuer, job, service),
        parent: Some(job_span(issuer, job)),
        link: None,
        name: "deployment".to_owned(),
        begins: at,
        ends: at,
        ended,
        resource,
        attributes,
    })
}

/// How something ended, and the word for it; nothing while it goes on.
fn how(status: &str) -> Option<(Ended, &'static str)> {
    match status {
        "success" => Some((Ended::Well, "success")),
        "failed" => Some((Ended::Badly, "failure")),
        "canceled" => Some((Ended::Neither, "cancellation")),
        "skipped" => Some((Ended::Neither, "skip")),
        _ => None,
    }
}
