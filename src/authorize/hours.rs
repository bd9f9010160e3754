//! Reads office hours: `mon-fri 09:00-18:00 Europe/Berlin`.
//!
//! In: the words of a binding and the zone of `stile.yaml`. Out: a condition in Cedar.
//!
//! The first minute is in, the last one is out. There is one clock: hours in another zone than the
//! one that policies read are refused, not converted.
//!
//! What is not written this way is a fault, in words for the operator.

use super::moment::{self, WEEKDAYS};

/// `mon-fri 09:00-18:00 Europe/Berlin` as a condition; the zone may be left out.
pub(super) fn condition(text: &str, zone: &str) -> Result<String, String> {
    let mut words = text.split_whitespace();
    let (Some(days), Some(hours)) = (words.next(), words.next()) else {
        return Err(format!(
            "`{text}` is not written like `mon-fri 09:00-18:00`"
        ));
    };
    let days = weekdays(days).ok_or_else(|| format!("`{days}` names no days of the week"))?;
    let span = hours.split_once('-').and_then(|(from, to)| {
        let (from, to) = (moment::minute_of(from)?, moment::minute_of(to)?);
        (from < to).then_some((from, to))
    });
    let (from, to) = span.ok_or_else(|| format!("`{hours}` is no span of one day's hours"))?;
    if words.clone().count() > 1 {
        return Err(format!("`{text}` says more than days, hours and a zone"));
    }
    if let Some(named) = words.next().filter(|named| *named != zone) {
        return Err(format!(
            "hours are read in `{zone}`, the time_zone of stile.yaml, and not in `{named}`"
        ));
    }
    let days: Vec<String> = days.iter().map(|day| format!("\"{day}\"")).collect();
    Ok(format!(
        "[{}].contains(context.weekday) && context.minute_of_day >= {from} && \
         context.minute_of_day < {to}",
        days.join(", ")
    ))
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

    #[test]
    fn hours_become_days_and_minutes_with_an_open_end() {
        let read = condition("mon-fri 09:00-18:00 Europe/Berlin", "Europe/Berlin");
        assert_eq!(
            read.unwrap(),
            "[\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"].contains(context.weekday) && \
             context.minute_of_day >= 540 && context.minute_of_day < 1080"
        );
        assert_eq!(weekdays("sat-mon").unwrap(), ["mon", "sat", "sun"]);
        assert_eq!(weekdays("mon,wed").unwrap(), ["mon", "wed"]);
    }

    #[test]
    fn hours_in_another_zone_or_shape_are_refused() {
        for wrong in [
            "mon-fri 09:00-18:00 UTC",
            "mon-fri",
            "mo-fr 09:00-18:00",
            "mon-fri 18:00-09:00",
            "mon-fri 9-18",
            "",
        ] {
            assert!(condition(wrong, "Europe/Berlin").is_err(), "{wrong}");
        }
    }
}
