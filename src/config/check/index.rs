//! Checks where records are searched.
//!
//! In: `index` as written, and the journal's folder. Out: its settings, or that there is none.
//!
//! Whether the database answers is not asked: an index that is away is no reason not to serve.

use std::path::Path;

use super::Checks;
use crate::config::file::File;
use crate::database::{DatabaseSettings, PostgresSettings};

/// The index's settings; none inside when there is to be no index.
pub(super) fn index(
    file: &File,
    journal: Option<&Path>,
    checks: &mut Checks,
) -> Option<Option<DatabaseSettings>> {
    let index = file.index.get()?;
    let both = index.file.get().is_some() && index.postgres_url_file.get().is_some();
    if both {
        let what = "an index is in a file or in a database, not in both";
        checks.refuse(index.file.place(), what, "remove one of the two");
    }
    if index.ca_file.get().is_some() && index.postgres_url_file.get().is_none() {
        let what = "a certificate is for a database, and none is named";
        checks.refuse(index.ca_file.place(), what, "set `postgres_url_file`, too");
    }
    let settings = match index.postgres_url_file.get() {
        Some(_) => DatabaseSettings::Postgres(PostgresSettings {
            url_file: checks.guarded(&index.postgres_url_file)?,
            ca_file: checks.readable_if_set(&index.ca_file),
        }),
        None => DatabaseSettings::File(match index.file.get() {
            Some(file) => checks.resolved(file),
            None => journal?.join(USUAL),
        }),
    };
    Some(index.enabled.get()?.then_some(settings))
}

/// The file's name in the journal's folder.
const USUAL: &str = "index.sqlite";
