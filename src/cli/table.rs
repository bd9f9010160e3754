//! Rows of data, as people and programs want them.
//!
//! In: a heading and rows of text. Out: an aligned table, one JSON array, JSON lines, or CSV.
//!
//! The same rows in every format: a program sees what a person sees. The table does not change its
//! shape when nobody looks.
//!
//! Never: a cell that a terminal or a spreadsheet would take for a command (CSV, RFC 4180).

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::terminal::plain;
use crate::export::csv::{self, bare};

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Aligned columns for people.
    #[default]
    #[value(alias = "text")]
    Table,
    /// One JSON document.
    Json,
    /// One JSON document on each line.
    Jsonl,
    /// Comma-separated values with a heading.
    Csv,
    /// Events of OCSF, of `audit export`.
    Ocsf,
    /// JUnit's XML, of `test`: a merge request shows it.
    Junit,
    /// GitLab's code quality report, of `check`: a merge request shows it in the lines.
    GitlabCodequality,
}

/// Rows under a heading. Every row has as many cells as the heading.
#[derive(Clone, Debug)]
pub(super) struct Table {
    heading: &'static [&'static str],
    rows: Vec<Vec<Value>>,
}

impl Table {
    /// A table without rows; the heading is also the keys of JSON.
    pub(super) fn new(heading: &'static [&'static str]) -> Table {
        Table {
            heading,
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<Value>) {
        self.rows.push(cells);
    }

    /// Writes it in one of the formats.
    pub(super) fn write(&self, format: Format, out: &mut impl Write) -> io::Result<()> {
        match format {
            Format::Table | Format::Ocsf | Format::Junit | Format::GitlabCodequality => {
                self.write_aligned(out)
            }
            Format::Json => {
                let all: Vec<Value> = self.documents().collect();
                writeln!(out, "{:#}", Value::Array(all))
            }
            Format::Jsonl => self.documents().try_for_each(|row| writeln!(out, "{row}")),
            Format::Csv => self.write_csv(out),
        }
    }

    fn documents(&self) -> impl Iterator<Item = Value> {
        self.rows.iter().map(|row| {
            let keys = self.heading.iter().map(|key| (*key).to_owned());
            Value::Object(keys.zip(row.iter().cloned()).collect::<Map<_, _>>())
        })
    }

    fn write_aligned(&self, out: &mut impl Write) -> io::Result<()> {
        let heading = self
            .heading
            .iter()
            .map(|word| word.to_uppercase().replace('_', " "));
        let mut lines: Vec<Vec<String>> = vec![heading.collect()];
        lines.extend(self.rows.iter().map(|row| row.iter().map(shown).collect()));
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heading.len()).map(width).collect();
        for line in &lines {
            let cells = line.iter().zip(&widths);
            let padded: Vec<String> = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            writeln!(out, "{}", padded.join("  ").trim_end())?;
        }
        Ok(())
    }

    fn write_csv(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}\r", self.heading.join(","))?;
        self.rows
            .iter()
            .try_for_each(|row| out.write_all(csv::line(row).as_bytes()))
    }
}

/// A cell on one line, without anything a terminal would obey; a dash for nothing.
fn shown(cell: &Value) -> String {
    let text = plain(&bare(cell)).replace('\n', "\\n");
    if text.is_empty() { "-".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format) -> String {
        let mut table = Table::new(&["key", "the_value"]);
        table.row(vec!["a".into(), "x, \"y\"\n\x1b[0m".into()]);
        table.row(vec!["longer".into(), Value::Null]);
        table.row(vec![1.into(), "=1+1".into()]);
        let mut out = Vec::new();
        table.write(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_format_has_every_cell() {
        let aligned = "KEY     THE VALUE\na       x, \"y\"\\n\\u{1b}[0m\nlonger  -\n1       =1+1\n";
        assert_eq!(written(Format::Table), aligned);
        let csv = "key,the_value\r\na,\"x, \"\"y\"\"\n\x1b[0m\"\r\nlonger,\r\n1,\"'=1+1\"\r\n";
        assert_eq!(written(Format::Csv), csv);
        let lines: Vec<Value> = written(Format::Jsonl)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let whole: Vec<Value> = serde_json::from_str(&written(Format::Json)).unwrap();
        assert_eq!(lines, whole);
        assert_eq!(lines[0]["the_value"], "x, \"y\"\n\x1b[0m");
    }
}
