//! Writes a timeline for others: JSON, Atom, Grafana's annotations.
//!
//! In: a [`Timeline`]. Out: text.
//!
//! Atom: RFC 4287. Grafana: the list of annotations that its JSON data sources and its HTTP API take,
//! times in ms.

use std::fmt::Write;

use serde_json::{Value, json};

use super::deploy::{Deploy, Status, Teller};
use super::reading::Timeline;
use crate::clock::Time;
use crate::index::shown_in;

/// One deployment with everything that is known of it.
pub fn document(deploy: &Deploy) -> Value {
    let between = deploy.between.as_ref().map(|commits| {
        let commit = |one: &super::deploy::Commit| json!({"id": one.id, "title": one.title, "machine": one.machine});
        commits.iter().map(commit).collect::<Vec<_>>()
    });
    let reason = match &deploy.status {
        Status::Denied(reason) => Some(reason),
        _ => None,
    };
    json!({
        "time": deploy.time.as_ms(),
        "service": deploy.service,
        "environment": deploy.environment,
        "project": deploy.project,
        "commit": deploy.commit,
        "status": deploy.status.word(),
        "reason": reason,
        "verified": deploy.is_verified(),
        "told_by": deploy.tellers.iter().map(|teller| teller.word()).collect::<Vec<_>>(),
        "by": deploy.by,
        "title": deploy.title,
        "merge_request": deploy.change,
        "job": deploy.job,
        "pipeline": deploy.pipeline,
        "url": deploy.url,
        "decision": deploy.decision,
        "previous": deploy.previous,
        "rollback": deploy.is_rollback,
        "commits": between,
        "machines": deploy.machines,
        "writes": deploy.writes,
        "denied": deploy.denied,
    })
}

/// The whole timeline.
pub fn json(timeline: &Timeline) -> Value {
    json!({
        "deployments": timeline.deploys.iter().map(document).collect::<Vec<_>>(),
        "more": timeline.has_more,
    })
}

/// Annotations for Grafana.
pub fn grafana(timeline: &Timeline) -> Value {
    let annotation = |deploy: &Deploy| {
        let mut tags = vec!["deployment".to_owned(), deploy.service.clone()];
        tags.extend(deploy.environment.clone());
        tags.push(deploy.status.word().to_owned());
        if deploy.is_verified() {
            tags.push("verified".to_owned());
        }
        json!({
            "time": deploy.time.as_ms(),
            "title": title(deploy),
            "text": summary(deploy),
            "tags": tags,
        })
    };
    timeline.deploys.iter().map(annotation).collect()
}

/// A feed for readers of feeds, of a site at this address.
pub fn atom(timeline: &Timeline, site_url: &str, now: Time) -> String {
    let newest = timeline.deploys.first().map_or(now, |deploy| deploy.time);
    let mut feed = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <title>Deployments</title>\n\
         <id>{0}/.stile/v1/deployments</id>\n\
         <link rel=\"self\" href=\"{0}/.stile/v1/deployments?format=atom\"/>\n\
         <updated>{1}</updated>\n\
         <author><name>stile</name></author>\n",
        escaped(site_url),
        stamp(newest),
    );
    for deploy in &timeline.deploys {
        let _ = write!(
            feed,
            "<entry>\n<title>{}</title>\n<id>{}</id>\n<updated>{}</updated>\n",
            escaped(&title(deploy)),
            escaped(&id(deploy, site_url)),
            stamp(deploy.time),
        );
        if let Some(url) = deploy.link() {
            let _ = writeln!(feed, "<link href=\"{}\"/>", escaped(url));
        }
        let _ = writeln!(
            feed,
            "<content>{}</content>\n</entry>",
            escaped(&summary(deploy))
        );
    }
    feed.push_str("</feed>\n");
    feed
}

/// One line for each, for people.
pub fn text(timeline: &Timeline) -> String {
    let mut out = String::new();
    for deploy in &timeline.deploys {
        let _ = writeln!(
            out,
            "{}  {}; {}",
            stamp(deploy.time),
            title(deploy),
            summary(deploy)
        );
    }
    if timeline.has_more {
        out.push_str("and more: ask for another stretch of time, or with a larger limit\n");
    }
    out
}

/// `checkout 3b1c9e0a in production`
fn title(deploy: &Deploy) -> String {
    let mut title = format!("{} {}", deploy.service, deploy.short());
    if let Some(environment) = &deploy.environment {
        let _ = write!(title, " in {environment}");
    }
    match &deploy.status {
        Status::Deployed if deploy.is_rollback => title.push_str(": ROLLBACK"),
        Status::Deployed => {}
        other => {
            let _ = write!(title, ": {}", other.word());
        }
    }
    title
}

/// Everything else in a sentence or two.
fn summary(deploy: &Deploy) -> String {
    let told = match (
        deploy.is_verified(),
        deploy.tellers.contains(&Teller::Webhook),
    ) {
        (true, true) => "verified by the job's token, and told by GitLab",
        (true, false) => "verified by the job's token",
        (false, _) => "told by GitLab",
    };
    let parts = [
        deploy.change_text(),
        deploy.gap_text(),
        deploy
            .by
            .as_ref()
            .map_or(String::new(), |by| format!("by {by}")),
        told.to_owned(),
        deploy.around_text(),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}

/// The same each time, and of nothing else.
fn id(deploy: &Deploy, site_url: &str) -> String {
    let job = deploy.job.as_deref().unwrap_or("-");
    let environment = deploy.environment.as_deref().unwrap_or("-");
    let (project, service) = (&deploy.project, &deploy.service);
    let status = deploy.status.word().replace(' ', "-");
    format!("{site_url}/.stile/v1/deployments#{project}/{job}/{service}/{environment}/{status}")
}

fn stamp(time: Time) -> String {
    shown_in(time, &jiff::tz::TimeZone::UTC)
}

/// Text as XML has it, without what XML 1.0 cannot hold.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
