//! Reads office hours: `mon-fri 09:00-18:00 Europe/Berlin`.
//!
//! In: the words of a binding and the zone of `stile.yaml`. Out: [`Hours`], and of them a condition
//! in Cedar.
//!
//! The first minute is in, the last one is out. Policies read one clock, that of `stile.yaml`. Hours
//! in another zone are looked up at that very minute, and what holds is in `context.open_hours`.
//!
//! What is not written this way is a fault, in words for the operator.
//!
//! Never: open out of doubt. In the hour that a clock shows twice, both must be within.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::moment::{self, Moment, WEEKDAYS};

/// A span of the clock on some days of the week.
#[derive(Clone, Debug)]
pub(super) struct Hours {
    days: Vec<&'static str>,
    /// Minutes of the day; the second is not in it.
    from: i64,
    to: i64,
    /// The zone, where it is not that of `stile.yaml`, and the hours as they are written.
    elsewhere: Option<(TimeZone, String)>,
}

impl Hours {
    /// Reads `mon-fri 09:00-18:00 Europe/Berlin`; without a zone it is `own`.
    pub(super) fn read(text: &str, own: &str) -> Result<Hours, String> {
        let mut words = text.split_whitespace();
        let (Some(named), Some(hours)) = (words.next(), words.next()) else {
            return Err(format!(
                "`{text}` is not written like `mon-fri 09:00-18:00`"
            ));
        };
        let days = weekdays(named).ok_or_else(|| format!("`{named}` names no days of the week"))?;
        let span = hours.split_once('-').and_then(|(from, to)| {
            let (from, to) = (moment::minute_of(from)?, moment::minute_of(to)?);
            (from < to).then_some((from, to))
        });
        let (from, to) = span.ok_or_else(|| format!("`{hours}` is no span of one day's hours"))?;
        let zone = words.next().filter(|zone| *zone != own);
        if words.next().is_some() {
            return Err(format!("`{text}` says more than days, hours and a zone"));
        }
        let elsewhere = zone.map(|zone| match TimeZone::get(zone) {
            // As the database spells it, so that a name is one name.
            Ok(found) if found.iana_name() == Some(zone) => {
                Ok((found, format!("{named} {hours} {zone}")))
            }
            _ => Err(format!(
                "`{zone}` is no time zone: they are written like `America/New_York`"
            )),
        });
        Ok(Hours {
            days,
            from,
            to,
            elsewhere: elsewhere.transpose()?,
        })
    }

    /// The condition that they hold.
    pub(super) fn condition(&self) -> String {
        if let Some((_, written)) = &self.elsewhere {
            return format!("context.open_hours.contains(\"{written}\")");
        }
        let days: Vec<String> = self.days.iter().map(|day| format!("\"{day}\"")).collect();
        format!(
            "[{}].contains(context.weekday) && context.minute_of_day >= {} && \
             context.minute_of_day < {}",
            days.join(", "),
            self.from,
            self.to
        )
    }

    fn are_open(&self, at: Moment) -> bool {
        self.days.contains(&at.weekday) && (self.from..self.to).contains(&at.minute_of_day)
    }
}

/// All hours in other zones that a set names.
#[derive(Clone, Debug, Default)]
pub(super) struct Elsewhere(BTreeMap<String, (TimeZone, Hours)>);

impl Elsewhere {
    /// Those of these that are in another zone.
    pub(super) fn of<'h>(hours: impl Iterator<Item = &'h Hours>) -> Elsewhere {
        let named = hours.filter_map(|hours| {
            let (zone, written) = hours.elsewhere.as_ref()?;
            Some((written.clone(), (zone.clone(), hours.clone())))
        });
        Elsewhere(named.collect())
    }

    /// Those that hold at a minute of this zone, as they are written.
    pub(super) fn open_at(&self, moment: Moment, own: &TimeZone) -> Vec<&str> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let instants = instants(moment, own);
        let holds = |zone: &TimeZone, hours: &Hours| {
            let mut all = instants.iter();
            !instants.is_empty() && all.all(|at| hours.are_open(Moment::at(*at, zone)))
        };
        let open = self
            .0
            .iter()
            .filter(|(_, (zone, hours))| holds(zone, hours));
        open.map(|(written, _)| written.as_str()).collect()
    }

    /// The minutes of this zone's days at which one may begin or end to hold, in winter and in
    /// summer.
    pub(super) fn turns(&self, now: Moment, own: &TimeZone) -> Vec<i64> {
        let half_a_year = jiff::Span::new().days(182);
        let days = [
            now.day(),
            now.day().and_then(|day| day.checked_add(half_a_year).ok()),
        ];
        let mut turns = Vec::new();
        for (zone, hours) in self.0.values() {
            for day in days.into_iter().flatten() {
                for minute in [hours.from, hours.to] {
                    let there = instants(Moment::on(day, minute % (24 * 60)), zone);
                    let here = there.iter().map(|at| Moment::at(*at, own).minute_of_day);
                    turns.extend(here);
                }
            }
        }
        turns
    }
}

