//! Bounds the memory that answers take which are held as a whole.
//!
//! In: an answer that will be held. Out: a [`Share`] of the room of its upstream, which shrinks to
//! what is left of the answer and is given back with its last byte.
//!
//! Each upstream has a room of its own, so one that is slow keeps nobody waiting but its own callers.
//!
//! Never: an answer in memory without its share, however slowly its caller reads.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room of one upstream. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

/// What one answer has of it.
#[derive(Debug)]
pub(super) struct Share(OwnedSemaphorePermit);

impl Room {
    /// All of it.
    pub(super) fn new() -> Room {
        Room(Arc::new(Semaphore::new(UNITS)))
    }

    /// Room for the largest answer; nothing where there is none for as long as one waits.
    pub(super) async fn share(&self) -> Option<Share> {
        let all = Arc::clone(&self.0).acquire_many_owned(LARGEST_UNITS);
        let share = tokio::time::timeout(LONGEST_WAIT, all).await.ok()?;
        share.ok().map(Share)
    }
}

impl Share {
    /// Gives back what so many bytes do not need.
    pub(super) fn shrink(&mut self, bytes: usize) {
        let needed = bytes.div_ceil(UNIT_BYTES);
        let over = self.0.num_permits().saturating_sub(needed);
        drop(self.0.split(over));
    }
}

/// The largest answer that is held, in bytes.
pub(super) const LARGEST_BYTES: usize = 8 * 1024 * 1024;

const UNIT_BYTES: usize = 64 * 1024;
/// While an answer is read and cut it is there twice.
const LARGEST_UNITS: u32 = 256;
/// 128 MiB: eight of the largest at once.
const UNITS: usize = 2_048;
const LONGEST_WAIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// What there is without waiting.
    fn at_once(room: &Room) -> Option<Share> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(room.share()).poll(&mut context) {
            Poll::Ready(share) => share,
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn the_ninth_waits_until_one_of_eight_is_smaller_or_gone() {
        let room = Room::new();
        let mut shares = Vec::new();
        for _ in 0..8 {
            shares.push(at_once(&room).unwrap());
        }
        assert!(at_once(&room).is_none());
        // A small list that is read slowly takes next to nothing.
        shares[0].shrink(1);
        shares[1].shrink(UNIT_BYTES);
        assert!(at_once(&room).is_some(), "and given back at once");
        shares[0].shrink(LARGEST_BYTES);
        assert_eq!(room.0.available_permits(), 510, "nothing grows again");
        shares.clear();
        assert_eq!(room.0.available_permits(), UNITS);
    }
}
