//! Kinds of token, forks, actors, scopes: one thing changed in a sample.

use super::*;
use stile::identify::{Agent, Job, Person};

fn job(sample: &Sample) -> Job {
    match sample.who() {
        Who::Job(job) => job,
        other => panic!("{}: {other:?}", sample.name),
    }
}

fn person(sample: &Sample) -> Person {
    match sample.who() {
        Who::Person(person) => person,
        other => panic!("{}: {other:?}", sample.name),
    }
}

fn agent(sample: &Sample) -> Agent {
    match sample.who() {
        Who::Agent(agent) => agent,
        other => panic!("{}: {other:?}", sample.name),
    }
}

#[test]
fn whatever_a_pull_request_started_counts_as_a_forks() {
    let push = || Sample::named("github-push");
    assert!(!job(&push()).from_fork);
    for (claim, value) in [
        ("event_name", "pull_request"),
        ("event_name", "pull_request_target"),
        ("event_name", "pull_request_review"),
        ("event_name", "pull_request_review_comment"),
        ("ref", "refs/pull/1/merge"),
        ("ref", "refs/pull/1/head"),
        ("head_ref", "feat/x"),
        ("base_ref", "main"),
    ] {
        let changed = push().with(claim, json!(value));
        assert!(job(&changed).from_fork, "{claim} = {value}");
    }
    for event in [
        "push",
        "schedule",
        "workflow_dispatch",
        "release",
        "merge_group",
    ] {
        let changed = push().with("event_name", json!(event));
        assert!(!job(&changed).from_fork, "{event}");
    }
}

#[test]
fn a_repository_lies_in_its_owners_account() {
    let push = || Sample::named("github-push");
    for repository in [
        "acme-evil/shop",
        "acme",
        "acme/",
        "/shop",
        "acme/shop/api",
        "ACME/shop",
        "evil/acme/shop",
        " acme/shop",
    ] {
        let changed = push().with("repository", json!(repository));
        changed.assert_refused(Reason::MalformedToken);
    }
}

#[test]
fn a_ref_is_written_in_full_at_github() {
    let push = || Sample::named("github-push");
    for (full, short) in [
        ("refs/heads/main", "main"),
        ("refs/heads/refs/heads/x", "refs/heads/x"),
        ("refs/tags/v1", "v1"),
        ("refs/pull/1/merge", "refs/pull/1/merge"),
    ] {
        assert_eq!(job(&push().with("ref", json!(full))).git_ref, short);
    }
    for wrong in [
        "main",
        "refs/heads/",
        "refs/tags/",
        "heads/main",
        "/refs/heads/main",
    ] {
        push()
            .with("ref", json!(wrong))
            .assert_refused(Reason::MalformedToken);
    }
}

#[test]
fn only_the_exact_word_true_is_true() {
    for (sample, claim) in [
        ("gitlab-deploy", "ref_protected"),
        ("gitlab-deploy", "environment_protected"),
        ("github-push", "ref_protected"),
    ] {
        let says = |value: Option<&str>| {
            let base = Sample::named(sample);
            let read = job(&match value {
                Some(value) => base.with(claim, json!(value)),
                None => base.without(claim),
            });
            match claim {
                "ref_protected" => read.ref_protected,
                _ => read.environment_protected.unwrap(),
            }
        };
        assert!(says(Some("true")), "{sample}");
        for other in [
            "TRUE", "True", " true", "true ", "1", "yes", "false", "", "truе",
        ] {
            assert!(!says(Some(other)), "{sample}: {claim} = {other:?}");
        }
        assert!(!says(None), "{sample}: {claim} absent");
    }
}

#[test]
fn nobody_acts_for_a_job() {
    for sample in ["gitlab-deploy", "github-push"] {
        let acted = Sample::named(sample).with("act", json!({ "sub": "agent" }));
        acted.assert_refused(Reason::WrongType);
    }
}

#[test]
fn an_actor_makes_an_agent_of_a_persons_token_in_every_dialect_of_people() {
    for name in [
        "okta-person",
        "keycloak-person",
        "auth0-person",
        "entra-person",
        "google-person",
        "openid-person",
    ] {
        let sample = Sample::named(name);
        person(&sample);
        let chain = json!({ "sub": "tool", "act": { "sub": "agent" } });
        let acted = agent(&sample.with("act", chain));
        assert_eq!(acted.name, "tool", "{name}");
        assert_eq!(acted.actors, ["tool", "agent"], "{name}");
        let subject = Sample::named(name).outcome().unwrap();
        assert_eq!(
            acted.acts_for.as_ref(),
            Some(&subject.facts().subject),
            "{name}"
        );
    }
}

#[test]
fn an_actor_of_another_issuer_does_not_pass_for_one_of_ours() {
    let by = |act: Value| agent(&Sample::named("openid-person").with("act", act)).actors;
    let own = by(json!({ "iss": "https://id.example.com", "sub": "triage" }));
    assert_eq!(own, ["triage"]);
    let foreign = by(json!({ "iss": "https://evil.example", "sub": "triage" }));
    assert_eq!(foreign, ["https://evil.example#triage"]);
    let unnamed = by(json!({ "sub": "triage" }));
    assert_eq!(unnamed, own);
}

