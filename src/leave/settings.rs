//! What this step is set to.
//!
//! In: the checked settings file. Out: values that are possible by construction.

use std::path::PathBuf;

use crate::forward::InjectedHeader;

/// One destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationSettings {
    /// Its name in metrics and in the names of its files.
    pub name: String,
    /// Where and how.
    pub place: Place,
}

/// Where records go, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// To an OTLP/HTTP receiver of logs, each record a log record.
    Otlp(OtlpSettings),
    /// To a syslog receiver over TLS, each record or each request a message.
    Syslog(SyslogSettings),
    /// To the end of this file, each request or event a line of OCSF.
    OcsfFile(PathBuf),
}

/// What a message says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A request with its outcome, or an event, in the words of OCSF.
    #[default]
    Ocsf,
    /// A record as it is in the journal.
    Record,
}

/// An OTLP/HTTP receiver of logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpSettings {
    /// The whole URL, path included: `https://otel.example.com/v1/logs`.
    pub url: http::Uri,
    /// Fields set on each request.
    pub headers: Vec<InjectedHeader>,
    /// How it is believed.
    pub tls: TlsSettings,
    /// For one request with its answer, in ms.
    pub timeout_ms: u64,
    /// Whether requests are compressed.
    pub compress: bool,
}

/// A syslog receiver over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogSettings {
    /// Its name or address, without brackets; what its certificate must be for.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What a message says.
    pub form: Form,
    /// How it is believed, and what it is shown.
    pub tls: TlsSettings,
    /// For one connection from its start to its end, in ms.
    pub timeout_ms: u64,
}

/// How a receiver is believed, and what it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// CA certificates (PEM) to trust beside the machine's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, both PEM, where one is shown.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl Place {
    /// The kind's word in settings and on pages.
    pub fn word(&self) -> &'static str {
        match self {
            Place::Otlp(_) => "otlp",
            Place::Syslog(_) => "syslog",
            Place::OcsfFile(_) => "ocsf_file",
        }
    }
}
