//! Takes records out of the journal in the portions that leave.
//!
//! In: the journal's folder and a position. Out: items in their order, and the position after as
//! many of them as were confirmed.
//!
//! An item is one record, or a request with its outcome where the form wants both in one; then a
//! decision to allow waits until its outcome is there, and the position names those that wait.
//!
//! Never: an item that is forgotten before it was confirmed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::position::{Mark, Position, Resumed};
use super::receiver::AtOnce;
use super::told;
use crate::clock::Time;
use crate::index::Row;
use crate::record::frame::Kind;
use crate::record::{Follower, JournalError, Record};

/// What leaves as one.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The record, with its outcome where both leave together.
    pub(super) row: Row,
    /// What the record is about.
    pub(super) kind: Kind,
    /// The members of the record.
    pub(super) members: Value,
    /// The record that made it whole.
    end: Mark,
    /// When that was written.
    whole: Time,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A record.
    Record,
    /// A request with its outcome, or an event.
    Row,
}

/// Reads the journal on behalf of one destination.
#[derive(Debug)]
pub(super) struct Source {
    follower: Follower,
    unit: Unit,
    position: Position,
    /// Decisions that wait for their outcome, by id.
    open: BTreeMap<String, (Row, Kind, Value)>,
    pending: VecDeque<Item>,
    /// The last record that was read.
    last: Option<Mark>,
}

impl Source {
    /// Goes on at a position, in the journal as it is now.
    pub(super) fn resume(
        folder: &Path,
        unit: Unit,
        position: Position,
    ) -> Result<(Source, Resumed), JournalError> {
        let resumed = position.resume(folder)?;
        let position = resumed.position.clone();
        let mut source = Source {
            follower: Follower::from(folder, position.next_seq),
            unit,
            open: BTreeMap::new(),
            pending: VecDeque::new(),
            last: None,
            position,
        };
        source.read_waiting(folder.to_owned())?;
        Ok((source, resumed))
    }

    /// Reads until so much is at hand, or nothing more is there.
    pub(super) fn fill(&mut self, most: AtOnce) -> Result<(), JournalError> {
        let mut bytes: usize = self.pending.iter().map(Item::bytes).sum();
        for _ in 0..READ_AT_ONCE {
            if self.pending.len() >= most.items || bytes >= most.bytes {
                break;
            }
            let record = match self.follower.advance() {
                Ok(Some(record)) => record,
                Ok(None) => break,
                // What was read before is good; the next call meets the fault again.
                Err(_) if !self.pending.is_empty() => break,
                Err(fault) => return Err(fault),
            };
            let before = self.pending.len();
            self.take(&record);
            self.last = Some(Mark::of(&record));
            if self.pending.len() > before {
                bytes = bytes.saturating_add(self.pending.back().map_or(0, Item::bytes));
            }
        }
        Ok(())
    }

    /// What is at hand.
    pub(super) fn pending(&mut self) -> &[Item] {
        self.pending.make_contiguous()
    }

    /// The first record that was not read yet.
    pub(super) fn read_to(&self) -> u64 {
        let read = self.last.as_ref().map(|mark| mark.seq.saturating_add(1));
        read.unwrap_or(self.position.next_seq)
    }

    /// The first of these were confirmed: the position to be stored, where it is another.
    pub(super) fn confirm(&mut self, count: usize) -> Option<&Position> {
        let confirmed = self
            .pending
            .drain(..count.min(self.pending.len()))
            .next_back();
        let to = match self.pending.is_empty() {
            true => self.last.clone(),
            false => confirmed.map(|item| item.end),
        }?;
        if to.seq < self.position.next_seq {
            return None;
        }
        let open = self.open.values().map(|(row, ..)| row.seq);
        let halved = self.pending.iter().map(|item| item.row.seq);
        let waiting: BTreeSet<u64> = open.chain(halved).filter(|seq| *seq <= to.seq).collect();
        self.position.advance(to, waiting.into_iter().collect());
        Some(&self.position)
    }

    /// When the oldest record that has not left was written; none when all have.
    pub(super) fn oldest(&self) -> Option<Time> {
        self.pending.front().map(|item| item.whole)
    }

    /// The first record that has not left.
    pub(super) fn next_seq(&self) -> u64 {
        self.position.next_seq
    }

    /// Reads the decisions that waited when the position was stored, in one pass.
    fn read_waiting(&mut self, folder: PathBuf) -> Result<(), JournalError> {
        let waiting: BTreeSet<u64> = self.position.waiting.iter().copied().collect();
        let (Some(first), Some(last)) = (waiting.first(), waiting.last()) else {
            return Ok(());
        };
        let mut follower = Follower::from(&folder, *first);
        while let Some(record) = follower.advance()? {
            if waiting.contains(&record.seq) {
                self.take(&record);
            }
            if record.seq >= *last {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, record: &Record) {
        let text = String::from_utf8_lossy(&told(record)).into_owned();
        let members: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let word = |name: &str| members.get(name).and_then(Value::as_str);
        let id = word("id").or(word("ref")).unwrap_or_default().to_owned();
        let waits = self.unit == Unit::Row
            && record.kind == Kind::Decision
            && word("decision") == Some("allow");
        let time = members.get("time").and_then(Value::as_u64);
        let time = Time::from_ms(time.unwrap_or(0));
        if self.unit == Unit::Row && record.kind == Kind::Outcome {
            // One without its decision adds nothing to what left already.
            if let Some((mut row, kind, members)) = self.open.remove(&id) {
                row.outcome = Some((record.seq, text));
                self.push(row, kind, members, record, time);
            }
            return;
        }
        let row = Row {
            origin: Arc::from(word("log").unwrap_or_default()),
            seq: record.seq,
            time,
            record: text,
            outcome: None,
        };
        match waits {
            true => drop(self.open.insert(id, (row, record.kind, members))),
            false => self.push(row, record.kind, members, record, time),
        }
    }

    fn push(&mut self, row: Row, kind: Kind, members: Value, end: &Record, whole: Time) {
        let end = Mark::of(end);
        self.pending.push_back(Item {
            row,
            kind,
            members,
            end,
            whole,
        });
    }
}

impl Item {
    /// What it weighs, about.
    fn bytes(&self) -> usize {
        let outcome = self.row.outcome.as_ref().map_or(0, |(_, text)| text.len());
        self.row.record.len().saturating_add(outcome)
    }

    /// A text of the record.
    pub(super) fn word(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    /// The name of the record that no other has: `stile.example.com/main/17`.
    pub(super) fn uid(&self) -> String {
        format!("{}/{}", self.row.origin, self.row.seq)
    }
}

/// So many records are read before somebody looks whether to stop.
const READ_AT_ONCE: usize = 8_192;
