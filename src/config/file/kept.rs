//! The sections about records: the journal, who anchors it, its index, and where records leave for.
//!
//! In: as all of `stile.yaml`. Out: located values.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Header;
use crate::config::located::Located;
use crate::config::words::{AnchorKind, Count, Duration, LeaveForm, LeaveKind};
use crate::record;

/// What is kept of every decision.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["folder", "origin"]))]
pub(in crate::config) struct Journal {
    /// The folder, made if missing; one process at a time.
    pub(in crate::config) folder: Located<PathBuf>,
    /// The log's name in records and receipts: `stile.example.com/main`. Never change it.
    pub(in crate::config) origin: Located<String>,
    /// When a decision counts as committed, for each class of operation.
    pub(in crate::config) commit: Located<Commit>,
    /// Bytes preallocated for one segment.
    pub(in crate::config) segment_bytes: Located<Count>,
    /// Whether segments are packed (Zstandard) once they are written no more.
    pub(in crate::config) compress: Located<bool>,
    /// After so many days whole records are pruned, segment by segment; never where it is not set.
    pub(in crate::config) keep_days: Located<Count>,
    /// After so many days what records say of people is erased; never where it is not set.
    pub(in crate::config) personal_days: Located<Count>,
    /// Records that may wait for the writer.
    pub(in crate::config) queue: Located<Count>,
    /// More refusals of requests without a verified identity in one second share records.
    pub(in crate::config) flood_threshold: Located<Count>,
    /// How long a request waits for its commit.
    pub(in crate::config) commit_timeout: Located<Duration>,
    /// The folder of the Merkle tree's tiles, for others to read; `tiles` in the journal's without.
    pub(in crate::config) tiles: Located<PathBuf>,
    /// How long one key signs checkpoints.
    pub(in crate::config) epoch: Located<Duration>,
    /// Who keeps checkpoints outside of this host.
    pub(in crate::config) anchors: Located<Vec<Located<Anchor>>>,
    /// Whether it is ready only while an anchor answers.
    pub(in crate::config) anchor_required: Located<bool>,
    /// For how long an anchor's answer counts.
    pub(in crate::config) anchor_max_age: Located<Duration>,
}

/// One who keeps checkpoints outside of this host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "kind"]))]
pub(in crate::config) struct Anchor {
    /// Its name in records and metrics: lower case letters, digits, `-` and `_`.
    pub(in crate::config) name: Located<String>,
    /// What it is.
    pub(in crate::config) kind: Located<AnchorKind>,
    /// Of a witness: its submission prefix.
    pub(in crate::config) url: Located<String>,
    /// Of a witness: the key of its cosignatures.
    pub(in crate::config) vkey: Located<String>,
    /// Of a witness: a CA certificate (PEM) to trust beside the machine's.
    pub(in crate::config) ca_file: Located<PathBuf>,
    /// Of `git` a clone, of `folder` the folder that takes new files and changes none.
    pub(in crate::config) folder: Located<PathBuf>,
    /// Of `git`: the branch, for nothing else. Default: `checkpoints`.
    pub(in crate::config) branch: Located<String>,
    /// Of `git`: where the branch is pushed; nowhere without.
    pub(in crate::config) remote: Located<String>,
    /// How often it gets a checkpoint while there is something new.
    pub(in crate::config) every: Located<Duration>,
}

/// Where records are searched. It is derived from the journal and can be made anew at any time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Index {
    /// Whether `serve` keeps one.
    pub(in crate::config) enabled: Located<bool>,
    /// The SQLite file. Default: `index.sqlite` in the journal's folder.
    pub(in crate::config) file: Located<PathBuf>,
    /// A file with the URL of a PostgreSQL database, one line, in the place of the SQLite file; not
    /// readable by group or others. Several instances may share the database.
    pub(in crate::config) postgres_url_file: Located<PathBuf>,
    /// A CA certificate (PEM) to trust beside the machine's when connecting to that database.
    pub(in crate::config) ca_file: Located<PathBuf>,
}

