//! Writes rows into one file.
//!
//! In: rows, a form, a path. Out: how many rows and bytes there are.
//!
//! Never: a file under its name that has not every row.

use std::io::Write;
use std::path::Path;

use jiff::tz::TimeZone;

use super::partial::Partial;
use super::source::Rows;
use super::{ExportError, Form, Progress};

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// How many rows.
    pub rows: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// Writes a file. `progress` is told how far it is after each row.
///
/// # Errors
///
/// As reading the rows and writing the file, which is then there as `FILE.partial`.
pub fn write_file(
    path: &Path,
    form: Form,
    zone: &TimeZone,
    rows: Rows<'_>,
    mut progress: impl FnMut(Progress),
) -> Result<Written, ExportError> {
    let mut file = Partial::begin(path)?;
    let mut written = Written::default();
    put(&mut file, &mut written, &form.heading())?;
    let (count, span) = (rows.count, rows.span);
    for row in rows.rows {
        let row = row?;
        put(&mut file, &mut written, &form.line(&row, zone))?;
        written.rows = written.rows.saturating_add(1);
        progress(Rows::progress(count, span, written.rows, &row));
    }
    all_there(count, written.rows)?;
    file.finish()?;
    Ok(written)
}

fn put(file: &mut Partial, written: &mut Written, line: &str) -> Result<(), ExportError> {
    let put = file.write_all(line.as_bytes());
    put.map_err(|fault| file.fault(&fault))?;
    let bytes = u64::try_from(line.len()).unwrap_or(u64::MAX);
    written.bytes = written.bytes.saturating_add(bytes);
    Ok(())
}

/// Fails where the index gave fewer or more rows than it counted.
pub(super) fn all_there(count: Option<u64>, rows: u64) -> Result<(), ExportError> {
    match count {
        Some(count) if count != rows => {
            let fault = format!("the index counted {count} rows and gave {rows}");
            Err(ExportError::new(
                fault,
                "make it anew: `stile audit index --rebuild`",
            ))
        }
        _ => Ok(()),
    }
}
