//! Finds the frames in the bytes of an HTTP/2 connection.
//!
//! In: the bytes of one direction, in any pieces. Out: the head of each frame, and where it ends.
//!
//! It reads nine bytes of each frame and counts the others: what is in them is h2's to say.
//!
//! RFC 9113 4.1, 6.

/// Where a direction stands: in the head of a frame, in its payload, or between two.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frames {
    head: [u8; HEAD],
    /// Bytes of the head that have come.
    have: usize,
    /// Bytes of the payload that have not.
    left: usize,
}

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    /// Bytes of its payload.
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// 0 for the connection.
    pub(super) stream: u32,
}

impl Frames {
    /// Whether one frame has ended and no other begun.
    pub(super) fn are_between(&self) -> bool {
        self.have == 0 && self.left == 0
    }

    /// Goes on to the end of the frame head or payload that is under way, or of the bytes. Out: how
    /// many bytes that took, and the head that they completed.
    pub(super) fn step(&mut self, bytes: &[u8]) -> (usize, Option<FrameHead>) {
        if self.left > 0 {
            let taken = self.left.min(bytes.len());
            self.left -= taken;
            return (taken, None);
        }
        let room = self.head.get_mut(self.have..).unwrap_or_default();
        let taken = room.len().min(bytes.len());
        for (room, byte) in room.iter_mut().zip(bytes) {
            *room = *byte;
        }
        self.have += taken;
        if self.have < HEAD {
            return (taken, None);
        }
        let [l1, l2, l3, kind, flags, s1, s2, s3, s4] = self.head;
        let head = FrameHead {
            length: u32::from_be_bytes([0, l1, l2, l3]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes([s1, s2, s3, s4]) & !RESERVED,
        };
        self.have = 0;
        self.left = head.length;
        (taken, Some(head))
    }
}

impl FrameHead {
    /// Whether the field block ends with this frame.
    pub(super) fn ends_fields(&self) -> bool {
        self.flags & END_HEADERS != 0
    }
}

/// Bytes of a frame's head.
pub(super) const HEAD: usize = 9;

/// Most bytes of a payload: h2 offers no more than every peer must take (RFC 9113 4.2).
pub(super) const MOST_PAYLOAD: usize = 16_384;

pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const GOAWAY: u8 = 7;
pub(super) const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 0x4;
const RESERVED: u32 = 1 << 31;
