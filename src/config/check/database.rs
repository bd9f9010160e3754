//! Checks where rows are kept: in a file, or in a PostgreSQL database.
//!
//! In: the three keys of a section that say so. Out: the settings of the database.
//!
//! Whether it answers is not asked here.

use std::path::{Path, PathBuf};

use super::Checks;
use crate::config::located::Located;
use crate::database::{DatabaseSettings, PostgresSettings};

/// The keys of a section.
pub(super) struct Written<'f> {
    pub(super) file: &'f Located<PathBuf>,
    pub(super) url_file: &'f Located<PathBuf>,
    pub(super) ca_file: &'f Located<PathBuf>,
}

/// Where it is; `usual` is the file's name in the journal's folder.
pub(super) fn database(
    written: &Written<'_>,
    usual: &str,
    journal: Option<&Path>,
    checks: &mut Checks,
) -> Option<DatabaseSettings> {
    if written.file.get().is_some() && written.url_file.get().is_some() {
        let what = "it is in a file or in a database, not in both";
        checks.refuse(written.file.place(), what, "remove one of the two");
    }
    if written.ca_file.get().is_some() && written.url_file.get().is_none() {
        let what = "a certificate is for a database, and none is named";
        checks.refuse(
            written.ca_file.place(),
            what,
            "set `postgres_url_file`, too",
        );
    }
    Some(match written.url_file.get() {
        Some(_) => DatabaseSettings::Postgres(PostgresSettings {
            url_file: checks.guarded(written.url_file)?,
            ca_file: checks.readable_if_set(written.ca_file),
        }),
        None => DatabaseSettings::File(match written.file.get() {
            Some(file) => checks.resolved(file),
            None => journal?.join(usual),
        }),
    })
}
