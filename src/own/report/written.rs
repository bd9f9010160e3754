//! Writes a report down: for a job's log, for programs, for GitLab's page of the job.
//!
//! In: a [`Report`]. Out: text, JSON, or GitLab's annotations: a list of links, whose labels say what
//! was refused and why.
//!
//! Never: a control character of a path or a name, which could draw over a log.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Found, Line, Report};
use crate::index::shown_in;
use crate::own::{Form, Shown};
use crate::refusal::plain;

/// The page.
pub(super) fn written(report: &Report, form: Form, site_url: &str) -> Shown {
    let (media_type, body) = match form {
        Form::Text => ("text/plain; charset=utf-8", text(report, site_url)),
        Form::Json => ("application/json", document(report, site_url).to_string()),
        Form::GitlabAnnotations => (
            "application/json",
            annotations(report, site_url).to_string(),
        ),
    };
    Shown {
        media_type,
        body: Bytes::from(body),
    }
}

fn text(report: &Report, site_url: &str) -> String {
    let found = match &report.found {
        Ok(found) => found,
        Err(why) => {
            return format!(
                "stile: what {} asked for is not shown: {why}\n",
                report.whose
            );
        }
    };
    let mut text = format!("stile: {}\n", summary(report, found));
    for line in &found.lines {
        let Line {
            verdict, what, why, ..
        } = line;
        text.push_str(&format!("  {verdict:7} {what}   {why}\n"));
        if let Some(fix) = &line.fix {
            text.push_str(&format!("          fix: {fix}\n"));
        }
        text.push_str(&format!("          {}\n", link(line, site_url)));
    }
    if let more @ 1.. = left_out(found) {
        text.push_str(&format!("  and {more} more\n"));
    }
    if found.is_behind {
        text.push_str("  the last requests are not in this list yet: ask again in a moment\n");
    }
    text
}

/// `5 requests by this job, 4 came through, 1 DID NOT`.
fn summary(report: &Report, found: &Found) -> String {
    let passed = found.requests.saturating_sub(found.troubles);
    let requests = match found.requests {
        1 => "1 request".to_owned(),
        many => format!("{many} requests"),
    };
    match found.troubles {
        0 => format!("{requests} by {}, all came through", report.whose),
        some => format!(
            "{requests} by {}, {passed} came through, {some} DID NOT",
            report.whose
        ),
    }
}

fn document(report: &Report, site_url: &str) -> Value {
    let found = match &report.found {
        Ok(found) => found,
        Err(why) => return json!({"requests": null, "why": why}),
    };
    let lines = found.lines.iter().map(|line| {
        json!({
            "time": shown_in(line.time, &jiff::tz::TimeZone::UTC),
            "verdict": line.verdict,
            "what": line.what,
            "reason": line.reason,
            "why": line.why,
            "fix": line.fix,
            "id": line.id,
            "help": link(line, site_url),
        })
    });
    json!({
        "requests": found.requests,
        "came_through": found.requests.saturating_sub(found.troubles),
        "troubles": lines.collect::<Vec<_>>(),
        "left_out": left_out(found),
        "is_behind": found.is_behind,
    })
}

/// GitLab shows each label as a link beside the job; without trouble there is one that says so.
fn annotations(report: &Report, site_url: &str) -> Value {
    let page = format!("{site_url}/.stile/d");
    let entry = |label: String, url: String| {
        let label = plain(&label, LABEL);
        json!({"external_link": {"label": label, "url": url}})
    };
    let links: Vec<Value> = match &report.found {
        Err(why) => vec![entry(why.clone(), page)],
        Ok(found) if found.lines.is_empty() => vec![entry(summary(report, found), page)],
        Ok(found) => found
            .lines
            .iter()
            .map(|line| {
                let fix = line.fix.as_ref().map(|fix| format!(". Fix: {fix}"));
                let fix = fix.unwrap_or_default();
                let label = format!("{} {}: {}{fix}", line.verdict, line.what, line.why);
                entry(label, link(line, site_url))
            })
            .collect(),
    };
    json!({"stile": links})
}

fn link(line: &Line, site_url: &str) -> String {
    format!("{site_url}/.stile/d/{}", line.id)
}

fn left_out(found: &Found) -> u64 {
    let shown = u64::try_from(found.lines.len()).unwrap_or(u64::MAX);
    found.troubles.saturating_sub(shown)
}

/// The longest label, in bytes: GitLab takes 255 characters.
const LABEL: usize = 250;
