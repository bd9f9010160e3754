//! Says what time it is, as a value.
//!
//! In: nothing. Out: a [`Time`], or nanoseconds of a clock that never steps.
//!
//! Every rule about time takes a [`Time`] as an argument, so that expiry, leeway and cool-downs
//! have plain tests. A [`Clock`] is either the machine's or one that stands where a test put it.
//!
//! Never: read anywhere else; clippy refuses `SystemTime::now` outside this file.
//!
//! A machine clock before 1970 reads as 1970: every token is then not yet valid, nothing is lost.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

/// A moment in wall time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The moment so many milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_ms(ms: u64) -> Time {
        Time(ms)
    }

    /// The moment so many seconds after 1970-01-01T00:00:00Z.
    pub const fn from_secs(secs: u64) -> Time {
        Time(secs.saturating_mul(1000))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// The moment so many milliseconds later, or the last one there is.
    pub const fn plus_ms(self, ms: u64) -> Time {
        Time(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`; 0 when `earlier` is later.
    pub const fn ms_since(self, earlier: Time) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// Where the time comes from.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Machine,
    Fixed(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock.
    pub fn machine() -> Clock {
        Clock(Source::Machine)
    }

    /// A clock that stands still until [`Clock::set`] moves it. Clones share it.
    pub fn fixed(at: Time) -> Clock {
        Clock(Source::Fixed(Arc::new(AtomicU64::new(at.as_ms()))))
    }

    /// Moves a fixed clock; the machine's clock stays as it is.
    pub fn set(&self, to: Time) {
        if let Source::Fixed(ms) = &self.0 {
            ms.store(to.as_ms(), Ordering::Relaxed);
        }
    }

    /// The wall time now.
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the machine"
    )]
    pub fn now(&self) -> Time {
        match &self.0 {
            Source::Machine => {
                let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
                Time(since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
            }
            Source::Fixed(ms) => Time(ms.load(Ordering::Relaxed)),
        }
    }

    /// Nanoseconds since the machine started, sleep included (CLOCK_BOOTTIME): never steps back.
    pub fn mono_ns(&self) -> u64 {
        match &self.0 {
            Source::Machine => {
                let at = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                let secs = u64::try_from(at.tv_sec).unwrap_or(0);
                let nanos = u64::try_from(at.tv_nsec).unwrap_or(0);
                secs.saturating_mul(1_000_000_000).saturating_add(nanos)
            }
            Source::Fixed(ms) => ms.load(Ordering::Relaxed).saturating_mul(1_000_000),
        }
    }
}
