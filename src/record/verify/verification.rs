//! What a verification found, as people and programs read it.
//!
//! In: findings. Out: a [`Verification`] that serialises as the report, and its [`Verdict`].
//!
//! Lists end after a thousand entries, so that a hostile journal cannot exhaust its auditor; the
//! counts beside them go on.

use serde::Serialize;

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
    /// Answers that stile says it gave without a record.
    pub unrecorded: u64,
}

/// All in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is wrong and nothing is missing.
    Verified,
    /// Nothing was changed, but something is not there.
    #[default]
    Incomplete,
    /// Something was changed, removed, reordered or inserted.
    Invalid,
}

impl Verdict {
    /// The finer exit code: 0, 20 or 40.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Verified => 0,
            Verdict::Incomplete => 20,
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

    /// Sums it up.
    pub(super) fn judge(&mut self) {
        let at_rest = !self.in_use;
        let because = [
            (self.records == 0, "there are no records"),
            (self.first_seq > 0, "the first records are not here"),
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
            .collect();
        self.verdict = match (self.break_count, self.incomplete_because.is_empty()) {
            (0, true) => Verdict::Verified,
            (0, false) => Verdict::Incomplete,
            _ => Verdict::Invalid,
        };
    }
}

fn push_bounded<T>(list: &mut Vec<T>, found: T) {
    if list.len() < Verification::MOST_LISTED {
        list.push(found);
    }
}
