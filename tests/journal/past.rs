//! A record tells the question that was answered, whole or not at all.

use stile::identify::{Agent, Person, Who};
use stile::record::frame::Frame;
use stile::record::{Gap, LeftOut, PastDecision, Record};

use super::golden::{decision_with, inputs, job};
use super::*;

#[test]
fn what_a_record_keeps_is_the_question_that_was_asked() {
    for who in [full_job(), person(), agent()] {
        let line = whole_of(&who, "allow", None, Some(inputs(&who)));
        let past = PastDecision::read(&line).unwrap();
        let asked = past.asked().unwrap();
        assert!(!asked.lacks_email);
        assert_eq!(asked.question.facts.who, without_ids(who));
        assert_eq!(asked.question.facts.issuer, "gitlab");
        assert_eq!(
            asked.question.facts.subject,
            "project_path:acme/app:ref_type:branch:ref:main"
        );
        assert_eq!(asked.question.action, "dashboards.read");
        assert_eq!(asked.question.kind, "Dashboard");
        assert_eq!(asked.question.resource.project.as_deref(), Some("demo"));
        assert_eq!(
            (asked.question.at.as_str(), past.at()),
            ("2026-11-23 12:40", "2026-11-23 12:40")
        );
        assert_eq!(past.policies(), ["shop-reads"]);
    }
}

#[test]
fn another_minute_is_the_same_question_and_another_input_is_not() {
    let pieces = |who: &Who, at: &str, left_out| {
        let inputs = Inputs { at, ..inputs(who) };
        let line = whole_of(who, "allow", None, Some(inputs));
        let past = PastDecision::read(&line).unwrap();
        let mut pieces = Vec::new();
        past.pieces(left_out, |piece| pieces.push(piece.to_owned()));
        pieces
    };
    let all = LeftOut::default();
    let (who, other_commit, other_ref) = (full_job(), job_with_sha("77"), unprotected());
    let once = pieces(&who, "2026-11-23 12:40", all);
    assert_eq!(once, pieces(&who, "2026-11-24 00:00", all));
    assert_ne!(once, pieces(&other_ref, "2026-11-23 12:40", all));
    assert_ne!(once, pieces(&other_commit, "2026-11-23 12:40", all));

    let no_sha = LeftOut {
        sha: true,
        ..LeftOut::default()
    };
    let (plain, other) = (job_with_sha("76"), job_with_sha("77"));
    assert_eq!(
        pieces(&plain, "2026-11-23 12:40", no_sha),
        pieces(&other, "2026-11-23 12:40", no_sha)
    );
    // With an escape it is not cut out, so it still tells two apart.
    assert_ne!(
        pieces(&who, "2026-11-23 12:40", no_sha),
        pieces(&other, "2026-11-23 12:40", no_sha)
    );
}

fn whole_of(
    who: &Who,
    decision: &'static str,
    reason: Option<Reason>,
    inputs: Option<Inputs<'_>>,
) -> Vec<u8> {
    decision_with(who, decision, reason, inputs).whole()
}

#[test]
fn who_was_erased_is_no_question_and_a_job_still_is() {
    for (who, expected) in [
        (full_job(), None),
        (person(), Some(Gap::Erased)),
        (agent(), Some(Gap::Erased)),
    ] {
        let rendered = decision_with(&who, "allow", None, Some(inputs(&who)));
        let past = PastDecision::read(rendered.leaf()).unwrap();
        assert_eq!(past.asked().err(), expected);
        let (mut erased, mut whole) = (Vec::new(), Vec::new());
        past.pieces(LeftOut::default(), |piece| erased.push(piece.to_owned()));
        let text = rendered.whole();
        let past = PastDecision::read(&text).unwrap();
        past.pieces(LeftOut::default(), |piece| whole.push(piece.to_owned()));
        assert_eq!(erased == whole, expected.is_none());
    }
}

#[test]
fn read_as_it_lies_a_record_is_the_same_question() {
    let Who::Person(mut other) = person() else {
        unreachable!()
    };
    other.email = Some("someone.else@example.com".to_owned());
    for who in [full_job(), person(), agent(), Who::Person(other)] {
        let rendered = decision_with(&who, "allow", None, Some(inputs(&who)));
        let record = Record::of(&Frame {
            kind: Kind::Decision,
            after_sync: true,
            seq: 7,
            chain: [0; 32],
            payload: rendered.leaf(),
            disclosure: rendered.disclosure(),
        });
        let whole = rendered.whole();
        let (apart, together) = (
            PastDecision::of(&record).unwrap(),
            PastDecision::read(&whole).unwrap(),
        );
        let (apart, together) = (apart.asked().unwrap(), together.asked().unwrap());
        assert_eq!(apart.lacks_email, together.lacks_email);
        let (apart, together) = (apart.question, together.question);
        assert_eq!(
            without_starter(apart.facts.who),
            without_starter(together.facts.who)
        );
        assert_eq!(apart.facts.subject, together.facts.subject);
        assert_eq!(apart.resource, together.resource);
        assert_eq!((apart.action, apart.at), (together.action, together.at));
    }
}

