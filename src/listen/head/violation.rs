//! Keeps what a refused head showed, for its record.
//!
//! In: the bytes of a head that is refused. Out: a [`Violation`] with a [`Glimpse`] of the request.
//!
//! Bytes that are not printable ASCII become `?`, and long values are cut, so that a record of a
//! hostile head is small and plain.
//!
//! Never: query, fragment and user, where secrets stand.

use crate::refusal::Reason;

/// Why a head is refused, and what could be read of it.
#[derive(Clone, Debug)]
pub(in crate::listen) struct Violation {
    pub(in crate::listen) reason: Reason,
    /// One sentence for the caller, without a byte of the request.
    pub(in crate::listen) told: &'static str,
    pub(in crate::listen) glimpse: Glimpse,
}

/// What could be read of a refused head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::listen) struct Glimpse {
    pub(in crate::listen) method: Option<String>,
    pub(in crate::listen) path: Option<String>,
    pub(in crate::listen) host: Option<String>,
}

impl Glimpse {
    /// Looks at the request line, and at the host value where the reader found one (start, size).
    pub(super) fn of(head: &[u8], host: Option<(usize, usize)>) -> Glimpse {
        let line = head
            .split(|byte| *byte == b'\r' || *byte == b'\n')
            .next()
            .unwrap_or_default();
        let mut words = line.split(|byte| *byte == b' ');
        let method = words.next();
        let target = words.next();
        let path = target.and_then(|target| target.split(|byte| b"?#".contains(byte)).next());
        let path = path.map(|path| match path.first() {
            Some(b'/') => path,
            _ => nameless(path),
        });
        let host = host.and_then(|(start, size)| head.get(start..start.checked_add(size)?));
        Glimpse {
            method: method.and_then(|method| printable(method, 32)),
            path: path.and_then(|path| printable(path, 1024)),
            host: host.and_then(|host| printable(nameless(host.trim_ascii()), 255)),
        }
    }
}

/// What follows the user, if one is named: a password may stand there.
fn nameless(authority: &[u8]) -> &[u8] {
    let last = authority.rsplit(|byte| *byte == b'@').next();
    last.unwrap_or_default()
}

fn printable(bytes: &[u8], most: usize) -> Option<String> {
    let plain = |byte: &u8| match byte.is_ascii_graphic() {
        true => char::from(*byte),
        false => '?',
    };
    let text: String = bytes.iter().take(most).map(plain).collect();
    (!text.is_empty()).then_some(text)
}
