//! What stile's words are in OCSF's numbers.
//!
//! In: a decision's word, a class of operations, an event's word. Out: the numbers.

/// What a decision is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionWord {
    /// As in records.
    pub word: &'static str,
    /// 1 Allowed, 2 Denied.
    pub action_id: u64,
    /// 1 Allowed, 2 Blocked, 26 Unauthorized, 27 Error.
    pub disposition_id: u64,
    /// 0 Unknown, 1 Success, 2 Failure; of an allow, what its outcome says.
    pub status_id: u64,
    /// 1 Informational, 2 Low, 3 Medium.
    pub severity_id: u64,
}

/// What something that happened to stile itself is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventWord {
    /// As in records.
    pub word: &'static str,
    /// Of class Application Error (6008); else of Application Lifecycle (6002).
    pub is_error: bool,
    /// 3 Start, 4 Stop, 8 Update, 99 Other; of an error 1 General Error.
    pub activity_id: u64,
    /// 1 Informational to 4 High.
    pub severity_id: u64,
}

/// The decisions.
pub const DECISIONS: &[DecisionWord] = &[
    decided("allow", 1, 1, 0, 1),
    decided("deny", 2, 26, 2, 2),
    decided("refuse", 2, 2, 2, 2),
    decided("error", 2, 27, 2, 3),
    decided("public", 1, 1, 1, 1),
    decided("own", 1, 1, 1, 1),
];

/// The events; any other is Application Lifecycle, 99 Other.
pub const EVENTS: &[EventWord] = &[
    happened("start", 3, 1),
    happened("stop", 4, 1),
    happened("config.reload", 8, 1),
    happened("policy.reload", 8, 1),
    failed("reload.refused", 2),
    failed("journal.recovered", 3),
    failed("journal.unrecorded", 4),
    failed("journal.gap", 4),
    happened("journal.fork", 99, 3),
    failed("flood.begin", 3),
    happened("flood.end", 99, 1),
    happened("redaction", 99, 2),
    happened("redaction.done", 99, 1),
    happened("prune", 99, 2),
    happened("prune.done", 99, 1),
    happened("hold", 99, 2),
    happened("hold.lifted", 99, 2),
    failed("keys.failed", 3),
    happened("keys.changed", 99, 1),
    happened("keys.blocked", 99, 2),
    happened("notice.taken", 99, 1),
    happened("endings.changed", 99, 2),
    happened("key.rotate", 99, 1),
    failed("anchor.conflict", 4),
    failed("anchor.stale", 3),
    happened("clock.step", 99, 2),
    happened("gitlab.push", 99, 1),
    happened("gitlab.merge_request", 99, 1),
    happened("gitlab.pipeline", 99, 1),
    happened("gitlab.job", 99, 1),
    happened("gitlab.deployment", 99, 1),
    happened("gitlab.release", 99, 1),
    happened("directory.user", 99, 2),
    happened("directory.group", 99, 2),
];

/// A decision's numbers; those of an error for a word that is none.
pub(super) fn decision(word: &str) -> DecisionWord {
    let known = DECISIONS.iter().find(|known| known.word == word);
    known.copied().unwrap_or(decided("error", 2, 27, 2, 3))
}

/// An event's numbers.
pub(super) fn event(word: &str) -> EventWord {
    let known = EVENTS.iter().find(|known| known.word == word);
    known.copied().unwrap_or(happened("", 99, 1))
}

/// What is done, by class of operation, action and method: number and name.
pub fn activity_of(
    class: Option<&str>,
    action: Option<&str>,
    method: Option<&str>,
) -> (u64, &'static str) {
    match class {
        Some("read" | "look") => (2, "Read"),
        Some("delete") => (4, "Delete"),
        Some("write") if action.is_some_and(|a| a.ends_with(".create")) => (1, "Create"),
        Some("write") => (3, "Update"),
        Some("power") => (99, "Power"),
        _ if matches!(method, Some("GET" | "HEAD" | "OPTIONS")) => (2, "Read"),
        _ => (0, "Unknown"),
    }
}

/// What kind of user somebody is: number and name.
pub(super) fn user_type(kind: &str) -> (u64, &'static str) {
    match kind {
        "person" => (1, "User"),
        "job" => (4, "Service"),
        "agent" => (99, "agent"),
        _ => (0, "Unknown"),
    }
}

const fn decided(
    word: &'static str,
    action_id: u64,
    disposition_id: u64,
    status_id: u64,
    severity_id: u64,
) -> DecisionWord {
    DecisionWord {
        word,
        action_id,
        disposition_id,
        status_id,
        severity_id,
    }
}

const fn happened(word: &'static str, activity_id: u64, severity_id: u64) -> EventWord {
    EventWord {
        word,
        is_error: false,
        activity_id,
        severity_id,
    }
}

const fn failed(word: &'static str, severity_id: u64) -> EventWord {
    EventWord {
        word,
        is_error: true,
        activity_id: 1,
        severity_id,
    }
}
