//! Counts and ages of the issuers' key sets, for Prometheus.
//!
//! In: how the key sets stand, when the page is drawn. Out: gauges and counters in the registry.
//!
//! Labels are names of issuers in the settings and words of closed lists: an issuer that is no
//! longer set takes its lines along, so that no reload lets the page grow.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::identify::{Freshness, KeySetState};

/// What is drawn of the key sets.
#[derive(Debug)]
pub(super) struct KeySetMetrics {
    age_seconds: IntGaugeVec,
    state: IntGaugeVec,
    last_success: IntGaugeVec,
    keys: IntGaugeVec,
    fetches: IntCounterVec,
    /// Whom lines were drawn for: issuer and word of the fetches' ends.
    drawn: Mutex<BTreeSet<(String, &'static str)>>,
}

impl KeySetMetrics {
    /// Makes and registers them.
    pub(super) fn new(registry: &Registry) -> Result<KeySetMetrics, prometheus::Error> {
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let fetches = IntCounterVec::new(
            Opts::new(
                "stile_key_fetches_total",
                "Fetches of key sets, by issuer and how they ended.",
            ),
            &["issuer", "outcome"],
        )?;
        registry.register(Box::new(fetches.clone()))?;
        Ok(KeySetMetrics {
            age_seconds: gauge(
                "stile_key_set_age_seconds",
                "Since the key set at hand was fetched or read.",
                &["issuer"],
            )?,
            state: gauge(
                "stile_key_set_state",
                "1 for the state that the key set is in.",
                &["issuer", "state"],
            )?,
            last_success: gauge(
                "stile_key_set_last_success_timestamp_seconds",
                "When the key set at hand was fetched or read.",
                &["issuer"],
            )?,
            keys: gauge(
                "stile_keys",
                "Keys of the key set at hand, by what is made of them.",
                &["issuer", "state"],
            )?,
            fetches,
            drawn: Mutex::default(),
        })
    }

    /// Puts what holds now onto the page.
    pub(super) fn draw(&self, states: &[KeySetState]) {
        // One at a time: the steps of a counter are the difference to what is drawn already.
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = BTreeSet::new();
        for state in states {
            self.draw_one(state);
            let words = state.fetches.keys();
            now.extend(words.map(|word| (state.issuer.clone(), *word)));
            now.insert((state.issuer.clone(), ""));
        }
        for (issuer, word) in drawn.difference(&now) {
            self.remove(issuer, word);
        }
        *drawn = now;
    }

    fn draw_one(&self, state: &KeySetState) {
        let issuer = state.issuer.as_str();
        let seconds = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        match (state.age_s, state.fetched) {
            (Some(age_s), Some(fetched)) => {
                let gauge = self.age_seconds.with_label_values(&[issuer]);
                gauge.set(seconds(age_s));
                let gauge = self.last_success.with_label_values(&[issuer]);
                gauge.set(seconds(fetched.as_secs()));
            }
            // No age is not an age of 0: the lines are missing, and `state` says `none`.
            _ => self.remove_age(issuer),
        }
        for freshness in Freshness::ALL {
            let gauge = self.state.with_label_values(&[issuer, freshness.word()]);
            gauge.set((*freshness == state.freshness).into());
        }
        for word in KEY_STATES {
            let count = (state.listed.iter())
                .filter(|key| key.state == *word)
                .count();
            let gauge = self.keys.with_label_values(&[issuer, word]);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        for (word, count) in &state.fetches {
            let counter = self.fetches.with_label_values(&[issuer, word]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
    }

    /// Lines that were there before may be gone; one that is not there is no fault.
    fn remove(&self, issuer: &str, word: &str) {
        if !word.is_empty() {
            let _ = self.fetches.remove_label_values(&[issuer, word]);
            return;
        }
        self.remove_age(issuer);
        for freshness in Freshness::ALL {
            let _ = self.state.remove_label_values(&[issuer, freshness.word()]);
        }
        for word in KEY_STATES {
            let _ = self.keys.remove_label_values(&[issuer, word]);
        }
    }

    fn remove_age(&self, issuer: &str) {
        let _ = self.age_seconds.remove_label_values(&[issuer]);
        let _ = self.last_success.remove_label_values(&[issuer]);
    }
}

const KEY_STATES: &[&str] = &["used", "refused", "blocked"];
