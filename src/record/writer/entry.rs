//! What passes between those who record and the writer.
//!
//! In: a rendered record. Out: an [`Entry`] with its leaf hash, made on the record's own task so
//! that the writer hashes 64 bytes per record and no more; later its [`Stored`].

use tokio::sync::oneshot;

use crate::record::frame::{Digest, Kind, leaf_hash};
use crate::record::outcome::Owed;
use crate::record::rendered::Rendered;
use crate::record::settings::Level;

/// What the writer is asked.
#[derive(Debug)]
pub(in crate::record) enum Ask {
    /// To store a record.
    Store(Entry),
    /// To store what waits, then the last event, then to end.
    Close(oneshot::Sender<()>),
}

/// A record on its way into the journal.
#[derive(Debug)]
pub(in crate::record) struct Entry {
    pub(in crate::record) kind: Kind,
    pub(in crate::record) leaf: Digest,
    pub(in crate::record) record: Rendered,
    pub(in crate::record) hold: Option<Hold>,
}

/// Who waits for it.
#[derive(Debug)]
pub(in crate::record) struct Hold {
    pub(in crate::record) level: Level,
    pub(in crate::record) reply: oneshot::Sender<Stored>,
    /// The outcome that an allow will owe.
    pub(in crate::record) owed: Option<Owed>,
}

/// A record is stored as its level asks.
#[derive(Debug)]
pub(in crate::record) struct Stored {
    pub(in crate::record) seq: u64,
    pub(in crate::record) owed: Option<Owed>,
}

impl Entry {
    /// A record that someone waits for.
    pub(in crate::record) fn held(kind: Kind, record: Rendered, hold: Hold) -> Entry {
        Entry {
            kind,
            leaf: leaf_hash(record.leaf()),
            record,
            hold: Some(hold),
        }
    }

    /// A record that nobody waits for, and that says nothing of a person.
    pub(in crate::record) fn owing_nobody(kind: Kind, payload: Vec<u8>) -> Entry {
        Entry {
            kind,
            leaf: leaf_hash(&payload),
            record: payload.into(),
            hold: None,
        }
    }

    /// The level that someone waits for.
    pub(in crate::record) fn level(&self) -> Option<Level> {
        self.hold.as_ref().map(|hold| hold.level)
    }

    /// Tells who waits. Where nobody does any more, the debt of an allow is paid by its drop.
    pub(in crate::record) fn release(self, seq: u64) {
        let Some(hold) = self.hold else {
            return;
        };
        let owed = hold.owed.map(|mut owed| {
            owed.buffer = self.record.bytes;
            owed
        });
        let _ = hold.reply.send(Stored { seq, owed });
    }
}
