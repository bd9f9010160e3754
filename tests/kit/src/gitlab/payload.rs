//! Payloads in the shapes that GitLab documents.
//!
//! In: a run of a pipeline and what happens to it. Out: JSON.

use serde_json::{Value, json};

use super::somebody;

/// A pipeline that runs for a commit.
#[derive(Clone, Debug)]
pub struct Run {
    /// The project's full path.
    pub project: String,
    /// The pipeline's id.
    pub pipeline: u64,
    /// The commit.
    pub commit: String,
    /// Its first line.
    pub title: String,
    /// When it begins, in seconds since 1970.
    pub at: u64,
    /// Its jobs.
    pub jobs: Vec<JobRun>,
}

/// A job of it.
#[derive(Clone, Debug)]
pub struct JobRun {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: &'static str,
    /// Its stage.
    pub stage: &'static str,
    /// How it ended.
    pub status: &'static str,
    /// Seconds from the pipeline's begin to its own.
    pub after: u64,
    /// How many seconds it takes.
    pub takes: u64,
}

/// A moment as most payloads write it: `2016-08-12 15:23:28 UTC`.
pub fn written(at_s: u64) -> String {
    let (days, rest) = (at_s / 86_400, at_s % 86_400);
    // Days to a date, by the usual shift to years that begin in March.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

impl Run {
    /// Of a build, a test and a deployment for this commit, now.
    pub fn of(project: &str, pipeline: u64, commit: &str, at: u64) -> Run {
        let job = |id, name, stage, after| JobRun {
            id,
            name,
            stage,
            status: "success",
            after,
            takes: 20,
        };
        let first = pipeline * 10;
        Run {
            project: project.to_owned(),
            pipeline,
            commit: commit.to_owned(),
            title: "retry refunds once".to_owned(),
            at,
            jobs: vec![
                job(first + 1, "compile", "build", 2),
                job(first + 2, "unit", "test", 25),
                job(first + 3, "lint", "test", 26),
                job(first + 4, "production", "deploy", 50),
            ],
        }
    }

    fn project(&self) -> Value {
        let name = self.project.rsplit('/').next().unwrap_or_default();
        let url = format!("https://gitlab.example.com/{}", self.project);
        json!({"id": 31, "name": name, "description": "", "web_url": url, "avatar_url": null,
            "git_ssh_url": format!("git@gitlab.example.com:{}.git", self.project),
            "git_http_url": format!("{url}.git"), "namespace": "Shop", "visibility_level": 0,
            "path_with_namespace": self.project, "default_branch": "main",
            "ci_config_path": ""})
    }

    fn commit(&self) -> Value {
        json!({"id": self.commit, "message": format!("{}\n\nReviewed.\n", self.title),
            "title": self.title, "timestamp": "2026-11-23T12:00:00+01:00",
            "url": format!("https://gitlab.example.com/{}/-/commit/{}", self.project, self.commit),
            "author": {"name": "Dana Private", "email": "dana.private@example.com"}})
    }

    /// `Pipeline Hook` with this status; ended when the status is a last one.
    pub fn pipeline(&self, status: &str) -> Value {
        let ends = self.jobs.iter().map(|job| job.after + job.takes).max();
        let ended = matches!(status, "success" | "failed" | "canceled" | "skipped");
        let ended = ended.then(|| written(self.at + ends.unwrap_or(0)));
        let mut stages: Vec<&str> = self.jobs.iter().map(|job| job.stage).collect();
        stages.dedup();
        let builds: Vec<Value> = self.jobs.iter().map(|job| self.build(job)).collect();
        json!({"object_kind": "pipeline",
            "object_attributes": {"id": self.pipeline, "iid": 3, "name": "Deploy", "ref": "main",
                "tag": false, "sha": self.commit, "before_sha": "0".repeat(40),
                "source": "push", "status": status, "detailed_status": status,
                "stages": stages, "created_at": written(self.at), "finished_at": ended,
                "duration": 63.5, "queued_duration": 10,
                "variables": [{"key": "PASSWORD", "value": "hunter2-in-a-variable"}],
                "url": format!("https://gitlab.example.com/{}/-/pipelines/{}", self.project, self.pipeline)},
            "merge_request": {"id": 1, "iid": 812, "title": "Retry refunds once",
                "source_branch": "refunds", "source_project_id": 31, "target_branch": "main",
                "target_project_id": 31, "state": "merged", "merge_status": "can_be_merged",
                "url": format!("https://gitlab.example.com/{}/-/merge_requests/812", self.project)},
            "user": somebody(), "project": self.project(), "commit": self.commit(),
            "builds": builds})
    }

    fn build(&self, job: &JobRun) -> Value {
        json!({"id": job.id, "stage": job.stage, "name": job.name, "status": job.status,
            "created_at": written(self.at), "started_at": written(self.at + job.after),
            "finished_at": written(self.at + job.after + job.takes), "duration": job.takes,
            "queued_duration": 1.25, "failure_reason": null, "when": "on_success",
            "manual": false, "allow_failure": false, "user": somebody(),
            "runner": {"id": 380_987, "description": "shared-1", "active": true,
                "runner_type": "instance_type", "is_shared": true, "tags": ["linux"]},
            "artifacts_file": {"filename": null, "size": null},
            "environment": (job.stage == "deploy").then(|| json!({"name": "production",
                "action": "start", "deployment_tier": "production"}))})
    }

    /// `Job Hook` of one of its jobs; without times while it runs.
    pub fn job(&self, job: &JobRun, status: &str) -> Value {
        let ended = status != "running" && status != "created" && status != "pending";
        json!({"object_kind": "build", "ref": "main", "tag": false, "before_sha": "0".repeat(40),
            "sha": self.commit, "build_id": job.id, "build_name": job.name,
            "build_stage": job.stage, "build_status": status,
            "build_created_at": written(self.at), "build_started_at": written(self.at + job.after),
            "build_finished_at": ended.then(|| written(self.at + job.after + job.takes)),
            "build_duration": null, "build_queued_duration": 1_095.588_715,
            "build_allow_failure": false,
            "build_failure_reason": if status == "failed" { "script_failure" } else { "unknown_failure" },
            "retries_count": 0, "pipeline_id": self.pipeline, "project_id": 31,
            "project_name": "Shop / api", "user": somebody(),
            "commit": {"id": self.pipeline, "name": "Deploy", "sha": self.commit,
                "message": self.title, "author_name": "Dana Private",
                "author_email": "dana.private@example.com", "status": status,
                "duration": null, "started_at": null, "finished_at": null},
            "repository": {"name": "api", "url": "git@gitlab.example.com:acme/shop/api.git",
                "description": "", "homepage": "https://gitlab.example.com/acme/shop/api",
                "git_http_url": "https://gitlab.example.com/acme/shop/api.git",
                "git_ssh_url": "git@gitlab.example.com:acme/shop/api.git", "visibility_level": 0},
            "project": self.project(), "runner": null, "environment": null})
    }

    /// `Deployment Hook` of one of its jobs.
    pub fn deployment(&self, job: &JobRun, status: &str) -> Value {
        let web = format!("https://gitlab.example.com/{}", self.project);
        json!({"object_kind": "deployment", "status": status,
            "status_changed_at": written(self.at + job.after + job.takes),
            "deployment_id": job.id + 7, "deployable_id": job.id,
            "deployable_url": format!("{web}/-/jobs/{}", job.id), "environment": "production",
            "environment_tier": "production", "environment_slug": "production",
            "environment_external_url": "https://shop.acme.example", "project": self.project(),
            "short_sha": self.commit.get(..8), "user": somebody(),
            "user_url": "https://gitlab.example.com/dana.private",
            "commit_url": format!("{web}/-/commit/{}", self.commit),
            "commit_title": self.title, "ref": "main"})
    }

    /// `Push Hook` of these commits, the newest last, after `before`.
    pub fn push(&self, before: &str, commits: &[(&str, &str)]) -> Value {
        let author = json!({"name": "Dana Private", "email": "dana.private@example.com"});
        let commits: Vec<Value> = commits
            .iter()
            .map(|(id, message)| {
                json!({"id": id, "message": message, "title": message.lines().next(),
                    "timestamp": "2026-11-23T12:00:00+01:00", "author": author,
                    "url": format!("https://gitlab.example.com/{}/-/commit/{id}", self.project),
                    "added": ["CHANGELOG"], "modified": ["src/refund.rb"], "removed": []})
            })
            .collect();
        json!({"object_kind": "push", "event_name": "push", "before": before,
            "after": self.commit, "ref": "refs/heads/main", "ref_protected": true,
            "checkout_sha": self.commit, "message": null, "user_id": 417,
            "user_name": "Dana Private", "user_username": "dana.private",
            "user_email": "dana.private@example.com", "user_avatar": "https://www.gravatar.com/",
            "project_id": 31, "project": self.project(), "total_commits_count": commits.len(),
            "commits": commits, "push_options": {}})
    }

    /// `Merge Request Hook` of its merge.
    pub fn merge_request(&self) -> Value {
        json!({"object_kind": "merge_request", "event_type": "merge_request",
            "user": somebody(), "project": self.project(),
            "object_attributes": {"id": 99, "iid": 812, "target_branch": "main",
                "source_branch": "refunds", "title": "Retry refunds once",
                "created_at": "2026-11-23 10:00:00 UTC", "updated_at": "2026-11-23 11:58:00 UTC",
                "state": "merged", "merge_commit_sha": self.commit, "action": "merge",
                "last_commit": self.commit(), "work_in_progress": false, "draft": false,
                "url": format!("https://gitlab.example.com/{}/-/merge_requests/812", self.project)},
            "labels": [], "changes": {}, "assignees": [somebody()], "reviewers": [somebody()]})
    }

    /// `Release Hook` of a tag.
    pub fn release(&self, tag: &str) -> Value {
        json!({"id": 1, "created_at": "2026-11-23 12:55:12 UTC", "description": "notes",
            "name": format!("Release {tag}"), "released_at": "2026-11-23 12:55:12 UTC",
            "tag": tag, "object_kind": "release", "project": self.project(),
            "url": format!("https://gitlab.example.com/{}/-/releases/{tag}", self.project),
            "action": "create", "assets": {"count": 0, "links": [], "sources": []},
            "commit": self.commit()})
    }
}
