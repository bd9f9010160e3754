//! Tells why h2 rejected a request head, from what it is about to write.
//!
//! In: bytes that h2 writes. Out: the [`Reason`] for the record.
//!
//! h2 rejects a head without telling its caller: by a bare 431, by a reset of the stream, or by
//! giving the connection up. Each is a frame on its way out.
//!
//! RFC 9113 5.4, 6.4, 6.8, 7.

use super::frames::{FrameHead, Frames, GOAWAY, HEADERS, RST_STREAM};
use crate::refusal::Reason;

/// What h2 says to one head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Objection {
    /// It answered by itself. It does so to field blocks above its limit and to nothing else.
    Answered,
    /// It resets the stream.
    Reset { code: Option<u32> },
    /// It gives the connection up.
    GaveUp,
}

impl Objection {
    /// The reason in the record.
    pub(super) fn reason(self) -> Reason {
        match self {
            Objection::Answered => Reason::HeaderTooLarge,
            Objection::Reset { code } if code == Some(REFUSED_STREAM) => Reason::Overloaded,
            Objection::Reset { .. } | Objection::GaveUp => Reason::MalformedRequest,
        }
    }
}

/// Finds the objection to the head of `stream` in bytes that are to be written; `frames` stands
/// where the first of them is.
pub(super) fn find<'a>(
    mut frames: Frames,
    pieces: impl Iterator<Item = &'a [u8]>,
    stream: u32,
) -> Option<Objection> {
    for mut rest in pieces {
        while !rest.is_empty() {
            let (taken, head) = frames.step(rest);
            rest = rest.get(taken..).unwrap_or_default();
            let objection = head.and_then(|head| of(head, rest, stream));
            if objection.is_some() {
                return objection;
            }
        }
    }
    None
}

fn of(frame: FrameHead, payload: &[u8], stream: u32) -> Option<Objection> {
    match frame.kind {
        HEADERS if frame.stream == stream => Some(Objection::Answered),
        RST_STREAM if frame.stream == stream => Some(Objection::Reset {
            code: number(payload, 0),
        }),
        // Without an error it is the farewell of a drain.
        GOAWAY if number(payload, 4) != Some(NO_ERROR) => Some(Objection::GaveUp),
        _ => None,
    }
}

fn number(payload: &[u8], at: usize) -> Option<u32> {
    let bytes = payload.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}

const NO_ERROR: u32 = 0;
const REFUSED_STREAM: u32 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, 0]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    fn found(frames: &[Vec<u8>]) -> Option<Objection> {
        let bytes = frames.concat();
        find(Frames::default(), [&bytes[..]].into_iter(), 5)
    }

    #[test]
    fn only_what_is_said_to_this_stream_or_to_all_is_an_objection() {
        let ping = frame(6, 0, &[3; 8]);
        let refused = frame(RST_STREAM, 5, &[0, 0, 0, 7]);
        let malformed = frame(RST_STREAM, 5, &[0, 0, 0, 1]);
        let answered = frame(HEADERS, 5, b"431");
        let gave_up = frame(GOAWAY, 0, &[0, 0, 0, 3, 0, 0, 0, 9]);
        let drained = frame(GOAWAY, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        let others = [
            frame(RST_STREAM, 3, &[0, 0, 0, 1]),
            frame(HEADERS, 3, b"200"),
        ];
        let reason = |frame: &Vec<u8>| {
            let mut frames = vec![ping.clone(), drained.clone()];
            frames.extend(others.clone());
            frames.push(frame.clone());
            found(&frames).map(Objection::reason)
        };
        assert_eq!(reason(&ping), None);
        assert_eq!(reason(&drained), None);
        assert_eq!(reason(&refused), Some(Reason::Overloaded));
        assert_eq!(reason(&malformed), Some(Reason::MalformedRequest));
        assert_eq!(reason(&answered), Some(Reason::HeaderTooLarge));
        assert_eq!(reason(&gave_up), Some(Reason::MalformedRequest));
    }

    #[test]
    fn it_is_found_behind_the_rest_of_an_earlier_frame_and_across_pieces() {
        let data = frame(0, 3, &[b'x'; 100]);
        let mut frames = Frames::default();
        assert_eq!(frames.step(&data).0, 9);
        assert_eq!(frames.step(&data[9..50]).0, 41);
        let reset = frame(RST_STREAM, 5, &[0, 0, 0, 1]);
        let pieces = [&data[50..], &reset[..4], &reset[4..]];
        let code = Some(1);
        assert_eq!(
            find(frames, pieces.into_iter(), 5),
            Some(Objection::Reset { code })
        );
    }
}
