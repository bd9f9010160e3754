//! What this step is set to.
//!
//! In: the checked settings file. Out: values that are possible by construction.

use std::path::PathBuf;

use super::retention::RetentionSettings;
use super::signed_note::Vkey;
use crate::resolve::{Class, Entry, Speech};

/// Where the journal is and how it commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// The folder, made if missing; one process at a time.
    pub folder: PathBuf,
    /// The log's name in records and receipts: `stile.example.com/main`.
    pub origin: String,
    /// When a decision counts as committed.
    pub levels: Levels,
    /// Bytes preallocated for one segment.
    pub segment_bytes: u64,
    /// Records that may wait for the writer.
    pub queue: usize,
    /// More refusals of requests without a verified identity than this in one second are a flood,
    /// in which they share records; 0: they never do.
    pub flood_threshold: u64,
    /// How long a request waits for its commit, in ms.
    pub commit_ms: u64,
    /// Whether segments are packed once they are written no more.
    pub compress: bool,
    /// For how long records are kept.
    pub retention: RetentionSettings,
    /// Checkpoints, and who else keeps them.
    pub tree: TreeSettings,
}

/// How the records are summed up, and who outside keeps the sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeSettings {
    /// The folder of the tiles; `tiles` in the journal's where there is none.
    pub tiles: Option<PathBuf>,
    /// How long one key signs, in ms.
    pub epoch_ms: u64,
    /// Who keeps checkpoints.
    pub anchors: Vec<AnchorSettings>,
    /// Whether the instance is ready only while one of them answers.
    pub anchor_required: bool,
    /// For how long an answer counts, in ms.
    pub anchor_max_age_ms: u64,
}

/// One place outside that keeps checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorSettings {
    /// Its name in records and metrics.
    pub name: String,
    /// What it is.
    pub place: AnchorPlace,
    /// How often it gets one while there is something new, in ms.
    pub every_ms: u64,
}

/// Where checkpoints are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnchorPlace {
    /// With a witness that cosigns.
    Witness {
        /// The submission prefix, without a slash at its end.
        url: String,
        /// The key of its cosignatures.
        vkey: Vkey,
        /// A CA to trust beside the machine's.
        ca_file: Option<PathBuf>,
    },
    /// In a branch of a local clone, pushed where a remote is named.
    Git {
        /// The clone.
        folder: PathBuf,
        /// The branch; nobody else writes to it.
        branch: String,
        /// Where to push it.
        remote: Option<String>,
    },
    /// In a folder whose files can be made and not changed.
    Folder {
        /// The folder; it exists.
        folder: PathBuf,
    },
}

impl Default for TreeSettings {
    fn default() -> TreeSettings {
        TreeSettings {
            tiles: None,
            epoch_ms: 24 * 3_600_000,
            anchors: Vec::new(),
            anchor_required: false,
            anchor_max_age_ms: 300_000,
        }
    }
}

/// The commit level of each class of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// For reads, and for looks at the console.
    pub read: Level,
    /// For writes.
    pub write: Level,
    /// For deletions.
    pub delete: Level,
    /// For what hands out secrets or rights.
    pub power: Level,
    /// For telemetry ingest, whatever its class.
    pub telemetry: Level,
}

impl Levels {
    /// The level of one operation; what speaks OTLP is telemetry, whatever its class.
    pub fn of(&self, entry: &Entry) -> Level {
        match (entry.speech, entry.class) {
            (Speech::Otlp, _) => self.telemetry,
            (Speech::Problem, Class::Read | Class::Look) => self.read,
            (Speech::Problem, Class::Write) => self.write,
            (Speech::Problem, Class::Delete) => self.delete,
            (Speech::Problem, Class::Power) => self.power,
        }
    }
}

impl Default for Levels {
    fn default() -> Levels {
        let sync = Level::Sync;
        Levels {
            read: sync,
            write: sync,
            delete: sync,
            power: sync,
            telemetry: Level::Write,
        }
    }
}

/// When a decision counts as committed.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    serde::Deserialize,
    serde::Serialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// After fdatasync: survives a power cut.
    Sync,
    /// In the kernel, synced within 100 ms: survives a killed process.
    Write,
}

impl Level {
    /// The word in settings and records.
    pub fn word(self) -> &'static str {
        match self {
            Level::Sync => "sync",
            Level::Write => "write",
        }
    }
}
