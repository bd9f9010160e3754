//! What this step is set to.
//!
//! In: the checked settings file. Out: values that are possible by construction.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// One upstream.
#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    /// Its name in catalogues, records and metrics.
    pub name: String,
    /// Scheme, host and port; no path.
    pub url: http::Uri,
    /// Fields set last; whatever the caller sent under these names is gone. At least one has a key.
    pub headers: Vec<InjectedHeader>,
    /// Request fields that pass beside those that every API knows; never a credential's.
    pub pass: Vec<http::HeaderName>,
    /// The networks that its addresses must lie in; anywhere when there is none.
    pub addresses: Vec<ipnet::IpNet>,
    /// A CA certificate (PEM) to trust beside the machine's.
    pub ca_file: Option<PathBuf>,
    /// To connect and shake hands, in ms.
    pub connect_ms: u64,
    /// From the last byte sent to the answer's head, in ms.
    pub head_ms: u64,
    /// Longest silence inside the answer's body, in ms.
    pub idle_ms: u64,
    /// Requests in flight to it.
    pub requests: usize,
    /// At which age a key is due for rotation, in ms.
    pub rotate_after_ms: u64,
    /// Whether an instance with a key that is due is not ready.
    pub rotate_strictly: bool,
}

/// A field that stile sets on every request to an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectedHeader {
    /// Its name.
    pub name: http::HeaderName,
    /// Its value, where `{key}` stands for the key: `bearer {key}`.
    pub value: String,
    /// The file with the key, one line; not readable by others. Absent for a plain value, and where
    /// only the callers of some projects have a key.
    pub key_file: Option<PathBuf>,
    /// The file with the key that follows, during a rotation.
    pub next_key_file: Option<PathBuf>,
    /// The files with the keys of some projects: a group's or repository's path, or `team:NAME`.
    pub keys_by_project: BTreeMap<String, PathBuf>,
}
