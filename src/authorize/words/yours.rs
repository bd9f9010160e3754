//! The caller's own value of an attribute.
//!
//! In: an attribute's name and the question. Out: `name=value`, or that the caller has none.
//!
//! Never: a value of anybody else.

use super::{MOST_NAMES, Tongue, dashed};
use crate::identify::Who;

impl Tongue<'_> {
    /// The caller's own value of an attribute, as `name=value`.
    pub(super) fn attribute(&self, attr: &str) -> Option<String> {
        let moment = self.question.moment;
        match attr {
            "weekday" => return Some(moment.weekday.to_owned()),
            "minute_of_day" => return Some(moment.clock()),
            "date" => return Some(dashed(moment.date)),
            "open_hours" => return Some(format!("{} {}", moment.weekday, moment.clock())),
            "org_admin" => return None, // a fact about the request, not a value of the caller's
            _ => {}
        }
        let yours = match &self.question.facts.who {
            Who::Job(job) => match attr {
                "ref_protected" => {
                    return Some(format!(
                        "ref_protected={} ({})",
                        job.ref_protected, job.git_ref
                    ));
                }
                "from_fork" => Some(job.from_fork.to_string()),
                "ref" => Some(job.git_ref.clone()),
                "ref_type" => job.ref_type.clone(),
                "pipeline_source" => Some(job.pipeline_source.clone()),
                "environment" => job.environment.clone(),
                "environment_protected" => job.environment_protected.map(|b| b.to_string()),
                "deployment_tier" => job.deployment_tier.clone(),
                "repository" => Some(self.place(&job.repository)),
                "repository_id" => Some(job.repository_id.clone()),
                "namespace_id" => job.namespace_id.clone(),
                "job_repository" => job.job_repository.as_ref().map(|path| self.place(path)),
                "job_repository_id" => job.job_repository_id.clone(),
                "job_source" => job.job_source.clone(),
                "workflow" => job.workflow.clone(),
                "runner_environment" => job.runner_environment.clone(),
                "access_level" => job.access_level.clone(),
                "visibility" => job.visibility.clone(),
                "environment_action" => job.environment_action.clone(),
                _ => return None,
            },
            Who::Person(person) => match attr {
                "mfa" => Some(person.mfa.to_string()),
                "roles" => listed(&person.roles),
                "scopes" => listed(&person.scopes),
                "client" => person.client.clone(),
                "email" => person.email.clone(),
                "domain" => person.domain.clone(),
                _ => return Some(self.kind_of_caller()),
            },
            Who::Agent(agent) => match attr {
                "roles" => listed(&agent.roles),
                "scopes" => listed(&agent.scopes),
                "client" => agent.client.clone(),
                "actor" => agent.actors.first().cloned(),
                "actors" => listed(&agent.actors),
                _ => return Some(self.kind_of_caller()),
            },
        };
        Some(match yours {
            Some(value) => format!("{attr}={value}"),
            None => format!("no {attr}"),
        })
    }
}

/// The caller's own list; of a long one the first and how many more.
fn listed(words: &[String]) -> Option<String> {
    let shown = words.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>();
    let more = words.len().saturating_sub(MOST_NAMES);
    match (shown.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(shown.join(", ")),
        (false, more) => Some(format!("{} and {more} more", shown.join(", "))),
    }
}