#[test]
fn a_chain_of_four_actors_is_read_and_one_of_five_is_malformed() {
    let chain = |links: usize| {
        let first = json!({ "sub": "1" });
        (2..=links).fold(
            first,
            |act, link| json!({ "sub": link.to_string(), "act": act }),
        )
    };
    for name in ["okta-person", "openid-person", "entra-person"] {
        let four = Sample::named(name).with("act", chain(4));
        assert_eq!(agent(&four).actors, ["4", "3", "2", "1"], "{name}");
        let five = Sample::named(name).with("act", chain(5));
        five.assert_refused(Reason::MalformedToken);
    }
}

#[test]
fn scopes_are_one_list_however_they_are_written() {
    let scopes = |scope: Option<Value>, scp: Option<Value>| {
        let mut sample = Sample::named("openid-person").without("scope");
        if let Some(scope) = scope {
            sample = sample.with("scope", scope);
        }
        if let Some(scp) = scp {
            sample = sample.with("scp", scp);
        }
        sample.outcome().map(|_| person(&sample).scopes)
    };
    let both = ["a", "b"];
    for written in [
        (Some(json!("a b")), None),
        (Some(json!(["a", "b"])), None),
        (None, Some(json!("a b"))),
        (None, Some(json!(["a", "b"]))),
        (Some(json!("a b")), Some(json!(["a", "b"]))),
        (Some(json!("a b")), Some(json!(["b", "a"]))),
        (Some(json!("  a   b a ")), None),
        (Some(json!(["a", "b", "a"])), None),
    ] {
        let shown = format!("{written:?}");
        assert_eq!(scopes(written.0, written.1).unwrap(), both, "{shown}");
    }
    for none in [None, Some(json!("")), Some(json!(" ")), Some(json!([]))] {
        assert!(scopes(none, None).unwrap().is_empty());
    }
    for (scope, scp) in [
        (json!("a b"), json!(["a"])),
        (json!("a"), json!(["a", "b"])),
        (json!(""), json!("a")),
    ] {
        let refusal = scopes(Some(scope), Some(scp)).unwrap_err();
        assert_eq!(refusal.reason(), Reason::MalformedToken);
    }
}

#[test]
fn only_roles_at_our_audiences_count() {
    let roles = |audiences: &[&str]| {
        let mut sample = Sample::named("keycloak-person").with("aud", json!(audiences[0]));
        sample.settings.audiences = audiences.iter().map(|one| (*one).to_owned()).collect();
        person(&sample).roles
    };
    let realm = ["realm:default-roles-acme", "realm:auditor"];
    assert_eq!(roles(&["stile-api"])[..2], realm);
    assert_eq!(roles(&["stile-api"])[2], "client:stile-api:editor");
    assert_eq!(roles(&["another"]), realm);
}

#[test]
fn a_keycloak_token_is_of_the_kind_that_it_says() {
    for kind in [
        "ID", "Refresh", "Offline", "Logout", "bearer", "BEARER", "DPoP", "Bearer ",
    ] {
        let other = Sample::named("keycloak-person").with("typ", json!(kind));
        other.assert_refused(Reason::WrongType);
    }
}

#[test]
fn a_service_account_is_an_agent_by_its_name_or_by_its_client() {
    let by_name = Sample::named("keycloak-program").without("client_id");
    assert_eq!(agent(&by_name).client.as_deref(), Some("nightly"));
    let by_client = Sample::named("keycloak-person").with("client_id", json!("grafana"));
    agent(&by_client);
    let by_old_client = Sample::named("keycloak-person").with("clientId", json!("grafana"));
    agent(&by_old_client);
}

#[test]
fn an_unverified_address_is_none() {
    for (sample, verified) in [
        ("keycloak-person", "email_verified"),
        ("google-person", "email_verified"),
    ] {
        assert!(person(&Sample::named(sample)).email.is_some());
        let said_no = Sample::named(sample).with(verified, json!(false));
        assert_eq!(person(&said_no).email, None);
        let unsaid = Sample::named(sample).without(verified);
        assert_eq!(person(&unsaid).email, None);
    }
}

#[test]
fn a_google_domain_is_what_google_says_and_never_the_end_of_an_address() {
    for address in [
        "x@acme.example",
        "x@evil.example@acme.example",
        "x@acme.example.",
    ] {
        let sample = Sample::named("google-person").without("hd");
        assert_eq!(person(&sample.with("email", json!(address))).domain, None);
    }
}

#[test]
fn a_google_service_account_is_an_agent_even_without_its_address() {
    let unaddressed = Sample::named("google-program")
        .without("email")
        .without("email_verified");
    agent(&unaddressed);
    let by_address = Sample::named("google-person")
        .with("email", json!("x@y.iam.gserviceaccount.com"))
        .with("email_verified", json!(false));
    agent(&by_address);
}

