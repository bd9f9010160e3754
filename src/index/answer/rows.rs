//! Gives the rows that were found, whole.
//!
//! In: places in journals. Out: rows, in their order; several journals are merged by time.
//!
//! Memory is a few chunks, however many rows there are.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{BLOCK, Blocks, CHUNK, IndexError, Order, Store, places, text};
use crate::clock::Time;
use crate::index::chunk::{Kept, Links};
use crate::index::facts::Facts;
use crate::index::row::{Row, text_of};

/// The rows that were found.
#[derive(Debug)]
pub struct Rows<'i> {
    store: &'i mut Store,
    cursors: Vec<Cursor>,
    order: Order,
    open: VecDeque<Opened>,
    began: bool,
    failed: bool,
}

/// Where one journal is read.
#[derive(Debug)]
struct Cursor {
    origin: Arc<str>,
    blocks: Blocks,
    /// The places of one block that are still to come, the next one last.
    places: Vec<u64>,
    next: Option<Row>,
}

/// A chunk in memory.
#[derive(Debug)]
struct Opened {
    origin: Arc<str>,
    chunk: u64,
    records: Vec<Kept>,
    links: Links,
}

impl<'i> Rows<'i> {
    pub(super) fn new(
        store: &'i mut Store,
        in_journals: Vec<(Arc<str>, Blocks)>,
        order: Order,
    ) -> Rows<'i> {
        let cursors = in_journals.into_iter().map(|(origin, blocks)| Cursor {
            origin,
            blocks,
            places: Vec::new(),
            next: None,
        });
        Rows {
            store,
            cursors: cursors.collect(),
            order,
            open: VecDeque::new(),
            began: false,
            failed: false,
        }
    }

    fn give(&mut self) -> Result<Option<Row>, IndexError> {
        if !self.began {
            self.began = true;
            for index in 0..self.cursors.len() {
                self.refill(index)?;
            }
        }
        let waiting = self.cursors.iter().enumerate();
        let times = waiting.filter_map(|(index, c)| c.next.as_ref().map(|row| (row.time, index)));
        let chosen = match self.order {
            Order::Oldest => times.min(),
            // Of two at the same time the journal whose name comes first.
            Order::Newest => times.max_by_key(|(time, index)| (*time, std::cmp::Reverse(*index))),
        };
        let Some((_, index)) = chosen else {
            return Ok(None);
        };
        let row = self.cursors.get_mut(index).and_then(|c| c.next.take());
        self.refill(index)?;
        Ok(row)
    }

    fn refill(&mut self, index: usize) -> Result<(), IndexError> {
        let order = self.order;
        let Some(cursor) = self.cursors.get_mut(index) else {
            return Ok(());
        };
        let Some(seq) = cursor.advance(order) else {
            return Ok(());
        };
        let origin = Arc::clone(&cursor.origin);
        let row = self.row(&origin, seq)?;
        if let Some(cursor) = self.cursors.get_mut(index) {
            cursor.next = Some(row);
        }
        Ok(())
    }

    fn row(&mut self, origin: &Arc<str>, seq: u64) -> Result<Row, IndexError> {
        let (kept, link) = self.record(origin, seq)?;
        let facts = Facts::of(seq, kept.kind, &kept.text);
        let outcome = match link {
            Some(behind) => {
                let at = seq.saturating_add(behind);
                let (outcome, _) = self.record(origin, at)?;
                Some((at, text_of(&outcome.text)))
            }
            None => None,
        };
        Ok(Row {
            origin: Arc::clone(origin),
            seq,
            time: facts.map_or(Time::from_ms(0), |(facts, _)| facts.time),
            record: text_of(&kept.text),
            outcome,
        })
    }

    /// A record, and how far behind it its outcome is.
    fn record(&mut self, origin: &Arc<str>, seq: u64) -> Result<(Kept, Option<u64>), IndexError> {
        let (chunk, place) = (seq / CHUNK, u8::try_from(seq % CHUNK).unwrap_or(0));
        let is_it = |open: &&Opened| open.chunk == chunk && open.origin == *origin;
        if !self.open.iter().any(|open| is_it(&open)) {
            let links = self.store.links(origin, chunk)?;
            self.open.truncate(MOST_OPEN);
            self.open.push_front(Opened {
                origin: Arc::clone(origin),
                chunk,
                records: text(self.store, origin, chunk)?,
                links: links.map_or_else(|| Ok(Links::none()), |bytes| Links::of_bytes(&bytes))?,
            });
        }
        let open = self.open.iter().find(is_it);
        let kept = open.and_then(|o| Some((o.records.iter().find(|k| k.place == place)?, o)));
        let (kept, open) =
            kept.ok_or_else(|| IndexError::damaged(format!("record {seq} is not in it")))?;
        Ok((kept.clone(), open.links.get(place)))
    }
}

impl Cursor {
    /// The next place.
    fn advance(&mut self, order: Order) -> Option<u64> {
        while self.places.is_empty() {
            let (block, bits) = match order {
                Order::Oldest => self.blocks.pop_first()?,
                Order::Newest => self.blocks.pop_last()?,
            };
            let begin = u64::from(block).saturating_mul(BLOCK);
            let listed = places::listed(&bits).into_iter();
            self.places = listed.map(|p| begin.saturating_add(u64::from(p))).collect();
            if order == Order::Oldest {
                self.places.reverse();
            }
        }
        self.places.pop()
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let given = self.give();
        self.failed = given.is_err();
        given.transpose()
    }
}

const MOST_OPEN: usize = 16;
