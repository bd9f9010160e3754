//! Where a database is.
//!
//! In: the checked settings file. Out: values that are possible by construction.

use std::path::PathBuf;

/// Where rows are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseSettings {
    /// A SQLite file of this machine.
    File(PathBuf),
    /// A PostgreSQL database, which several instances may share.
    Postgres(PostgresSettings),
}

/// How the database is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresSettings {
    /// The file with address, name and password: `postgres://stile:…@db.example.com/stile`.
    pub url_file: PathBuf,
    /// A CA certificate (PEM) to trust beside the machine's.
    pub ca_file: Option<PathBuf>,
}
