//! A running issuer and stile trusting it, for everything about key sets.

use super::*;
use std::time::Duration;
use stile::clock::Clock;
use stile::identify::{Freshness, Issuers};
use stile_kit::{Fetches, Issuer};

/// A running issuer, and stile trusting it, at a time that stands still.
pub(super) struct Stand {
    pub(super) issuer: Issuer,
    pub(super) issuers: Arc<Issuers>,
    pub(super) clock: Clock,
}

impl Stand {
    pub(super) async fn new() -> Stand {
        install_crypto();
        let issuer = Issuer::start().await;
        let clock = Clock::fixed(Time::from_secs(NOW_S));
        let settings = settings(issuer.url(), Dialect::Gitlab);
        let issuers = Arc::new(Issuers::build(vec![settings], clock.clone()).unwrap());
        Stand {
            issuer,
            issuers,
            clock,
        }
    }

    /// One whose keys are at hand.
    pub(super) async fn warm() -> Stand {
        let stand = Stand::new().await;
        stand.assert_accepted("warming").await;
        stand
    }

    pub(super) fn token(&self) -> String {
        self.issuer.mint(&self.job())
    }

    pub(super) fn job(&self) -> Map<String, Value> {
        let mut job = claims::gitlab_job(self.issuer.url(), US);
        claims::at(&mut job, self.clock.now().as_secs());
        job
    }

    /// A token that names a key nobody has.
    pub(super) fn stray(&self, kid: &str) -> String {
        mint::mint(&self.job(), &self.issuer.ec().named(kid))
    }

    pub(super) async fn outcome(&self, token: &str) -> Result<Arc<Principal>, Refusal> {
        self.issuers.verify(token, self.clock.now()).await
    }

    pub(super) async fn assert_accepted(&self, case: &str) {
        let outcome = self.outcome(&self.token()).await;
        assert!(outcome.is_ok(), "{case}: {outcome:?}");
    }

    pub(super) async fn assert_refused(&self, case: &str, token: &str, reason: Reason) {
        assert_is(case, self.outcome(token).await, reason);
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock.set(self.clock.now().plus_ms(seconds * 1000));
    }

    pub(super) fn freshness(&self) -> Freshness {
        self.issuers.states()[0].freshness
    }

    pub(super) fn last_fault(&self) -> Option<&'static str> {
        self.issuers.states()[0].last_fault
    }

    /// Waits, within bounds, until a fetch in the background has come to something.
    pub(super) async fn until(&self, what: &str, holds: impl Fn(&Stand) -> bool) {
        for _ in 0..400 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!(
            "never: {what}; {:?} {:?}",
            self.issuers.states(),
            self.issuer.fetches()
        );
    }
}

/// Each document was asked for once.
pub(super) fn once() -> Fetches {
    Fetches {
        discovery: 1,
        keys: 1,
        other: 0,
    }
}
