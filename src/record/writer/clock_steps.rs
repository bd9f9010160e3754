//! Notices when the wall clock steps.
//!
//! In: a look at both clocks now and then. Out: by how much the wall clock moved against the clock
//! that never steps, when by more than a second since the last look. Drift is no step.

use crate::clock::Clock;

/// Compares the wall clock with the one that never steps.
#[derive(Debug)]
pub(super) struct ClockSteps {
    wall_ms: i64,
    mono_ms: i64,
}

impl ClockSteps {
    pub(super) fn from(clock: &Clock) -> ClockSteps {
        ClockSteps {
            wall_ms: as_i64(clock.now().as_ms()),
            mono_ms: as_i64(clock.mono_ns() / 1_000_000),
        }
    }

    /// By how many ms the wall clock stepped since the last look, when by more than a second.
    pub(super) fn look(&mut self, clock: &Clock) -> Option<i64> {
        let now = ClockSteps::from(clock);
        let by_ms = step_ms(self, &now);
        // A slow drift is no step: compare with the last look. A step is told once.
        *self = now;
        (by_ms.unsigned_abs() > 1000).then_some(by_ms)
    }
}

fn step_ms(before: &ClockSteps, now: &ClockSteps) -> i64 {
    let wall = now.wall_ms.saturating_sub(before.wall_ms);
    wall.saturating_sub(now.mono_ms.saturating_sub(before.mono_ms))
}

fn as_i64(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wall_ms: i64, mono_ms: i64) -> ClockSteps {
        ClockSteps { wall_ms, mono_ms }
    }

    #[test]
    fn a_wall_clock_that_moves_alone_has_stepped() {
        assert_eq!(step_ms(&at(10_000, 500), &at(12_000, 2_500)), 0);
        assert_eq!(step_ms(&at(10_000, 500), &at(4_000, 1_500)), -7_000);
        assert_eq!(step_ms(&at(10_000, 500), &at(86_410_000, 500)), 86_400_000);
    }
}
