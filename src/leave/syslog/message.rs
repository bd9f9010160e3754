//! Writes a record as a syslog message.
//!
//! In: a record. Out: one RFC 5424 message with its length before it.
//!
//! Facility 13 (log audit). `MSGID` is the kind of the record; the structured data names its place,
//! by which a receiver finds doubles; the message itself is one line of JSON: OCSF, or the record as it
//! is in the journal.
//!
//! Never: a line break or a control character outside of what JSON escapes anyway.
//!
//! RFC 5424 6 and 6.3.3 (escaping); RFC 5425 4.3.

use crate::clock::Time;
use crate::export::ocsf::ocsf;
use crate::leave::settings::Form;
use crate::leave::source::Item;
use crate::record::frame::Kind;

/// Adds the message of a record, its length before it.
pub(super) fn frame(item: &Item, form: Form, host: &str, out: &mut Vec<u8>) {
    let message = message(item, form, host);
    out.extend_from_slice(format!("{} ", message.len()).as_bytes());
    out.extend_from_slice(message.as_bytes());
}

fn message(item: &Item, form: Form, host: &str) -> String {
    let priority = AUDIT * 8 + severity(item);
    let time = stamp(item.row.time);
    let kind = match item.kind {
        Kind::Decision => "decision",
        Kind::Outcome => "outcome",
        Kind::Event => "event",
        Kind::Session => "session",
    };
    let origin = escaped(&item.row.origin);
    let uid = escaped(&item.uid());
    let seq = item.row.seq;
    let id = item.word("id").or(item.word("ref"));
    let id = id.map_or(String::new(), |id| format!(" id=\"{}\"", escaped(id)));
    let text = match form {
        Form::Ocsf => ocsf(&item.row).to_string(),
        Form::Record => item.row.record.clone(),
    };
    format!(
        "<{priority}>1 {time} {host} stile - {kind} [{OURS} origin=\"{origin}\" seq=\"{seq}\" \
         uid=\"{uid}\"{id}] {text}"
    )
}

/// The name of this machine as RFC 5424 has it: visible ASCII, at most 255.
pub(super) fn machine() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy().into_owned();
    let plain: String = name.chars().filter(char::is_ascii_graphic).collect();
    match plain.is_empty() {
        true => "-".to_owned(),
        false => plain.chars().take(255).collect(),
    }
}

/// `informational`, `warning` or `error` (RFC 5424 6.2.1).
fn severity(item: &Item) -> u8 {
    match (item.word("decision"), item.word("end")) {
        (Some("error"), _) => 3,
        (Some("deny" | "refuse"), _) => 4,
        (_, Some(end)) if end != "complete" => 4,
        _ => 6,
    }
}

fn stamp(time: Time) -> String {
    let ms = i64::try_from(time.as_ms()).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A value of structured data.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// "log audit".
const AUDIT: u8 = 13;
/// Names of structured data that are nobody's registered ones carry an enterprise number; this one
/// is for whom has none (RFC 5612).
const OURS: &str = "stile@32473";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_structured_data_are_escaped() {
        assert_eq!(escaped(r#"a"b\c]d[e"#), r#"a\"b\\c\]d[e"#);
    }

    #[test]
    fn a_time_has_milliseconds_and_is_utc() {
        let time = Time::from_ms(1_795_434_000_007);
        assert_eq!(stamp(time), "2026-11-23T11:40:00.007Z");
    }
}
