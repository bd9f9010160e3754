//! Reads the raw head of an HTTP/1 request strictly, in one pass and in place.
//!
//! In: the bytes received since the last message ended, as often as more arrive. Out: whether the
//! head is complete and how its body is framed, or the [`Violation`] it is refused for.
//!
//! Nothing is copied for an accepted head. The verdict does not depend on how the bytes were cut
//! into packets: a line is judged only when all of it is there, and lines are judged in order.
//!
//! Never: a lone LF or CR, a folded line, a blank before a colon, a field name with other than
//! letters, digits and `-`, a control byte, two readings of the body's length, anything but exactly
//! one well-formed `host`, another version than 1.0 and 1.1, an empty line before the request line.
//!
//! RFC 9112 2, 3, 5, 6; RFC 9110 5, 7.2.

use super::bytes;
use super::framing::Framing;
use super::host::Host;
use super::target::Target;
use crate::refusal::Reason;

mod violation;

pub(super) use violation::{Glimpse, Violation};

/// What a head may measure.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadLimits {
    /// From the method to the empty line, in bytes.
    pub(super) head_bytes: usize,
    /// The request target, in bytes.
    pub(super) target_bytes: usize,
}

/// A head whose every byte was checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// From the method to the empty line, both included.
    pub(super) size: usize,
    /// Where the message ends.
    pub(super) framing: Framing,
}

/// Where the reading of one head stands.
#[derive(Debug)]
pub(super) enum Reading {
    /// More bytes must come.
    Incomplete,
    /// The head is well-formed.
    Complete(Head),
    /// The connection ends here.
    Refused(Violation),
}

/// The reading of one head, resumed as bytes arrive. All offsets count from its first byte.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    line_starts: usize,
    line_known: usize,
    fields: usize,
    seen: Seen,
}

#[derive(Debug, Default)]
struct Seen {
    request_line: bool,
    is_http_10: bool,
    host: Option<(usize, usize)>,
    length: Option<u64>,
    is_chunked: bool,
}

enum Line {
    Unfinished,
    Read(usize),
    End(usize),
}