fn job_with_sha(sha: &str) -> Who {
    match full_job() {
        Who::Job(job) => Who::Job(stile::identify::Job {
            sha: Some(sha.to_owned()),
            ..job
        }),
        other => other,
    }
}

fn unprotected() -> Who {
    match full_job() {
        Who::Job(job) => Who::Job(stile::identify::Job {
            ref_protected: false,
            ..job
        }),
        other => other,
    }
}

#[test]
fn an_address_that_is_not_the_name_is_kept_back_and_said_to_be() {
    let Who::Person(mut other) = person() else {
        unreachable!()
    };
    other.email = Some("someone.else@example.com".to_owned());
    let who = Who::Person(other);
    let line = whole_of(&who, "allow", None, Some(inputs(&who)));
    assert!(!String::from_utf8_lossy(&line).contains("someone.else"));
    assert!(
        PastDecision::read(&line)
            .unwrap()
            .asked()
            .unwrap()
            .lacks_email
    );
}

#[test]
fn a_record_without_inputs_or_with_less_is_no_question() {
    let who = job();
    let old = whole_of(&who, "allow", None, None);
    let old = PastDecision::read(&old).unwrap();
    assert_eq!(old.asked().unwrap_err(), Gap::NoInputs);

    let refused = rendered(sighting(Uuid::now_v7()), "refuse", Level::Write).whole();
    let refused = PastDecision::read(&refused).unwrap();
    assert_eq!(refused.asked().unwrap_err(), Gap::NotByPolicy);

    let line = whole_of(&who, "allow", None, Some(inputs(&who)));
    let text = String::from_utf8(line).unwrap();
    let without = text.replace("\"ref_protected\":true,", "");
    let past = PastDecision::read(without.as_bytes()).unwrap();
    assert_eq!(
        past.asked().unwrap_err(),
        Gap::Unreadable("inputs.ref_protected")
    );
    let unknown = text.replace("\"from_fork\":", "\"from_moon\":");
    let past = PastDecision::read(unknown.as_bytes()).unwrap();
    assert_eq!(past.asked().unwrap_err(), Gap::Unreadable("inputs"));
}

#[test]
fn a_cut_input_is_no_question() {
    let Who::Person(mut many) = person() else {
        unreachable!()
    };
    many.scopes = (0..900).map(|n| format!("scope-{n}")).collect();
    let who = Who::Person(many);
    let line = whole_of(&who, "allow", None, Some(inputs(&who)));
    let past = PastDecision::read(&line).unwrap();
    assert_eq!(past.asked().unwrap_err(), Gap::Cut("inputs".to_owned()));
}

/// Who started a job is no part of any question.
fn without_starter(who: Who) -> Who {
    match who {
        Who::Job(job) => Who::Job(stile::identify::Job {
            started_by: None,
            ..job
        }),
        other => other,
    }
}

fn without_ids(who: Who) -> Who {
    match who {
        Who::Job(job) => Who::Job(stile::identify::Job {
            pipeline_id: String::new(),
            job_id: String::new(),
            ..job
        }),
        other => other,
    }
}

/// Every attribute that policies read.
fn full_job() -> Who {
    let Who::Job(plain) = job() else {
        unreachable!()
    };
    let some = |text: &str| Some(text.to_owned());
    Who::Job(stile::identify::Job {
        namespace_id: some("7"),
        job_repository: some("acme/other"),
        job_repository_id: some("8"),
        workflow: some("acme/app/.ci.yml@main"),
        runner_environment: some("self-hosted"),
        job_source: some("push"),
        access_level: some("maintainer"),
        visibility: some("private"),
        environment: some("production"),
        environment_protected: Some(true),
        environment_action: some("start"),
        deployment_tier: some("production"),
        sha: some("0f\"at\":\"1"),
        ..plain
    })
}

fn person() -> Who {
    let list = |word: &str| vec![word.to_owned(), "x".to_owned()];
    Who::Person(Person {
        name: "a.person@example.com".to_owned(),
        groups: list("platform"),
        mfa: true,
        roles: list("role"),
        scopes: list("read"),
        client: Some("cli".to_owned()),
        email: Some("a.person@example.com".to_owned()),
        domain: Some("example.com".to_owned()),
    })
}

fn agent() -> Who {
    let list = |word: &str| vec![word.to_owned(), "x".to_owned()];
    Who::Agent(Agent {
        name: "agent".to_owned(),
        groups: list("platform"),
        acts_for: Some("anna".to_owned()),
        actors: list("planner"),
        roles: list("role"),
        scopes: list("read"),
        client: Some("cli".to_owned()),
    })
}
