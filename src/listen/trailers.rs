//! Says which trailers of an answer the caller's connection can carry.
//!
//! In: the fields of request and answer. Out: for a frame of trailers, whether it goes on.
//!
//! hyper sends trailers over HTTP/1 only to callers that ask for them, and of these only announced
//! ones. Handed others, it forgets the last chunk, and a whole answer reads as one that broke off.
//! So trailers of which nothing would be left are not handed to it.
//!
//! RFC 9110 6.5.1, 6.6.2, 10.1.4.

use http::{HeaderMap, HeaderName, header};

/// The trailers that the caller gets.
#[derive(Debug)]
pub(super) enum Trailers {
    /// Whatever comes: HTTP/2 needs no announcement.
    All,
    /// These.
    Announced(Vec<HeaderName>),
}

impl Trailers {
    /// Of an answer over HTTP/1.
    pub(super) fn over_http1(asked: bool, answer: &HeaderMap) -> Trailers {
        if !asked || answer.contains_key(header::CONTENT_LENGTH) {
            return Trailers::Announced(Vec::new());
        }
        let announced = listed(answer, &header::TRAILER)
            .filter_map(|name| HeaderName::from_bytes(name).ok())
            .filter(|name| !NEVER.contains(name));
        Trailers::Announced(announced.collect())
    }

    /// Whether anything of these would be sent.
    pub(super) fn pass(&self, trailers: &HeaderMap) -> bool {
        match self {
            Trailers::All => true,
            Trailers::Announced(names) => names.iter().any(|name| trailers.contains_key(name)),
        }
    }
}

/// Whether a caller takes trailers: `te: trailers`.
pub(super) fn asked_for(request: &HeaderMap) -> bool {
    listed(request, &header::TE).any(|coding| coding.eq_ignore_ascii_case(b"trailers"))
}

/// The members of a field's list.
fn listed<'a>(fields: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let lists = fields.get_all(name).into_iter();
    lists.flat_map(|list| {
        list.as_bytes()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
    })
}

/// What hyper sends as a trailer on no account.
const NEVER: [HeaderName; 12] = [
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::HOST,
    header::MAX_FORWARDS,
    header::SET_COOKIE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
];
