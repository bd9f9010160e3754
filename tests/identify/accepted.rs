//! The tokens that everything else departs from, and what is read of them.

use super::*;
use stile::identify::{ClaimNames, Who};

fn openid_names() -> ClaimNames {
    ClaimNames {
        agents: false,
        name: "preferred_username".to_owned(),
        groups: "groups".to_owned(),
        typ: None,
    }
}

fn who_of(claims: &Map<String, Value>, settings: &IssuerSettings) -> Result<Who, Reason> {
    let now = Time::from_secs(NOW_S);
    match examined(&signed(claims), settings, now).outcome {
        Ok(principal) => Ok(principal.facts().who.clone()),
        Err(refusal) => Err(refusal.reason()),
    }
}

fn okta(login: &str, groups: &[&str]) -> Map<String, Value> {
    let mut person = claims::okta_person(OKTA, US, login, groups);
    let nbf = person.contains_key("nbf");
    claims::at(&mut person, NOW_S);
    if !nbf {
        person.remove("nbf");
    }
    person
}

fn okta_settings() -> IssuerSettings {
    settings(OKTA, Dialect::Okta)
}

fn openid() -> Map<String, Value> {
    let mut person = claims::openid(GITLAB, US, "dana", &["payments"]);
    claims::at(&mut person, NOW_S);
    person
}

#[test]
fn a_job_is_read_as_it_is() {
    let principal = assert_accepted("job", &signed(&job()));
    let Who::Job(job) = &principal.facts().who else {
        panic!("not a job: {principal:?}");
    };
    assert_eq!(job.repository, "acme/payments/api");
    assert_eq!(job.repository_id, "20");
    assert_eq!(job.git_ref, "main");
    assert_eq!(job.ref_type.as_deref(), Some("branch"));
    assert!(job.ref_protected);
    assert!(!job.from_fork);
    assert_eq!(job.pipeline_source, "push");
    assert_eq!(job.environment.as_deref(), Some("production"));
    assert_eq!(job.environment_protected, Some(true));
    assert_eq!(job.deployment_tier.as_deref(), Some("production"));
    assert_eq!(job.started_by.as_deref(), Some("dana"));
    assert_eq!(
        (job.pipeline_id.as_str(), job.job_id.as_str()),
        ("574", "302")
    );
    assert_eq!(principal.issuer_url(), GITLAB);
    assert_eq!(principal.facts().issuer, "issuer");
    let token = principal.token();
    assert_eq!(token.key_id.as_deref(), Some(BENCH.rsa.kid.as_str()));
    assert_eq!(token.algorithm, "RS256");
    assert_eq!(token.typ.as_deref(), Some("JWT"));
    assert_eq!(token.expires, Time::from_secs(NOW_S + 3600));
    let kept = token.kept_claims.unpacked();
    let personal: Vec<&str> = kept.personal.iter().map(|(name, _)| *name).collect();
    assert_eq!(personal, ["user_id", "user_login"]);
    let kept = kept.plain;
    assert!(kept.contains(&("project_id", json!("20"))));
    assert!(kept.contains(&("runner_id", json!(1))));
    let secret = ["jti", "user_email"];
    assert!(kept.iter().all(|(name, _)| !secret.contains(name)));
}

#[test]
fn a_job_signed_by_an_elliptic_key_is_accepted() {
    let principal = assert_accepted("ES256", &mint::mint(&job(), &BENCH.ec));
    assert_eq!(principal.token().algorithm, "ES256");
}

#[test]
fn every_check_of_an_accepted_token_is_told_in_order() {
    let examination = examined(&signed(&job()), &gitlab(), Time::from_secs(NOW_S));
    assert!(examination.outcome.is_ok());
    assert_eq!(examination.checks.len(), 11);
    assert!(examination.checks.iter().all(|check| check.ok));
}

#[test]
fn what_a_token_is_bound_to_is_told() {
    for (name, words) in [("jkt", "DPoP"), ("x5t#S256", "client certificate")] {
        let digest = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        let token = signed(&job_with("cnf", json!({ name: digest })));
        let examination = examined(&token, &gitlab(), Time::from_secs(NOW_S));
        assert!(examination.outcome.unwrap().token().bound.is_some());
        let last = examination.checks.last().unwrap();
        assert!(last.yours.as_deref().unwrap().contains(words), "{last:?}");
    }
}

