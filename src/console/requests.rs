//! Requests: what happened, the newest first.
//!
//! In: the fields of the form. Out: numbers, a drawing of them, and the rows; all of one query.

use askama::Template;
use serde::Serialize;

use super::asked::{DECISIONS, FIELDS, SPANS, Wanted};
use super::bars::{Bar, bars, drawn, moments};
use super::frame::{Frame, Made};
use super::row::Line;
use super::texts::{grouped, shown};
use super::view::{View, unread};
use crate::clock::Time;
use crate::index::{Field, Found, Order, Row};
use crate::own::malformed;
use crate::refusal::Refusal;

/// The page.
#[derive(Template, Serialize)]
#[template(path = "requests.html")]
struct Requests {
    #[serde(skip)]
    frame: Frame,
    #[serde(skip)]
    form: Form,
    query: String,
    rows: u64,
    answers: u64,
    allowed: u64,
    denied: u64,
    refused: u64,
    errors: u64,
    bars: Vec<Bar>,
    #[serde(skip)]
    drawing: String,
    lines: Vec<Line>,
    page: usize,
    #[serde(skip)]
    newer: Option<String>,
    #[serde(skip)]
    older: Option<String>,
    /// Where the file of the same rows is.
    #[serde(skip)]
    export: Option<String>,
    is_live: bool,
    #[serde(skip)]
    stream: String,
    #[serde(skip)]
    live: String,
}

/// The form that asked.
pub(super) struct Form {
    pub(super) action: String,
    pub(super) typed: String,
    pub(super) decisions: Vec<Choice>,
    pub(super) spans: Vec<Choice>,
    pub(super) looks: bool,
}

/// One of the choices of a list.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) words: &'static str,
    pub(super) is_chosen: bool,
}

impl Form {
    pub(super) fn of(wanted: &Wanted<'_>, page: &str) -> Form {
        let choice = |value: &'static str, words: &'static str, chosen: &str| Choice {
            value,
            words,
            is_chosen: value == chosen,
        };
        let decisions = DECISIONS.iter();
        let spans = SPANS.iter();
        Form {
            action: format!("/.stile/console{page}"),
            typed: shown(wanted.typed, 4096),
            decisions: decisions
                .map(|(value, words)| choice(value, words, wanted.decision))
                .collect(),
            spans: spans
                .map(|(value, words, _)| choice(value, words, wanted.last))
                .collect(),
            looks: wanted.looks,
        }
    }
}

pub(super) fn page(view: &View<'_>) -> Result<Made, Refusal> {
    let fields: Vec<&str> = FIELDS.iter().chain(&["page", "live"]).copied().collect();
    view.pairs().only(&fields)?;
    let wanted = Wanted::read(view)?;
    let page = view.pairs().get("page").unwrap_or("1");
    let page = page
        .parse()
        .ok()
        .filter(|page| (1..=MOST_PAGES).contains(page));
    let page: usize = page.ok_or_else(|| malformed("`page` is a number from 1 to 20"))?;
    let is_live = view.pairs().get("live").is_some();

    let mut index = view.index()?;
    let mut found = index.find(&wanted.query).map_err(unread)?;
    let (rows, answers) = (found.count(), found.answers());
    let decided = found.tally(Field::Decision).map_err(unread)?;
    let with = |word: &str| {
        let mut values = decided.values.iter();
        values
            .find(|(value, _)| value == word)
            .map_or(0, |(_, rows)| *rows)
    };
    let (allowed, denied) = (with("allow"), with("deny"));
    let (refused, errors) = (with("refuse"), with("error"));
    let bars = over_time(view, &wanted, &mut found)?;
    let read: Result<Vec<Row>, _> = found
        .rows(Order::Newest)
        .skip((page - 1) * ON_A_PAGE)
        .take(ON_A_PAGE)
        .collect();
    let read = read.map_err(unread)?;

    let mut fields = wanted.fields();
    let export = view.may("console.export", view.scope);
    let export = export.then(|| view.href("/export", &fields));
    let stream = view.href("/requests/live", &fields);
    let numbers = [page.saturating_sub(1).to_string(), (page + 1).to_string()];
    let [before, behind] = &numbers;
    let to = |page: &str| view.same("/requests", "page", page);
    let more = page < MOST_PAGES && rows > (page * ON_A_PAGE) as u64;
    fields.push(("live", if is_live { "" } else { "yes" }));
    let live = view.href("/requests", &fields);
    let again = is_live.then(|| view.same("/requests", "live", "yes"));
    let page = Requests {
        frame: Frame {
            again,
            ..Frame::of(view, "Requests")
        },
        form: Form::of(&wanted, "/requests"),
        query: shown(&wanted.text, 4096),
        rows,
        answers,
        allowed,
        denied,
        refused,
        errors,
        drawing: drawn(&bars),
        bars,
        lines: read.iter().map(|row| Line::of(view, row)).collect(),
        newer: (page > 1).then(|| to(before)),
        older: more.then(|| to(behind)),
        page,
        export,
        is_live,
        stream,
        live,
    };
    Made::of(view, &page)
}

/// Counts over the stretch of time that was chosen; of all time, from the first row on.
pub(super) fn over_time(
    view: &View<'_>,
    wanted: &Wanted<'_>,
    found: &mut Found<'_>,
) -> Result<Vec<Bar>, Refusal> {
    let Some((earliest, latest)) = found.times().map_err(unread)? else {
        return Ok(Vec::new());
    };
    let (since, until) = match wanted.since {
        Some(since) => (since, view.now()),
        None => (earliest, latest),
    };
    let moments: Vec<Time> = moments(since, until.plus_ms(1));
    let counted = found.between(&moments, Field::Decision, "allow");
    Ok(bars(view, &moments, &counted.map_err(unread)?))
}

impl Requests {
    /// A number as people write it.
    fn grouped(&self, number: &u64) -> String {
        grouped(*number)
    }
}

/// Rows of one page, and how far one leafs: beyond that a narrower query finds more.
const ON_A_PAGE: usize = 50;
const MOST_PAGES: usize = 20;
