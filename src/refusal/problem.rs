//! A refusal as problem details, on one line, or as one line of plain text.
//!
//! In: a [`Refusal`] and the decision's id. Out: less than 2 kB.
//!
//! Clients such as Terraform's print the whole body, quoted, on one line: so the sentence comes
//! first and nothing in it needs an escape. What does not fit is left out from the end: checks that
//! held, then further checks.
//!
//! RFC 9457, 3.

use serde::Serialize;
use uuid::Uuid;

use super::explanation::Check;
use super::{Refusal, sentence};

/// The members, in the order in which they are read.
#[derive(Serialize)]
struct Problem<'a> {
    title: &'static str,
    detail: String,
    status: u16,
    r#type: String,
    instance: String,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    checks: &'a [Check],
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forbidden_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
}

/// The body of `application/problem+json`.
pub(super) fn json(refusal: &Refusal, decision: Uuid) -> String {
    let mut checks = shown_checks(refusal);
    loop {
        let text = written(refusal, decision, &checks);
        if text.len() <= BODY_BYTES || checks.is_empty() {
            return text;
        }
        let held = checks.iter().rposition(|check| check.ok);
        checks.remove(held.unwrap_or(checks.len() - 1));
    }
}

/// The body of `text/plain`: the same in one line.
pub(super) fn text(refusal: &Refusal, decision: Uuid) -> String {
    let reason = refusal.reason();
    let (title, word) = (sentence::title(reason), reason.word());
    format!(
        "{title}: {} ({word}, decision {decision})\n",
        sentence::of(refusal)
    )
}

fn written(refusal: &Refusal, decision: Uuid, checks: &[Check]) -> String {
    let reason = refusal.reason();
    let explanation = refusal.explanation();
    let short = |text: &String| sentence::plain(text, NAME_BYTES);
    let problem = Problem {
        title: sentence::title(reason),
        detail: sentence::of(refusal),
        status: reason.status().as_u16(),
        r#type: format!("urn:stile:reason:{}", reason.word()),
        instance: format!("urn:uuid:{decision}"),
        reason: reason.word(),
        action: explanation.map(|e| short(&e.action)),
        checks,
        nearest_rule: explanation.and_then(|e| e.nearest_rule.as_ref()).map(short),
        forbidden_by: explanation.and_then(|e| e.forbidden_by.as_ref()).map(short),
        fix: explanation.and_then(|e| e.fix.as_ref()).map(short),
        policy: explanation
            .map(|e| short(&e.policy_set))
            .filter(|digest| !digest.is_empty()),
    };
    // Strings, numbers and booleans always serialize.
    serde_json::to_string(&problem).unwrap_or_default()
}

/// The checks as they may be shown, the first few of them.
fn shown_checks(refusal: &Refusal) -> Vec<Check> {
    let checks = refusal
        .explanation()
        .map_or(&[][..], |explanation| &explanation.checks);
    let shown = |check: &Check| Check {
        ok: check.ok,
        check: sentence::plain(&check.check, NAME_BYTES),
        yours: check
            .yours
            .as_ref()
            .map(|yours| sentence::plain(yours, NAME_BYTES)),
    };
    checks.iter().take(CHECKS).map(shown).collect()
}

/// The largest body, in bytes.
const BODY_BYTES: usize = 1900;

/// The longest name or value in a member, in bytes.
const NAME_BYTES: usize = 120;

/// Checks beyond these are not shown.
const CHECKS: usize = 16;
