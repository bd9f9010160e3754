//! Reads pushes, merge requests and releases.

use serde_json::{Value, json};

use super::said::{Said, line_of};
use crate::refusal::Refusal;

type Facts = Vec<(&'static str, Value)>;

/// `object_kind: push` and `tag_push`
pub(super) fn push(body: &Said<'_>, machines: &[String]) -> Result<Facts, Refusal> {
    // GitLab sends the newest twenty, the oldest of them first.
    let mut commits: Vec<Value> = body
        .each("commits")
        .filter_map(|commit| {
            let message = commit.whole("message").unwrap_or_default();
            let title: String = line_of(message).chars().take(LONGEST_TITLE).collect();
            let mark = machine(message, machines);
            Some(json!([commit.text("id")?, title, mark]))
        })
        .collect();
    commits.truncate(MOST_COMMITS);
    let pushed_by = body.text("user_username").unwrap_or_default();
    Ok(vec![
        ("before", json!(body.required("before")?)),
        ("commit", json!(body.required("after")?)),
        ("ref", json!(body.required("ref")?)),
        ("count", body.count("total_commits_count")),
        ("commits", Value::from(commits)),
        ("machine", is_bot(&pushed_by).then_some("gitlab").into()),
    ])
}

/// `object_kind: merge_request`
pub(super) fn merge_request(body: &Said<'_>) -> Result<Facts, Refusal> {
    let of = body.inside("object_attributes")?;
    let last = of.maybe("last_commit");
    let by = body.maybe("user").and_then(|user| user.text("username"));
    Ok(vec![
        ("change", json!(of.required("iid")?)),
        ("action", of.fact("action")),
        ("status", of.fact("state")),
        ("title", of.fact("title")),
        ("ref", of.fact("target_branch")),
        (
            "commit",
            match of.fact("merge_commit_sha") {
                Value::Null => last.map_or(Value::Null, |last| last.fact("id")),
                merged => merged,
            },
        ),
        ("url", of.fact("url")),
        (
            "machine",
            by.is_some_and(|by| is_bot(&by)).then_some("gitlab").into(),
        ),
    ])
}

/// `object_kind: release`
pub(super) fn release(body: &Said<'_>) -> Result<Facts, Refusal> {
    let commit = body.maybe("commit");
    Ok(vec![
        ("ref", json!(body.required("tag")?)),
        ("action", body.fact("action")),
        ("title", body.fact("name")),
        (
            "commit",
            commit.map_or(Value::Null, |commit| commit.fact("id")),
        ),
        ("url", body.fact("url")),
    ])
}

/// The word for the machine that a co-author line names.
fn machine<'m>(message: &str, machines: &'m [String]) -> Option<&'m str> {
    message.lines().find_map(|line| {
        let line = line.trim().to_lowercase();
        let author = line.strip_prefix("co-authored-by:")?.to_owned();
        let named = |word: &&String| author.contains(word.as_str());
        machines.iter().find(named).map(String::as_str)
    })
}

/// Whether a login is one that GitLab makes for access tokens and service accounts.
pub fn is_bot(username: &str) -> bool {
    let made_for = |kind: &str| {
        let rest = username.strip_prefix(kind);
        let rest = rest.map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        rest.is_some_and(|rest| rest.starts_with("_bot"))
    };
    made_for("project_") || made_for("group_") || username.starts_with("service_account_")
}

const LONGEST_TITLE: usize = 100;
const MOST_COMMITS: usize = 20;
