//! Bounds the memory of all bodies that are held at one time.
//!
//! In: how many bytes somebody needs. Out: a [`Room`] that has them until it is dropped, or
//! [`Flaw::NoRoom`], which passes by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::flaw::Flaw;

/// The bytes of all held bodies, bounded. Clones share the count.
#[derive(Clone, Debug)]
pub struct Held {
    taken: Arc<AtomicUsize>,
    most: usize,
}

/// The bytes of one body; given back when dropped.
#[derive(Debug)]
pub struct Room {
    held: Held,
    bytes: usize,
}

impl Held {
    /// At most so many bytes.
    pub fn new(most: usize) -> Held {
        Held {
            taken: Arc::default(),
            most,
        }
    }

    /// A room without a byte.
    pub fn room(&self) -> Room {
        Room {
            held: self.clone(),
            bytes: 0,
        }
    }

    /// Bytes taken now.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Room {
    /// Takes more.
    ///
    /// # Errors
    ///
    /// [`Flaw::NoRoom`], and then nothing more was taken.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Flaw> {
        let taken = &self.held.taken;
        // Counted first: two that race for the last bytes cannot both have them.
        let before = taken.fetch_add(bytes, Ordering::AcqRel);
        if before.saturating_add(bytes) > self.held.most {
            taken.fetch_sub(bytes, Ordering::AcqRel);
            return Err(Flaw::NoRoom);
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Gives some back.
    pub fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.held.taken.fetch_sub(bytes, Ordering::AcqRel);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_given_back_whole_and_the_bound_is_exact() {
        let held = Held::new(10);
        let mut one = held.room();
        one.grow(6).unwrap();
        let mut other = held.room();
        assert_eq!(other.grow(5), Err(Flaw::NoRoom));
        assert_eq!(held.taken(), 6);
        other.grow(4).unwrap();
        one.shrink(2);
        assert_eq!(held.taken(), 8);
        drop((one, other));
        assert_eq!(held.taken(), 0);
    }
}
