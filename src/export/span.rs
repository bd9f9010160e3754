//! Reads the spans of time that reports are made of.
//!
//! In: a quarter, or days, and a zone. Out: the first moment and the one behind the last.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::clock::Time;

/// A quarter of a year: `2026Q3`.
pub fn quarter(text: &str, zone: &TimeZone) -> Option<(Time, Time)> {
    let (year, quarter) = text.split_once(['Q', 'q'])?;
    let year: i16 = year.parse().ok().filter(|_| year.len() == 4)?;
    let first_month = match quarter {
        "1" => 1,
        "2" => 4,
        "3" => 7,
        "4" => 10,
        _ => return None,
    };
    let first = Date::new(year, first_month, 1).ok()?;
    let next = match first_month {
        10 => Date::new(year.checked_add(1)?, 1, 1),
        month => Date::new(year, month + 3, 1),
    };
    Some((begin(first, zone)?, begin(next.ok()?, zone)?))
}

/// The first moment of a day: `2026-07-01`.
pub fn day(text: &str, zone: &TimeZone) -> Option<Time> {
    begin(text.parse().ok()?, zone)
}

/// The first moment behind a day.
pub fn behind_day(text: &str, zone: &TimeZone) -> Option<Time> {
    begin(text.parse::<Date>().ok()?.tomorrow().ok()?, zone)
}

fn begin(day: Date, zone: &TimeZone) -> Option<Time> {
    let zoned = day.to_zoned_datetime(zone.clone()).ok()?;
    let ms = u64::try_from(zoned.timestamp().as_millisecond()).ok()?;
    Some(Time::from_ms(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_ends_where_the_next_begins() {
        let zones = ["UTC", "Europe/Berlin", "America/New_York"];
        for zone in zones.map(|name| TimeZone::get(name).unwrap()) {
            let quarters = ["2026Q1", "2026Q2", "2026q3", "2026Q4", "2027Q1"];
            let spans = quarters.map(|text| quarter(text, &zone).unwrap());
            assert!(spans.windows(2).all(|pair| pair[0].1 == pair[1].0));
            let (from, to) = (day("2026-07-01", &zone), behind_day("2026-09-30", &zone));
            assert_eq!((from, to), (Some(spans[2].0), Some(spans[2].1)));
        }
    }

    #[test]
    fn what_is_no_quarter_is_none() {
        for text in ["", "2026", "Q3", "2026Q5", "26Q3", "2026-Q3", "2026Q33"] {
            assert_eq!(quarter(text, &TimeZone::UTC), None, "{text}");
        }
        assert_eq!(day("2026-02-30", &TimeZone::UTC), None);
    }
}
