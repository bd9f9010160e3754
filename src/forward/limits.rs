//! Says whether a caller may ask an upstream again already.
//!
//! In: the limits of one upstream and a request that policies allow. Out: nothing, or `rate_limited`
//! with the seconds after which trying again makes sense.
//!
//! An upstream's quota belongs to everybody behind this proxy: without limits of their own one
//! project could spend it for all. A job counts as its project, anybody else as themselves; only what
//! was allowed counts, so that nobody spends another's quota with requests that are denied.
//!
//! Each limit is a bucket that fills steadily (GCRA): in any span of time a caller makes at most
//! what the rate gives for it and one `burst` more.
//!
//! Never: a bucket for a name that a caller made up; names come from verified tokens, and there are
//! at most [`MOST_CALLERS`] of them, after which all others share one.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{NotUntil, Quota, RateLimiter};

use super::settings::{LimitSettings, Per};
use crate::authorize::Permit;
use crate::identify::Who;
use crate::refusal::{Reason, Refusal};
use crate::resolve::Entry;

/// The limits of one upstream, in the order of its settings.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits<C: Clock = DefaultClock>(Arc<[Limit<C>]>);

#[derive(Debug)]
struct Limit<C: Clock> {
    settings: LimitSettings,
    buckets: RateLimiter<String, DashMapStateStore<String>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
}

impl Limits {
    /// With every bucket full.
    pub(super) fn of(settings: &[LimitSettings]) -> Limits {
        Limits::by(settings, &DefaultClock::default())
    }

    /// Whether these are the limits of these settings.
    pub(super) fn are(&self, settings: &[LimitSettings]) -> bool {
        self.0.iter().map(|limit| &limit.settings).eq(settings)
    }
}

impl<C: Clock + Clone> Limits<C> {
    /// The same by another clock.
    fn by(settings: &[LimitSettings], clock: &C) -> Limits<C> {
        let limits = settings.iter().map(|one| Limit {
            settings: one.clone(),
            buckets: RateLimiter::new(quota(one), DashMapStateStore::default(), clock.clone()),
            clock: clock.clone(),
        });
        Limits(limits.collect())
    }

    /// What the settings name that is no action: the place of the limit and the word.
    pub(super) fn unknown(&self, entries: &[Arc<Entry>]) -> Option<(usize, &str)> {
        let limits = self.0.iter().enumerate();
        let mut words = limits.flat_map(|(index, limit)| {
            let words = limit.settings.actions.iter();
            words.map(move |word| (index, word.as_str()))
        });
        words.find(|(_, word)| !entries.iter().any(|entry| is_of(word, entry)))
    }

    /// Takes one request from each bucket that it falls into.
    ///
    /// # Errors
    ///
    /// `rate_limited`, by the first limit that has nothing left; what the limits before it gave is
    /// spent.
    pub(super) fn admit(&self, permit: &Permit) -> Result<(), Refusal> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.take(&permit.operation().entry, || caller(permit))
    }

    fn take(&self, entry: &Entry, caller: impl Fn() -> String) -> Result<(), Refusal> {
        for limit in self.0.iter().filter(|limit| limit.is_about(entry)) {
            let key = match limit.settings.per {
                Per::Everyone => String::new(),
                Per::Caller => limit.bounded(caller()),
            };
            limit
                .buckets
                .check_key(&key)
                .map_err(|until| limit.refusal(&until))?;
        }
        Ok(())
    }
}

impl<C: Clock + Clone> Limit<C> {
    fn is_about(&self, entry: &Entry) -> bool {
        let actions = &self.settings.actions;
        actions.is_empty() || actions.iter().any(|word| is_of(word, entry))
    }

    /// The caller's name, or the name of all for whom there is no bucket left.
    fn bounded(&self, caller: String) -> String {
        if self.buckets.len() < MOST_CALLERS {
            return caller;
        }
        // Those whose buckets are full again need none.
        self.buckets.retain_recent();
        match self.buckets.len() < MOST_CALLERS {
            true => caller,
            false => String::new(),
        }
    }

    fn refusal(&self, until: &NotUntil<C::Instant>) -> Refusal {
        let wait = until.wait_time_from(self.clock.now());
        // Rounded up: whoever waits that long is let in.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let whose = match self.settings.per {
            Per::Everyone => "all callers together",
            Per::Caller => "this caller",
        };
        let told = format!("{whose} may make {} here", self.settings.words());
        Refusal::new(Reason::RateLimited)
            .telling(told)
            .retrying_after(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX))
    }
}

/// Who shares a limit: a job counts as its project, anybody else as themselves.
pub(super) fn caller(permit: &Permit) -> String {
    let facts = permit.principal().facts();
    match &facts.who {
        Who::Job(job) => format!("{}\n{}", facts.issuer, job.repository),
        Who::Person(_) | Who::Agent(_) => format!("{}\n\n{}", facts.issuer, facts.subject),
    }
}

/// Whether a word is the action, `dashboards.*` or the class of an entry.
fn is_of(word: &str, entry: &Entry) -> bool {
    match word.strip_suffix('*') {
        Some(kind) => entry.action.starts_with(kind),
        None => word == entry.action || word == entry.class.word(),
    }
}

fn quota(settings: &LimitSettings) -> Quota {
    let each = Duration::from_millis(settings.within_ms) / settings.count.get();
    // Only a span of nothing has no quota, and no settings have one.
    Quota::with_period(each)
        .unwrap_or(Quota::per_second(NonZeroU32::MIN))
        .allow_burst(settings.burst)
}

/// Callers with a bucket of their own, per limit.
const MOST_CALLERS: usize = 50_000;

#[cfg(test)]
mod tests;
