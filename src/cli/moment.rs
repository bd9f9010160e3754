//! A moment that somebody typed.
//!
//! In: a text. Out: a [`Time`], or what to write instead.

use crate::clock::Time;

/// A time as people write it down (RFC 3339), or as tokens do.
pub(super) fn moment(text: &str) -> Result<Time, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Time::from_secs(seconds));
    }
    let at: Option<jiff::Timestamp> = text.parse().ok();
    at.and_then(|at| u64::try_from(at.as_millisecond()).ok())
        .map(Time::from_ms)
        .ok_or_else(|| "write it as 2026-12-31T18:00:00Z, or as seconds since 1970".to_owned())
}