/// One place that takes records: each of them at least once, in the journal's order.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "kind"]))]
pub(in crate::config) struct Destination {
    /// Its name in metrics and files: lower case letters, digits, `-` and `_`. Another name begins
    /// with the first record again.
    pub(in crate::config) name: Located<String>,
    /// What it is.
    pub(in crate::config) kind: Located<LeaveKind>,
    /// Of `otlp`: the whole URL, such as `https://otel.example.com/v1/logs`.
    pub(in crate::config) url: Located<String>,
    /// Of `otlp`: fields set on each request, with a key from a file where one is wanted.
    pub(in crate::config) headers: Located<Vec<Located<Header>>>,
    /// Of `syslog`: host and port, such as `siem.example.com:6514`.
    pub(in crate::config) address: Located<String>,
    /// Of `syslog`: what a message says.
    pub(in crate::config) message: Located<LeaveForm>,
    /// Of `ocsf_file`: the file that lines are added to; its folder must be there.
    pub(in crate::config) file: Located<PathBuf>,
    /// A file with CA certificates (PEM) to trust beside the machine's.
    pub(in crate::config) ca_file: Located<PathBuf>,
    /// A file with our own certificate (PEM), where the receiver wants one; with `key`.
    pub(in crate::config) certificate: Located<PathBuf>,
    /// A file with its private key (PEM); not readable by group or others.
    pub(in crate::config) key: Located<PathBuf>,
    /// For one request or connection from its start to its end.
    pub(in crate::config) timeout: Located<Duration>,
    /// Of `otlp`: whether requests are compressed (gzip), which every OTLP receiver has to take.
    pub(in crate::config) compress: Located<bool>,
}

/// When a decision counts as committed: `sync` survives a power cut, `write` a killed process.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Commit {
    /// For reads.
    pub(in crate::config) read: Located<record::Level>,
    /// For writes.
    pub(in crate::config) write: Located<record::Level>,
    /// For deletions.
    pub(in crate::config) delete: Located<record::Level>,
    /// For what hands out secrets or rights.
    pub(in crate::config) power: Located<record::Level>,
    /// For telemetry, whatever its class.
    pub(in crate::config) telemetry: Located<record::Level>,
}

impl Default for Journal {
    fn default() -> Journal {
        let tree = record::TreeSettings::default();
        Journal {
            folder: Located::absent(),
            origin: Located::absent(),
            commit: Located::preset(Commit::default()),
            segment_bytes: Located::preset(Count::new(64 * 1024 * 1024)),
            compress: Located::preset(true),
            keep_days: Located::absent(),
            personal_days: Located::absent(),
            queue: Located::preset(Count::new(8_192)),
            flood_threshold: Located::preset(Count::new(2_000)),
            commit_timeout: Located::preset(Duration::from_ms(5_000)),
            tiles: Located::absent(),
            epoch: Located::preset(Duration::from_ms(tree.epoch_ms)),
            anchors: Located::preset(Vec::new()),
            anchor_required: Located::preset(tree.anchor_required),
            anchor_max_age: Located::preset(Duration::from_ms(tree.anchor_max_age_ms)),
        }
    }
}

impl Default for Anchor {
    fn default() -> Anchor {
        Anchor {
            name: Located::absent(),
            kind: Located::absent(),
            url: Located::absent(),
            vkey: Located::absent(),
            ca_file: Located::absent(),
            folder: Located::absent(),
            branch: Located::absent(),
            remote: Located::absent(),
            every: Located::preset(Duration::from_ms(10_000)),
        }
    }
}

impl Default for Index {
    fn default() -> Index {
        Index {
            enabled: Located::preset(true),
            file: Located::absent(),
            postgres_url_file: Located::absent(),
            ca_file: Located::absent(),
        }
    }
}

impl Default for Destination {
    fn default() -> Destination {
        Destination {
            name: Located::absent(),
            kind: Located::absent(),
            url: Located::absent(),
            headers: Located::preset(Vec::new()),
            address: Located::absent(),
            message: Located::preset(LeaveForm::Ocsf),
            file: Located::absent(),
            ca_file: Located::absent(),
            certificate: Located::absent(),
            key: Located::absent(),
            timeout: Located::preset(Duration::from_ms(10_000)),
            compress: Located::preset(true),
        }
    }
}

impl Default for Commit {
    fn default() -> Commit {
        let levels = record::Levels::default();
        Commit {
            read: Located::preset(levels.read),
            write: Located::preset(levels.write),
            delete: Located::preset(levels.delete),
            power: Located::preset(levels.power),
            telemetry: Located::preset(levels.telemetry),
        }
    }
}
