//! One record of each kind, byte for byte: these bytes are hashed, so they may never change.
//!
//! `tests/journal/golden/*.json` are the records; a new field makes a new file, never another one.

use std::sync::Arc;

use stile::clock::Time;
use stile::identify::{Agent, Job, Person, Who};
use stile::listen::{TlsFacts, Trace};
use stile::record::audit_record::{Asker, EventRecord, OutcomeRecord};
use stile::record::{End, Note, Outcome};
use stile::resolve::{Class, Entry, Operation, Resource, Speech};

use super::*;

const DECISION: Uuid = Uuid::from_u128(0x0192_f0c0_0000_7000_8000_0000_0000_0001);

#[test]
fn an_allow_has_these_bytes() {
    let who = job();
    let line = decision(&who, "allow", None);
    assert_golden("allow", &line, include_str!("golden/allow.json"));
}

#[test]
fn a_deny_has_these_bytes() {
    let who = Who::Person(Person {
        name: "a.person@example.com".to_owned(),
        groups: vec!["platform".to_owned(), "ops".to_owned()],
        mfa: true,
        ..Person::default()
    });
    let line = decision(&who, "deny", Some(Reason::PolicyDenied));
    assert_golden("deny", &line, include_str!("golden/deny.json"));
}

#[test]
fn a_refusal_of_a_stranger_has_these_bytes() {
    let mut seen = sighting(DECISION);
    seen.path = None;
    seen.method = None;
    seen.host = None;
    seen.user_agent = None;
    let line = rendered(seen, "refuse", Level::Write);
    assert_golden("refuse", &line, include_str!("golden/refuse.json"));
}

#[test]
fn an_outcome_has_these_bytes() {
    let line = outcome(None);
    assert_golden_leaf("outcome", &line, include_str!("golden/outcome.json"));
}

#[test]
fn an_outcome_of_a_stamped_body_has_these_bytes() {
    let line = outcome(Some([0xab; 32]));
    let golden = include_str!("golden/outcome-stamped.json");
    assert_golden_leaf("outcome-stamped", &line, golden);
}

#[test]
fn an_outcome_says_how_often_it_was_sent_where_that_was_more_than_once() {
    let once = String::from_utf8(outcome(None)).unwrap();
    assert!(!once.contains("attempts"), "{once}");
    let twice = String::from_utf8(outcome_of(2, None)).unwrap();
    assert_eq!(twice, once.replacen('{', "{\"attempts\":2,", 1));
}

fn outcome(stamped: Option<[u8; 32]>) -> Vec<u8> {
    outcome_of(1, stamped)
}

fn outcome_of(attempts: u32, stamped: Option<[u8; 32]>) -> Vec<u8> {
    let mut line = Vec::new();
    OutcomeRecord {
        decision: DECISION,
        outcome: &Outcome {
            end: End::Complete,
            status: Some(200),
            grpc: Some(0),
            reason: None,
            upstream: Some("10.1.2.3:443".to_owned()),
            attempts,
            sent_bytes: 0,
            received_bytes: 18_213,
            first_byte_us: Some(30_123),
        },
        time: Time::from_ms(1_795_434_000_500),
        mono_ns: 88_500_000_999,
        commit_us: Some(4_100),
        total_us: Some(31_000),
        stamped,
        listed: None,
    }
    .render(&constants(), &mut line);
    line
}

#[test]
fn an_event_has_these_bytes() {
    let mut line = Vec::new();
    EventRecord {
        note: Note::ClockStep,
        detail: &[("by_ms", serde_json::Value::from(-3_600_000))],
        time: Time::from_ms(1_795_434_000_500),
        mono_ns: 88_500_000_999,
    }
    .render(&constants(), &mut line);
    assert_golden_leaf("event", &line, include_str!("golden/event.json"));
}

#[test]
fn every_decision_names_its_fields_in_order() {
    let agent = Who::Agent(Agent {
        name: "agent".to_owned(),
        groups: vec!["g".to_owned()],
        acts_for: Some("person".to_owned()),
        actors: vec!["agent".to_owned(), "planner".to_owned()],
        ..Agent::default()
    });
    for who in [job(), agent] {
        let inputs = Some(inputs(&who));
        let line = decision_with(&who, "error", Some(Reason::PolicyError), inputs);
        let disclosure = line.disclosure().unwrap();
        for text in [line.leaf(), disclosure.object(), &line.whole()] {
            let parsed: serde_json::Value = serde_json::from_slice(text).unwrap();
            // serde_json keeps maps sorted, so writing it again is the canonical form here.
            assert_eq!(serde_json::to_vec(&parsed).unwrap(), text);
        }
    }
}

