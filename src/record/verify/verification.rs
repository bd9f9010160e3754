//! What a verification found, as people and programs read it.
//!
//! In: findings. Out: a [`Verification`] that serialises as the report, and its [`Verdict`].
//!
//! Lists end after a thousand entries, so that a hostile journal cannot exhaust its auditor; the
//! counts beside them go on.

use serde::Serialize;

use crate::record::frame::{Digest, hex};

/// What is known of a journal now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// All in one word.
    pub verdict: Verdict,
    /// Why it is incomplete, each in a few words.
    pub incomplete_because: Vec<String>,
    /// The log's name.
    pub origin: String,
    /// How many segments there are.
    pub segments: usize,
    /// How many records were read.
    pub records: u64,
    /// The sequence number of the first.
    pub first_seq: u64,
    /// The sequence number after the last.
    pub next_seq: u64,
    /// The chain value after the last, in hexadecimal digits.
    pub head: String,
    /// The records by kind.
    pub counts: Counts,
    /// How many entries are broken or missing.
    pub break_count: u64,
    /// The first of them, in order.
    pub breaks: Vec<Break>,
    /// The stretches without a break, first and last sequence number each.
    pub good: Vec<(u64, u64)>,
    /// How many allows have no outcome.
    pub open_count: u64,
    /// The ids of the first of them.
    pub open: Vec<String>,
    /// Outcomes of allows before the first record that is here.
    pub outcomes_from_before: u64,
    /// How the records end.
    pub ending: Ending,
    /// Whether a process has the journal open.
    pub in_use: bool,
    /// Where in the last segment bytes begin that are no frame and no frame follows.
    pub torn_tail: Option<u64>,
    /// Files that keep the bytes of earlier torn tails.
    pub torn_files: Vec<String>,
    /// The process starts.
    pub starts: Vec<Started>,
    /// The steps of the wall clock.
    pub clock_steps: Vec<ClockStepSeen>,
    /// Records that say something of a person.
    pub disclosed: u64,
    /// Records that said something of a person, which was erased.
    pub erased: u64,
    /// Answers that stile says it gave without a record.
    pub unrecorded: u64,
    /// The event that announced that records before these were taken away.
    pub pruned: Option<Pruned>,
    /// What was signed over the records, and who outside vouches for it.
    pub sums: Sums,
    /// Whether the witnesses that are trusted have not cosigned as asked.
    pub policy_unmet: bool,
    /// Whether the verdict looks for somebody outside.
    #[serde(skip)]
    pub(super) looks_outside: bool,
}

/// What was signed over the records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// How many records could be summed up.
    pub size: u64,
    /// The root over them, in hexadecimal digits.
    pub root: String,
    /// How many records the newest checkpoint in the folder covers.
    pub signed: Option<u64>,
    /// Whose epoch's key signed it.
    pub signed_in_epoch: Option<u64>,
    /// How many epochs there are.
    pub epochs: usize,
    /// The log's own key.
    pub log_vkey: Option<String>,
    /// The first record that is not what was signed, where it can be told.
    pub first_changed: Option<u64>,
    /// The checkpoints that were brought along.
    pub held: Vec<HeldCheckpoint>,
    /// The newest checkpoint that the trusted witnesses cosigned.
    pub witnessed: Option<Witnessed>,
    /// How many records somebody outside vouches for.
    pub outside: Option<u64>,
    /// By the records' own times, how much of the newest past nobody outside vouches for, in ms.
    pub exposure_ms: Option<u64>,
    /// What was signed and is not here.
    pub missing: Vec<String>,
}

/// A checkpoint that was brought along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldCheckpoint {
    /// The file it is from.
    pub name: String,
    /// How many records it covers.
    pub size: u64,
    /// Why it is not one of these records.
    pub fault: Option<String>,
    /// Whether the journal contradicts it.
    pub contradicts: bool,
}

/// What trusted witnesses say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Witnessed {
    /// How many records it is about.
    pub size: u64,
    /// When the first of them said so, s since 1970.
    pub time_s: u64,
    /// Who they are.
    pub by: Vec<String>,
}

impl Sums {
    /// Somebody outside vouches for so many records.
    pub(super) fn outside(&mut self, size: u64, time: u64, last_time: u64) {
        if self.outside.is_none_or(|before| before < size) {
            self.outside = Some(size);
            self.exposure_ms = Some(last_time.saturating_sub(time));
        }
    }
}

/// All in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is wrong and nothing is missing.
    Verified,
    /// Nothing is wrong in itself; nobody outside vouches for it.
    Intact,
    /// Nothing was changed, but something is not there.
    #[default]
    Incomplete,
    /// It is not what somebody outside holds.
    Contradicted,
    /// Something was changed, removed, reordered or inserted.
    Invalid,
}

impl Verdict {
    /// The finer exit code: 0, 10, 20, 30 or 40.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Verified => 0,
            Verdict::Intact => 10,
            Verdict::Incomplete => 20,
            Verdict::Contradicted => 30,
            Verdict::Invalid => 40,
        }
    }
}

