//! The moments that policies can tell apart.
//!
//! In: the lists of days, the minutes and the dates that policies compare with. Out: an axis of
//! moments; the first is the usual one.
//!
//! One day of the week stands for those that are in the same lists, the first minute of a span for
//! the span, noon where it lies in it. Dates are today, and the first day after each literal.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{ToSpan, civil};

use super::axes::Axis;
use crate::authorize::{Literals, Moment};

/// The moments, where policies read the clock.
pub(super) fn axis(spoken: &Literals, now: Moment) -> Axis {
    let moments = all(spoken, now).into_iter().enumerate();
    moments.fold(Axis::default(), |axis, (place, moment)| {
        let words = match place {
            0 => String::new(),
            _ if moment.date > now.date.saturating_add(7) => {
                format!("{} {} of {}", moment.weekday, moment.clock(), moment.date)
            }
            _ => format!("{} {}", moment.weekday, moment.clock()),
        };
        axis.with(words, move |caller| caller.moment = moment)
    })
}

/// A moment of each class, the usual one first.
pub(super) fn all(spoken: &Literals, now: Moment) -> Vec<Moment> {
    let reads = |name: &str| spoken.reads.contains(name);
    if !["weekday", "minute_of_day", "date"]
        .map(reads)
        .contains(&true)
    {
        return vec![now];
    }
    let mut moments = Vec::new();
    for day in days(spoken, now) {
        for minute in minutes(spoken, now) {
            let moment = Moment::on(day, minute);
            if !moments.contains(&moment) {
                moments.push(moment);
            }
        }
    }
    moments
}

/// A day of each class, the usual one first.
fn days(spoken: &Literals, now: Moment) -> Vec<Date> {
    let Some(today) = date_of(now.date) else {
        return Vec::new();
    };
    let mut starts = BTreeSet::from([today]);
    if let Some(bounds) = spoken.bounds.get("date") {
        starts.extend(bounds.iter().filter_map(|bound| first_day(*bound)));
    }
    let starts: Vec<Date> = starts.into_iter().filter(|start| *start >= today).collect();
    let mut days = Vec::new();
    for (place, start) in starts.iter().enumerate() {
        let end = starts.get(place + 1).copied();
        let week = (0..7_i64).filter_map(|ahead| start.checked_add(ahead.days()).ok());
        let mut week: Vec<Date> = week
            .filter(|day| end.is_none_or(|end| *day < end))
            .collect();
        if !spoken.weekdays.is_empty() {
            week.sort_by_key(|day| day.weekday().to_monday_zero_offset()); // the same on every day
        }
        let mut classes: BTreeMap<Vec<bool>, Date> = BTreeMap::new();
        for day in week {
            let word = Moment::on(day, 0).weekday;
            let lists = spoken.weekdays.iter();
            let class = lists.map(|list| list.contains(word)).collect();
            classes.entry(class).or_insert(day);
        }
        let mut found: Vec<Date> = classes.into_values().collect();
        found.sort();
        days.extend(found);
    }
    // Work is usual where work has days.
    let in_lists = |day: &Date| {
        let word = Moment::on(*day, 0).weekday;
        spoken
            .weekdays
            .iter()
            .filter(|list| list.contains(word))
            .count()
    };
    if let Some(first) = (0..days.len())
        .rev()
        .max_by_key(|at| days.get(*at).map(in_lists))
    {
        let usual = days.remove(first);
        days.insert(0, usual);
    }
    days
}

/// A minute of each span, the usual one first.
fn minutes(spoken: &Literals, now: Moment) -> Vec<i64> {
    let mut starts = BTreeSet::from([0]);
    if let Some(bounds) = spoken.bounds.get("minute_of_day") {
        starts.extend(
            bounds
                .iter()
                .copied()
                .filter(|minute| (0..1440).contains(minute)),
        );
    }
    let ends = starts.iter().copied().skip(1).chain([1440]);
    let spans = starts.iter().copied().zip(ends);
    let usual = now.minute_of_day;
    let mut minutes: Vec<i64> = spans
        .map(|(first, end)| match (first..end).contains(&usual) {
            true => usual,
            false => first,
        })
        .collect();
    minutes.sort_by_key(|minute| *minute != usual);
    minutes
}

/// The first day that is not before eight digits, which need not be a day: `20261232`.
fn first_day(digits: i64) -> Option<Date> {
    (0..32).find_map(|back| {
        let day = date_of(digits.checked_sub(back)?)?;
        match back {
            0 => Some(day),
            _ => day.checked_add(1.day()).ok(),
        }
    })
}

fn date_of(digits: i64) -> Option<Date> {
    civil::Date::new(
        i16::try_from(digits / 10_000).ok()?,
        i8::try_from(digits / 100 % 100).ok()?,
        i8::try_from(digits % 100).ok()?,
    )
    .ok()
}