#[test]
fn the_last_check_told_of_a_refused_token_is_the_one_that_failed() {
    let expired = Time::from_secs(NOW_S + 3600 + 180);
    let examination = examined(&signed(&job()), &gitlab(), expired);
    let (last, before) = examination.checks.split_last().unwrap();
    assert!(!last.ok && before.iter().all(|check| check.ok));
    assert_eq!(last.check, "it is valid now and not for too long");
    let told = last.yours.as_deref().unwrap();
    assert!(told.starts_with("the token expired 3 min ago"), "{told}");
    assert!(told.contains("`timeout:`"), "{told}");
}

#[test]
fn a_job_counts_as_a_forks_unless_both_projects_are_there_and_equal() {
    let from_fork = |claims: &Map<String, Value>| match who_of(claims, &gitlab()) {
        Ok(Who::Job(job)) => job.from_fork,
        other => panic!("{other:?}"),
    };
    assert!(!from_fork(&job()));
    let mut fork = claims::gitlab_fork_mr(GITLAB, US);
    claims::at(&mut fork, NOW_S);
    assert!(from_fork(&fork));
    for name in ["job_project_id", "job_project_path"] {
        assert!(from_fork(&job_without(name)), "without {name}");
        assert!(from_fork(&job_with(name, json!("999"))), "other {name}");
        assert!(from_fork(&job_with(name, json!(""))), "empty {name}");
    }
}

#[test]
fn only_the_exact_word_true_is_true() {
    for (text, expected) in [
        ("true", true),
        ("false", false),
        ("TRUE", false),
        ("True", false),
        (" true", false),
        ("true ", false),
        ("1", false),
        ("yes", false),
        ("", false),
        ("true\u{0}", false),
    ] {
        for name in ["ref_protected", "environment_protected"] {
            let Ok(Who::Job(job)) = who_of(&job_with(name, json!(text)), &gitlab()) else {
                panic!("{name} {text:?}");
            };
            let read = match name {
                "ref_protected" => job.ref_protected,
                _ => job.environment_protected.unwrap(),
            };
            assert_eq!(read, expected, "{name} {text:?}");
        }
    }
    let Ok(Who::Job(job)) = who_of(&job_without("ref_protected"), &gitlab()) else {
        panic!();
    };
    assert!(!job.ref_protected);
}

#[test]
fn without_an_environment_nothing_is_said_of_its_protection() {
    let mut plain = claims::gitlab_feature_branch(GITLAB, US);
    claims::at(&mut plain, NOW_S);
    let Ok(Who::Job(job)) = who_of(&plain, &gitlab()) else {
        panic!();
    };
    assert_eq!((job.environment, job.environment_protected), (None, None));
    assert!(!job.ref_protected);
}

#[test]
fn hostile_names_are_kept_exactly_as_they_are() {
    for path in [
        "acme/payments/\u{430}pi",
        "acme\u{ff0f}payments",
        "acme/\u{200d}api",
        "acme/\u{0}api",
        "ACME/payments/api",
        "acme/../payments/api",
        "acme%2fpayments",
        "acme/payments/api2",
        "\u{1b}[31macme",
    ] {
        let Ok(Who::Job(job)) = who_of(&job_with("project_path", json!(path)), &gitlab()) else {
            panic!("{path:?}");
        };
        assert_eq!(job.repository, path);
        assert!(job.from_fork, "{path:?}");
    }
}

#[test]
fn what_the_subject_says_of_a_job_is_not_read() {
    let lying = job_with(
        "sub",
        json!("project_path:acme/admin:ref_type:branch:ref:main"),
    );
    let Ok(Who::Job(job)) = who_of(&lying, &gitlab()) else {
        panic!();
    };
    assert_eq!(job.repository, "acme/payments/api");
}

#[test]
fn a_login_at_gitlab_is_not_a_job() {
    let mut login = claims::gitlab_login(GITLAB, US);
    claims::at(&mut login, NOW_S);
    assert_eq!(who_of(&login, &gitlab()), Err(Reason::WrongType));
    for name in [
        "job_id",
        "pipeline_id",
        "project_id",
        "project_path",
        "ref",
        "pipeline_source",
    ] {
        assert_eq!(
            who_of(&job_without(name), &gitlab()),
            Err(Reason::WrongType),
            "{name}"
        );
    }
}