type Fault = (Reason, &'static str);

impl HeadReader {
    /// Reads on. `bytes` begins with the first byte of the head, at every call.
    pub(super) fn read(&mut self, bytes: &[u8], limits: HeadLimits) -> Reading {
        let window = bytes.get(..limits.head_bytes).unwrap_or(bytes);
        let news = window.get(self.line_known..).unwrap_or_default();
        if self.line_known > 0 && !news.contains(&b'\n') {
            return self.unfinished(bytes, window, limits);
        }
        loop {
            let rest = window.get(self.line_starts..).unwrap_or_default();
            match self.line(rest, limits) {
                Ok(Line::Read(size)) => self.line_starts += size,
                Ok(Line::End(size)) => return self.complete(bytes, size),
                Ok(Line::Unfinished) => return self.unfinished(bytes, window, limits),
                // Only a whole line is judged: what follows may still make the head too large.
                Err(_) if !rest.contains(&b'\n') => return self.unfinished(bytes, window, limits),
                Err((reason, told)) => return self.refused(bytes, reason, told),
            }
        }
    }

    /// Refuses what has been read so far.
    pub(super) fn refused(&self, bytes: &[u8], reason: Reason, told: &'static str) -> Reading {
        Reading::Refused(Violation {
            reason,
            told,
            glimpse: Glimpse::of(bytes, self.seen.host),
        })
    }

    fn unfinished(&mut self, bytes: &[u8], window: &[u8], limits: HeadLimits) -> Reading {
        self.line_known = window.len();
        if window.len() < limits.head_bytes {
            return Reading::Incomplete;
        }
        let reason = match self.seen.request_line {
            true => Reason::HeaderTooLarge,
            false => Reason::UriTooLong,
        };
        self.refused(bytes, reason, reason.sentence())
    }

    fn complete(&mut self, bytes: &[u8], last_line: usize) -> Reading {
        if self.seen.host.is_none() {
            return self.refused(bytes, Reason::BadHost, "the request names no host");
        }
        let framing = match (self.seen.is_chunked, self.seen.length) {
            (true, _) => Framing::chunked(),
            (false, length) => Framing::length(length.unwrap_or(0)),
        };
        Reading::Complete(Head {
            size: self.line_starts + last_line,
            framing,
        })
    }

    fn line(&mut self, rest: &[u8], limits: HeadLimits) -> Result<Line, Fault> {
        if !self.seen.request_line {
            return self.request_line(rest, limits);
        }
        match rest {
            [] | [b'\r'] => Ok(Line::Unfinished),
            [b'\r', b'\n', ..] => Ok(Line::End(2)),
            _ => self.field(rest),
        }
    }

    /// `method SP target SP version CRLF` with single spaces (RFC 9112 3).
    fn request_line(&mut self, rest: &[u8], limits: HeadLimits) -> Result<Line, Fault> {
        let method_ends = bytes::run(rest, bytes::TOKEN);
        let (method, after) = rest.split_at_checked(method_ends).unwrap_or_default();
        let after = match after {
            [] => return Ok(Line::Unfinished),
            [b' ', after @ ..] if !method.is_empty() => after,
            _ => return Err(malformed("the request line does not begin with a method")),
        };
        let is_end = |byte: &u8| *byte <= b' ' || *byte == 0x7f;
        let Some(target_ends) = after.iter().position(is_end) else {
            return Ok(Line::Unfinished);
        };
        let (target, after) = after.split_at_checked(target_ends).unwrap_or_default();
        let is_http_10 = match after {
            [
                b' ',
                b'H',
                b'T',
                b'T',
                b'P',
                b'/',
                b'1',
                b'.',
                b'1',
                b'\r',
                b'\n',
                ..,
            ] => false,
            [
                b' ',
                b'H',
                b'T',
                b'T',
                b'P',
                b'/',
                b'1',
                b'.',
                b'0',
                b'\r',
                b'\n',
                ..,
            ] => true,
            // A shorter line has no LF yet, or is refused for good once it has.
            _ => {
                return Err(malformed(
                    "the request line is not `method target HTTP/1.1`",
                ));
            }
        };
        if !METHODS.contains(&method) {
            return Err((Reason::NoOperation, Reason::NoOperation.sentence()));
        }
        if target.len() > limits.target_bytes.min(LONGEST_TARGET) {
            return Err((Reason::UriTooLong, Reason::UriTooLong.sentence()));
        }
        Target::read(target).map_err(|told| (Reason::BadTarget, told))?;
        self.seen.request_line = true;
        self.seen.is_http_10 = is_http_10;
        Ok(Line::Read(method.len() + target.len() + 12))
    }

    /// `name: value CRLF` (RFC 9112 5).
    fn field(&mut self, rest: &[u8]) -> Result<Line, Fault> {
        let name_ends = bytes::run(rest, bytes::NAME);
        let (name, after) = rest.split_at_checked(name_ends).unwrap_or_default();
        let after = match after {
            [] => return Ok(Line::Unfinished),
            [b':', after @ ..] if !name.is_empty() => after,
            _ => {
                return Err(malformed(
                    "a field name has other than letters, digits and `-`",
                ));
            }
        };
        let value_ends = bytes::value_run(after);
        let (value, after) = after.split_at_checked(value_ends).unwrap_or_default();
        match after {
            [] | [b'\r'] => return Ok(Line::Unfinished),
            [b'\r', b'\n', ..] => {}
            _ => {
                return Err(malformed(
                    "a field value has a control byte or a bare line end",
                ));
            }
        }
        self.fields += 1;
        if self.fields > MOST_FIELDS {
            return Err((
                Reason::HeaderTooLarge,
                "the request has more than 100 fields",
            ));
        }
        let value_starts = self.line_starts + name.len() + 1;
        self.note(name, value, value_starts)?;
        Ok(Line::Read(name.len() + value.len() + 3))
    }

    /// Takes down the three fields that decide where a message goes and where it ends.
    fn note(&mut self, name: &[u8], value: &[u8], value_starts: usize) -> Result<(), Fault> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value, value_starts),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.chunked(value),
            _ => Ok(()),
        }
    }

    fn host(&mut self, value: &[u8], value_starts: usize) -> Result<(), Fault> {
        let seen = self.seen.host.replace((value_starts, value.len()));
        if seen.is_some() {
            return Err((Reason::BadHost, "the request names its host twice"));
        }
        match Host::read(bytes::trimmed(value)) {
            Some(_) => Ok(()),
            None => Err((Reason::BadHost, "the host is not a well-formed name")),
        }
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Fault> {
        let length = decimal(bytes::trimmed(value))
            .ok_or((Reason::AmbiguousFraming, "content-length is not one number"))?;
        let seen = self.seen.length.replace(length);
        if seen.is_some() || self.seen.is_chunked {
            return Err(ambiguous());
        }
        Ok(())
    }

    fn chunked(&mut self, value: &[u8]) -> Result<(), Fault> {
        let is_chunked = bytes::trimmed(value).eq_ignore_ascii_case(b"chunked");
        if !is_chunked || self.seen.is_http_10 || self.seen.is_chunked || self.seen.length.is_some()
        {
            return Err(ambiguous());
        }
        self.seen.is_chunked = true;
        Ok(())
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn malformed(told: &'static str) -> Fault {
    (Reason::MalformedRequest, told)
}

fn ambiguous() -> Fault {
    (
        Reason::AmbiguousFraming,
        Reason::AmbiguousFraming.sentence(),
    )
}

/// The methods that a catalogue may name; hyper would take any token.
pub(super) const METHODS: [&[u8]; 7] = [
    b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS",
];

/// As many as hyper takes; above, it would answer in our place.
pub(super) const MOST_FIELDS: usize = 100;

/// `http::Uri` takes no longer one, whatever the settings say.
const LONGEST_TARGET: usize = 65_000;

#[cfg(test)]
mod tests;
