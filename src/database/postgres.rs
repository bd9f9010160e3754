//! Rows in a PostgreSQL database.
//!
//! In: a URL. Out: a [`Database`].
//!
//! Over a network the certificate is checked by name, also for `sslmode=require`; without TLS only a
//! socket or the loopback is used. Rows are put in by one statement for each column set, so that a
//! batch costs a few round trips.
//!
//! postgresql.org/docs/current/libpq-connect.html (URLs)

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{IsNull, ToSql, to_sql_checked};
use postgres::{Client, Config, NoTls, Row, Statement};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Cells, Database, DatabaseError, PostgresSettings, Table, Type, Value, Visit};
use crate::secret::Secret;

pub(super) struct Postgres {
    client: Client,
    prepared: HashMap<String, Statement>,
}

impl Postgres {
    /// Connects.
    pub(super) fn open(settings: &PostgresSettings) -> Result<Postgres, DatabaseError> {
        let url = std::fs::read_to_string(&settings.url_file).map(Secret::new);
        let named = |e: &dyn fmt::Display| {
            DatabaseError::failed("open", format!("`{}`: {e}", settings.url_file.display()))
        };
        let url = url.map_err(|e| named(&e))?;
        // What is wrong with a URL is not told: it may be the password.
        let mut config = Config::from_str(url.reveal().trim())
            .map_err(|_| named(&"not a URL such as postgres://name:password@host/database"))?;
        config.application_name("stile").connect_timeout(PATIENCE);
        let here = config.get_hosts().iter().all(is_here);
        let connected = match config.get_ssl_mode() {
            SslMode::Disable if here => config.connect(NoTls),
            SslMode::Prefer if here => config.connect(NoTls),
            SslMode::Disable => {
                let fault = "without TLS only a socket or the loopback is used";
                return Err(DatabaseError::failed("open", fault));
            }
            _ => {
                config.ssl_mode(SslMode::Require);
                config.connect(tls(settings)?)
            }
        };
        Ok(Postgres {
            client: connected.map_err(|e| fault("open", &e))?,
            prepared: HashMap::new(),
        })
    }

    fn prepared(&mut self, sql: &str) -> Result<Statement, DatabaseError> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).map_err(|e| fault("prepare", &e))?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl Database for Postgres {
    fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, DatabaseError> {
        let statement = self.prepared(sql)?;
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as _).collect();
        let changed = self.client.execute(&statement, &values);
        changed.map_err(|e| fault("write", &e))
    }

    fn put(&mut self, table: &Table, rows: &[Vec<Value<'_>>]) -> Result<(), DatabaseError> {
        if rows.is_empty() {
            return Ok(());
        }
        let lists = (1..).zip(table.columns).map(|(n, (_, kind))| match kind {
            Type::Number => format!("${n}::bigint[]"),
            Type::Text => format!("${n}::text[]"),
            Type::Bytes => format!("${n}::bytea[]"),
        });
        let sql = format!(
            "INSERT INTO {} ({}) SELECT * FROM unnest({}) {}",
            table.name,
            table.columns(),
            lists.collect::<Vec<_>>().join(", "),
            table.on_conflict()
        );
        let statement = self.prepared(&sql)?;
        for some in rows.chunks(ROWS_AT_ONCE) {
            let column = |n: usize| some.iter().filter_map(|row| row.get(n)).collect::<Vec<_>>();
            let columns: Vec<Vec<&Value<'_>>> = (0..table.columns.len()).map(column).collect();
            let columns: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|c| c as _).collect();
            let put = self.client.execute(&statement, &columns);
            put.map_err(|e| fault("write", &e))?;
        }
        Ok(())
    }

    fn rows(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        visit: Visit<'_>,
    ) -> Result<(), DatabaseError> {
        let statement = self.prepared(sql)?;
        let found = self.client.query_raw(&statement, values);
        let mut found = found.map_err(|e| fault("read", &e))?;
        while let Some(row) = found.next().map_err(|e| fault("read", &e))? {
            visit(&row)?;
        }
        Ok(())
    }

    fn prepare(&mut self, tables: &[&Table]) -> Result<(), DatabaseError> {
        let word = |kind| match kind {
            Type::Number => "bigint",
            Type::Text => "text COLLATE \"C\"",
            Type::Bytes => "bytea",
        };
        // Instances that start together would make one table twice without the lock.
        let mut sql = format!(
            "BEGIN; SELECT pg_advisory_xact_lock({LOCK}); SET LOCAL client_min_messages = warning;"
        );
        for table in tables {
            sql.push_str(&table.definition(word, ";"));
        }
        sql.push_str("COMMIT;");
        self.client
            .batch_execute(&sql)
            .map_err(|e| fault("open", &e))
    }

    fn begin(&mut self, writes: bool) -> Result<(), DatabaseError> {
        let sql = match writes {
            true => "BEGIN",
            false => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        self.client
            .batch_execute(sql)
            .map_err(|e| fault("begin", &e))
    }

    fn scrub(&mut self, tables: &[&Table]) -> Result<(), DatabaseError> {
        // Each by itself: none of them can be in a transaction, and several at once are one.
        for table in tables {
            let done = self.client.batch_execute(&format!("VACUUM {}", table.name));
            done.map_err(|e| fault("scrub", &e))?;
        }
        Ok(())
    }

    fn end(&mut self, keep: bool) -> Result<(), DatabaseError> {
        let sql = if keep { "COMMIT" } else { "ROLLBACK" };
        self.client
            .batch_execute(sql)
            .map_err(|e| fault("commit", &e))
    }
}

impl Cells for Row {
    fn number(&self, column: usize) -> Result<i64, DatabaseError> {
        self.try_get(column).map_err(DatabaseError::damaged)
    }

    fn text(&self, column: usize) -> Result<&str, DatabaseError> {
        self.try_get(column).map_err(DatabaseError::damaged)
    }

    fn bytes(&self, column: usize) -> Result<&[u8], DatabaseError> {
        self.try_get(column).map_err(DatabaseError::damaged)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &postgres::types::Type,
        out: &mut bytes::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Number(number) => number.to_sql(kind, out),
            Value::Text(text) => text.to_sql(kind, out),
            Value::Bytes(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(kind: &postgres::types::Type) -> bool {
        <i64 as ToSql>::accepts(kind)
            || <&str as ToSql>::accepts(kind)
            || <&[u8] as ToSql>::accepts(kind)
    }

    to_sql_checked!();
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|ip| ip.is_loopback())
        }
    }
}

fn tls(settings: &PostgresSettings) -> Result<MakeRustlsConnect, DatabaseError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = &settings.ca_file {
        let certificates = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| DatabaseError::failed("open", format!("`{}`: {e}", file.display())))?;
        roots.add_parsable_certificates(certificates);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| DatabaseError::failed("open", e))?;
    Ok(MakeRustlsConnect::new(
        config.with_root_certificates(roots).with_no_client_auth(),
    ))
}

fn fault(doing: &'static str, error: &postgres::Error) -> DatabaseError {
    match error.as_db_error() {
        Some(told) if *told.code() == postgres::error::SqlState::UNDEFINED_TABLE => {
            DatabaseError::missing(None)
        }
        Some(told) => DatabaseError::failed(doing, told.message()),
        None => match std::error::Error::source(error) {
            Some(cause) => DatabaseError::failed(doing, format!("{error}: {cause}")),
            None => DatabaseError::failed(doing, error),
        },
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
const ROWS_AT_ONCE: usize = 4096;
/// The number of our advisory lock: the bytes of `stile`.
const LOCK: i64 = 0x73_74_69_6c_65;
