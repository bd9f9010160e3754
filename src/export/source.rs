//! Gives the rows that are handed out, the first first.
//!
//! In: the index, or a journal. Out: rows, how many there will be, and which records were searched.

use std::path::{Path, PathBuf};

use super::ExportError;
use crate::index::{Index, Order, Query, Row, scan};
use crate::record::follow::first_seq;
use crate::record::{extent, prove};

/// Where rows come from.
#[derive(Debug)]
pub enum Source {
    /// The index, of one journal or several.
    Index(Box<Index>),
    /// A journal's folder.
    Journal(PathBuf),
}

/// Rows, and what is known of them before the first one.
pub struct Rows<'s> {
    /// How many there are; nothing where all must be read first.
    pub count: Option<u64>,
    /// The first record that is searched and the one behind the last, where it is one journal that is
    /// read through.
    pub span: Option<(u64, u64)>,
    /// The rows.
    pub rows: Box<dyn Iterator<Item = Result<Row, ExportError>> + 's>,
}

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// So much is done.
    pub done: u64,
    /// Of so much.
    pub total: u64,
    /// Of what.
    pub of: &'static str,
}

/// The records of a journal that were searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Searched {
    /// The journal's name.
    pub origin: String,
    /// The first.
    pub first_seq: u64,
    /// The first one behind them.
    pub next_seq: u64,
}

impl Source {
    /// Its word in manifests.
    pub fn word(&self) -> &'static str {
        match self {
            Source::Index(_) => "index",
            Source::Journal(_) => "journal",
        }
    }

    /// Which records are searched.
    ///
    /// # Errors
    ///
    /// As reading index or journal.
    pub fn searched(&mut self) -> Result<Vec<Searched>, ExportError> {
        match self {
            Source::Index(index) => {
                let journals = index.journals()?.into_iter();
                let searched = journals.map(|journal| Searched {
                    origin: journal.origin,
                    first_seq: journal.first_seq,
                    next_seq: journal.next_seq,
                });
                Ok(searched.collect())
            }
            Source::Journal(folder) => {
                let first = first_seq(folder)?.unwrap_or(0);
                Ok(vec![Searched {
                    origin: origin_of(folder)?,
                    first_seq: first,
                    next_seq: first.saturating_add(extent(folder)?),
                }])
            }
        }
    }

    /// The rows that a query means, the first first.
    ///
    /// # Errors
    ///
    /// As reading index or journal.
    pub fn rows<'s>(&'s mut self, query: &'s Query) -> Result<Rows<'s>, ExportError> {
        match self {
            Source::Index(index) => {
                let found = index.find(query)?;
                let count = Some(found.count());
                let rows = found.rows(Order::Oldest);
                let rows = Box::new(rows.map(|row| row.map_err(ExportError::from)));
                let span = None;
                Ok(Rows { count, span, rows })
            }
            Source::Journal(folder) => {
                let first = first_seq(folder)?.unwrap_or(0);
                let span = Some((first, first.saturating_add(extent(folder)?)));
                let rows = scan(folder, query)?;
                let rows = Box::new(rows.map(|row| row.map_err(ExportError::from)));
                let count = None;
                Ok(Rows { count, span, rows })
            }
        }
    }
}

impl Rows<'_> {
    /// How far it is when so many rows were given, this one the last.
    pub(super) fn progress(
        count: Option<u64>,
        span: Option<(u64, u64)>,
        rows: u64,
        row: &Row,
    ) -> Progress {
        match (count, span) {
            (None, Some((first, next))) => Progress {
                done: row.seq.saturating_sub(first).saturating_add(1),
                total: next.saturating_sub(first),
                of: "records searched",
            },
            _ => Progress {
                done: rows,
                total: count.unwrap_or(0),
                of: "rows",
            },
        }
    }
}

/// The name of the journal in a folder.
pub(super) fn origin_of(folder: &Path) -> Result<String, ExportError> {
    let keys = prove::listed_keys(folder)?;
    keys.first().map(|vkey| vkey.name.clone()).ok_or_else(|| {
        let fault = format!("`{}` has no `vkeys`", folder.display());
        ExportError::new(fault, "copy the journal's whole folder but for `keys`")
    })
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}
