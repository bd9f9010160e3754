//! Keeps what somebody has to keep: a legal hold on the records of a stretch of time.
//!
//! In: the events `hold` and `hold.lifted` of a journal. Out: the holds that are in force, and which
//! of them an erasure would break.
//!
//! A hold is of the moments that records say they are of, so it is of those to come, too.
//!
//! Never: an erasure of a record that a hold is on.

use std::path::Path;

use serde::Deserialize;

use super::audit_record::Note;
use super::frame::Kind;
use super::journal_error::JournalError;
use super::ranges::Ranges;
use super::read::{Record, read};

/// A hold that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Hold {
    /// The event that began it; it is called by this number.
    #[serde(skip)]
    pub id: u64,
    /// From this moment on, ms since 1970.
    pub from_ms: u64,
    /// Before this moment; without it to the end.
    #[serde(default)]
    pub to_ms: Option<u64>,
    /// Why.
    pub reason: String,
    /// Who decided it, or under which rule.
    pub authority: String,
    /// Who asked stile for it.
    pub by: String,
}

#[derive(Deserialize)]
struct Event<'a> {
    event: &'a str,
    #[serde(borrow)]
    detail: Option<&'a serde_json::value::RawValue>,
}

#[derive(Deserialize)]
struct Lifted {
    of: u64,
}

#[derive(Deserialize)]
struct Timed {
    time: u64,
}

impl Hold {
    /// Whether it is on records of this moment.
    pub fn is_on(&self, time_ms: u64) -> bool {
        self.from_ms <= time_ms && self.to_ms.is_none_or(|to_ms| time_ms < to_ms)
    }
}

/// The holds that are in force, in the order of their events.
///
/// # Errors
///
/// As reading the journal; and when an event of a hold cannot be read: it is then taken to hold
/// everything.
pub fn holds(folder: &Path) -> Result<Vec<Hold>, JournalError> {
    let mut holds: Vec<Hold> = Vec::new();
    for record in read(folder)? {
        let record = record?;
        if record.kind != Kind::Event {
            continue;
        }
        let Ok(event) = serde_json::from_slice::<Event<'_>>(&record.payload) else {
            continue;
        };
        let detail = event.detail.map_or("{}", |detail| detail.get());
        let unread = |_| {
            let fault = format!("the hold in record {} cannot be read", record.seq);
            JournalError::refused(folder, fault).hint("nothing is erased while that is so")
        };
        if event.event == Note::Hold.word() {
            let mut hold: Hold = serde_json::from_str(detail).map_err(unread)?;
            hold.id = record.seq;
            holds.push(hold);
        } else if event.event == Note::HoldLifted.word() {
            let lifted: Lifted = serde_json::from_str(detail).map_err(unread)?;
            holds.retain(|hold| hold.id != lifted.of);
        }
    }
    Ok(holds)
}

/// Refuses an erasure of records that a hold is on.
///
/// # Errors
///
/// The first such record, the hold, and how many more there are.
pub(super) fn check(folder: &Path, seqs: &Ranges) -> Result<(), JournalError> {
    let holds = holds(folder)?;
    if holds.is_empty() {
        return Ok(());
    }
    let mut first = None;
    let mut count = 0_u64;
    for record in read(folder)? {
        let record = record?;
        let on = hold_on(&holds, &record).filter(|_| seqs.has(record.seq));
        if let Some(hold) = on {
            count = count.saturating_add(1);
            first.get_or_insert((record.seq, hold));
        }
    }
    let Some((seq, hold)) = first else {
        return Ok(());
    };
    let fault = format!(
        "record {seq} and {} more are under the hold {} ({}; {})",
        count.saturating_sub(1),
        hold.id,
        hold.reason,
        hold.authority
    );
    Err(JournalError::refused(folder, fault).hint(
        "nothing was erased: narrow the query by `since:` and `until:`, or have the hold lifted \
         with `stile audit hold lift`",
    ))
}

/// Whether one of them is on what a record says of a person.
pub(super) fn is_on(holds: &[Hold], record: &Record) -> bool {
    hold_on(holds, record).is_some()
}

/// The hold that is on what a record says of a person.
fn hold_on<'h>(holds: &'h [Hold], record: &Record) -> Option<&'h Hold> {
    record.disclosure().filter(|beside| !beside.is_erased())?;
    let time = time_of(record)?;
    holds.iter().find(|hold| hold.is_on(time))
}

/// When a record says that it is of, ms since 1970.
pub(super) fn time_of(record: &Record) -> Option<u64> {
    let timed: Timed = serde_json::from_slice(&record.payload).ok()?;
    Some(timed.time)
}
