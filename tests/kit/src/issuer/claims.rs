//! Claim sets as GitLab, Okta and a plain OpenID issuer write them, types and all.
//!
//! In: the issuer's URL and the audience. Out: a map to change and then mint from.
//!
//! Values that GitLab writes as strings are strings here (`"20"`, `"true"`), numbers are numbers.
//! Times are now, or as [`at`] sets them; `jti` is fresh.

use serde_json::{Map, Value, json};

use crate::mint::fresh_uuid;

/// A job that deploys to production from a protected branch.
pub fn gitlab_job(issuer_url: &str, audience: &str) -> Map<String, Value> {
    let host = issuer_url.split("://").last().unwrap_or(issuer_url);
    let mut claims = map(json!({
        "project_id": "20", "project_path": "acme/payments/api",
        "namespace_id": "72", "namespace_path": "acme/payments",
        "user_id": "417", "user_login": "dana", "user_email": "dana@example.com",
        "user_access_level": "maintainer",
        "job_project_id": "20", "job_project_path": "acme/payments/api",
        "job_namespace_id": "72", "job_namespace_path": "acme/payments",
        "pipeline_id": "574", "pipeline_source": "push", "job_id": "302",
        "ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "environment": "production", "environment_protected": "true",
        "deployment_tier": "production", "environment_action": "start",
        "runner_id": 1, "runner_environment": "self-hosted",
        "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "project_visibility": "private",
        "ci_config_ref_uri":
            format!("{host}/acme/payments/api//.gitlab-ci.yml@refs/heads/main"),
        "ci_config_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "job_source": "push",
        "jti": fresh_uuid(),
        "iss": issuer_url,
        "sub": "project_path:acme/payments/api:ref_type:branch:ref:main",
        "aud": audience,
    }));
    at(&mut claims, now_s());
    claims
}

/// The same job for another project and its id.
pub fn gitlab_job_of(
    issuer_url: &str,
    audience: &str,
    project: &str,
    project_id: &str,
) -> Map<String, Value> {
    let mut claims = gitlab_job(issuer_url, audience);
    let namespace = project
        .rsplit_once('/')
        .map_or("", |(namespace, _)| namespace);
    put(
        &mut claims,
        json!({
            "project_id": project_id, "project_path": project, "namespace_path": namespace,
            "job_project_id": project_id, "job_project_path": project,
            "job_namespace_path": namespace,
            "sub": format!("project_path:{project}:ref_type:branch:ref:main"),
        }),
    );
    claims
}

/// A job on an unprotected branch, without an environment.
pub fn gitlab_feature_branch(issuer_url: &str, audience: &str) -> Map<String, Value> {
    let mut claims = gitlab_job(issuer_url, audience);
    put(
        &mut claims,
        json!({
            "ref": "feat/x", "ref_path": "refs/heads/feat/x", "ref_protected": "false",
            "sub": "project_path:acme/payments/api:ref_type:branch:ref:feat/x",
        }),
    );
    without_environment(&mut claims);
    claims
}

/// A job of a merge request from a fork, run by the parent project.
pub fn gitlab_fork_mr(issuer_url: &str, audience: &str) -> Map<String, Value> {
    let mut claims = gitlab_feature_branch(issuer_url, audience);
    put(
        &mut claims,
        json!({
            "project_id": "941", "project_path": "mallory/api",
            "namespace_id": "808", "namespace_path": "mallory",
            "pipeline_source": "merge_request_event",
            "user_login": "mallory", "user_access_level": "developer",
            "sub": "project_path:mallory/api:ref_type:branch:ref:feat/x",
        }),
    );
    claims
}

/// A job that deploys to staging.
pub fn gitlab_staging(issuer_url: &str, audience: &str) -> Map<String, Value> {
    let mut claims = gitlab_job(issuer_url, audience);
    put(
        &mut claims,
        json!({
            "environment": "staging", "environment_protected": "false",
            "deployment_tier": "staging",
        }),
    );
    claims
}

/// What GitLab gives a user who logs in: the same issuer and keys, but no job.
pub fn gitlab_login(issuer_url: &str, audience: &str) -> Map<String, Value> {
    let mut claims = map(json!({
        "sub": "417", "sub_legacy": "dd2f5e8c", "auth_time": now_s(),
        "iss": issuer_url, "aud": audience,
        "name": "Dana", "nickname": "dana", "preferred_username": "dana",
        "groups_direct": ["acme/payments"],
        "https://gitlab.org/claims/groups/maintainer": ["acme/payments"],
        "jti": fresh_uuid(),
    }));
    at(&mut claims, now_s());
    claims
}

/// An access token of an Okta custom authorization server.
pub fn okta_person(
    issuer_url: &str,
    audience: &str,
    login: &str,
    groups: &[&str],
) -> Map<String, Value> {
    let mut claims = map(json!({
        "ver": 1, "jti": format!("AT.{}", fresh_uuid()),
        "iss": issuer_url, "aud": audience,
        "cid": "0oaclient1", "uid": "00u1user", "scp": ["openid", "profile"],
        "sub": login, "auth_time": now_s(),
        "amr": ["pwd", "mfa", "otp"],
        "groups": groups,
    }));
    at(&mut claims, now_s());
    claims.remove("nbf");
    claims
}

/// An Okta token of a program acting for a person (`act`, RFC 8693 4.1).
pub fn okta_agent(
    issuer_url: &str,
    audience: &str,
    actor: &str,
    login: &str,
    groups: &[&str],
) -> Map<String, Value> {
    let mut claims = okta_person(issuer_url, audience, login, groups);
    put(&mut claims, json!({ "act": { "sub": actor } }));
    claims
}

/// An access token of a plain OpenID issuer.
pub fn openid(
    issuer_url: &str,
    audience: &str,
    subject: &str,
    groups: &[&str],
) -> Map<String, Value> {
    let mut claims = map(json!({
        "iss": issuer_url, "aud": audience, "sub": subject, "jti": fresh_uuid(),
        "azp": "cli", "scope": "openid profile", "preferred_username": subject,
        "amr": ["pwd", "mfa"],
        "groups": groups,
    }));
    at(&mut claims, now_s());
    claims
}

/// Sets `iat`, `nbf` (5 seconds before) and `exp` (an hour after), as GitLab does.
pub fn at(claims: &mut Map<String, Value>, issued_s: u64) {
    put(
        claims,
        json!({
            "iat": issued_s, "nbf": issued_s.saturating_sub(5), "exp": issued_s + 3600,
        }),
    );
}

/// Sets every claim of an object.
pub fn put(claims: &mut Map<String, Value>, more: Value) {
    claims.extend(map(more));
}

/// Takes the claims away that come only with an environment.
pub fn without_environment(claims: &mut Map<String, Value>) {
    for name in [
        "environment",
        "environment_protected",
        "deployment_tier",
        "environment_action",
    ] {
        claims.remove(name);
    }
}

/// Seconds since 1970.
#[allow(
    clippy::disallowed_methods,
    reason = "the kit stands for other machines, which have clocks of their own"
)]
pub fn now_s() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn map(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
