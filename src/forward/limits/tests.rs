//! Limits by a clock that stands still until it is moved.

use governor::clock::FakeRelativeClock;

use super::*;
use crate::resolve::{Class, Speech};

fn limit(count: u32, within_ms: u64, burst: u32, per: Per, actions: &[&str]) -> LimitSettings {
    let some = |number| NonZeroU32::new(number).unwrap();
    LimitSettings {
        count: some(count),
        within_ms,
        burst: some(burst),
        per,
        actions: actions.iter().map(|word| (*word).to_owned()).collect(),
    }
}

fn entry(action: &str, class: Class) -> Entry {
    Entry {
        index: 0,
        upstream: Arc::from("lightstep"),
        action: action.to_owned(),
        class,
        resource_type: "Stream".to_owned(),
        names_one: true,
        names_project: true,
        method: http::Method::GET,
        template: "/streams/{stream}".to_owned(),
        speech: Speech::Problem,
        body_bytes: 0,
        once: false,
        list: None,
        object: None,
    }
}

struct Bench {
    limits: Limits<FakeRelativeClock>,
    clock: FakeRelativeClock,
}

impl Bench {
    fn of(settings: &[LimitSettings]) -> Bench {
        let clock = FakeRelativeClock::default();
        Bench {
            limits: Limits::by(settings, &clock),
            clock,
        }
    }

    fn ask(&self, action: &str, class: Class, caller: &str) -> Result<(), u32> {
        let taken = self
            .limits
            .take(&entry(action, class), || caller.to_owned());
        taken.map_err(|refusal| {
            assert_eq!(refusal.reason(), Reason::RateLimited);
            refusal.retry_after_s().unwrap()
        })
    }

    fn reads(&self, caller: &str) -> Result<(), u32> {
        self.ask("streams.read", Class::Read, caller)
    }

    fn passes(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
    }
}

#[test]
fn a_burst_passes_and_then_the_rate() {
    let bench = Bench::of(&[limit(10, 1_000, 5, Per::Everyone, &[])]);
    for _ in 0..5 {
        assert_eq!(bench.reads("a"), Ok(()));
    }
    assert_eq!(bench.reads("b"), Err(1), "all share it");
    bench.passes(100);
    assert_eq!(bench.reads("b"), Ok(()));
    assert_eq!(bench.reads("b"), Err(1));
    bench.passes(60_000);
    let passed = (0..100).filter(|_| bench.reads("a").is_ok()).count();
    assert_eq!(passed, 5, "what was not asked for is not saved up");
}

#[test]
fn in_any_span_it_is_at_most_the_rate_and_one_burst() {
    let bench = Bench::of(&[limit(600, 3_600_000, 60, Per::Everyone, &[])]);
    let mut passed = 0;
    for _ in 0..3_600 {
        passed += u32::from(bench.reads("a").is_ok());
        bench.passes(1_000);
    }
    assert!((600..=660).contains(&passed), "{passed}");
}

#[test]
fn one_caller_takes_nothing_from_another() {
    let bench = Bench::of(&[limit(1, 60_000, 2, Per::Caller, &[])]);
    for caller in ["a", "b", "c"] {
        assert_eq!(bench.reads(caller), Ok(()));
        assert_eq!(bench.reads(caller), Ok(()));
        assert_eq!(bench.reads(caller), Err(60), "{caller}");
    }
}

#[test]
fn a_limit_is_about_its_actions_kinds_and_classes_only() {
    let words = ["streams.list", "snapshots.*", "delete"];
    let bench = Bench::of(&[limit(1, 3_600_000, 1, Per::Everyone, &words)]);
    assert_eq!(bench.ask("streams.list", Class::Read, "a"), Ok(()));
    for (action, class) in [
        ("streams.list", Class::Read),
        ("snapshots.create", Class::Write),
        ("streams.delete", Class::Delete),
    ] {
        assert_eq!(bench.ask(action, class, "a"), Err(3_600), "{action}");
    }
    for (action, class) in [
        ("streams.read", Class::Read),
        ("snapshot.create", Class::Write),
        ("streams.listed", Class::Read),
    ] {
        assert_eq!(bench.ask(action, class, "a"), Ok(()), "{action}");
    }
}

#[test]
fn the_first_limit_that_is_spent_refuses_and_says_whose_it_is() {
    let bench = Bench::of(&[
        limit(1, 1_000, 1, Per::Caller, &[]),
        limit(2, 1_000, 2, Per::Everyone, &[]),
    ]);
    assert!(bench.reads("a").is_ok() && bench.reads("b").is_ok());
    let told = |caller: &str| {
        let read = entry("streams.read", Class::Read);
        let taken = bench.limits.take(&read, || caller.to_owned());
        taken.unwrap_err().told().to_owned()
    };
    assert_eq!(told("a"), "this caller may make 1 requests in 1s here");
    assert_eq!(
        told("c"),
        "all callers together may make 2 requests in 1s here"
    );
}

#[test]
fn callers_beyond_the_most_share_one_bucket_until_others_are_full_again() {
    let bench = Bench::of(&[limit(1, 1_000, 1, Per::Caller, &[])]);
    for n in 0..MOST_CALLERS {
        assert_eq!(bench.reads(&n.to_string()), Ok(()));
    }
    assert_eq!(bench.reads("one more"), Ok(()));
    assert_eq!(bench.reads("and another"), Err(1));
    bench.passes(2_000);
    assert_eq!(bench.reads("and another"), Ok(()));
    assert_eq!(bench.reads("one more"), Ok(()));
}
