//! Follows a message body through the byte stream, to know where the next head begins.
//!
//! In: body bytes as they arrive. Out: how many of them belong to the body, or that it is broken.
//!
//! The body itself is decoded by hyper; this counts along and is stricter, so both always agree on
//! where it ends.
//!
//! Never: a chunk size with a sign, a prefix, a blank or more than 15 digits, a bare LF, a quoted
//! or long extension, a trailer with a malformed name or a control byte.
//!
//! When a body is broken the connection carries nothing after it.
//!
//! RFC 9112 6, 7.1.

use super::bytes;

/// What is left of one body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Framing(Left);

#[derive(Debug, PartialEq, Eq)]
enum Left {
    Bytes(u64),
    Chunks { at: At, spent: usize },
}

/// Where in `size [;extension] CRLF data CRLF ... 0 CRLF trailers CRLF` the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Size { digits: u8, size: u64 },
    Extension { size: u64 },
    SizeLf { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    Done,
}

/// The body does not follow its own framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

impl Framing {
    /// A body of so many bytes; none at all for 0.
    pub(super) fn length(size: u64) -> Framing {
        Framing(Left::Bytes(size))
    }

    /// A chunked body.
    pub(super) fn chunked() -> Framing {
        Framing(Left::Chunks {
            at: At::FIRST,
            spent: 0,
        })
    }

    /// Whether the message has ended.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.0, Left::Bytes(0) | Left::Chunks { at: At::Done, .. })
    }

    /// Follows `fresh`. Out: how many bytes of it are body, and whether it broke after those.
    pub(super) fn follow(&mut self, fresh: &[u8]) -> (usize, Result<(), Broken>) {
        match &mut self.0 {
            Left::Bytes(left) => {
                let size = usize::try_from(*left).map_or(fresh.len(), |left| left.min(fresh.len()));
                *left -= size as u64;
                (size, Ok(()))
            }
            Left::Chunks { at, spent } => follow_chunks(at, spent, fresh),
        }
    }
}

fn follow_chunks(at: &mut At, spent: &mut usize, fresh: &[u8]) -> (usize, Result<(), Broken>) {
    let mut read = 0;
    while *at != At::Done {
        if let At::Data { left } = at {
            let here = fresh.len() - read;
            let size = usize::try_from(*left).map_or(here, |left| left.min(here));
            *left -= size as u64;
            read += size;
            if *left > 0 {
                break;
            }
            *at = At::DataCr;
        }
        let Some(byte) = fresh.get(read) else { break };
        match at.after(*byte, spent) {
            Some(next) => *at = next,
            None => return (read, Err(Broken)),
        }
        read += 1;
    }
    (read, Ok(()))
}

impl At {
    const FIRST: At = At::Size { digits: 0, size: 0 };

    /// The place after `byte`, or nothing when `byte` must not stand here.
    fn after(self, byte: u8, spent: &mut usize) -> Option<At> {
        match (self, byte) {
            (At::Size { digits, size }, _) => after_size(digits, size, byte),
            (At::Extension { size }, b'\r') => Some(At::SizeLf { size }),
            (At::Extension { size }, _) => {
                let fits = bytes::is(byte, bytes::TOKEN) || byte == b'=' || byte == b';';
                spend(spent, MOST_EXTENSION)?;
                fits.then_some(At::Extension { size })
            }
            (At::SizeLf { size: 0 }, b'\n') => {
                *spent = 0;
                Some(At::TrailerStart)
            }
            (At::SizeLf { size }, b'\n') => Some(At::Data { left: size }),
            (At::Data { .. } | At::DataCr, b'\r') => Some(At::DataLf),
            (At::DataLf, b'\n') => Some(At::FIRST),
            (At::TrailerStart, b'\r') => Some(At::LastLf),
            (At::TrailerName, b':') => Some(At::TrailerValue),
            (At::TrailerStart | At::TrailerName, _) => {
                spend(spent, MOST_TRAILERS)?;
                bytes::is(byte, bytes::NAME).then_some(At::TrailerName)
            }
            (At::TrailerValue, b'\r') => Some(At::TrailerLf),
            (At::TrailerValue, _) => {
                spend(spent, MOST_TRAILERS)?;
                (bytes::value_run(&[byte]) == 1).then_some(At::TrailerValue)
            }
            (At::TrailerLf, b'\n') => Some(At::TrailerStart),
            (At::LastLf, b'\n') => Some(At::Done),
            _ => None,
        }
    }
}

