//! Knows a project's commits as its pushes told them.
//!
//! In: rows of pushes and merge requests. Out: the commits between two, the oldest first in mind; the
//! merge request and the title of one.
//!
//! A push tells of twenty commits at most. Where pushes do not join, what is between two commits is
//! not known, and nobody is told a number.

use std::collections::BTreeMap;

use serde_json::Value;

use super::deploy::Commit;
use crate::index::Row;

/// What is known of a project's commits.
#[derive(Debug, Default)]
pub(super) struct Commits {
    /// Each with the one before it, as pushes told; none before the first of a push that left some out.
    known: BTreeMap<String, (Commit, Option<String>)>,
    /// Merge requests by the commit that merged them: number and title.
    changes: BTreeMap<String, (String, String)>,
}

impl Commits {
    /// What these rows tell.
    pub(super) fn in_rows(rows: &[Row]) -> Commits {
        let mut commits = Commits::default();
        for row in rows {
            let record: Value = serde_json::from_str(&row.record).unwrap_or(Value::Null);
            let Some(detail) = record.get("detail") else {
                continue;
            };
            match record.get("event").and_then(Value::as_str) {
                Some("gitlab.push") => commits.push(detail),
                Some("gitlab.merge_request") => commits.change(detail),
                _ => {}
            }
        }
        commits
    }

    fn push(&mut self, detail: &Value) {
        let list = detail.get("commits").and_then(Value::as_array);
        let list: Vec<&Value> = list.into_iter().flatten().collect();
        let count = detail.get("count").and_then(Value::as_u64);
        let is_whole = count.and_then(|count| usize::try_from(count).ok()) == Some(list.len());
        let before = detail.get("before").and_then(Value::as_str);
        let mut previous = before.filter(|_| is_whole).map(str::to_owned);
        let pushed_by = detail.get("machine").and_then(Value::as_str);
        for one in list {
            let text = |at: usize| Some(one.get(at)?.as_str()?.to_owned());
            let (Some(id), Some(title)) = (text(0), text(1)) else {
                previous = None;
                continue;
            };
            let commit = Commit {
                id: id.clone(),
                title,
                machine: text(2).or(pushed_by.map(str::to_owned)),
            };
            let known = (commit, previous.take());
            self.known.entry(id.clone()).or_insert(known);
            previous = Some(id);
        }
    }

    fn change(&mut self, detail: &Value) {
        let text = |name: &str| Some(detail.get(name)?.as_str()?.to_owned());
        if let (Some(commit), Some(change)) = (text("commit"), text("change")) {
            let title = text("title").unwrap_or_default();
            self.changes.insert(commit, (change, title));
        }
    }

    /// The merge request of a commit: number and title.
    pub(super) fn change_of(&self, commit: &str) -> Option<&(String, String)> {
        self.changes.get(commit)
    }

    /// A commit.
    pub(super) fn get(&self, commit: &str) -> Option<&Commit> {
        self.known.get(commit).map(|(commit, _)| commit)
    }

    /// The commits after `from` until `to`, the newest first; nothing where pushes do not join them.
    pub(super) fn between(&self, from: &str, to: &str) -> Option<Vec<Commit>> {
        let mut found = Vec::new();
        let mut at = to;
        while at != from {
            if found.len() >= MOST {
                return None;
            }
            let (commit, before) = self.known.get(at)?;
            found.push(commit.clone());
            at = before.as_deref()?;
        }
        Some(found)
    }
}

/// Commits of one deployment that somebody would read.
const MOST: usize = 200;
