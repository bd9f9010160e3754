//! Reads moments as people write them, and writes them in one way.
//!
//! In: a text, what "now" is and which zone is meant. Out: a [`Time`].
//!
//! Understood are a span back from now (`30d`), a moment with its offset or zone
//! (`2026-07-01T12:00:00+02:00`, `2026-07-01T12:00[Europe/Berlin]`), and a day or a moment without
//! one (`2026-07-01`, `2026-07-01T12:00`), which are read in the zone that was asked in. A day is its
//! first moment. A moment that a clock change skips is the one just after the gap.
//!
//! Never: the machine's own zone. RFC 3339; RFC 9557.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use crate::clock::Time;

/// When and where a query was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What "now" is.
    pub now: Time,
    /// The zone of days and of moments that name none.
    pub zone: TimeZone,
}

impl Asked {
    /// At this moment, in UTC.
    pub fn at(now: Time) -> Asked {
        Asked {
            now,
            zone: TimeZone::UTC,
        }
    }

    /// In the zone of this IANA name.
    pub fn in_zone(mut self, name: &str) -> Option<Asked> {
        self.zone = TimeZone::get(name).ok()?;
        Some(self)
    }

    /// The moment that a text means.
    pub fn moment(&self, text: &str) -> Option<Time> {
        if let Some(back_ms) = span_ms(text) {
            return Some(Time::from_ms(self.now.as_ms().saturating_sub(back_ms)));
        }
        let stamp = if let Ok(zoned) = text.parse::<ZonedDateTime>() {
            zoned.timestamp()
        } else if let Ok(stamp) = text.parse::<Timestamp>() {
            stamp
        } else if text.contains(['T', 't', ' ']) {
            let civil = text.parse::<DateTime>().ok()?;
            civil.to_zoned_datetime(self.zone.clone()).ok()?.timestamp()
        } else {
            let day = text.parse::<Date>().ok()?;
            day.to_zoned_datetime(self.zone.clone()).ok()?.timestamp()
        };
        u64::try_from(stamp.as_millisecond())
            .ok()
            .map(Time::from_ms)
    }
}

/// The moment as a query's own text says it: UTC, milliseconds only where there are some.
pub(super) fn canonical(time: Time) -> String {
    stamp(time).to_string()
}

/// The moment as clocks of a zone show it, with its offset.
pub fn shown_in(time: Time, zone: &TimeZone) -> String {
    let zoned = stamp(time).to_zoned_datetime(zone.clone());
    match zoned.offset().is_zero() {
        true => zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        false => zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
    }
}

/// The moment, or the last one that a calendar has.
fn stamp(time: Time) -> Timestamp {
    let ms = i64::try_from(time.as_ms()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}

/// A whole number and one of six units.
fn span_ms(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_782_907_200_000; // 2026-07-01T12:00:00Z

    #[test]
    fn every_way_to_write_a_moment_means_the_same() {
        let asked = Asked::at(Time::from_ms(NOON + 7_200_000));
        for text in [
            "2h",
            "120m",
            "2026-07-01T12:00:00Z",
            "2026-07-01T14:00:00+02:00",
            "2026-07-01T14:00[Europe/Berlin]",
            "2026-07-01T12:00",
        ] {
            assert_eq!(asked.moment(text), Some(Time::from_ms(NOON)), "{text}");
        }
        assert_eq!(canonical(Time::from_ms(NOON)), "2026-07-01T12:00:00Z");
    }

    #[test]
    fn a_day_begins_where_it_was_asked() {
        let asked = Asked::at(Time::from_ms(NOON));
        let there = asked.clone().in_zone("Europe/Berlin").unwrap();
        let hours = |asked: &Asked| NOON - asked.moment("2026-07-01").unwrap().as_ms();
        assert_eq!(hours(&asked), 12 * 3_600_000);
        assert_eq!(hours(&there), 14 * 3_600_000);
        assert!(asked.in_zone("Europe/Nowhere").is_none());
    }

    #[test]
    fn what_is_no_moment_is_none() {
        let asked = Asked::at(Time::from_ms(NOON));
        for text in ["", "30", "d", "30y", "tomorrow", "2026-13-01", "1969-01-01"] {
            assert_eq!(asked.moment(text), None, "{text}");
        }
    }
}