fn after_size(digits: u8, size: u64, byte: u8) -> Option<At> {
    match byte {
        b'\r' if digits > 0 => Some(At::SizeLf { size }),
        b';' if digits > 0 => Some(At::Extension { size }),
        _ if digits < MOST_DIGITS => {
            let digit = char::from(byte).to_digit(16)?;
            Some(At::Size {
                digits: digits + 1,
                size: size * 16 + u64::from(digit),
            })
        }
        _ => None,
    }
}

fn spend(spent: &mut usize, most: usize) -> Option<()> {
    *spent += 1;
    (*spent <= most).then_some(())
}

/// 15 digits stay under 2^60: the sum cannot overflow.
const MOST_DIGITS: u8 = 15;

/// All extensions of one body together, in bytes; hyper's own bound is higher.
const MOST_EXTENSION: usize = 1024;

/// All trailers of one body together, in bytes.
const MOST_TRAILERS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(body: &[u8]) -> (usize, Result<(), Broken>, bool) {
        let mut framing = Framing::chunked();
        let (read, result) = framing.follow(body);
        (read, result, framing.is_done())
    }

    #[test]
    fn a_chunked_body_ends_where_its_last_line_ends() {
        for body in [
            "5\r\nhello\r\n0\r\n\r\n",
            "05;a=b;c\r\nhello\r\nA\r\n0123456789\r\n000\r\n\r\n",
            "0\r\nx-sum: 1\r\ny:\r\n\r\n",
        ] {
            let mut bytes = body.as_bytes().to_vec();
            bytes.extend_from_slice(b"GET / HTTP/1.1\r\n");
            assert_eq!(whole(&bytes), (body.len(), Ok(()), true), "{body:?}");
        }
    }

    #[test]
    fn a_body_cut_anywhere_ends_at_the_same_byte() {
        let body = b"5;x=y\r\nhello\r\n0\r\nx-sum: 1\r\n\r\nGET";
        for cut in 0..body.len() {
            let (first, second) = body.split_at(cut);
            let mut framing = Framing::chunked();
            let (read, result) = framing.follow(first);
            assert_eq!(result, Ok(()));
            let (more, result) = framing.follow(second);
            assert_eq!(result, Ok(()));
            assert!(framing.is_done());
            assert_eq!(read + more, body.len() - 3, "cut at {cut}");
        }
    }

    #[test]
    fn a_chunk_that_two_readers_could_read_differently_is_broken() {
        for body in [
            "+5\r\n",
            "-5\r\n",
            "0x5\r\n",
            "5 \r\n",
            " 5\r\n",
            "5\n",
            "\r\n",
            "g\r\n",
            "5\rhello",
            "5;\"a\"\r\n",
            "5; a\r\n",
            "5;a\n",
            "5;a\r\r",
            "1000000000000000\r\n",
            "5\r\nhello0\r\n",
            "5\r\nhello\n0\r\n",
            "5\r\nhello\r0",
            "0\r\n a: b\r\n",
            "0\r\na b: c\r\n",
            "0\r\na_b: c\r\n",
            "0\r\n: c\r\n",
            "0\r\na: b\nc: d\r\n",
            "0\r\na: \0\r\n",
            "0\r\n\n",
            "0\r\n\r\r",
        ] {
            let (read, result, _) = whole(body.as_bytes());
            assert_eq!(result, Err(Broken), "{body:?}");
            assert!(read < body.len());
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let long = "a".repeat(70_000);
        assert_eq!(whole(format!("5;{long}\r\n").as_bytes()).1, Err(Broken));
        assert_eq!(
            whole(format!("0\r\na: {long}\r\n").as_bytes()).1,
            Err(Broken)
        );
    }
}
