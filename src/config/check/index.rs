//! Checks where records are searched.
//!
//! In: `index` as written, and the journal's folder. Out: its settings, or that there is none.
//!
//! Whether the database answers is not asked: an index that is away is no reason not to serve.

use std::path::Path;

use super::Checks;
use super::database::{Written, database};
use crate::config::file::File;
use crate::database::DatabaseSettings;

/// The index's settings; none inside when there is to be no index.
pub(super) fn index(
    file: &File,
    journal: Option<&Path>,
    checks: &mut Checks,
) -> Option<Option<DatabaseSettings>> {
    let index = file.index.get()?;
    let written = Written {
        file: &index.file,
        url_file: &index.postgres_url_file,
        ca_file: &index.ca_file,
    };
    let settings = database(&written, "index.sqlite", journal, checks)?;
    Some(index.enabled.get()?.then_some(settings))
}
