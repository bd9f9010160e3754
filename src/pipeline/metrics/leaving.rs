//! How far the places are behind that records leave for, for Prometheus.
//!
//! In: how they stand, when the page is drawn. Out: gauges and counters in the registry.
//!
//! The label is a name of the settings, which do not change while stile runs.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::leave::LeaveState;

/// What is drawn of them.
#[derive(Debug)]
pub(super) struct LeaveMetrics {
    lag_records: IntGaugeVec,
    lag_seconds: IntGaugeVec,
    failing: IntGaugeVec,
    sent: IntCounterVec,
    failed: IntCounterVec,
    refused: IntCounterVec,
    missed: IntCounterVec,
}

impl LeaveMetrics {
    /// Makes and registers them.
    pub(super) fn new(registry: &Registry) -> Result<LeaveMetrics, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), LABELS)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), LABELS)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        Ok(LeaveMetrics {
            lag_records: gauge(
                "stile_leave_lag_records",
                "Records of the journal that have not left for this place.",
            )?,
            lag_seconds: gauge(
                "stile_leave_lag_seconds",
                "Age of the oldest record at hand that has not left; 0 when none is.",
            )?,
            failing: gauge(
                "stile_leave_failing",
                "1 while nothing leaves for this place because of a fault.",
            )?,
            sent: counter(
                "stile_leave_sent_total",
                "What this place took: records, or requests with their outcomes.",
            )?,
            failed: counter(
                "stile_leave_failed_total",
                "Tries to hand something over that did not work.",
            )?,
            refused: counter(
                "stile_leave_refused_total",
                "Records that this place would not take, kept in a file instead.",
            )?,
            missed: counter(
                "stile_leave_missed_total",
                "Records that were taken out of the journal before they left.",
            )?,
        })
    }

    /// Puts what holds now onto the page, with this many records in the journal.
    pub(super) fn draw(&self, states: &[LeaveState], records: u64) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        for state in states {
            let to = [state.name.as_str()];
            let behind = records.saturating_sub(state.next_seq);
            self.lag_records.with_label_values(&to).set(number(behind));
            self.lag_seconds
                .with_label_values(&to)
                .set(number(state.lag_s));
            let failing = self.failing.with_label_values(&to);
            failing.set(state.fault.is_some().into());
            for (counter, count) in [
                (&self.sent, state.sent),
                (&self.failed, state.failed),
                (&self.refused, state.refused),
                (&self.missed, state.missed),
            ] {
                let counter = counter.with_label_values(&to);
                counter.inc_by(count.saturating_sub(counter.get()));
            }
        }
    }
}

const LABELS: &[&str] = &["to"];
