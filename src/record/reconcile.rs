//! Holds the journal against what an upstream itself has logged.
//!
//! In: the decision ids that an upstream logged, line by line, and the journal's folder. Out: lines
//! that no allow of ours stands behind (somebody went around stile), and allows that reached the
//! upstream and that it has no line of (silence).
//!
//! An upstream's log is of a stretch of time; ids carry their time, so allows before the first and
//! after the last of them are counted apart and accuse nobody. So are those of which nobody knows
//! whether they were passed on (`unknown`).
//!
//! RFC 9562 5.7 (the time in an id).

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::frame::Kind;
use super::journal_error::JournalError;
use super::read::read;

/// What an upstream has logged.
#[derive(Debug, Default)]
pub struct UpstreamLog {
    /// By id: the first line and how many.
    seen: HashMap<Uuid, (u64, u64)>,
    /// Lines without an id.
    bare: Vec<u64>,
    bare_count: u64,
    lines: u64,
}

/// What the two say of each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// Lines of the upstream's log.
    pub lines: u64,
    /// Allows that it has a line of.
    pub matched: u64,
    /// Lines that no allow stands behind.
    pub bypass_count: u64,
    /// The first of them: line, and the id where it has one.
    pub bypass: Vec<(u64, Option<Uuid>)>,
    /// Lines that repeat an id.
    pub repeated: u64,
    /// Allows that reached the upstream and that it has no line of.
    pub silent_count: u64,
    /// The first of them: record, and id.
    pub silent: Vec<(u64, Uuid)>,
    /// Allows of which nobody knows whether they were passed on, without a line.
    pub uncertain: u64,
    /// Allows before the first and after the last line, without one.
    pub outside: u64,
}

#[derive(Deserialize)]
struct Said<'a> {
    id: Option<Uuid>,
    decision: Option<&'a str>,
    service: Option<&'a str>,
    #[serde(rename = "ref")]
    of: Option<Uuid>,
    end: Option<&'a str>,
}

impl UpstreamLog {
    /// The next line, and the id that it carries.
    pub fn enter(&mut self, id: Option<Uuid>) {
        self.lines = self.lines.saturating_add(1);
        match id {
            Some(id) => {
                let seen = self.seen.entry(id).or_insert((self.lines, 0));
                seen.1 = seen.1.saturating_add(1);
            }
            None => {
                self.bare_count = self.bare_count.saturating_add(1);
                if self.bare.len() < MOST_LISTED {
                    self.bare.push(self.lines);
                }
            }
        }
    }
}

/// Holds them against each other; of one service where it is named.
///
/// # Errors
///
/// When the journal cannot be read.
pub fn reconcile(
    folder: &Path,
    service: Option<&str>,
    log: UpstreamLog,
    mut progress: impl FnMut(u64),
) -> Result<Reconciled, JournalError> {
    let times = || log.seen.keys().filter_map(time_of);
    let (first, last) = (times().min(), times().max());
    let mut found = Reconciled {
        lines: log.lines,
        bypass_count: log.bare_count,
        bypass: log.bare.iter().map(|line| (*line, None)).collect(),
        ..Reconciled::default()
    };
    let mut seen = log.seen;
    let mut open: HashMap<Uuid, u64> = HashMap::new();
    for record in read(folder)? {
        let record = record?;
        progress(record.seq);
        let Ok(said) = serde_json::from_slice::<Said<'_>>(&record.payload) else {
            continue;
        };
        match record.kind {
            Kind::Decision if said.decision == Some("allow") => {
                let fits = service.is_none_or(|service| said.service == Some(service));
                let Some(id) = said.id.filter(|_| fits) else {
                    continue;
                };
                match seen.remove(&id) {
                    Some((_, times)) => {
                        found.matched = found.matched.saturating_add(1);
                        found.repeated = found.repeated.saturating_add(times.saturating_sub(1));
                    }
                    None => {
                        open.insert(id, record.seq);
                    }
                }
            }
            Kind::Outcome => {
                let Some((id, seq)) = said.of.and_then(|of| open.remove_entry(&of)) else {
                    continue;
                };
                let time = time_of(&id);
                let count = match said.end {
                    Some("not_forwarded") => continue,
                    _ if time < first || time > last || first.is_none() => &mut found.outside,
                    Some("complete" | "truncated") => {
                        if found.silent.len() < MOST_LISTED {
                            found.silent.push((seq, id));
                        }
                        &mut found.silent_count
                    }
                    // It may never have got there.
                    _ => &mut found.uncertain,
                };
                *count = count.saturating_add(1);
            }
            _ => {}
        }
    }
    let strays = u64::try_from(seen.len()).unwrap_or(u64::MAX);
    found.bypass_count = found.bypass_count.saturating_add(strays);
    let strays = seen.into_iter().map(|(id, (line, _))| (line, Some(id)));
    found.bypass.extend(strays);
    found.bypass.sort_unstable();
    found.bypass.truncate(MOST_LISTED);
    Ok(found)
}

/// When an id was made, ms since 1970.
fn time_of(id: &Uuid) -> Option<u64> {
    let (secs, nanos) = id.get_timestamp()?.to_unix();
    Some(
        secs.saturating_mul(1000)
            .saturating_add(u64::from(nanos / 1_000_000)),
    )
}

const MOST_LISTED: usize = 1000;
