//! Knows which webhooks were taken already.
//!
//! In: the id of a delivery. Out: whether it is a new one.
//!
//! GitLab tries again when it got no answer in time, with the same id. What is forgotten here, after
//! a day or a restart, is in the journal twice and in traces once: spans have ids of their own.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

/// The ids of what was taken.
#[derive(Clone, Debug)]
pub struct Deliveries(Cache<Arc<str>, ()>);

impl Default for Deliveries {
    fn default() -> Deliveries {
        let kept = Cache::builder().max_capacity(MOST_KEPT);
        Deliveries(kept.time_to_live(KEPT).build())
    }
}

impl Deliveries {
    /// Whether it was taken.
    pub fn has(&self, issuer: &str, id: &str) -> bool {
        self.0.contains_key(name(issuer, id).as_str())
    }

    /// It is.
    pub fn take(&self, issuer: &str, id: &str) {
        self.0.insert(name(issuer, id).into(), ());
    }
}

fn name(issuer: &str, id: &str) -> String {
    format!("{issuer}/{id}")
}

const KEPT: Duration = Duration::from_hours(24);
const MOST_KEPT: u64 = 100_000;
