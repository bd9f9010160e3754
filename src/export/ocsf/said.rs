//! What an event of OCSF says of how a request ended, and why.
//!
//! In: the record and its outcome. Out: status, policies, one sentence.

use serde_json::{Value, json};

use super::Event;
use super::words::DecisionWord;

/// Success or failure: of an allow what its outcome says, unknown while that is owed.
pub(super) fn status(word: DecisionWord, outcome: Option<&Value>) -> u64 {
    let Some(outcome) = outcome.filter(|_| word.word == "allow") else {
        return word.status_id;
    };
    let code = outcome.get("status").and_then(Value::as_u64);
    let grpc = outcome.get("grpc").and_then(Value::as_u64);
    let whole = outcome.get("end").and_then(Value::as_str) == Some("complete");
    match (whole, code, grpc) {
        (true, Some(..400), None | Some(0)) => 1,
        _ => 2,
    }
}

/// The reason why not, or the upstream's status.
pub(super) fn status_code(record: &Value, outcome: Option<&Value>) -> Option<String> {
    let reason = outcome
        .and_then(|o| text(o, "reason"))
        .or(text(record, "reason"));
    let code = || outcome?.get("status")?.as_u64();
    reason
        .map(str::to_owned)
        .or_else(|| code().map(|code| code.to_string()))
}

/// More about it: the guardrail, errors of policies, an end that is not whole.
pub(super) fn status_detail(record: &Value, outcome: Option<&Value>) -> Option<String> {
    let mut said: Vec<&str> = Vec::new();
    said.extend(text(record, "reason_detail"));
    said.extend(texts(record, "policy_errors"));
    let end = outcome.and_then(|o| text(o, "end"));
    said.extend(end.filter(|end| *end != "complete"));
    (!said.is_empty()).then(|| said.join("; "))
}

/// The policies that determined it, each as one authorization; without any, the set that was asked.
pub(super) fn policies(event: &mut Event, record: &Value) {
    let version = text(record, "policy_set");
    let decision = text(record, "decision").unwrap_or("error");
    let guardrail = text(record, "reason_detail").and_then(|d| d.strip_prefix("forbid:"));
    let mut named: Vec<&str> = texts(record, "policies").collect();
    named.extend(guardrail.filter(|guardrail| !named.contains(guardrail)));
    let policy = |name: &str| match version {
        Some(version) => json!({ "uid": name, "name": name, "version": version }),
        None => json!({ "uid": name, "name": name }),
    };
    let first = named.first().map(|name| policy(name));
    let set = version.map(|version| json!({ "type": "policy set", "version": version }));
    if let Some(shown) = first.or(set) {
        event.put("policy", shown);
    }
    let each = |name: &&str| json!({ "decision": decision, "policy": policy(name) });
    let authorizations: Vec<Value> = match named.is_empty() {
        true => vec![json!({ "decision": decision })],
        false => named.iter().map(each).collect(),
    };
    event.put("authorizations", authorizations.into());
}

/// One sentence for people.
pub(super) fn message(record: &Value) -> String {
    let decision = text(record, "decision").unwrap_or("error");
    let who = text(record, "subject_name").or(text(record, "subject"));
    let who = who.unwrap_or(match record.get("personal") {
        Some(_) => "somebody whose name was erased",
        None => "nobody identified",
    });
    let what = match text(record, "op") {
        Some(op) => op.to_owned(),
        None => ["method", "path"]
            .into_iter()
            .filter_map(|name| text(record, name))
            .collect::<Vec<_>>()
            .join(" "),
    };
    let why = text(record, "reason").map(|reason| format!(" ({reason})"));
    format!("{decision}: {who}: {what}{}", why.unwrap_or_default())
}

fn text<'v>(members: &'v Value, name: &str) -> Option<&'v str> {
    members.get(name).and_then(Value::as_str)
}

fn texts<'v>(members: &'v Value, name: &str) -> impl Iterator<Item = &'v str> {
    let list = members.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}
