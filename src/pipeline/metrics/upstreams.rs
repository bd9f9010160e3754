//! How old the upstreams' keys are and how their addresses fare, for Prometheus.
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
pub(super) struct UpstreamMetrics {
    age: IntGaugeVec,
    due: IntGaugeVec,
    used: IntGaugeVec,
    addresses: IntGaugeVec,
    aside: IntGaugeVec,
    drawn: Mutex<BTreeSet<String>>,
}

impl UpstreamMetrics {
    /// Makes and registers them.
    pub(super) fn new(registry: &Registry) -> Result<UpstreamMetrics, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["upstream"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        Ok(UpstreamMetrics {
            age: gauge(
                "stile_upstream_key_age_seconds",
                "Since the oldest key file in use of an upstream was written.",
            )?,
            due: gauge(
                "stile_upstream_key_due",
                "1 when a key of an upstream is older than its `rotate_after`.",
            )?,
            used: gauge(
                "stile_upstream_key_used_timestamp_seconds",
                "When a request was last sent with any key of an upstream; 0 for never since the start.",
            )?,
            addresses: gauge(
                "stile_upstream_addresses",
                "Addresses that the name of an upstream leads to; 0 before the first request.",
            )?,
            aside: gauge(
                "stile_upstream_addresses_aside",
                "Addresses of an upstream that are set aside, because they failed.",
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
            for gauge in [
                &self.age,
                &self.due,
                &self.used,
                &self.addresses,
                &self.aside,
            ] {
                let _ = gauge.remove_label_values(&[name]);
            }
        }
        *drawn = states.iter().map(|state| state.name.clone()).collect();
        for state in states {
            let of = [state.name.as_str()];
            let age = i64::try_from(state.key_age_s(now).unwrap_or(0)).unwrap_or(i64::MAX);
            self.age.with_label_values(&of).set(age);
            self.due
                .with_label_values(&of)
                .set(state.key_is_due(now).into());
            let used = state.keys.iter().filter_map(|key| key.used).max();
            let used_s = used.map_or(0, |used| used.as_ms() / 1_000);
            self.used
                .with_label_values(&of)
                .set(i64::try_from(used_s).unwrap_or(i64::MAX));
            let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
            let aside = state.addresses.iter().filter(|(_, aside)| *aside);
            self.addresses
                .with_label_values(&of)
                .set(count(state.addresses.len()));
            self.aside.with_label_values(&of).set(count(aside.count()));
        }
    }
}
