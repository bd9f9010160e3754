//! Counts what the rows say.
//!
//! In: rows. Out: counts by day, reason, principal, class, policy set.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::index::{Row, cells};

/// Counts of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// All of them.
    pub(super) rows: u64,
    /// Those with an outcome.
    pub(super) outcomes: u64,
    /// By decision; what happened to stile itself as `event`.
    pub(super) decisions: BTreeMap<String, u64>,
    /// Requests by day in the zone that was asked in, and decision.
    pub(super) days: BTreeMap<String, BTreeMap<String, u64>>,
    /// Requests that were not allowed, by reason.
    pub(super) reasons: BTreeMap<String, u64>,
    /// Requests by who asked.
    pub(super) principals: BTreeMap<String, u64>,
    /// Requests by class of operation.
    pub(super) classes: BTreeMap<String, u64>,
    /// Requests by the policies that decided.
    pub(super) policy_sets: BTreeMap<String, u64>,
    /// Rows by the settings in force.
    pub(super) configs: BTreeMap<String, u64>,
    /// By journal.
    pub(super) origins: BTreeMap<String, u64>,
    /// The last record of each journal that a row is made of.
    pub(super) last_seq: BTreeMap<String, u64>,
    /// When the first and the last row was, ms since 1970.
    pub(super) first_ms: Option<u64>,
    pub(super) last_ms: Option<u64>,
}

impl Tally {
    /// Counts one more.
    pub(super) fn count(&mut self, row: &Row, zone: &TimeZone) {
        let members: Value = serde_json::from_str(&row.record).unwrap_or_default();
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let add = |to: &mut BTreeMap<String, u64>, name: &str| {
            let count = to.entry(name.to_owned()).or_default();
            *count = count.saturating_add(1);
        };
        self.rows = self.rows.saturating_add(1);
        let outcomes = u64::from(row.outcome.is_some());
        self.outcomes = self.outcomes.saturating_add(outcomes);
        add(&mut self.origins, &row.origin);
        let behind = row
            .outcome
            .as_ref()
            .map_or(row.seq, |(seq, _)| row.seq.max(*seq));
        let last = self.last_seq.entry(row.origin.to_string()).or_default();
        *last = behind.max(*last);
        if let Some(config) = text("config") {
            add(&mut self.configs, config);
        }
        let ms = row.time.as_ms();
        self.first_ms = Some(self.first_ms.map_or(ms, |first| first.min(ms)));
        self.last_ms = Some(self.last_ms.map_or(ms, |last| last.max(ms)));
        let Some(decision) = text("decision") else {
            add(&mut self.decisions, "event");
            return;
        };
        add(&mut self.decisions, decision);
        let shown = cells(row, zone);
        let cell = |at: usize| shown.get(at).and_then(Value::as_str);
        let day = cell(0).and_then(|time| time.get(..10)).unwrap_or("");
        add(self.days.entry(day.to_owned()).or_default(), decision);
        let who = cell(2).unwrap_or("nobody identified");
        add(&mut self.principals, who);
        add(&mut self.classes, text("activity").unwrap_or("unknown"));
        if decision != "allow"
            && let Some(reason) = text("reason")
        {
            add(&mut self.reasons, reason);
        }
        if let Some(set) = text("policy_set") {
            add(&mut self.policy_sets, set);
        }
    }
}

/// The largest counts, the largest first, and how much is in the others.
pub(super) fn top(counts: &BTreeMap<String, u64>, most: usize) -> (Vec<(&str, u64)>, u64) {
    let mut sorted: Vec<(&str, u64)> = counts.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let rest = sorted.iter().skip(most).map(|(_, count)| count).sum();
    sorted.truncate(most);
    (sorted, rest)
}
