//! Counts what passes, for Prometheus.
//!
//! In: what the pipeline did. Out: counters and histograms in one registry.
//!
//! Labels come from closed sets only: actions of the catalogue, reasons of the list, anchors of the
//! settings. Never a path,
//! a subject or a key id: a label that a caller chooses is a memory attack. The counters of the hot
//! path are looked up once, when they are made, and are plain atomics afterwards.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::authorize::{Observed, Verdict};
use crate::clock::Time;
use crate::forward::UpstreamState;
use crate::identify::KeySetState;
use crate::leave::LeaveState;
use crate::refusal::Reason;
use crate::resolve::Entry;

mod key_sets;
mod leaving;
mod upstreams;

use key_sets::KeySetMetrics;
use leaving::LeaveMetrics;
use upstreams::UpstreamMetrics;

/// The counters of one instance.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    allowed: IntCounterVec,
    refused: HashMap<Reason, IntCounter>,
    observed: HashMap<Verdict, IntCounter>,
    decision_seconds: Histogram,
    commit_seconds: Histogram,
    reload_failed: IntGauge,
    key_sets: KeySetMetrics,
    leaving: LeaveMetrics,
    upstreams: UpstreamMetrics,
    anchor_answered: IntGaugeVec,
    anchor_conflict: IntGaugeVec,
    gauges: Mutex<HashMap<&'static str, IntGauge>>,
}

impl Metrics {
    /// Makes and registers the counters.
    ///
    /// # Errors
    /// Only for a name that is registered twice, which is a fault of ours.
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new();
        let allowed = IntCounterVec::new(
            Opts::new(
                "stile_allowed_total",
                "Requests allowed and recorded, by action.",
            ),
            &["action"],
        )?;
        let refused_by_reason = IntCounterVec::new(
            Opts::new(
                "stile_refused_total",
                "Requests answered by stile itself, by reason.",
            ),
            &["reason"],
        )?;
        let observed_by_verdict = IntCounterVec::new(
            Opts::new(
                "stile_observed_total",
                "Requests that would be decided otherwise were nothing under observe, by that \
                 decision.",
            ),
            &["would"],
        )?;
        let decision_seconds = Histogram::with_opts(
            HistogramOpts::new("stile_decision_seconds", "From arrival to decision.")
                .buckets(MICROSECONDS.to_vec()),
        )?;
        let commit_seconds = Histogram::with_opts(
            HistogramOpts::new("stile_commit_seconds", "From decision to stored record.")
                .buckets(MICROSECONDS.to_vec()),
        )?;
        let reload_failed = IntGauge::new(
            "stile_reload_failed",
            "1 while the newest settings are refused.",
        )?;
        let of_anchor = |name, help| IntGaugeVec::new(Opts::new(name, help), &["anchor"]);
        let anchor_answered = of_anchor(
            "stile_anchor_answered_timestamp_seconds",
            "When an anchor last took a checkpoint; 0 when it never did.",
        )?;
        let anchor_conflict = of_anchor(
            "stile_anchor_conflict",
            "1 when an anchor holds another past than ours.",
        )?;
        registry.register(Box::new(anchor_answered.clone()))?;
        registry.register(Box::new(anchor_conflict.clone()))?;
        registry.register(Box::new(allowed.clone()))?;
        registry.register(Box::new(refused_by_reason.clone()))?;
        registry.register(Box::new(observed_by_verdict.clone()))?;
        registry.register(Box::new(decision_seconds.clone()))?;
        registry.register(Box::new(commit_seconds.clone()))?;
        registry.register(Box::new(reload_failed.clone()))?;
        registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        let mut refused = HashMap::new();
        for reason in Reason::ALL {
            refused.insert(
                *reason,
                refused_by_reason.get_metric_with_label_values(&[reason.word()])?,
            );
        }
        let key_sets = KeySetMetrics::new(&registry)?;
        let leaving = LeaveMetrics::new(&registry)?;
        let upstreams = UpstreamMetrics::new(&registry)?;
        let mut observed = HashMap::new();
        for verdict in [Verdict::Allow, Verdict::Deny, Verdict::Error] {
            let counter = observed_by_verdict.get_metric_with_label_values(&[verdict.word()])?;
            observed.insert(verdict, counter);
        }
        let gauges = Mutex::new(HashMap::new());
        Ok(Metrics {
            registry,
            allowed,
            refused,
            observed,
            decision_seconds,
            commit_seconds,
            reload_failed,
            key_sets,
            leaving,
            upstreams,
            anchor_answered,
            anchor_conflict,
            gauges,
        })
    }

    /// The counters of these operations, each at its entry's index: looked up once per generation.
    pub(super) fn allowed_by(&self, entries: &[Arc<Entry>]) -> Vec<IntCounter> {
        entries
            .iter()
            .map(|entry| self.allowed.with_label_values(&[&entry.action]))
            .collect()
    }

    /// We answered in the upstream's place.
    pub(super) fn refused(&self, reason: Reason) {
        if let Some(counter) = self.refused.get(&reason) {
            counter.inc();
        }
    }

    /// It would be decided otherwise were nothing under observe.
    pub(super) fn observed(&self, observed: Option<&Observed>) {
        if let Some(counter) = observed.and_then(|one| self.observed.get(&one.verdict)) {
            counter.inc();
        }
    }

    /// How long a decision took.
    pub(super) fn judged(&self, took: Duration) {
        self.decision_seconds.observe(took.as_secs_f64());
    }

    /// How long a decision took to be stored.
    pub(super) fn committed(&self, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// Whether the newest settings were refused.
    pub fn reload_failed(&self, failed: bool) {
        self.reload_failed.set(i64::from(failed));
    }

    /// Draws how the key sets of the issuers stand.
    pub fn key_sets(&self, states: &[KeySetState]) {
        self.key_sets.draw(states);
    }

    /// Draws how the places stand that records leave for, with this many records in the journal.
    pub fn leaving(&self, states: &[LeaveState], records: u64) {
        self.leaving.draw(states, records);
    }

    /// Draws how old the upstreams' keys are.
    pub fn upstreams(&self, states: &[UpstreamState], now: Time) {
        self.upstreams.draw(states, now);
    }

    /// Sets a gauge that is read off elsewhere when the page is drawn.
    pub fn set(&self, name: &'static str, help: &'static str, value: u64) {
        let mut gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        let gauge = gauges.get(name).cloned().or_else(|| {
            let gauge = IntGauge::new(name, help).ok()?;
            self.registry.register(Box::new(gauge.clone())).ok()?;
            gauges.insert(name, gauge.clone());
            Some(gauge)
        });
        if let Some(gauge) = gauge {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    /// How an anchor of the settings stands.
    pub fn anchor(&self, name: &str, answered_s: u64, conflict: bool) {
        let answered = i64::try_from(answered_s).unwrap_or(i64::MAX);
        self.anchor_answered
            .with_label_values(&[name])
            .set(answered);
        self.anchor_conflict
            .with_label_values(&[name])
            .set(conflict.into());
    }

    /// All of it in Prometheus' text format 0.0.4.
    ///
    /// # Errors
    /// When a metric cannot be encoded, which is a fault of ours.
    pub fn page(&self) -> Result<String, prometheus::Error> {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Bucket bounds in seconds: from 5 µs, where a cached decision lies, to 5 s, the commit deadline.
const MICROSECONDS: &[f64] = &[
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005,
    0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0,
];