#[test]
fn auth0_adds_one_audience_and_no_other() {
    let own = "https://acme.eu.auth0.com/userinfo";
    let aud = |audience: Value| Sample::named("auth0-person").with("aud", audience);
    for accepted in [json!(US), json!([US]), json!([US, own]), json!([own, US])] {
        person(&aud(accepted));
    }
    for refused in [
        json!(own),
        json!([own]),
        json!([US, "https://acme.eu.auth0.com/"]),
        json!([US, "https://acme.eu.auth0.com/userinfo/"]),
        json!([US, "https://acme.eu.auth0.com/USERINFO"]),
        json!([US, "https://acme.eu.auth0.com/api/v2/"]),
        json!([US, "https://other.eu.auth0.com/userinfo"]),
        json!([US, "https://acme.eu.auth0.com//userinfo"]),
        json!([US, "userinfo"]),
        json!([US, own, "https://vault.example"]),
    ] {
        aud(refused).assert_refused(Reason::WrongAudience);
    }
    let mut other = Sample::named("openid-person");
    other = other.with("aud", json!([US, "https://id.example.com/userinfo"]));
    other.assert_refused(Reason::WrongAudience);
}

#[test]
fn auth0_names_one_client() {
    let person_ = || Sample::named("auth0-person");
    let same = person_().with("client_id", json!("my_client_id"));
    assert_eq!(person(&same).client.as_deref(), Some("my_client_id"));
    let other = person_().with("client_id", json!("another"));
    other.assert_refused(Reason::MalformedToken);
    person_().without("azp").assert_refused(Reason::WrongType);
    let program = person_().with("sub", json!("my_client_id"));
    agent(&program);
}

#[test]
fn an_entra_token_is_of_the_tenant_in_its_issuer() {
    let person_ = || Sample::named("entra-person");
    for tenant in [
        "7F1B2C3D-0A1B-4C2D-8E3F-9A0B1C2D3E4F",
        "7f1b2c3d-0a1b-4c2d-8e3f-9a0b1c2d3e4e",
        "common",
        "7f1b2c3d-0a1b-4c2d-8e3f-9a0b1c2d3e4f/",
        " 7f1b2c3d-0a1b-4c2d-8e3f-9a0b1c2d3e4f",
    ] {
        let other = person_().with("tid", json!(tenant));
        other.assert_refused(Reason::UnknownIssuer);
    }
    let subject = person_().outcome().unwrap().facts().subject.clone();
    let renamed = person_().with("sub", json!("another-pairwise"));
    assert_eq!(renamed.outcome().unwrap().facts().subject, subject);
}

#[test]
fn a_program_at_entra_has_no_scopes_or_says_that_it_is_one() {
    agent(&Sample::named("entra-person").without("scp"));
    agent(&Sample::named("entra-person").with("idtyp", json!("app")));
    person(&Sample::named("entra-person").with("idtyp", json!("user")));
    agent(&Sample::named("entra-program").without("idtyp"));
}

#[test]
fn groups_that_are_elsewhere_are_refused_and_other_claims_elsewhere_are_not() {
    for name in [
        "okta-person",
        "keycloak-person",
        "auth0-person",
        "entra-person",
        "openid-person",
    ] {
        let sample = Sample::named(name);
        let groups = sample.claim("{groups}");
        let groups = if groups.starts_with('{') {
            "groups".to_owned()
        } else {
            groups
        };
        let left_out = sample.with("_claim_names", json!({ groups: "src1" }));
        left_out.assert_refused(Reason::WrongType);
        let other = Sample::named(name).with("_claim_names", json!({ "photos": "src1" }));
        person(&other);
    }
    let none = Sample::named("entra-person").with("hasgroups", json!(false));
    person(&none);
}

#[test]
fn nothing_is_read_out_of_a_subject_that_each_project_may_word() {
    for (name, forged) in [
        (
            "gitlab-branch",
            "project_path:acme/payments/api:ref_type:branch:ref:main",
        ),
        (
            "gitlab-branch",
            "project_path:acme/admin:ref_type:tag:ref:v1:ref_protected:true",
        ),
        (
            "github-tag",
            "repo:acme@20111/shop@1339936803:environment:production",
        ),
        ("github-tag", "repo:acme/admin:ref:refs/heads/main"),
    ] {
        let honest = job(&Sample::named(name));
        let worded = job(&Sample::named(name).with("sub", json!(forged)));
        assert_eq!(worded, honest, "{name}: {forged}");
    }
}

#[test]
fn a_path_is_kept_letter_by_letter() {
    for path in [
        "\u{430}cme/api",
        "acme\u{ff0f}api",
        "acme/\u{200d}api",
        "acme/api\u{0}",
        "ACME/api",
        "acme/../acme/api",
        "acme%2fapi",
        " acme/api",
        "acme/api ",
        "acme//api",
    ] {
        let read = job(&Sample::named("gitlab-deploy").with("project_path", json!(path)));
        assert_eq!(read.repository, path);
        assert!(
            read.from_fork,
            "{path:?} is not the project that runs the job"
        );
    }
}