#[test]
fn a_person_at_okta_is_read_with_groups_and_factors() {
    let Ok(Who::Person(person)) = who_of(&okta("dana@example.com", &["a", "b"]), &okta_settings())
    else {
        panic!();
    };
    assert_eq!(
        (person.name.as_str(), person.mfa),
        ("dana@example.com", true)
    );
    assert_eq!(person.groups, ["a", "b"]);
    for (amr, mfa) in [
        (json!(["pwd"]), false),
        (json!([]), false),
        (json!(["pwd", "sms"]), false),
        (json!(["MFA"]), false),
        (json!(["pwd", "otp"]), true),
        (json!(["hwk"]), true),
        (json!(["fpt"]), true),
        (json!(["swk"]), true),
    ] {
        let mut claims = okta("dana", &[]);
        claims.insert("amr".to_owned(), amr.clone());
        let Ok(Who::Person(person)) = who_of(&claims, &okta_settings()) else {
            panic!("{amr}");
        };
        assert_eq!(person.mfa, mfa, "{amr}");
    }
}

#[test]
fn a_program_that_acts_for_a_person_is_an_agent() {
    let mut acting = okta("dana", &["a"]);
    acting.insert("act".to_owned(), json!({ "sub": "assistant" }));
    let Ok(Who::Agent(agent)) = who_of(&acting, &okta_settings()) else {
        panic!();
    };
    assert_eq!(
        (agent.name.as_str(), agent.acts_for.as_deref()),
        ("assistant", Some("dana"))
    );
    assert_eq!(agent.groups, ["a"]);
    let mut alone = okta("0oaclient1", &[]);
    alone.remove("uid");
    let Ok(Who::Agent(agent)) = who_of(&alone, &okta_settings()) else {
        panic!();
    };
    assert_eq!((agent.name.as_str(), agent.acts_for), ("0oaclient1", None));
}

#[test]
fn an_okta_token_that_is_not_an_access_token_or_ill_typed_is_refused() {
    let mut id_token = okta("dana", &[]);
    id_token.remove("cid");
    assert_eq!(who_of(&id_token, &okta_settings()), Err(Reason::WrongType));
    for (name, value) in [
        ("groups", json!("admins")),
        ("groups", json!(["a", 1])),
        ("groups", json!(null)),
        ("groups", json!({ "a": true })),
        ("amr", json!("mfa")),
        ("amr", json!([true])),
        ("cid", json!(1)),
        ("cid", json!("")),
        ("uid", json!(7)),
        ("act", json!("assistant")),
        ("act", json!({})),
        ("act", json!({ "sub": 1 })),
        ("act", json!({ "sub": "" })),
        ("act", json!(null)),
        ("act", json!([{ "sub": "x" }])),
        ("preferred_username", json!(3)),
    ] {
        let mut claims = okta("dana", &[]);
        claims.insert(name.to_owned(), value.clone());
        let case = format!("{name} {value}");
        assert_eq!(
            who_of(&claims, &okta_settings()),
            Err(Reason::MalformedToken),
            "{case}"
        );
    }
}

#[test]
fn a_plain_openid_token_is_read_by_its_mapping() {
    let person = settings(GITLAB, Dialect::Openid(openid_names()));
    let Ok(Who::Person(read)) = who_of(&openid(), &person) else {
        panic!();
    };
    assert_eq!((read.name.as_str(), read.mfa), ("dana", true));
    assert_eq!(read.groups, ["payments"]);
    let agents = ClaimNames {
        agents: true,
        name: "azp".to_owned(),
        ..openid_names()
    };
    let Ok(Who::Agent(read)) = who_of(&openid(), &settings(GITLAB, Dialect::Openid(agents))) else {
        panic!();
    };
    assert_eq!((read.name.as_str(), read.acts_for), ("cli", None));
}

#[test]
fn tokens_for_other_purposes_are_of_the_wrong_type() {
    let openid_settings = settings(GITLAB, Dialect::Openid(openid_names()));
    for (name, value) in [
        (
            "events",
            json!({ "http://schemas.openid.net/event/backchannel-logout": {} }),
        ),
        (
            "cnf",
            json!({ "kid": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
        ),
        ("typ", json!("Refresh")),
        ("typ", json!("Offline")),
        ("typ", json!("Logout")),
    ] {
        let mut claims = openid();
        claims.insert(name.to_owned(), value.clone());
        let case = format!("{name} {value}");
        assert_eq!(
            who_of(&claims, &openid_settings),
            Err(Reason::WrongType),
            "{case}"
        );
    }
}