#[test]
fn a_decision_with_its_inputs_has_these_bytes() {
    let who = job();
    let inputs = inputs(&who);
    let line = decision_with(&who, "allow", None, Some(inputs));
    assert_golden("inputs", &line, include_str!("golden/inputs.json"));
}

pub(super) fn inputs(who: &Who) -> Inputs<'_> {
    Inputs {
        issuer: "gitlab",
        who,
        kind: None,
        at: "2026-11-23 12:40",
        seen: None,
    }
}

fn decision(who: &Who, decision: &'static str, reason: Option<Reason>) -> Rendered {
    decision_with(who, decision, reason, None)
}

pub(super) fn decision_with(
    who: &Who,
    decision: &'static str,
    reason: Option<Reason>,
    inputs: Option<Inputs<'_>>,
) -> Rendered {
    let tls = TlsFacts {
        version: "1.3",
        suite: "TLS_AES_128_GCM_SHA256".to_owned(),
        sni: Some("api.example.com".to_owned()),
        alpn: Some("h2".to_owned()),
        client_certificate: None,
    };
    let mut seen = sighting(DECISION);
    seen.tls = Some(&tls);
    seen.query = Some("page=1&per_page=50");
    seen.trace = Some(Trace {
        trace_id: [0x4b; 16],
        span_id: [0xf0; 8],
        parent_id: None,
        flags: 1,
    });
    let claims = [
        ("project_id", serde_json::Value::from("4711")),
        ("pipeline_id", serde_json::Value::from(12)),
    ];
    let operation = Operation {
        entry: Arc::new(Entry {
            index: 0,
            upstream: Arc::from("lightstep"),
            action: "dashboards.read".to_owned(),
            class: Class::Read,
            resource_type: "Dashboard".to_owned(),
            names_one: true,
            names_project: true,
            method: http::Method::GET,
            template: "/public/v0.2/{organization}/projects/{project}".to_owned(),
            speech: Speech::Problem,
            body_bytes: 0,
            once: false,
            list: None,
            object: None,
        }),
        resource: Resource {
            kind: "Dashboard".to_owned(),
            id: None,
            project: Some("demo".to_owned()),
        },
        parameters: Vec::new(),
        seen: None,
    };
    let mut line = Rendered::default();
    DecisionRecord {
        sighting: seen,
        level: Level::Sync,
        decision,
        reason,
        forbidden_by: reason.map(|_| "no-forks"),
        asker: Some(Asker {
            issuer: "https://gitlab.example.com",
            subject: "project_path:acme/app:ref_type:branch:ref:main",
            who,
            key_id: Some("k1"),
            algorithm: "RS256",
            typ: Some("JWT"),
            issued: Time::from_secs(1_795_433_000),
            expires: Time::from_secs(1_795_436_600),
            bound: None,
            fingerprint: [0x9f; 32],
            claims: claims.to_vec(),
            personal_claims: vec![("user_login", "anna".into())],
        }),
        operation: Some(&operation),
        policies: &["shop-reads".to_owned()],
        policy_errors: &[],
        policy_set: Some("sha256:aa"),
        observed: None,
        inputs,
    }
    .render(&constants(), &SALT, &mut line);
    line
}

pub(super) fn job() -> Who {
    Who::Job(Job {
        repository: "acme/app".to_owned(),
        repository_id: "4711".to_owned(),
        git_ref: "main".to_owned(),
        ref_type: Some("branch".to_owned()),
        ref_protected: true,
        pipeline_source: "push".to_owned(),
        from_fork: false,
        namespace_id: None,
        job_repository: None,
        job_repository_id: None,
        workflow: None,
        runner_environment: None,
        job_source: None,
        access_level: None,
        visibility: None,
        environment_action: None,
        environment: None,
        environment_protected: None,
        deployment_tier: None,
        sha: None,
        pipeline_id: "12".to_owned(),
        job_id: "13".to_owned(),
        started_by: Some("anna".to_owned()),
    })
}

/// The leaf, then what lies beside it: length, checksum and salt in digits, and the object.
fn assert_golden(name: &str, record: &Rendered, golden: &str) {
    let beside = record.disclosure().unwrap().bytes();
    let (head, object) = beside.split_at(stile::record::frame::disclosure::BEFORE_OBJECT);
    let mut text = record.leaf().to_vec();
    text.extend_from_slice(format!("\n{} ", stile::record::frame::hex(head)).as_bytes());
    text.extend_from_slice(object);
    assert_golden_leaf(name, &text, golden);
}

fn assert_golden_leaf(name: &str, line: &[u8], golden: &str) {
    let line = std::str::from_utf8(line).unwrap();
    assert_eq!(line, golden.trim_end(), "tests/journal/golden/{name}.json");
}
