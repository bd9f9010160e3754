//! One deployment on the timeline.

use std::collections::BTreeSet;

use crate::clock::Time;

/// A deployment, or a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deploy {
    /// When it was announced, or ended as GitLab says.
    pub time: Time,
    /// The service.
    pub service: String,
    /// The environment, where it is said.
    pub environment: Option<String>,
    /// The project, by its full path.
    pub project: String,
    /// The commit.
    pub commit: Option<String>,
    /// What became of it.
    pub status: Status,
    /// Who tells of it.
    pub tellers: BTreeSet<Teller>,
    /// The job and its pipeline.
    pub job: Option<String>,
    /// See `job`.
    pub pipeline: Option<String>,
    /// The login of who started the job, as the job's token said it.
    pub by: Option<String>,
    /// The first line of the commit, or the title of its merge request.
    pub title: Option<String>,
    /// The merge request.
    pub change: Option<String>,
    /// Where the job is to be seen.
    pub url: Option<String>,
    /// The machines that wrote commits of it, by their words.
    pub machines: BTreeSet<String>,
    /// The decision about the announcement.
    pub decision: Option<String>,
    /// The commit that ran there before.
    pub previous: Option<String>,
    /// Whether it had run there before that.
    pub is_rollback: bool,
    /// The commits since the previous one, the newest first; none where that is not known.
    pub between: Option<Vec<Commit>>,
    /// Requests of the same pipeline that changed something at the API.
    pub writes: u64,
    /// Requests of the same pipeline that were not let through.
    pub denied: u64,
}

/// A commit, as a push told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its whole id.
    pub id: String,
    /// Its first line.
    pub title: String,
    /// The word for the machine that helped to write it.
    pub machine: Option<String>,
}

/// What became of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It runs.
    Deployed,
    /// It ended badly, as GitLab says.
    Failed,
    /// It was refused here, for this reason.
    Denied(String),
    /// It was allowed and did not arrive at the telemetry.
    NotTold,
}

/// Who tells of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Teller {
    /// The job itself, with its token: commit, environment and pipeline are those of the token.
    Token,
    /// GitLab, by a webhook.
    Webhook,
}

impl Status {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Status::Deployed => "deployed",
            Status::Failed => "failed",
            Status::Denied(_) => "denied",
            Status::NotTold => "not told",
        }
    }
}

impl Teller {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Teller::Token => "token",
            Teller::Webhook => "webhook",
        }
    }
}

impl Deploy {
    /// Whether a token says what is deployed.
    pub fn is_verified(&self) -> bool {
        self.tellers.contains(&Teller::Token) && self.commit.is_some()
    }

    /// Where the job is to be seen, where a browser may be led there.
    pub fn link(&self) -> Option<&str> {
        let url = self.url.as_deref();
        url.filter(|url| url.starts_with("https://"))
    }

    /// As much of the commit as Git shows.
    pub fn short(&self) -> &str {
        short(self.commit.as_deref().unwrap_or(""))
    }

    /// What changed, in words: `!812 retry refunds once`.
    pub fn change_text(&self) -> String {
        let change = self.change.as_ref().map(|iid| format!("!{iid}"));
        let parts = change.into_iter().chain(self.title.clone());
        parts.collect::<Vec<_>>().join(" ")
    }

    /// What it meant for the service: `4 commits`, `ROLLBACK`, `first seen`.
    pub fn gap_text(&self) -> String {
        match (
            &self.status,
            self.is_rollback,
            &self.previous,
            &self.between,
        ) {
            (Status::Denied(reason), ..) => reason.clone(),
            (Status::Failed | Status::NotTold, ..) => String::new(),
            (_, true, Some(previous), _) => format!("ROLLBACK from {}", short(previous)),
            (_, _, Some(previous), _) if self.commit.as_ref() == Some(previous) => {
                "again".to_owned()
            }
            (_, _, Some(_), Some(between)) if between.len() == 1 => "1 commit".to_owned(),
            (_, _, Some(_), Some(between)) => format!("{} commits", between.len()),
            (_, _, Some(previous), None) => format!("since {}", short(previous)),
            (_, _, None, _) => "first seen".to_owned(),
        }
    }

    /// What the same pipeline did here: `3 writes, 1 denied`.
    pub fn around_text(&self) -> String {
        let count = |count: u64, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            some => Some(format!("{some} {many}")),
        };
        let parts = [
            count(self.writes, "write", "writes"),
            count(self.denied, "denied", "denied"),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// As much of a commit as Git shows.
pub(super) fn short(commit: &str) -> &str {
    commit.get(..SHOWN).unwrap_or(commit)
}

const SHOWN: usize = 8;
