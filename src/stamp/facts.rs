//! What a token says of where telemetry comes from, in OpenTelemetry's words.
//!
//! In: a [`Principal`]. Out: a [`Provenance`]: the attributes to set, in both encodings, and the rule
//! for those to strip.
//!
//! Only jobs have provenance; of people and agents, claims of it are stripped and nothing is set.
//!
//! OpenTelemetry semantic conventions: registry of `vcs`, `cicd`, `deployment`, `service`.

use serde_json::json;

use super::flaw::Flaw;
use super::names::{Tells, tells};
use super::settings::VersionRule;
use super::shape::FIRST;
use super::wire::put_field;
use crate::identify::{Job, Principal, Who};

/// What is set, and what is stripped.
#[derive(Clone, Debug)]
pub struct Provenance {
    facts: Vec<(&'static str, String)>,
    rule: VersionRule,
    commit: Option<String>,
    protobuf: Vec<u8>,
    json: String,
}

impl Provenance {
    /// Of whoever was verified.
    pub fn of(principal: &Principal, rule: VersionRule) -> Provenance {
        match &principal.facts().who {
            Who::Job(job) => Provenance::new(
                job_facts(job, principal.issuer_url()),
                job.sha.clone(),
                rule,
            ),
            Who::Person(_) | Who::Agent(_) => Provenance::new(Vec::new(), None, rule),
        }
    }

    /// Of these attributes and this commit.
    pub fn new(
        mut facts: Vec<(&'static str, String)>,
        commit: Option<String>,
        rule: VersionRule,
    ) -> Provenance {
        if let (VersionRule::Commit, Some(commit)) = (rule, &commit) {
            facts.push(("service.version", commit.clone()));
        }
        let (mut protobuf, mut texts) = (Vec::new(), Vec::new());
        for (name, value) in &facts {
            let (mut text, mut both) = (Vec::new(), Vec::new());
            put_field(&mut text, 1, value.as_bytes());
            put_field(&mut both, 1, name.as_bytes());
            put_field(&mut both, 2, &text);
            put_field(&mut protobuf, FIRST, &both);
            texts.push(json!({"key": name, "value": {"stringValue": value}}).to_string());
        }
        Provenance {
            facts,
            rule,
            commit,
            protobuf,
            json: texts.join(","),
        }
    }

    /// The attributes to set.
    pub fn facts(&self) -> &[(&'static str, String)] {
        &self.facts
    }

    /// The attributes of a resource in Protobuf.
    pub(super) fn protobuf(&self) -> &[u8] {
        &self.protobuf
    }

    /// The elements of a list of attributes in JSON.
    pub(super) fn json(&self) -> &str {
        &self.json
    }

    /// Whether an attribute of this name goes; `is` says whether its value is a given text.
    pub(super) fn strips(&self, name: &str, is: impl FnOnce(&str) -> bool) -> Result<bool, Flaw> {
        match (tells(name), self.rule) {
            (Tells::Provenance, _) | (Tells::Version, VersionRule::Commit) => Ok(true),
            (Tells::Nothing, _) | (Tells::Version, VersionRule::Keep) => Ok(false),
            (Tells::Version, VersionRule::MustBeCommit) => {
                match self.commit.as_deref().is_some_and(is) {
                    true => Ok(false),
                    false => Err(Flaw::OtherVersion),
                }
            }
        }
    }
}

fn job_facts(job: &Job, issuer_url: &str) -> Vec<(&'static str, String)> {
    let forge = Forge::of(issuer_url);
    let runs_in = job.job_repository.as_ref().unwrap_or(&job.repository);
    let (owner, name) = match job.repository.rsplit_once('/') {
        Some((owner, name)) => (Some(owner), name),
        None => (None, job.repository.as_str()),
    };
    let change = change_of(&job.git_ref);
    let facts = [
        ("vcs.provider.name", Some(forge.name.to_owned())),
        (
            "vcs.repository.url.full",
            Some(format!("{}/{}", forge.base, job.repository)),
        ),
        ("vcs.repository.name", Some(name.to_owned())),
        ("vcs.owner.name", owner.map(str::to_owned)),
        ("vcs.ref.head.name", Some(job.git_ref.clone())),
        ("vcs.ref.head.type", job.ref_type.clone()),
        ("vcs.ref.head.revision", job.sha.clone()),
        ("vcs.change.id", change.map(str::to_owned)),
        ("cicd.pipeline.name", job.workflow.clone()),
        ("cicd.pipeline.run.id", Some(job.pipeline_id.clone())),
        (
            "cicd.pipeline.run.url.full",
            Some(forge.pipeline(runs_in, &job.pipeline_id)),
        ),
        ("cicd.pipeline.task.run.id", Some(job.job_id.clone())),
        ("deployment.environment.name", job.environment.clone()),
    ];
    let said = facts.into_iter();
    said.filter_map(|(name, value)| Some((name, value.filter(|v| !v.is_empty())?)))
        .collect()
}

/// Where repositories are to be found.
struct Forge<'u> {
    name: &'static str,
    base: &'u str,
    pipelines: &'static str,
}

impl Forge<'_> {
    /// Of the issuer of a job's token. GitHub's tokens come from another host than its repositories,
    /// those of its Enterprise Server from a path of the same; GitLab's issuer is the instance.
    fn of(issuer_url: &str) -> Forge<'_> {
        let url = issuer_url.trim_end_matches('/');
        let github = |base| Forge {
            name: "github",
            base,
            pipelines: "actions/runs",
        };
        if url.starts_with("https://token.actions.githubusercontent.com") {
            return github("https://github.com");
        }
        match url.strip_suffix("/_services/token") {
            Some(base) => github(base),
            None => Forge {
                name: "gitlab",
                base: url,
                pipelines: "-/pipelines",
            },
        }
    }

    fn pipeline(&self, repository: &str, id: &str) -> String {
        format!("{}/{repository}/{}/{id}", self.base, self.pipelines)
    }
}

/// The number in `refs/merge-requests/7/head` or `refs/pull/7/merge`.
fn change_of(git_ref: &str) -> Option<&str> {
    let rest = git_ref
        .strip_prefix("refs/merge-requests/")
        .or_else(|| git_ref.strip_prefix("refs/pull/"))?;
    let (number, _) = rest.split_once('/')?;
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    digits.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_found_where_its_issuer_says() {
        let found = [
            (
                "https://gitlab.example.com",
                "https://gitlab.example.com/a/b/-/pipelines/7",
            ),
            (
                "https://gitlab.example.com/",
                "https://gitlab.example.com/a/b/-/pipelines/7",
            ),
            (
                "https://token.actions.githubusercontent.com",
                "https://github.com/a/b/actions/runs/7",
            ),
            (
                "https://ghe.example.com/_services/token",
                "https://ghe.example.com/a/b/actions/runs/7",
            ),
        ];
        for (issuer, url) in found {
            assert_eq!(Forge::of(issuer).pipeline("a/b", "7"), url);
        }
    }

    #[test]
    fn a_change_is_read_from_refs_of_changes_only() {
        assert_eq!(change_of("refs/merge-requests/7/head"), Some("7"));
        assert_eq!(change_of("refs/pull/12/merge"), Some("12"));
        for other in [
            "main",
            "refs/merge-requests//head",
            "refs/pull/x/merge",
            "refs/pull/7",
        ] {
            assert_eq!(change_of(other), None, "{other}");
        }
    }
}
