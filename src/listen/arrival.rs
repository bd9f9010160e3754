//! What came in, as facts, before anyone believes it.
//!
//! In: a parsed request head and its connection. Out: an [`Arrival`], or an [`Unreadable`] and the
//! refusal it deserves.
//!
//! An [`Arrival`] exists only for a head that passed every check of this step: its target is in
//! origin form, its host is one well-formed name, its field names are plain, its method is known.
//! Both kinds show themselves to the record as a [`Sighting`].

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, Method};
use uuid::Uuid;

use super::exchanges::Running;
use crate::clock::Time;

/// A request whose head is well-formed.
#[derive(Debug)]
pub struct Arrival {
    pub(super) id: Uuid,
    pub(super) time: Time,
    pub(super) mono_ns: u64,
    pub(super) peer: SocketAddr,
    pub(super) protocol: Protocol,
    pub(super) tls: Option<Arc<TlsFacts>>,
    pub(super) method: Method,
    pub(super) path_and_query: http::uri::PathAndQuery,
    pub(super) host: String,
    pub(super) headers: HeaderMap,
    pub(super) trace: Trace,
    /// Keeps it counted as in flight after its caller has gone; nobody sent an imagined one.
    pub(super) running: Option<Arc<Running>>,
}

/// A request that is refused before it became an [`Arrival`], as far as it could be read.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// Our id for it.
    pub id: Uuid,
    /// When its head was given up on.
    pub time: Time,
    /// The same moment in nanoseconds since the machine started.
    pub mono_ns: u64,
    /// The other end of the connection, or whom a listed machine in front named as that; port 0
    /// where it named none.
    pub peer: SocketAddr,
    /// The protocol spoken.
    pub protocol: Protocol,
    /// The TLS connection, where there is one.
    pub tls: Option<Arc<TlsFacts>>,
    /// The method, as far as it could be read.
    pub method: Option<String>,
    /// The path without query, as far as it could be read.
    pub path: Option<String>,
    /// The host, as far as it could be read.
    pub host: Option<String>,
}

/// The HTTP version of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.0 or HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113).
    Http2,
}

impl Protocol {
    /// The word in records: the ALPN id.
    pub fn word(self) -> &'static str {
        match self {
            Protocol::Http1 => "http/1.1",
            Protocol::Http2 => "h2",
        }
    }
}

/// What a TLS handshake settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// The cipher suite by its IANA name.
    pub suite: String,
    /// The server name the caller asked for.
    pub sni: Option<String>,
    /// The protocol settled by ALPN.
    pub alpn: Option<String>,
    /// The client certificate that the listener's CA vouches for, where one was shown.
    pub client_certificate: Option<ClientCertificate>,
}

/// A client certificate whose key the other end of the connection has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-256 of the certificate itself.
    pub digest: [u8; 32],
    /// The chain in DER as it was sent, the certificate itself first.
    pub chain: Vec<Vec<u8>>,
}

/// The trace that a request belongs to (W3C Trace Context), taken over or begun here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// 16 bytes, never all zero.
    pub trace_id: [u8; 16],
    /// Our own span in it: 8 bytes, never all zero.
    pub span_id: [u8; 8],
    /// The caller's span, where it named one.
    pub parent_id: Option<[u8; 8]>,
    /// The trace flags to pass on.
    pub flags: u8,
}

/// What the record says of any request, read or not.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// Our id for it: the decision id.
    pub id: Uuid,
    /// When its head was complete or given up on.
    pub time: Time,
    /// The same moment in nanoseconds since the machine started.
    pub mono_ns: u64,
    /// The other end of the connection, or whom a listed machine in front named as that; port 0
    /// where it named none.
    pub peer: SocketAddr,
    /// The protocol spoken.
    pub protocol: Protocol,
    /// The TLS connection, where there is one.
    pub tls: Option<&'a TlsFacts>,
    /// The method as received.
    pub method: Option<&'a str>,
    /// The path as received, without query.
    pub path: Option<&'a str>,
    /// The query as received; only its names may be recorded.
    pub query: Option<&'a str>,
    /// The host as received, lower case.
    pub host: Option<&'a str>,
    /// The `user-agent` as received.
    pub user_agent: Option<&'a [u8]>,
    /// The trace it belongs to.
    pub trace: Option<Trace>,
}

impl Arrival {
    /// Our id for it, a UUIDv7: the decision id in answers and records.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// When its head was complete.
    pub fn time(&self) -> Time {
        self.time
    }

    /// The same moment in nanoseconds since the machine started.
    pub fn mono_ns(&self) -> u64 {
        self.mono_ns
    }

    /// The other end of the connection, or whom a listed machine in front named as that.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The protocol spoken.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The client certificate of its connection, where one was shown and verified.
    pub fn client_certificate(&self) -> Option<&ClientCertificate> {
        self.tls.as_deref()?.client_certificate.as_ref()
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path as received, without query; begins with a slash.
    pub fn path(&self) -> &str {
        self.path_and_query.path()
    }

    /// The query as received, without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.path_and_query.query()
    }

    /// Path and query as received: these bytes and no others go to the upstream.
    pub fn path_and_query(&self) -> &http::uri::PathAndQuery {
        &self.path_and_query
    }

    /// The host the caller named, lower case, with its port where one was given.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The fields of the head as received.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The trace it belongs to.
    pub fn trace(&self) -> Trace {
        self.trace
    }

    /// The same facts as the record wants them.
    pub fn sighting(&self) -> Sighting<'_> {
        Sighting {
            id: self.id,
            time: self.time,
            mono_ns: self.mono_ns,
            peer: self.peer,
            protocol: self.protocol,
            tls: self.tls.as_deref(),
            method: Some(self.method.as_str()),
            path: Some(self.path()),
            query: self.query(),
            host: Some(&self.host),
            user_agent: self
                .headers
                .get(http::header::USER_AGENT)
                .map(|v| v.as_bytes()),
            trace: Some(self.trace),
        }
    }
}

impl Unreadable {
    /// The same facts as the record wants them.
    pub fn sighting(&self) -> Sighting<'_> {
        Sighting {
            id: self.id,
            time: self.time,
            mono_ns: self.mono_ns,
            peer: self.peer,
            protocol: self.protocol,
            tls: self.tls.as_deref(),
            method: self.method.as_deref(),
            path: self.path.as_deref(),
            query: None,
            host: self.host.as_deref(),
            user_agent: None,
            trace: None,
        }
    }
}
