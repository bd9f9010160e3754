//! A deployment that is verified: the span that tells of it.
//!
//! In: an [`Announced`] and the caller that its token proved. Out: a [`Deployment`].
//!
//! The upstream has no endpoint for deployments: it marks one where `service.version` changes on a
//! service's spans. So the span is of the service, with the token's commit as its version.
//!
//! OpenTelemetry semantic conventions: `service`, `vcs`, `cicd`, `deployment`.

use super::announced::Announced;
use super::ids::{SpanId, TraceId, deployment_span, job_span, trace_of};
use super::span::{Ended, Span};
use crate::clock::Time;
use crate::identify::{Principal, Who};
use crate::refusal::{Reason, Refusal};
use crate::stamp::{Provenance, VersionRule};

/// A verified deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The span that tells of it.
    pub span: Span,
}

impl Deployment {
    /// What a caller announced, once it agrees with its token.
    ///
    /// # Errors
    ///
    /// `policy_denied` for callers whose token is not of a job or names no commit;
    /// `provenance_mismatch` where body and token differ.
    pub fn verified(
        announced: &Announced,
        principal: &Principal,
        time: Time,
        request: (TraceId, SpanId),
    ) -> Result<Deployment, Refusal> {
        let facts = principal.facts();
        let Who::Job(job) = &facts.who else {
            return Err(Refusal::new(Reason::PolicyDenied)
                .telling("only a job's token says which commit is deployed"));
        };
        let Some(commit) = &job.sha else {
            return Err(Refusal::new(Reason::PolicyDenied).telling("the token names no commit"));
        };
        announced.agrees_with(job)?;
        let mut resource = vec![
            ("service.name", announced.service.clone()),
            ("service.version", commit.clone()),
        ];
        let provenance = Provenance::of(principal, VersionRule::Keep);
        resource.extend(provenance.facts().iter().cloned());
        let mut attributes = vec![("deployment.status", "succeeded".to_owned())];
        let links = announced.links.iter();
        let links: Vec<String> = links
            .map(|link| format!("{} {}", link.name, link.url))
            .collect();
        if !links.is_empty() {
            attributes.push(("stile.links", links.join("\n")));
        }
        if let Some(tier) = &job.deployment_tier {
            attributes.push(("stile.deployment.tier", tier.clone()));
        }
        let issuer = facts.issuer.as_str();
        Ok(Deployment {
            span: Span {
                trace: trace_of(issuer, &job.pipeline_id),
                id: deployment_span(issuer, &job.job_id, &announced.service),
                parent: Some(job_span(issuer, &job.job_id)),
                link: Some(request),
                name: "deployment".to_owned(),
                begins: time,
                ends: time,
                ended: Ended::Well,
                resource,
                attributes,
            },
        })
    }
}
