//! Cuts what an HTTP/2 caller sends so that one request head at a time reaches h2.
//!
//! In: bytes as they arrive. Out: how many of them may be handed over at once, and whether a new
//! request's head ends with them.
//!
//! The frame that ends a head comes at the front of a portion of its own. h2 has then dealt with
//! everything before it, so that what h2 does next it does because of this head.
//!
//! A head counts as ended, too, where h2 reads no further: at a frame that is too long, and at one
//! that stands inside a field block without continuing it. Fields on a stream that was opened before
//! are trailers, or an error of the connection, but never a request (RFC 9113 5.1.1).
//!
//! RFC 9113 3.4, 4.3, 6.2, 6.10.

use super::frames::{CONTINUATION, FrameHead, Frames, HEADERS, MOST_PAYLOAD};

/// Where the caller's side of a connection stands.
#[derive(Debug)]
pub(super) struct FieldBlocks {
    /// Bytes of the preface that have not come.
    preface: usize,
    frames: Frames,
    /// The highest stream that the caller has opened.
    highest: u32,
    block: Block,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    /// None that opens a stream.
    None,
    /// More frames are to come.
    Open,
    /// It ends with the frame under way.
    Ending,
    /// h2 reads no further.
    Broken,
}

impl FieldBlocks {
    pub(super) fn new() -> FieldBlocks {
        FieldBlocks {
            preface: PREFACE,
            frames: Frames::default(),
            highest: 0,
            block: Block::None,
        }
    }

    /// Whether the head of a new request has begun and not ended.
    pub(super) fn are_open(&self) -> bool {
        self.block != Block::None
    }

    /// The head that is open has all that it will ever have.
    pub(super) fn break_off(&mut self) {
        self.block = Block::None;
    }

    /// The stream that the last request head was for.
    pub(super) fn stream(&self) -> u32 {
        self.highest
    }

    /// Out: how many bytes may be handed over, at least one; and whether a request's head ends there.
    pub(super) fn portion(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut taken = self.preface.min(bytes.len());
        self.preface -= taken;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            if taken > 0 && self.frames.are_between() && carries_fields(rest) {
                return (taken, false);
            }
            let (more, head) = self.frames.step(rest);
            taken += more;
            if let Some(head) = head {
                self.begin(head);
            }
            let frame_ended = self.frames.are_between();
            if self.block == Block::Broken || (self.block == Block::Ending && frame_ended) {
                self.block = Block::None;
                return (taken, true);
            }
        }
        (taken, false)
    }

    fn begin(&mut self, head: FrameHead) {
        let continues = head.kind == CONTINUATION && head.stream == self.highest;
        // h2 ends the connection over a stream that only a server may open, so it counts as new.
        let opens =
            head.kind == HEADERS && (head.stream > self.highest || head.stream.is_multiple_of(2));
        self.block = match self.block {
            Block::None if !opens => return,
            Block::Open if !continues => Block::Ending,
            _ if head.ends_fields() => Block::Ending,
            _ => Block::Open,
        };
        if head.length > MOST_PAYLOAD {
            self.block = Block::Broken;
        }
        if opens {
            self.highest = self.highest.max(head.stream);
        }
    }
}

fn carries_fields(frame: &[u8]) -> bool {
    matches!(frame.get(3), Some(&(HEADERS | CONTINUATION)))
}

/// Bytes of what every HTTP/2 connection begins with.
const PREFACE: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    const END: u8 = 0x4;

    fn frame(kind: u8, flags: u8, stream: u32, payload: usize) -> Vec<u8> {
        let mut frame = (payload as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(std::iter::repeat_n(b'x', payload));
        frame
    }

    /// Where heads end when the bytes come in pieces of this size.
    fn ends(bytes: &[u8], piece: usize) -> Vec<usize> {
        let mut blocks = FieldBlocks::new();
        let (mut at, mut ends) = (0, Vec::new());
        for piece in bytes.chunks(piece) {
            let mut rest = piece;
            while !rest.is_empty() {
                let (taken, ended) = blocks.portion(rest);
                assert!(taken > 0, "every portion goes on");
                at += taken;
                rest = &rest[taken..];
                ends.extend(ended.then_some(at));
            }
        }
        ends
    }

    /// These frames behind a preface and SETTINGS, and after which of them a head ends.
    fn check(frames: &[(Vec<u8>, bool)]) {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(4, 0, 0, 6));
        let mut expected = Vec::new();
        for (frame, ends) in frames {
            bytes.extend(frame);
            expected.extend(ends.then_some(bytes.len()));
        }
        for piece in [1, 2, 3, 5, 8, 9, 10, 31, 64, 1000, bytes.len()] {
            assert_eq!(ends(&bytes, piece), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn each_new_head_ends_a_portion_however_the_bytes_come() {
        check(&[
            (frame(HEADERS, END, 1, 20), true),
            (frame(0, 0, 1, 300), false),
            (frame(HEADERS, END, 3, 0), true),
            (frame(HEADERS, 0, 5, 20), false),
            (frame(CONTINUATION, 0, 5, 7), false),
            (frame(CONTINUATION, END, 5, 0), true),
            (frame(6, 0, 0, 8), false),
            (frame(HEADERS, END, 9, 20), true),
        ]);
    }

    #[test]
    fn trailers_are_no_head() {
        check(&[
            (frame(HEADERS, END, 1, 20), true),
            (frame(HEADERS, END | 1, 1, 20), false),
            (frame(HEADERS, 0, 1, 20), false),
            (frame(CONTINUATION, END, 1, 20), false),
            (frame(HEADERS, END, 3, 20), true),
        ]);
    }

    #[test]
    fn what_breaks_into_a_head_ends_it() {
        check(&[
            (frame(HEADERS, 0, 1, 20), false),
            (frame(0, 0, 1, 20), true),
        ]);
        check(&[
            (frame(HEADERS, 0, 1, 20), false),
            (frame(CONTINUATION, 0, 3, 20), true),
        ]);
        check(&[(frame(HEADERS, END, 2, 20), true)]);
        check(&[(frame(HEADERS, END, 0, 20), true)]);
    }

    #[test]
    fn a_frame_that_is_too_long_ends_the_head_at_once() {
        let mut bytes = vec![b'P'; PREFACE];
        let long = frame(HEADERS, END, 1, MOST_PAYLOAD + 1);
        bytes.extend(&long);
        assert_eq!(ends(&bytes, bytes.len()), [PREFACE + 9]);
    }

    #[test]
    fn a_portion_has_one_field_block_at_most() {
        let mut bytes = vec![b'P'; PREFACE];
        for stream in [1, 3, 5] {
            bytes.extend(frame(6, 0, 0, 8));
            bytes.extend(frame(HEADERS, END, stream, 20));
        }
        let mut blocks = FieldBlocks::new();
        let (mut at, mut portions) = (0, Vec::new());
        while at < bytes.len() {
            let (taken, ended) = blocks.portion(&bytes[at..]);
            at += taken;
            portions.push((taken, ended));
        }
        let ping = |taken| (taken, false);
        let head = (29, true);
        assert_eq!(
            portions,
            [ping(24 + 17), head, ping(17), head, ping(17), head]
        );
    }
}
