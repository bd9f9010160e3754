//! Checks how the journal is summed up and who keeps its checkpoints.
//!
//! In: that part of `journal` as written. Out: its settings.
//!
//! A key that means nothing for the kind of an anchor is refused: it was meant for something.

use std::path::PathBuf;

use super::url::Parts;
use super::{Checks, elements};
use crate::config::file::{Anchor, Journal};
use crate::config::located::Located;
use crate::config::origin::Place;
use crate::config::words::AnchorKind;
use crate::record::{AnchorPlace, AnchorSettings, TreeSettings};
use crate::record::{KeyKind, Vkey};

/// The tree's settings.
pub(super) fn tree(journal: &Journal, checks: &mut Checks) -> Option<TreeSettings> {
    let list = journal.anchors.get().map_or(&[][..], Vec::as_slice);
    let names = elements(list).filter_map(|(_, anchor)| {
        let name = anchor.name.get()?;
        Some((anchor.name.place(), name.clone()))
    });
    checks.distinct(names.collect::<Vec<_>>(), "anchors");
    let found: Vec<_> = elements(list)
        .map(|(place, written)| anchor(written, place, checks))
        .collect();
    let anchors = found.into_iter().collect::<Option<Vec<_>>>();
    let required = *journal.anchor_required.get()?;
    if required && list.is_empty() {
        let what = "no anchor is set that could answer";
        checks.refuse(
            journal.anchor_required.place(),
            what,
            "add one to `journal.anchors`",
        );
    }
    let epoch = journal.epoch.get()?.as_ms();
    if epoch < SHORTEST_EPOCH_MS {
        let what = "an epoch this short would fill the journal with keys";
        checks.refuse(journal.epoch.place(), what, "at least 1m; 24h is usual");
    }
    let tiles = journal.tiles.get().map(|tiles| checks.resolved(tiles));
    Some(TreeSettings {
        tiles,
        epoch_ms: epoch,
        anchors: anchors?,
        anchor_required: required,
        anchor_max_age_ms: journal.anchor_max_age.get()?.as_ms(),
    })
}

fn anchor(anchor: &Anchor, place: &Place, checks: &mut Checks) -> Option<AnchorSettings> {
    let name = anchor
        .name
        .required("name", place, &mut checks.faults)
        .cloned();
    checks.name(&anchor.name);
    let kind = anchor.kind.required("kind", place, &mut checks.faults)?;
    let (witness, git) = (*kind == AnchorKind::Witness, *kind == AnchorKind::Git);
    let of = |written: Option<&Place>, fits: bool| written.filter(|_| !fits).cloned();
    let strays = [
        of(anchor.url.written(), witness),
        of(anchor.vkey.written(), witness),
        of(anchor.ca_file.written(), witness),
        of(anchor.folder.written(), !witness),
        of(anchor.branch.written(), git),
        of(anchor.remote.written(), git),
    ];
    for stray in strays.iter().flatten() {
        let what = "means nothing for this kind of anchor";
        checks.refuse(stray, what, "remove it, or choose another `kind`");
    }
    let settled = match kind {
        AnchorKind::Witness => witness_of(anchor, place, checks),
        AnchorKind::Git => {
            let folder = folder_of(&anchor.folder, place, checks);
            let branch = anchor.branch.get();
            let branch = branch.map_or("checkpoints", String::as_str).to_owned();
            let remote = anchor.remote.get().cloned();
            for (written, text) in [
                (&anchor.branch, Some(&branch)),
                (&anchor.remote, remote.as_ref()),
            ] {
                if text.is_some_and(|text| !is_plain(text)) {
                    let what = "cannot be a name in git";
                    checks.refuse(
                        written.place(),
                        what,
                        "letters, digits, `-`, `_`, `.` and `/`",
                    );
                }
            }
            folder.map(|folder| AnchorPlace::Git {
                folder,
                branch,
                remote,
            })
        }
        AnchorKind::Folder => {
            folder_of(&anchor.folder, place, checks).map(|folder| AnchorPlace::Folder { folder })
        }
    };
    Some(AnchorSettings {
        name: name?,
        place: settled?,
        every_ms: anchor.every.get()?.as_ms(),
    })
}

fn witness_of(anchor: &Anchor, place: &Place, checks: &mut Checks) -> Option<AnchorPlace> {
    let url = anchor.url.required("url", place, &mut checks.faults);
    let vkey = anchor.vkey.required("vkey", place, &mut checks.faults);
    let url = url.and_then(|url| match Parts::of(url) {
        Ok(parts) if parts.secure || parts.loopback() => Some(url.trim_end_matches('/').to_owned()),
        Ok(_) => {
            let what = "a witness is reached by https";
            checks.refuse(anchor.url.place(), what, "http is for the loopback only");
            None
        }
        Err(what) => {
            checks.refuse(
                anchor.url.place(),
                what,
                "such as https://witness.example.com/log",
            );
            None
        }
    });
    let vkey = vkey.and_then(|text| match Vkey::parse(text) {
        Ok(vkey) if vkey.kind == KeyKind::Witness => Some(vkey),
        Ok(_) => {
            let what = "this vkey is a log's, not a witness's";
            checks.refuse(
                anchor.vkey.place(),
                what,
                "the witness's operator publishes it",
            );
            None
        }
        Err(what) => {
            checks.refuse(
                anchor.vkey.place(),
                what,
                "the witness's operator publishes it",
            );
            None
        }
    });
    let ca_file = checks.readable_if_set(&anchor.ca_file);
    Some(AnchorPlace::Witness {
        url: url?,
        vkey: vkey?,
        ca_file,
    })
}

/// A folder that is there already: one that is made here would be kept by nobody.
fn folder_of(folder: &Located<PathBuf>, place: &Place, checks: &mut Checks) -> Option<PathBuf> {
    let written = folder.required("folder", place, &mut checks.faults)?;
    let full = checks.resolved(written);
    if full.is_dir() {
        return Some(full);
    }
    let what = format!("there is no folder `{}`", full.display());
    checks.refuse(folder.place(), what, "make or mount it first");
    None
}

/// A name that git takes for a name, never for an option.
fn is_plain(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    !text.is_empty()
        && !text.starts_with(['-', '/', '.'])
        && !text.contains("..")
        && text.chars().all(fits)
}

const SHORTEST_EPOCH_MS: u64 = 60_000;
