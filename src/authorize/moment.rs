//! Says what day and minute it is where the office is.
//!
//! In: a [`Time`] and a zone. Out: a [`Moment`], which is all that policies read of time.
//!
//! A decision depends on time by the minute and not finer, so that one minute has one answer.
//!
//! A time that no calendar has reads as a moment outside every week: rules about hours then fail.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use crate::clock::Time;

/// One minute on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// `mon` to `sun`; empty for a time that no calendar has.
    pub weekday: &'static str,
    /// 0 to 1439.
    pub minute_of_day: i64,
    /// The day as eight digits: 20261231.
    pub date: i64,
}

impl Moment {
    /// The moment that clocks in this zone show.
    pub(super) fn of(time: Time, zone: &TimeZone) -> Moment {
        let ms = i64::try_from(time.as_ms()).unwrap_or(i64::MAX);
        match Timestamp::from_millisecond(ms) {
            Ok(stamp) => Moment::at(stamp, zone),
            Err(_) => Moment::of_no_calendar(),
        }
    }

    /// What a clock in this zone shows then.
    pub(super) fn at(stamp: Timestamp, zone: &TimeZone) -> Moment {
        let local = stamp.to_zoned_datetime(zone.clone());
        let minute = i64::from(local.hour()) * 60 + i64::from(local.minute());
        Moment::on(local.date(), minute)
    }

    /// A time outside every week.
    pub(super) fn of_no_calendar() -> Moment {
        Moment {
            weekday: "",
            minute_of_day: -1,
            date: i64::MAX,
        }
    }

    /// The day; none of a time that no calendar has.
    pub(super) fn day(self) -> Option<Date> {
        let part = |at: i64| i8::try_from(self.date / at % 100).ok();
        let year = i16::try_from(self.date / 10_000).ok()?;
        Date::new(year, part(100)?, part(1)?).ok()
    }

    /// This minute of that day.
    pub fn on(day: Date, minute_of_day: i64) -> Moment {
        Moment {
            weekday: weekday_word(day.weekday()),
            minute_of_day,
            date: digits_of(day),
        }
    }

    /// The time of day as people write it: `09:05`.
    pub fn clock(self) -> String {
        clock(self.minute_of_day)
    }

    /// Day and minute as records and cases write them: `2026-12-31 09:05`; empty outside calendars.
    pub fn written(self) -> String {
        if self.weekday.is_empty() {
            return String::new();
        }
        let (year, month, day) = (self.date / 10_000, self.date / 100 % 100, self.date % 100);
        format!("{year:04}-{month:02}-{day:02} {}", self.clock())
    }

    /// What [`Moment::written`] wrote.
    pub fn read(text: &str) -> Option<Moment> {
        let (day, clock) = text.split_once(' ')?;
        let minute = minute_of(clock).filter(|minute| *minute < 24 * 60)?;
        Some(Moment::on(day.parse().ok()?, minute))
    }
}

/// The time of day as people write it: `09:05`.
pub(super) fn clock(minute_of_day: i64) -> String {
    format!("{:02}:{:02}", minute_of_day / 60, minute_of_day % 60)
}

/// The minute of the day that `09:05` is; `24:00` is the end of the day.
pub(super) fn minute_of(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |digits: &str| match digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()) {
        true => digits.parse::<i64>().ok(),
        false => None,
    };
    let minute = two(hours)? * 60 + two(minutes).filter(|m| *m < 60)?;
    (minute <= 24 * 60).then_some(minute)
}

/// The day as eight digits.
pub(super) fn digits_of(day: Date) -> i64 {
    i64::from(day.year()) * 10_000 + i64::from(day.month()) * 100 + i64::from(day.day())
}

/// The days of the week, Monday first.
pub(super) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn weekday_word(day: Weekday) -> &'static str {
    let index = usize::try_from(day.to_monday_zero_offset()).unwrap_or(usize::MAX);
    WEEKDAYS.get(index).copied().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_reads_differently_in_two_zones() {
        let time = Time::from_secs(1_767_567_600); // 2026-01-04T23:00:00Z, a Sunday
        let utc = Moment::of(time, &TimeZone::UTC);
        assert_eq!((utc.weekday, utc.minute_of_day), ("sun", 1380));
        assert_eq!(utc.date, 20_260_104);
        let berlin = Moment::of(time, &TimeZone::get("Europe/Berlin").unwrap());
        assert_eq!((berlin.weekday, berlin.minute_of_day), ("mon", 0));
        assert_eq!(berlin.date, 20_260_105);
    }

    #[test]
    fn clocks_are_read_strictly() {
        assert_eq!(minute_of("09:00"), Some(540));
        assert_eq!(minute_of("24:00"), Some(1440));
        for wrong in ["9:00", "09:60", "25:00", "24:01", "0900", "+9:00", "09:00 "] {
            assert_eq!(minute_of(wrong), None, "{wrong}");
        }
        assert_eq!(clock(545), "09:05");
    }

    #[test]
    fn a_moment_is_read_as_it_was_written() {
        let moment = Moment::of(Time::from_secs(1_767_567_600), &TimeZone::UTC);
        assert_eq!(moment.written(), "2026-01-04 23:00");
        assert_eq!(Moment::read("2026-01-04 23:00"), Some(moment));
        for wrong in ["", "2026-01-04", "2026-01-04 24:00", "2026-13-04 23:00"] {
            assert_eq!(Moment::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_beyond_calendars_is_in_no_week() {
        let moment = Moment::of(Time::from_ms(u64::MAX), &TimeZone::UTC);
        assert_eq!((moment.weekday, moment.written().as_str()), ("", ""));
    }
}