/// How the records end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// With a `stop` event.
    Closed,
    /// With anything else.
    #[default]
    Open,
}

/// The records by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Decisions, allows included.
    pub decisions: u64,
    /// Allows.
    pub allows: u64,
    /// Outcomes.
    pub outcomes: u64,
    /// Logins, logouts and refreshes.
    pub sessions: u64,
    /// Events.
    pub events: u64,
}

/// A place where the journal is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Break {
    /// The record that is or should be there.
    pub seq: u64,
    /// The segment's file name.
    pub segment: String,
    /// Where in it.
    pub offset: u64,
    /// What is wrong.
    pub fault: String,
    /// The hash that is there, where hashes differ.
    pub stored: Option<String>,
    /// The hash that should be there.
    pub computed: Option<String>,
}

impl Break {
    /// A sum that is not the signed one.
    pub(super) fn of_sum(
        seq: u64,
        file: &str,
        fault: String,
        hashes: Option<(Digest, Digest)>,
    ) -> Break {
        Break {
            seq,
            segment: file.to_owned(),
            offset: 0,
            fault,
            stored: hashes.map(|(stored, _)| hex(&stored)),
            computed: hashes.map(|(_, computed)| hex(&computed)),
        }
    }

    /// Keys and signatures that are not what they should be.
    pub(super) fn of_signature(fault: String) -> Break {
        Break::of_sum(0, "signatures", fault, None)
    }
}

/// A process start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Started {
    /// The record.
    pub seq: u64,
    /// When, in ms since 1970.
    pub time: u64,
    /// The machine's boot and the process.
    pub boot: String,
}

/// Records that were taken away, as an event says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// The event.
    pub seq: u64,
    /// When, in ms since 1970.
    pub time: u64,
    /// The first record that was to stay.
    pub before: u64,
    /// Why.
    pub reason: String,
    /// Who decided it, or under which rule.
    pub authority: String,
}

/// A step of the wall clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClockStepSeen {
    /// The record.
    pub seq: u64,
    /// By how many ms.
    pub by_ms: i64,
}

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Records read so far.
    pub records: u64,
    /// Bytes read so far.
    pub bytes: u64,
    /// Bytes there are.
    pub total_bytes: u64,
}

impl Verification {
    /// How long a list gets.
    pub const MOST_LISTED: usize = 1000;

    pub(super) fn add_break(&mut self, found: Break) {
        self.break_count = self.break_count.saturating_add(1);
        push_bounded(&mut self.breaks, found);
    }

    pub(super) fn add_good(&mut self, from: u64, to: u64) {
        push_bounded(&mut self.good, (from, to));
    }

    pub(super) fn add_start(&mut self, start: Started) {
        push_bounded(&mut self.starts, start);
    }

    pub(super) fn add_clock_step(&mut self, step: ClockStepSeen) {
        push_bounded(&mut self.clock_steps, step);
    }

    /// Why the first record here is not the first that should be: a signed event must have said so.
    fn missing_before(&self) -> Option<String> {
        let first = self.first_seq;
        if first == 0 {
            return None;
        }
        let Some(pruned) = &self.pruned else {
            return Some("the first records are not here".to_owned());
        };
        let (seq, before) = (pruned.seq, pruned.before);
        if self.sums.signed.is_none_or(|signed| signed <= seq) {
            return Some(format!(
                "record {seq} says that the records before {before} were pruned, and no checkpoint covers it"
            ));
        }
        (first > before).then(|| {
            let last = first.saturating_sub(1);
            format!(
                "records {before} to {last} are not here, and no event says that they were pruned"
            )
        })
    }

    /// Sums it up.
    pub(super) fn judge(&mut self) {
        let at_rest = !self.in_use;
        let because = [
            (self.records == 0, "there are no records"),
            (self.torn_tail.is_some(), "the last bytes are no record"),
            (
                at_rest && self.open_count > 0,
                "an allow has no outcome; the next start will write it",
            ),
            (
                at_rest && self.ending == Ending::Open,
                "it was not closed in order: records may be missing at the end",
            ),
        ];
        self.incomplete_because = because
            .iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, why)| (*why).to_owned())
            .chain(self.missing_before())
            .chain(self.sums.missing.iter().cloned())
            .collect();
        let is_contradicted = self.sums.held.iter().any(|held| held.contradicts);
        let is_unproved = self.sums.held.iter().any(|held| held.fault.is_some());
        if is_unproved && !is_contradicted {
            let why = "a checkpoint that was brought along could not be compared";
            self.incomplete_because.push(why.to_owned());
        }
        let is_vouched_for = self.sums.outside.is_some() && !self.policy_unmet;
        self.verdict = match () {
            () if self.break_count > 0 => Verdict::Invalid,
            () if is_contradicted => Verdict::Contradicted,
            () if !self.incomplete_because.is_empty() => Verdict::Incomplete,
            () if self.looks_outside && !is_vouched_for => Verdict::Intact,
            () => Verdict::Verified,
        };
    }
}

fn push_bounded<T>(list: &mut Vec<T>, found: T) {
    if list.len() < Verification::MOST_LISTED {
        list.push(found);
    }
}
