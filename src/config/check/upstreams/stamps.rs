//! Says whose telemetry is stamped on its way.
//!
//! In: `stamp` of each upstream. Out: its settings; whether the upstream takes telemetry is looked at where
//! catalogues are there.

use crate::config::check::elements;
use crate::config::file::File;
use crate::config::words::VersionWord;
use crate::stamp::{StampSettings, VersionRule};

/// Whose telemetry is stamped on its way.
pub(in crate::config::check) fn stamps(file: &File) -> Vec<StampSettings> {
    let list = file.upstreams.get().map(Vec::as_slice).unwrap_or_default();
    elements(list)
        .filter_map(|(_, upstream)| {
            let service_version = match upstream.stamp.get()?.service_version.get()? {
                VersionWord::Keep => VersionRule::Keep,
                VersionWord::Commit => VersionRule::Commit,
                VersionWord::MustBeCommit => VersionRule::MustBeCommit,
            };
            Some(StampSettings {
                upstream: upstream.name.get()?.clone(),
                service_version,
            })
        })
        .collect()
}
