//! Holds the rows of a bundle against its records, and their forms against each other.
//!
//! In: the files of rows, and the records by number. Out: the counts of what is there.
//!
//! The rows of JSONL are whole, so the others are made from them again. They are compared row by row:
//! where one differs, it is named.

use std::collections::BTreeMap;
use std::io;

use serde_json::Value;

use super::journal::Journal;
use super::{Bundle, Checked, other};
use crate::clock::Time;
use crate::export::Form;
use crate::export::bundle::archive::Lines;
use crate::export::bundle::tally::Tally;
use crate::export::bundle::{CSV, JSONL, MANIFEST, OCSF, agree};
use crate::export::form::read_row;
use crate::index::{Asked, Query, Row};

/// A form that is made anew from the rows.
struct Derived {
    name: &'static str,
    form: Form,
    /// Nothing where it is missing or differed already.
    lines: Option<Lines>,
}

/// Checks the rows.
pub(super) fn check(
    bundle: &Bundle<'_>,
    journals: &mut [Journal],
    found: &mut Checked,
    mut progress: impl FnMut(u64),
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let Some(entry) = bundle.entries.get(JSONL) else {
        return Ok(tally);
    };
    let before = found.fault_count;
    let query = query(bundle, found);
    let mut derived = vec![
        derived(bundle, CSV, Form::Csv, found)?,
        derived(bundle, OCSF, Form::Ocsf, found)?,
    ];
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    let mut lines = entry.open(bundle.path)?;
    while let Some(line) = lines.next()? {
        let number = lines.number;
        let wrong = |what: &str| format!("row {number} {what}");
        let row = std::str::from_utf8(&line).map_err(|error| error.to_string());
        let row = match row.and_then(read_row) {
            Ok(row) => row,
            Err(fault) => {
                found.fault(JSONL, wrong(&format!("is none: {fault}")));
                continue;
            }
        };
        if Form::Jsonl.line(&row, &bundle.zone).as_bytes() != line {
            found.fault(JSONL, wrong("is not written as stile writes it"));
        }
        if last.get(&*row.origin).is_some_and(|last| *last >= row.seq) {
            found.fault(JSONL, wrong("is out of order"));
        }
        last.insert(row.origin.to_string(), row.seq);
        for fault in of_records(&row, journals) {
            found.fault(JSONL, wrong(&fault));
        }
        if let Some(query) = &query
            && !row.facts().is_some_and(|facts| query.means(&facts))
        {
            found.fault(JSONL, wrong("is not what the query means"));
        }
        for form in &mut derived {
            form.compare(bundle, &row, number, found)?;
        }
        tally.count(&row, &bundle.zone);
        progress(tally.rows);
    }
    for form in &mut derived {
        form.close(found)?;
    }
    if found.fault_count == before {
        let rows = tally.rows;
        found.proved(format!(
            "each of the {rows} rows says what its records say, in every form, and is meant by the query"
        ));
    }
    Ok(tally)
}

/// The query that the manifest says, which has absolute times.
fn query(bundle: &Bundle<'_>, found: &mut Checked) -> Option<Query> {
    let asked = Asked::at(Time::from_ms(0));
    let means = &bundle.manifest.query.means;
    match Query::parse(means, &asked) {
        Ok(query) if query.to_string() == *means && !query.names_teams() => Some(query),
        Ok(_) => {
            found.fault(MANIFEST, "`query.means` is not a query's own text");
            None
        }
        Err(error) => {
            found.fault(MANIFEST, format!("`query.means`: {error}"));
            None
        }
    }
}

/// What is wrong between a row and the records it is of.
fn of_records(row: &Row, journals: &mut [Journal]) -> Vec<String> {
    let Some(journal) = journals
        .iter_mut()
        .find(|journal| *journal.origin == *row.origin)
    else {
        return vec![format!(
            "is of the journal `{}`, which is not here",
            row.origin
        )];
    };
    let mut faults = Vec::new();
    let mut take = |seq: u64, text: &str| {
        if let Err(what) = journal.has(seq, &agree::text(text.as_bytes())) {
            faults.push(format!("differs from the journal: record {seq} {what}"));
        }
    };
    take(row.seq, &row.record);
    let Some((seq, outcome)) = &row.outcome else {
        return faults;
    };
    take(*seq, outcome);
    let member = |text: &str, name: &str| -> Option<Value> {
        let members: Value = serde_json::from_str(text).ok()?;
        members.get(name).cloned()
    };
    let of = member(outcome, "ref");
    if of.is_none() || of != member(&row.record, "id") {
        faults.push(format!("has the outcome of another request, record {seq}"));
    }
    faults
}

fn derived(
    bundle: &Bundle<'_>,
    name: &'static str,
    form: Form,
    found: &mut Checked,
) -> io::Result<Derived> {
    let mut lines = match bundle.entries.get(name) {
        Some(entry) => Some(entry.open(bundle.path)?),
        None => None,
    };
    let heading = form.heading();
    if let Some(open) = &mut lines
        && open.bytes(heading.len())? != heading.as_bytes()
    {
        found.fault(name, "it has another heading");
        lines = None;
    }
    Ok(Derived { name, form, lines })
}

impl Derived {
    fn compare(
        &mut self,
        bundle: &Bundle<'_>,
        row: &Row,
        number: u64,
        found: &mut Checked,
    ) -> io::Result<()> {
        let Some(lines) = &mut self.lines else {
            return Ok(());
        };
        let expected = self.form.line(row, &bundle.zone);
        if lines.bytes(expected.len())? != expected.as_bytes() {
            let what = format!("row {number} is not row {number} of `{JSONL}`");
            other(bundle, self.name, &what, found);
            self.lines = None;
        }
        Ok(())
    }

    fn close(&mut self, found: &mut Checked) -> io::Result<()> {
        if let Some(lines) = &mut self.lines
            && !lines.bytes(1)?.is_empty()
        {
            found.fault(self.name, "it has more rows than there are");
        }
        Ok(())
    }
}
