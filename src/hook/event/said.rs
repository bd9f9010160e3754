//! Takes single facts out of a payload.
//!
//! In: a JSON object. Out: texts of one line, ids as texts, moments in ms.
//!
//! GitLab writes moments in three ways: `2016-08-12 15:23:28 UTC`, `2016-08-12 15:23:28 +0000` and
//! RFC 3339.

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde_json::{Map, Value};

use crate::refusal::{Reason, Refusal};

/// An object of a payload, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Said<'v> {
    object: &'v Map<String, Value>,
    place: String,
}

impl<'v> Said<'v> {
    /// The whole payload.
    pub(super) fn of(object: &'v Map<String, Value>) -> Said<'v> {
        Said {
            object,
            place: String::new(),
        }
    }

    /// An object in it.
    pub(super) fn inside(&self, name: &str) -> Result<Said<'v>, Refusal> {
        self.maybe(name).ok_or_else(|| self.missing(name))
    }

    /// An object in it, where it is there.
    pub(super) fn maybe(&self, name: &str) -> Option<Said<'v>> {
        Some(Said {
            object: self.object.get(name)?.as_object()?,
            place: format!("{}{name}.", self.place),
        })
    }

    /// Objects in a list in it.
    pub(super) fn each(&self, name: &str) -> impl Iterator<Item = Said<'v>> {
        let list = self.object.get(name).and_then(Value::as_array);
        let place = format!("{}{name}[].", self.place);
        list.into_iter().flatten().filter_map(move |one| {
            Some(Said {
                object: one.as_object()?,
                place: place.clone(),
            })
        })
    }

    /// A text or a whole number.
    pub(super) fn required(&self, name: &str) -> Result<String, Refusal> {
        self.text(name).ok_or_else(|| self.missing(name))
    }

    /// A text or a whole number, where it is there and not empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.object.get(name)? {
            Value::String(text) => Some(line_of(text)).filter(|text| !text.is_empty()),
            Value::Number(number) => number.as_u64().map(|number| number.to_string()),
            _ => None,
        }
    }

    /// The same as a fact, absent as null.
    pub(super) fn fact(&self, name: &str) -> Value {
        self.text(name).map_or(Value::Null, Value::from)
    }

    /// A text with its lines.
    pub(super) fn whole(&self, name: &str) -> Option<&'v str> {
        self.object.get(name)?.as_str()
    }

    /// A whole number.
    pub(super) fn count(&self, name: &str) -> Value {
        let count = self.object.get(name).and_then(Value::as_u64);
        count.map_or(Value::Null, Value::from)
    }

    /// Texts of a list.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.object.get(name).and_then(Value::as_array);
        let texts = list.into_iter().flatten().filter_map(Value::as_str);
        texts.map(line_of).collect()
    }

    /// A moment in ms since 1970, where it is there and one.
    pub(super) fn moment(&self, name: &str) -> Option<u64> {
        moment(self.whole(name)?)
    }

    /// The same as a fact, absent as null.
    pub(super) fn moment_fact(&self, name: &str) -> Value {
        self.moment(name).map_or(Value::Null, Value::from)
    }

    fn missing(&self, name: &str) -> Refusal {
        Refusal::new(Reason::MalformedRequest)
            .telling(format!("the webhook has no `{}{name}`", self.place))
    }
}

/// Its first line, without what a terminal would obey, and not longer than a line is.
pub(super) fn line_of(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect()
}

fn moment(text: &str) -> Option<u64> {
    let stamp = match text.parse::<Timestamp>() {
        Ok(stamp) => stamp,
        Err(_) => {
            let text = text.replace(" UTC", " +0000");
            let read = strtime::parse("%Y-%m-%d %H:%M:%S%.f %z", &text).ok()?;
            read.to_timestamp().ok()?
        }
    };
    u64::try_from(stamp.as_millisecond()).ok()
}

const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_each_of_gitlabs_ways() {
        for text in [
            "2021-02-23 02:41:37 UTC",
            "2021-02-23 02:41:37 +0000",
            "2021-02-23 04:41:37 +0200",
            "2021-02-23T02:41:37Z",
            "2021-02-23T02:41:37.000+00:00",
        ] {
            assert_eq!(moment(text), Some(1_614_048_097_000), "{text}");
        }
        assert_eq!(moment("2021-02-23 02:41:37.5 UTC"), Some(1_614_048_097_500));
        for text in ["", "yesterday", "2021-02-23", "1969-01-01 00:00:00 UTC"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_is_one_line_that_no_terminal_obeys() {
        assert_eq!(
            line_of("retry\u{1b}[31m refunds\nonce"),
            "retry[31m refunds"
        );
        assert_eq!(line_of(&"é".repeat(500)).chars().count(), LONGEST);
    }
}
