//! Policy: the rules, guardrails and bindings in force, their proof, and what is only tried.
//!
//! In: the set in force. Out: each policy with its place and its text, and what `stile check` warns of.
//!
//! Never: a way to change one. Git is that way.

use askama::Template;
use serde::Serialize;

use super::frame::{Frame, Made, Stamp};
use super::texts::{lines, shown};
use super::view::View;
use crate::authorize::Mode;
use crate::refusal::Refusal;

/// The page.
#[derive(Template, Serialize)]
#[template(path = "policy.html")]
struct Policy {
    #[serde(skip)]
    frame: Frame,
    digest: String,
    config: String,
    loaded: Stamp,
    cases: usize,
    mode: &'static str,
    kinds: Vec<Kind>,
    tried: Vec<String>,
    findings: Vec<Found>,
}

/// Rules, guardrails or bindings.
#[derive(Serialize)]
struct Kind {
    name: &'static str,
    words: &'static str,
    policies: Vec<One>,
}

/// One policy.
#[derive(Serialize)]
struct One {
    id: String,
    place: String,
    observed: bool,
    text: String,
    #[serde(skip)]
    requests: String,
}

/// What `stile check` warns of.
#[derive(Serialize)]
struct Found {
    told: String,
    accepted: Option<String>,
}

pub(super) fn page(view: &View<'_>) -> Result<Made, Refusal> {
    view.pairs().only(&["tz"])?;
    let policies = view.policies();
    let listed = policies.listed();
    let kinds = KINDS.iter().map(|(kind, name, words)| {
        let of_kind = listed.iter().filter(|one| one.kind == *kind);
        let policies = of_kind.map(|one| One {
            id: shown(&one.id, 100),
            place: shown(&one.place, 100),
            observed: one.observed,
            text: lines(one.text.trim()),
            requests: view.href(
                "/requests",
                &[("q", &format!("rule:{}", one.id)), ("last", "30d")],
            ),
        });
        Kind {
            name,
            words,
            policies: policies.collect(),
        }
    });
    let findings = policies.findings();
    let findings = findings.iter().map(|finding| Found {
        told: lines(&finding.told.to_string()),
        accepted: finding.accepted.as_deref().map(|why| shown(why, 300)),
    });
    let page = Policy {
        frame: Frame::of(view, "Policy"),
        digest: policies.digest().to_owned(),
        config: view.looking.ruling.config.clone(),
        loaded: Stamp::of(view, policies.loaded()),
        cases: policies.cases(),
        mode: match policies.mode() {
            Mode::Enforce => "enforce",
            Mode::Observe => "observe",
        },
        tried: policies.observed().map(|id| shown(id, 100)).collect(),
        kinds: kinds.collect(),
        findings: findings.collect(),
    };
    Made::of(view, &page)
}

/// Kind, words for many, what they do.
const KINDS: &[(&str, &str, &str)] = &[
    (
        "guardrail",
        "Guardrails",
        "forbid, whatever anything else allows",
    ),
    ("rule", "Rules", "allow beyond roles"),
    ("binding", "Bindings", "give a role to somebody somewhere"),
];
