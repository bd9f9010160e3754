//! Checks how often an upstream may be asked, and when it is left alone.
//!
//! In: `limits`, `rest` and `hold_on_429` of one upstream. Out: their settings. Whether the actions that a limit names
//! are in a catalogue is looked at where catalogues are there.

use std::num::NonZeroU32;

use crate::config::check::{Checks, elements};
use crate::config::file::{Limit, Upstream};
use crate::config::origin::Place;
use crate::config::words::{LimitPer, Rate};
use crate::forward::{LimitSettings, Per, RestSettings};

/// All limits, in their order.
pub(super) fn limits(upstream: &Upstream, checks: &mut Checks) -> Option<Vec<LimitSettings>> {
    let all: Vec<_> = elements(upstream.limits.get()?)
        .map(|(place, limit)| one(limit, place, checks))
        .collect();
    all.into_iter().collect()
}

fn one(limit: &Limit, place: &Place, checks: &mut Checks) -> Option<LimitSettings> {
    let rate = *limit.rate.required("rate", place, &mut checks.faults)?;
    let actions = limit.actions.get()?;
    let named = elements(actions).map(|(place, word)| (place, word.clone()));
    checks.distinct(named.collect::<Vec<_>>(), "actions");
    Some(LimitSettings {
        count: rate.count,
        within_ms: rate.within_ms(),
        burst: burst(limit, rate, checks)?,
        per: match limit.per.get()? {
            LimitPer::Everyone => Per::Everyone,
            LimitPer::Caller => Per::Caller,
        },
        actions: elements(actions).map(|(_, word)| word.clone()).collect(),
    })
}

fn burst(limit: &Limit, rate: Rate, checks: &mut Checks) -> Option<NonZeroU32> {
    let Some(count) = limit.burst.get() else {
        let usual = match rate.within_ms() {
            1_000 => rate.count.get(),
            _ => rate.count.get() / 10,
        };
        return (!limit.burst.wrong()).then(|| NonZeroU32::new(usual).unwrap_or(NonZeroU32::MIN));
    };
    let burst = u32::try_from(count.get()).ok().and_then(NonZeroU32::new);
    if burst.is_none() {
        let what = format!("`{}` is too large", count.get());
        checks.refuse(limit.burst.place(), what, "the rate is a good burst, too");
    }
    burst
}

/// When it is left alone.
pub(super) fn rest(upstream: &Upstream) -> Option<RestSettings> {
    let rest = upstream.rest.get()?;
    Some(RestSettings {
        failures: NonZeroU32::new(u32::try_from(*rest.failures.get()?).unwrap_or(u32::MAX)),
        pause_ms: rest.pause.get()?.as_ms(),
    })
}

/// For how long at most requests are kept back after a 429; nothing inside where they never are.
pub(super) fn hold_ms(upstream: &Upstream) -> Option<Option<u64>> {
    let hold = &upstream.hold_on_429;
    match hold.get() {
        Some(most) => Some(Some(most.as_ms())),
        None => (!hold.wrong()).then_some(None),
    }
}
