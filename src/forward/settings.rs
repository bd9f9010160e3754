//! What this step is set to.
//!
//! In: the checked settings file. Out: values that are possible by construction.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
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
    /// How it is known, and we to it, where the connection is secure.
    pub tls: TlsSettings,
    /// How often callers may ask.
    pub limits: Vec<LimitSettings>,
    /// When it is left alone.
    pub rest: RestSettings,
    /// For how long at most requests with a key are kept back after a 429, in ms; never where it is
    /// none.
    pub hold_ms: Option<u64>,
    /// Whether the keys are blotted out of the bodies of answers.
    pub scrub_bodies: bool,
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

/// TLS to an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// A CA certificate (PEM) to trust beside the machine's.
    pub ca_file: Option<PathBuf>,
    /// What we show: the files with our certificates and their key, PEM.
    pub own: Option<(PathBuf, PathBuf)>,
    /// The name that its certificate must have, where it is not the host's.
    pub server_name: Option<String>,
    /// SHA-256 of the public keys (SPKI) that its certificate may have; any where there is none.
    pub pins: Vec<[u8; 32]>,
}

/// How often something may be asked of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// So many requests.
    pub count: NonZeroU32,
    /// In this span, in ms.
    pub within_ms: u64,
    /// As many at once, when nothing was asked for long.
    pub burst: NonZeroU32,
    /// Who shares it.
    pub per: Per,
    /// Actions, `dashboards.*` and classes that it is about; everything where there is none.
    pub actions: Vec<String>,
}

/// Who shares a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// All callers.
    Everyone,
    /// Each project of jobs; each person and each agent.
    Caller,
}

/// When an upstream that fails is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestSettings {
    /// After so many requests in a row that got no answer; never where it is none.
    pub failures: Option<NonZeroU32>,
    /// For so long, in ms, until one request tries again.
    pub pause_ms: u64,
}

impl LimitSettings {
    /// As it is written: `600 requests in 1h`.
    pub fn words(&self) -> String {
        let (number, unit) = match self.within_ms {
            ms if ms.is_multiple_of(3_600_000) => (ms / 3_600_000, "h"),
            ms if ms.is_multiple_of(60_000) => (ms / 60_000, "m"),
            ms => (ms / 1_000, "s"),
        };
        format!("{} requests in {number}{unit}", self.count)
    }
}

/// A program that prints a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCommand {
    /// Itself and its arguments.
    pub words: Vec<String>,
    /// How often it is asked again, in ms.
    pub refresh_ms: u64,
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
    /// The program that prints the key, in the place of a file.
    pub key_command: Option<KeyCommand>,
    /// The file with the key that follows, during a rotation.
    pub next_key_file: Option<PathBuf>,
    /// The files with the keys of some projects: a group's or repository's path, or `team:NAME`.
    pub keys_by_project: BTreeMap<String, PathBuf>,
}
