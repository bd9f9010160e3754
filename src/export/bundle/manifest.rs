//! Says what a bundle is: what was asked, by whom, what was found, and the digest of each file.
//!
//! In: what was asked, counts, journals, files. Out: one JSON document; the same, read back.
//!
//! Most of it follows from the other files, and a checker makes it anew from those. What does not, who
//! asked and when, is the word of whoever made the bundle.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tally::Tally;

/// What a bundle is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// Of this form.
    pub(super) bundle: u64,
    /// Rows by the settings in force.
    pub(super) configs: BTreeMap<String, u64>,
    /// Rows by decision; what happened to stile itself as `event`.
    pub(super) decisions: BTreeMap<String, u64>,
    /// When it was made, UTC.
    pub(super) exported_at: String,
    /// Who made it, as they said.
    pub(super) exported_by: String,
    /// Each file but this one and the sums.
    pub(super) files: BTreeMap<String, FileSaid>,
    /// The journals that rows are of.
    pub(super) journals: Vec<JournalSaid>,
    /// Rows that have an outcome.
    pub(super) outcomes: u64,
    /// Requests by the policies that decided.
    pub(super) policy_sets: BTreeMap<String, u64>,
    /// What was asked.
    pub(super) query: QuerySaid,
    /// How many rows there are.
    pub(super) rows: u64,
    /// The records that were searched.
    pub(super) searched: Vec<SearchedSaid>,
    /// `index` or `journal`.
    pub(super) source: String,
    /// The version of stile.
    pub(super) version: String,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuerySaid {
    /// As it was written.
    pub(super) asked: String,
    /// With absolute times, and each team as the groups that made it up.
    pub(super) means: String,
    /// The zone of days and of times in columns.
    pub(super) zone: String,
}

/// A journal that rows are of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JournalSaid {
    /// How many records are in the bundle.
    pub(super) leaves: u64,
    /// Its name.
    pub(super) origin: String,
    /// The root over its first `size` records, in base 64.
    pub(super) root: String,
    /// How many rows are of it.
    pub(super) rows: u64,
    /// How many records the checkpoint covers.
    pub(super) size: u64,
}

/// The records of a journal that were searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchedSaid {
    /// The first.
    pub(super) first: u64,
    /// The first one behind them.
    pub(super) next: u64,
    /// The journal's name.
    pub(super) origin: String,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSaid {
    /// How long it is.
    pub(super) bytes: u64,
    /// Its digest, in hex.
    pub(super) sha256: String,
}

impl Manifest {
    /// Takes what was counted.
    pub(super) fn take(&mut self, tally: &Tally) {
        self.configs.clone_from(&tally.configs);
        self.decisions.clone_from(&tally.decisions);
        self.outcomes = tally.outcomes;
        self.policy_sets.clone_from(&tally.policy_sets);
        self.rows = tally.rows;
    }

    /// The document.
    pub(super) fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        text + "\n"
    }
}

/// The form that is written, and the only one that is read.
pub(super) const FORM: u64 = 1;
