//! Tries whether a destination can be reached from here, for `stile doctor`.
//!
//! In: its settings. Out: what was found, or why it was not reached.
//!
//! Never: sends a key or a record: a connection, a TLS handshake where it is TLS, and an end.

use std::path::Path;
use std::time::Duration;

use super::dial::{self, Undialled};
use super::position::{file_of, load};
use super::settings::{DestinationSettings, Place, TlsSettings};
use super::tls::trusting;

/// Why a destination was not reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// It could not be found out.
    Network(String),
    /// It will not do as it is set.
    Refused(String),
}

/// Connects, shakes hands, and hangs up: where it is, in words.
///
/// # Errors
///
/// Why it could not be reached.
pub async fn reach(destination: &DestinationSettings) -> Result<String, Unreached> {
    let (host, port, tls) = match &destination.place {
        Place::Otlp(otlp) => {
            let secure = otlp.url.scheme_str() == Some("https");
            let host = otlp.url.host().unwrap_or_default();
            let port = otlp.url.port_u16().unwrap_or(if secure { 443 } else { 80 });
            let host = host.trim_start_matches('[').trim_end_matches(']');
            (host, port, secure.then_some(&otlp.tls))
        }
        Place::OcsfFile(file) => return writable(file),
        Place::Syslog(syslog) => (syslog.host.as_str(), syslog.port, Some(&syslog.tls)),
    };
    match tokio::time::timeout(PATIENCE, connect(host, port, tls)).await {
        Ok(Ok(address)) => Ok(format!("{host}:{port} reached at {address}")),
        Ok(Err(Undialled::Network(why))) => Err(Unreached::Network(why)),
        Ok(Err(Undialled::Refused(why))) => Err(Unreached::Refused(why)),
        Err(_) => {
            let why = format!("no connection within {} ms", PATIENCE.as_millis());
            Err(Unreached::Network(why))
        }
    }
}

/// Whether a file can be added to; none is made.
fn writable(file: &Path) -> Result<String, Unreached> {
    let shown = file.display();
    let refused = |fault: std::io::Error| Unreached::Refused(format!("`{shown}`: {fault}"));
    if file.exists() {
        let opened = std::fs::OpenOptions::new().append(true).open(file);
        return opened
            .map(|_| format!("`{shown}` can be added to"))
            .map_err(refused);
    }
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK)
        .map(|()| format!("`{shown}` can be made"))
        .map_err(|fault| refused(fault.into()))
}

/// The first record that has not left for a destination.
///
/// # Errors
///
/// When its position cannot be read.
pub fn next_seq(journal: &Path, name: &str) -> Result<u64, String> {
    load(&file_of(journal, name)).map(|position| position.next_seq)
}

async fn connect(
    host: &str,
    port: u16,
    tls: Option<&TlsSettings>,
) -> Result<std::net::SocketAddr, Undialled> {
    let (tcp, address) = dial::tcp(host, port).await?;
    if let Some(settings) = tls {
        dial::tls(tcp, host, trusting(settings).map_err(Undialled::Refused)?).await?;
    }
    Ok(address)
}

const PATIENCE: Duration = Duration::from_secs(5);