/// When a clock in this zone shows that minute: twice where it is set back, never outside calendars.
fn instants(moment: Moment, zone: &TimeZone) -> Vec<Timestamp> {
    let (hour, minute) = (moment.minute_of_day / 60, moment.minute_of_day % 60);
    let (Ok(hour), Ok(minute)) = (i8::try_from(hour), i8::try_from(minute)) else {
        return Vec::new();
    };
    let shown = moment.day().map(|day| day.at(hour, minute, 0, 0));
    let Some(shown) = shown.filter(|_| !moment.weekday.is_empty()) else {
        return Vec::new();
    };
    let offsets = match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } => vec![offset],
        AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => {
            vec![before, after]
        }
    };
    let at = offsets.into_iter().map(|offset| offset.to_timestamp(shown));
    at.filter_map(Result::ok).collect()
}

/// `mon-fri`, `sat`, `mon,wed,fri`; a span may pass the end of the week.
fn weekdays(text: &str) -> Option<Vec<&'static str>> {
    let index = |word: &str| WEEKDAYS.iter().position(|day| *day == word);
    let mut days: Vec<&'static str> = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (index(first)?, index(last)?);
        let length = (last + 7 - first) % 7 + 1;
        days.extend(WEEKDAYS.iter().copied().cycle().skip(first).take(length));
    }
    days.sort_by_key(|day| index(day));
    days.dedup();
    Some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: &str = "Europe/Berlin";

    #[test]
    fn hours_become_days_and_minutes_with_an_open_end() {
        let read = Hours::read("mon-fri 09:00-18:00 Europe/Berlin", BERLIN).unwrap();
        assert_eq!(
            read.condition(),
            "[\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"].contains(context.weekday) && \
             context.minute_of_day >= 540 && context.minute_of_day < 1080"
        );
        assert_eq!(weekdays("sat-mon").unwrap(), ["mon", "sat", "sun"]);
        assert_eq!(weekdays("mon,wed").unwrap(), ["mon", "wed"]);
    }

    #[test]
    fn hours_in_another_shape_or_a_zone_that_is_none_are_refused() {
        for wrong in [
            "mon-fri",
            "mo-fr 09:00-18:00",
            "mon-fri 18:00-09:00",
            "mon-fri 9-18",
            "mon-fri 09:00-18:00 Europe/Berlim",
            "mon-fri 09:00-18:00 europe/london",
            "mon-fri 09:00-18:00 +01:00",
            "mon-fri 09:00-18:00 UTC UTC",
            "mon-fri 09:00-18:00 \"",
            "",
        ] {
            assert!(Hours::read(wrong, BERLIN).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hours_elsewhere_are_those_that_its_clocks_show() {
        let written = "mon-fri  09:00-17:00  America/New_York";
        let hours = Hours::read(written, BERLIN).unwrap();
        let canonical = "mon-fri 09:00-17:00 America/New_York";
        assert_eq!(
            hours.condition(),
            format!("context.open_hours.contains(\"{canonical}\")")
        );
        let elsewhere = Elsewhere::of([hours].iter());
        let berlin = TimeZone::get(BERLIN).unwrap();
        let open = |at: &str| {
            !elsewhere
                .open_at(Moment::read(at).unwrap(), &berlin)
                .is_empty()
        };
        // In winter and summer six hours behind, between the two changes of March five.
        for (at, is_open) in [
            ("2026-01-05 14:59", false),
            ("2026-01-05 15:00", true),
            ("2026-01-05 22:59", true),
            ("2026-01-05 23:00", false),
            ("2026-03-16 14:00", true),
            ("2026-03-16 13:59", false),
            ("2026-03-16 22:00", false),
            ("2026-07-06 15:00", true),
            ("2026-01-10 16:00", false),
        ] {
            assert_eq!(open(at), is_open, "{at}");
        }
        assert!(
            elsewhere
                .open_at(Moment::of_no_calendar(), &berlin)
                .is_empty()
        );
    }

    #[test]
    fn in_the_hour_that_is_there_twice_hours_elsewhere_hold_only_when_both_do() {
        // At 02:30 of 2026-10-25 Berlin is 00:30 and 01:30 in UTC.
        let hours = Hours::read("sun 00:00-01:00 UTC", BERLIN).unwrap();
        let whole = Hours::read("sun 00:00-02:00 UTC", BERLIN).unwrap();
        let berlin = TimeZone::get(BERLIN).unwrap();
        let at = Moment::read("2026-10-25 02:30").unwrap();
        let open = Elsewhere::of([hours, whole].iter());
        assert_eq!(open.open_at(at, &berlin), ["sun 00:00-02:00 UTC"]);
    }

    #[test]
    fn the_turns_are_where_hours_elsewhere_begin_and_end() {
        let hours = Hours::read("mon-fri 09:00-17:00 America/New_York", BERLIN).unwrap();
        let berlin = TimeZone::get(BERLIN).unwrap();
        let now = Moment::read("2026-01-05 12:00").unwrap();
        let turns = Elsewhere::of([hours].iter()).turns(now, &berlin);
        assert_eq!(turns, [15 * 60, 23 * 60, 15 * 60, 23 * 60]);
    }
}
