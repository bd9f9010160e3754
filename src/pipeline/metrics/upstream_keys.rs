//! How old the upstreams' keys are, for Prometheus.
//!
//! In: how the upstreams stand, when the page is drawn. Out: gauges in the registry.
//!
//! The label is a name of the settings; upstreams that a reload took away are taken off the page.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prometheus::{IntGaugeVec, Opts, Registry};

use crate::clock::Time;
use crate::forward::UpstreamState;

/// What is drawn of them.
#[derive(Debug)]
pub(super) struct UpstreamKeyMetrics {
    age: IntGaugeVec,
    due: IntGaugeVec,
    drawn: Mutex<BTreeSet<String>>,
}

impl UpstreamKeyMetrics {
    /// Makes and registers them.
    pub(super) fn new(registry: &Registry) -> Result<UpstreamKeyMetrics, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["upstream"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        Ok(UpstreamKeyMetrics {
            age: gauge(
                "stile_upstream_key_age_seconds",
                "Since the oldest key file in use of an upstream was written.",
            )?,
            due: gauge(
                "stile_upstream_key_due",
                "1 when a key of an upstream is older than its `rotate_after`.",
            )?,
            drawn: Mutex::default(),
        })
    }

    /// Puts what holds now onto the page.
    pub(super) fn draw(&self, states: &[UpstreamState], now: Time) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        for name in drawn
            .iter()
            .filter(|name| !states.iter().any(|s| s.name == **name))
        {
            let _ = self.age.remove_label_values(&[name]);
            let _ = self.due.remove_label_values(&[name]);
        }
        *drawn = states.iter().map(|state| state.name.clone()).collect();
        for state in states {
            let of = [state.name.as_str()];
            let age = i64::try_from(state.key_age_s(now).unwrap_or(0)).unwrap_or(i64::MAX);
            self.age.with_label_values(&of).set(age);
            self.due
                .with_label_values(&of)
                .set(state.key_is_due(now).into());
        }
    }
}
