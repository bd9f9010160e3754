//! Export: the rows of a query as a file, for somebody without stile.
//!
//! In: the fields of the form. Out: how many rows there are, the first of them, and the file: CSV, whole
//! records, or OCSF, of exactly these rows.
//!
//! The address of the file holds the query with both its moments: what is counted on the page is what is
//! in the file, whenever it is fetched. A file that breaks off is one that the browser calls broken.

use askama::Template;
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::asked::{FIELDS, Wanted};
use super::frame::{Frame, Made};
use super::requests::Form;
use super::row::Line;
use super::texts::{grouped, shown};
use super::view::{View, unread};
use crate::export::Form as Written;
use crate::forward::ResponseBody;
use crate::index::{Condition, Order, Row};
use crate::own::malformed;
use crate::refusal::{Reason, Refusal};

/// The page.
#[derive(Template, Serialize)]
#[template(path = "export.html")]
struct Export {
    #[serde(skip)]
    frame: Frame,
    #[serde(skip)]
    form: Form,
    query: String,
    rows: u64,
    files: Vec<File>,
    lines: Vec<Line>,
}

/// One file.
#[derive(Serialize)]
struct File {
    words: &'static str,
    about: &'static str,
    href: String,
}

pub(super) fn page(view: &View<'_>) -> Result<Made, Refusal> {
    view.pairs().only(FIELDS)?;
    let mut wanted = Wanted::read(view)?;
    let until = Condition::Until(view.now());
    wanted.query = wanted.query.and(until.clone());
    let text = format!("{} {until}", wanted.text);
    let mut index = view.index()?;
    let found = index.find(&wanted.query).map_err(unread)?;
    let rows = found.count();
    let some: Result<Vec<Row>, _> = found.rows(Order::Newest).take(PREVIEW).collect();
    let some = some.map_err(unread)?;
    let files = FILES.iter().map(|(word, words, about, _, _)| File {
        words,
        about,
        href: view.href(
            "/export/file",
            &[
                ("q", &text),
                ("last", "all"),
                ("looks", "yes"),
                ("format", word),
            ],
        ),
    });
    let page = Export {
        frame: Frame::of(view, "Export"),
        form: Form::of(&wanted, "/export"),
        query: shown(&text, 4096),
        rows,
        files: files.collect(),
        lines: some.iter().map(|row| Line::of(view, row)).collect(),
    };
    Made::of(view, &page)
}

/// The file, row by row, as far as somebody takes it.
pub(super) fn file(view: &View<'_>, turn: OwnedSemaphorePermit) -> Result<Made, Refusal> {
    let fields: Vec<&str> = FIELDS.iter().chain(&["format"]).copied().collect();
    view.pairs().only(&fields)?;
    let wanted = Wanted::read(view)?;
    let word = view.pairs().get("format").unwrap_or("csv");
    let found = FILES.iter().find(|(known, ..)| *known == word);
    let Some((_, _, _, form, media_type)) = found else {
        return Err(malformed("`format` is one of csv, jsonl, ocsf"));
    };
    let mut index = view.index()?;
    // Before anything is sent: an index that does not answer is told as such.
    index.find(&wanted.query).map_err(unread)?;
    let (send, pieces) = mpsc::channel(PIECES);
    let (query, zone, form) = (wanted.query, view.zone.clone(), *form);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let mut piece = form.heading();
        let rows = match index.find(&query) {
            Ok(found) => found.rows(Order::Oldest),
            Err(fault) => return drop(send.blocking_send(Err(fault.into()))),
        };
        for row in rows {
            match row {
                Ok(row) => piece.push_str(&form.line(&row, &zone)),
                Err(fault) => return drop(send.blocking_send(Err(fault.into()))),
            }
            if piece.len() >= PIECE_BYTES {
                let whole = Bytes::from(std::mem::take(&mut piece));
                if send.blocking_send(Ok(whole)).is_err() {
                    return; // nobody takes it any more
                }
            }
        }
        let _ = send.blocking_send(Ok(Bytes::from(piece)));
    });
    let ending = if word == "csv" { "csv" } else { "jsonl" };
    let name = format!("stile-{}-{word}.{ending}", view.now().as_secs());
    Ok(Made::answered(media_type, ResponseBody::Made(pieces)).named(&name))
}

/// Too many files are being written.
pub(super) fn busy() -> Refusal {
    Refusal::new(Reason::Overloaded).telling("too many exports are running; try again shortly")
}

impl Export {
    fn grouped(&self, number: &u64) -> String {
        grouped(*number)
    }
}

/// Word of the address, words, what it is for, form, media type.
const FILES: &[(&str, &str, &str, Written, &str)] = &[
    (
        "csv",
        "CSV",
        "columns for people and spreadsheets",
        Written::Csv,
        "text/csv; charset=utf-8",
    ),
    (
        "jsonl",
        "JSONL",
        "whole records, each as the journal has it, to be proved",
        Written::Jsonl,
        "application/jsonl",
    ),
    (
        "ocsf",
        "OCSF",
        "events for a SIEM",
        Written::Ocsf,
        "application/jsonl",
    ),
];

const PREVIEW: usize = 20;
/// Of a file that wait to be sent.
const PIECES: usize = 8;
const PIECE_BYTES: usize = 32 * 1024;
