//! A file has its name when it is whole.

use std::fs;

use jiff::tz::TimeZone;
use stile::clock::Time;
use stile::export::form::read_row;
use stile::export::{Form, Source, write_file};
use stile::index::{Asked, COLUMNS, Query, document};

use super::{NOW, Stand};

fn query(text: &str) -> Query {
    Query::parse(text, &Asked::at(NOW)).unwrap()
}

#[tokio::test]
async fn each_form_has_every_row_in_the_order_of_the_journal() {
    let stand = Stand::of(31, 300).await;
    let query = query("record:request or event:clock.step");
    let rows: Vec<_> = stile::index::scan(&stand.journal(), &query)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let read = |form: Form| {
        let path = stand.path("rows");
        let mut source = Source::Journal(stand.journal());
        let found = source.rows(&query).unwrap();
        let mut told = None;
        let written = write_file(&path, form, &TimeZone::UTC, found, |at| told = Some(at)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(written.rows, rows.len() as u64);
        let told = told.unwrap();
        assert!(
            told.done <= told.total && told.done + 5 > told.total,
            "{told:?}"
        );
        assert_eq!(written.bytes, text.len() as u64);
        assert!(!stand.path("rows.partial").exists());
        text
    };
    let jsonl = read(Form::Jsonl);
    let back: Vec<_> = jsonl.lines().map(|line| read_row(line).unwrap()).collect();
    assert_eq!(back, rows);
    for (line, row) in jsonl.lines().zip(&rows) {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value, document(row));
    }
    let csv = read(Form::Csv);
    assert!(csv.starts_with(&(COLUMNS.join(",") + "\r\n")));
    assert_eq!(csv.matches("\r\n").count(), rows.len() + 1);
    let ocsf = read(Form::Ocsf);
    assert_eq!(ocsf.lines().count(), rows.len());
}

#[tokio::test]
async fn an_export_that_fails_leaves_the_old_file_and_a_partial_one() {
    let stand = Stand::of(32, 900).await;
    let path = stand.path("rows.csv");
    fs::write(&path, "old").unwrap();
    let mut segments: Vec<_> = fs::read_dir(stand.journal())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "seg"))
        .collect();
    segments.sort();
    assert!(segments.len() > 1, "several segments");
    let mut bytes = fs::read(&segments[0]).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::remove_file(&segments[0]).unwrap();
    fs::write(&segments[0], bytes).unwrap();
    let query = query("");
    let mut source = Source::Journal(stand.journal());
    let rows = source.rows(&query).unwrap();
    let written = write_file(&path, Form::Csv, &TimeZone::UTC, rows, |_| {});
    assert!(written.is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    let partial = fs::read_to_string(stand.path("rows.csv.partial")).unwrap();
    assert!(!partial.contains("error"), "no error is written as a row");
    assert!(stand.bundle("", "q.tar").is_err());
    assert!(!stand.path("q.tar").exists() && stand.path("q.tar.partial").exists());
}

#[test]
fn a_row_in_the_middle_of_the_night_is_of_the_day_in_the_zone_that_was_asked_in() {
    let row = stile::index::Row {
        origin: super::ORIGIN.into(),
        seq: 1,
        time: Time::from_ms(1_790_805_600_000), // 2026-09-30T22:00:00Z
        record: r#"{"decision":"deny"}"#.to_owned(),
        outcome: None,
    };
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    assert!(
        Form::Csv
            .line(&row, &TimeZone::UTC)
            .starts_with("2026-09-30T22:00:00Z,")
    );
    assert!(
        Form::Csv
            .line(&row, &berlin)
            .starts_with("2026-10-01T00:00:00+02:00,")
    );
}
