//! Keeps room for what is to be written: the next segment, and what to do without one.
//!
//! In: an entry, or the end of a batch. Out: where there is [`Room`] for it.
//!
//! The next segment is prepared at half of this one, so a full disk is met there and not inside a
//! frame. Without a next segment the last part of this one is for outcomes and events only. Space
//! that comes back is found by trying again, at most every 200 ms.

use std::time::Instant;

use super::{Entry, Fault, LOOK_FOR_SPACE_EVERY, Writer, as_u64};
use crate::record::disk::is_full;
use crate::record::frame::HEAD_BYTES;
use crate::record::segment::{self, SegmentHead};

/// Where an entry goes.
pub(super) enum Room {
    /// Into the segment in hand.
    Here,
    /// Nowhere: only what is owed may use what is left.
    NotForRequests,
    /// Nowhere yet: it is kept until there is room.
    None,
}

impl Writer {
    /// Sees to it that the entry has its room, in this segment or the next.
    pub(super) fn make_room(&mut self, entry: &Entry) -> Result<Room, Fault> {
        let batch = as_u64(self.batch.len());
        let needed = batch.saturating_add(as_u64(HEAD_BYTES + entry.record.size_bytes()));
        let reserve = if self.prepared.is_some() {
            0
        } else {
            self.reserve_bytes()
        };
        if needed.saturating_add(reserve) <= self.segment.left_bytes() {
            return Ok(Room::Here);
        }
        if self.prepare_next()? {
            self.rotate()?;
            return Ok(Room::Here);
        }
        if entry.hold.is_some() {
            self.shared.is_full_now(true);
            return Ok(Room::NotForRequests);
        }
        Ok(match needed <= self.segment.left_bytes() {
            true => Room::Here,
            false => Room::None,
        })
    }

    /// Room at the end of each segment that requests cannot have unless another one stands ready.
    fn reserve_bytes(&self) -> u64 {
        (self.segment.size_bytes / 16).min(LARGEST_RESERVE)
    }

    /// At half a segment the next one is made ready, so that a full disk is met early.
    pub(super) fn look_ahead(&mut self) -> Result<(), Fault> {
        if self.segment.offset.saturating_mul(2) >= self.segment.size_bytes {
            self.prepare_next()?;
        }
        Ok(())
    }

    /// Whether the next segment stands ready; tries to make it so.
    fn prepare_next(&mut self) -> Result<bool, Fault> {
        if self.prepared.is_some() {
            return Ok(true);
        }
        let full = self.segment.left_bytes() <= self.reserve_bytes();
        if self
            .found_full
            .is_some_and(|at| at.elapsed() < LOOK_FOR_SPACE_EVERY)
        {
            return Ok(false);
        }
        match segment::prepare(&*self.disk, &self.folder, self.segment_bytes) {
            Ok(file) => {
                self.prepared = Some(file);
                self.found_full = None;
                self.shared.is_full_now(false);
                Ok(true)
            }
            Err(fault) if is_full(&fault) => {
                self.found_full = Some(Instant::now());
                self.shared.is_full_now(full);
                Ok(false)
            }
            Err(fault) => Err(format!("preparing the next segment failed: {fault}")),
        }
    }

    /// Goes over to the next segment once everything in this one is durable.
    fn rotate(&mut self) -> Result<(), Fault> {
        let Some(file) = self.prepared.take() else {
            return Ok(());
        };
        self.write_batch()?;
        self.sync()?;
        let head = SegmentHead {
            origin: self.origin.clone(),
            boot_id: self.boot_id.clone(),
            first_seq: self.seq,
            previous_chain: self.chain,
            made_ms: self.shared.clock.now().as_ms(),
        };
        let next = segment::install(&*self.disk, &self.folder, file, &head)
            .map_err(|fault| format!("beginning the next segment failed: {fault}"))?;
        let last = std::mem::replace(&mut self.segment, next);
        last.seal()
            .map_err(|fault| format!("sealing a segment failed: {fault}"))
    }
}

const LARGEST_RESERVE: u64 = 1 << 20;
