//! What this step is set to.
//!
//! In: the checked settings file. Out: values that are possible by construction.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::front::InFront;

/// Everything that listening needs.
#[derive(Clone, Debug)]
pub struct ListenSettings {
    /// At least one.
    pub listeners: Vec<ListenerSettings>,
    /// The same for all of them.
    pub limits: Limits,
}

/// One address to listen on.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// Where; port 0 takes a free one.
    pub address: SocketAddr,
    /// Certificate and key; clear text without.
    pub tls: Option<TlsFiles>,
    /// The machines in front of it.
    pub front: InFront,
}

/// The certificates of one listener.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The one that callers see who name no host.
    pub first: PairFiles,
    /// Those for other names.
    pub more: Vec<PairFiles>,
    /// What a caller sees who names a host that none of them is for.
    pub unknown_names: UnknownNames,
    /// The CA certificates (PEM) of client certificates; none are asked for without.
    pub client_ca: Option<PathBuf>,
}

/// A server certificate and its key, both PEM.
#[derive(Clone, Debug)]
pub struct PairFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The leaf's private key.
    pub key: PathBuf,
    /// What the issuer's OCSP responder says of the leaf (DER).
    pub staple: Option<PathBuf>,
}

impl TlsFiles {
    /// All certificates, the first one first.
    pub fn pairs(&self) -> impl Iterator<Item = &PairFiles> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

/// What is done with a handshake that asks for a name no certificate is for.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum UnknownNames {
    /// It ends.
    #[default]
    Refuse,
    /// It gets the first certificate.
    First,
}

/// Sizes, deadlines and counts of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest request head, in bytes.
    pub head_bytes: usize,
    /// Longest request target, in bytes.
    pub target_bytes: usize,
    /// For a TLS handshake and for a head to arrive; also how long an idle connection stays, in ms.
    pub head_ms: u64,
    /// Longest silence inside a request body, in ms.
    pub body_idle_ms: u64,
    /// Open connections over all listeners.
    pub connections: usize,
    /// Requests in flight over all connections.
    pub requests: usize,
    /// HTTP/2 streams of one connection.
    pub streams: u32,
    /// How long a drain waits for what runs, in ms.
    pub drain_ms: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_bytes: 32 * 1024,
            target_bytes: 8 * 1024,
            head_ms: 30_000,
            body_idle_ms: 30_000,
            connections: 10_000,
            requests: 4_096,
            streams: 100,
            drain_ms: 30_000,
        }
    }
}
