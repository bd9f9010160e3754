//! What the upstream saw, to the byte.
//!
//! In: a request as it came off the wire. Out: a [`Seen`], kept in the order of arrival.
//!
//! HTTP/1 requests are read by a small reader of the kit's own, so that names keep their case and
//! fields their order, and a second request hidden in the first one would show as a second one.

use std::net::SocketAddr;

/// One request as the upstream read it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query, byte for byte.
    pub target: String,
    /// `http/1.1`, `http/1.0` or `h2`.
    pub protocol: String,
    /// The host asked for: the `host` field or `:authority`.
    pub authority: Option<String>,
    /// Every field of the head in its order, names as they were written.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Fields after a chunked or HTTP/2 body.
    pub trailers: Vec<(String, Vec<u8>)>,
    /// The body with its chunks joined, at most [`KEPT_BYTES`] of it.
    pub body: Vec<u8>,
    /// The length of the whole body in bytes.
    pub body_bytes: u64,
    /// Whether the body came to its end.
    pub complete: bool,
    /// The other end of the connection.
    pub peer: SocketAddr,
}

impl Seen {
    /// All values of a field, in order; the name in any case.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.fields
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// The value of a field that is there exactly once.
    pub fn value(&self, name: &str) -> Option<String> {
        let mut values = self.values(name);
        if values.len() == 1 {
            values.pop()
        } else {
            None
        }
    }

    /// How often a text occurs in the body.
    pub fn text_count(&self, text: &str) -> usize {
        String::from_utf8_lossy(&self.body).matches(text).count()
    }

    /// Whether these bytes occur anywhere in the request.
    pub fn mentions(&self, needle: &str) -> bool {
        let needle = needle.as_bytes();
        let within = |hay: &[u8]| hay.windows(needle.len().max(1)).any(|w| w == needle);
        within(self.target.as_bytes())
            || within(&self.body)
            || self
                .fields
                .iter()
                .chain(&self.trailers)
                .any(|(name, value)| within(name.as_bytes()) || within(value))
    }

    pub(super) fn add_body(&mut self, bytes: &[u8]) {
        let room = KEPT_BYTES.saturating_sub(self.body.len());
        self.body.extend(bytes.iter().take(room));
        self.body_bytes += bytes.len() as u64;
    }
}

/// How much of a body is kept.
pub const KEPT_BYTES: usize = 24 << 20;
