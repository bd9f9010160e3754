//! Says a row in one of the forms that are handed out.
//!
//! In: a row. Out: a line with its end.
//!
//! In JSONL a record stands exactly as its journal has it, between the row's place and its outcome:
//! what is compared with the journal needs no rule for writing JSON.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::csv;
use super::ocsf::ocsf;
use crate::clock::Time;
use crate::index::{COLUMNS, Row, cells};

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Columns for people and spreadsheets.
    Csv,
    /// Whole records.
    Jsonl,
    /// Events of OCSF, one in each line.
    Ocsf,
}

impl Form {
    /// What stands before the first row.
    pub fn heading(self) -> String {
        match self {
            Form::Csv => COLUMNS.join(",") + "\r\n",
            Form::Jsonl | Form::Ocsf => String::new(),
        }
    }

    /// One row. Times in columns are of this zone.
    pub fn line(self, row: &Row, zone: &TimeZone) -> String {
        match self {
            Form::Csv => csv::line(&cells(row, zone)),
            Form::Jsonl => whole(row),
            Form::Ocsf => format!("{}\n", ocsf(row)),
        }
    }
}

/// A line of JSONL, members in the order of their names.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'l> {
    origin: String,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    outcome: Option<&'l RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome_seq: Option<u64>,
    #[serde(borrow)]
    record: &'l RawValue,
    seq: u64,
}

fn whole(row: &Row) -> String {
    let member = |text: &str| match as_json(text) {
        true => text.to_owned(),
        false => Value::from(text).to_string(),
    };
    let origin = Value::from(&*row.origin);
    let outcome = row.outcome.as_ref().map(|(seq, text)| {
        let text = member(text);
        format!("\"outcome\":{text},\"outcome_seq\":{seq},")
    });
    let (outcome, record) = (outcome.unwrap_or_default(), member(&row.record));
    let seq = row.seq;
    format!("{{\"origin\":{origin},{outcome}\"record\":{record},\"seq\":{seq}}}\n")
}

/// Whether a record can stand in a line as it is: an object, on one line.
fn as_json(text: &str) -> bool {
    text.starts_with('{')
        && !text.bytes().any(|b| b < 0x20)
        && serde_json::from_str::<&RawValue>(text).is_ok_and(|raw| raw.get() == text)
}

/// The row that a line of JSONL says.
///
/// # Errors
///
/// A few words on what makes it none.
pub fn read_row(line: &str) -> Result<Row, String> {
    let line: Line<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let text = |raw: &RawValue| match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => text,
        Err(_) => raw.get().to_owned(),
    };
    let record = text(line.record);
    let outcome = match (line.outcome_seq, line.outcome) {
        (Some(seq), Some(raw)) => Some((seq, text(raw))),
        (None, None) => None,
        _ => return Err("`outcome` and `outcome_seq` belong together".to_owned()),
    };
    #[derive(Deserialize)]
    struct Timed {
        time: Option<u64>,
    }
    let timed = serde_json::from_str::<Timed>(&record).ok();
    let time = timed.and_then(|timed| timed.time).unwrap_or(0);
    Ok(Row {
        origin: line.origin.into(),
        seq: line.seq,
        time: Time::from_ms(time),
        record,
        outcome,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_as_the_row_it_says() {
        for (record, outcome) in [
            (r#"{"decision":"deny","time":5}"#, None),
            (
                r#"{"decision":"allow","time":5}"#,
                Some((9, r#"{"end":"complete"}"#.to_owned())),
            ),
            ("no JSON \u{1b}[0m\n", None),
            ("{\"a\":\n1}", None),
        ] {
            let time = if record.contains("time") { 5 } else { 0 };
            let row = Row {
                origin: "stile.example.com/\"main".into(),
                seq: 7,
                time: Time::from_ms(time),
                record: record.to_owned(),
                outcome,
            };
            let line = whole(&row);
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert_eq!(read_row(&line), Ok(row.clone()));
            let parsed: Value = serde_json::from_str(&line).unwrap();
            if record != "{\"a\":\n1}" {
                assert_eq!(parsed, crate::index::document(&row));
            }
        }
        assert!(read_row("{}").is_err());
    }
}
