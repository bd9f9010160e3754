//! Decides byte by byte how much of an HTTP/1 connection may go on to the parser behind.
//!
//! In: bytes as they arrive. Out: how many of them are cleared.
//!
//! Heads and bodies alternate. A byte of a head is cleared only when its whole head has been read
//! and is well-formed; a byte of a body only when it follows the framing that its head announced.
//! No input or output happens here, so every rule has a plain test.
//!
//! When a head is refused or a body breaks, nothing after it is ever cleared.

use super::framing::Framing;
use super::head::{HeadLimits, HeadReader, Reading, Violation};
use crate::refusal::Reason;

/// The state between two bytes of one connection.
#[derive(Debug)]
pub(super) struct Gate {
    limits: HeadLimits,
    place: Place,
}

/// What the next byte belongs to.
#[derive(Debug)]
pub(super) enum Place {
    /// A head, perhaps not begun.
    Head(HeadReader),
    /// A body.
    Body(Framing),
    /// Nothing: the connection was refused here.
    Refused(Box<Violation>),
    /// Nothing: a body broke here.
    Broken,
}

impl Gate {
    pub(super) fn new(limits: HeadLimits) -> Gate {
        Gate {
            limits,
            place: Place::Head(HeadReader::default()),
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Takes the violation away from a refused connection.
    pub(super) fn into_violation(self) -> Option<Violation> {
        match self.place {
            Place::Refused(violation) => Some(*violation),
            Place::Head(_) | Place::Body(_) | Place::Broken => None,
        }
    }

    /// Reads on. `bytes` begins with the first byte not yet cleared, at every call.
    /// Out: how many more are cleared, and how many heads ended among them.
    pub(super) fn clear(&mut self, bytes: &[u8]) -> (usize, usize) {
        let (mut cleared, mut heads) = (0, 0);
        loop {
            let rest = bytes.get(cleared..).unwrap_or_default();
            if rest.is_empty() {
                return (cleared, heads);
            }
            match &mut self.place {
                Place::Head(reader) => match reader.read(rest, self.limits) {
                    Reading::Incomplete => return (cleared, heads),
                    Reading::Refused(violation) => {
                        self.place = Place::Refused(Box::new(violation));
                        return (cleared, heads);
                    }
                    Reading::Complete(head) => {
                        cleared += head.size;
                        heads += 1;
                        self.enter(head.framing);
                    }
                },
                Place::Body(framing) => {
                    let (size, followed) = framing.follow(rest);
                    cleared += size;
                    if followed.is_err() {
                        self.place = Place::Broken;
                    } else if framing.is_done() {
                        self.place = Place::Head(HeadReader::default());
                    }
                }
                Place::Refused(_) | Place::Broken => return (cleared, heads),
            }
        }
    }

    /// Gives up on a head that has begun with `bytes`.
    pub(super) fn give_up(&mut self, bytes: &[u8], reason: Reason, told: &'static str) {
        if let Place::Head(reader) = &self.place
            && let Reading::Refused(violation) = reader.refused(bytes, reason, told)
        {
            self.place = Place::Refused(Box::new(violation));
        }
    }

    fn enter(&mut self, framing: Framing) {
        self.place = match framing.is_done() {
            true => Place::Head(HeadReader::default()),
            false => Place::Body(framing),
        };
    }
}
