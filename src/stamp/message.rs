//! Stamps one message, however it is written.
//!
//! In: the bytes of an export, what it exports, how it is written, the facts. Out: the stamped bytes.
//!
//! What is written is bounded: a short body of many empty resources would grow a thousandfold.

use bytes::Bytes;

use super::facts::Provenance;
use super::flaw::Flaw;
use super::held::Room;
use super::shape::{LOGS, METRICS, Shape, TRACES};
use super::wire::{put_varint, varint_length};
use super::{json, protobuf};

/// What a message exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metrics.
    Metrics,
    /// Log records.
    Logs,
}

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// As Protobuf's binary form.
    Protobuf,
    /// As OTLP's JSON.
    Json,
}

/// A stamped body.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// As it goes to the upstream. What memory it holds is given back with the last of them.
    pub body: Bytes,
    /// SHA-256 of the message in it, before coding and framing.
    pub digest: [u8; 32],
}

impl Signal {
    pub(super) fn shape(self) -> &'static Shape {
        match self {
            Signal::Traces => &TRACES,
            Signal::Metrics => &METRICS,
            Signal::Logs => &LOGS,
        }
    }
}

/// The stamped message, of at most so many bytes.
///
/// # Errors
///
/// [`Flaw`]: it cannot be read in exactly one way, claims another version, or grows too large.
pub fn stamp(
    message: &[u8],
    signal: Signal,
    writing: Writing,
    provenance: &Provenance,
    most: usize,
    room: &mut Room,
) -> Result<Vec<u8>, Flaw> {
    room.grow(message.len())?;
    let mut out = Output {
        bytes: Vec::with_capacity(message.len().saturating_add(1024)),
        most,
        room,
    };
    match writing {
        Writing::Protobuf => protobuf::rewrite(message, signal.shape(), provenance, &mut out)?,
        Writing::Json => json::rewrite(message, signal.shape(), provenance, &mut out)?,
    }
    if out.bytes.len() > most {
        return Err(Flaw::TooLarge);
    }
    Ok(out.bytes)
}

/// The message that is being written.
#[derive(Debug)]
pub(super) struct Output<'r> {
    bytes: Vec<u8>,
    most: usize,
    room: &'r mut Room,
}

/// Where a length belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct LengthPlace {
    at: usize,
    width: usize,
}

impl Output<'_> {
    /// Copies what was there before.
    pub(super) fn copy(&mut self, kept: &[u8]) {
        self.bytes.extend_from_slice(kept);
    }

    /// Adds what was not.
    pub(super) fn add(&mut self, more: &[u8]) -> Result<(), Flaw> {
        if self.bytes.len().saturating_add(more.len()) > self.most {
            return Err(Flaw::TooLarge);
        }
        self.room.grow(more.len())?;
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    /// Keeps a place for the length of what comes next, as wide as it was.
    pub(super) fn begin_length(&mut self, was: usize) -> LengthPlace {
        let (at, width) = (self.bytes.len(), varint_length(was as u64));
        self.bytes.resize(at + width, 0);
        LengthPlace { at, width }
    }

    /// Writes the length of what came since; what came moves where the length is of another width.
    pub(super) fn end_length(&mut self, place: LengthPlace) {
        let begin = place.at + place.width;
        let length = (self.bytes.len() - begin) as u64;
        let mut written = Vec::with_capacity(10);
        put_varint(&mut written, length);
        self.bytes.splice(place.at..begin, written);
    }
}
