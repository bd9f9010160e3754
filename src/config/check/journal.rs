//! Checks where the journal is and how it commits.
//!
//! In: `journal` as written. Out: its settings; the folder itself is `record`'s to make and lock.
//!
//! The origin goes into signed checkpoints, where a space or a plus would end it
//! (C2SP tlog-checkpoint, "Note text"; C2SP signed-note, "Format").

use super::{Checks, anchors};
use crate::config::file::{File, Journal};
use crate::config::located::Located;
use crate::config::origin::Place;
use crate::config::tree::shortened;
use crate::config::words::Count;
use crate::record::{JournalSettings, Levels, RetentionSettings};

/// The journal's settings.
pub(super) fn journal(file: &File, root: &Place, checks: &mut Checks) -> Option<JournalSettings> {
    let journal = file.journal.required("journal", root, &mut checks.faults)?;
    let place = file.journal.place();
    let origin = journal.origin.required("origin", place, &mut checks.faults);
    if let Some((what, hint)) = origin.and_then(|text| origin_fault(text)) {
        checks.refuse(journal.origin.place(), what, hint);
    }
    let folder = journal.folder.required("folder", place, &mut checks.faults);
    let folder = folder.map(|folder| checks.resolved(folder));
    if let Some(folder) = folder
        .as_ref()
        .filter(|folder| folder.exists() && !folder.is_dir())
    {
        let what = format!("`{}` is not a folder", folder.display());
        checks.refuse(
            journal.folder.place(),
            what,
            "name a folder; it is made if missing",
        );
    }
    if let Some(bytes) = journal
        .segment_bytes
        .get()
        .filter(|bytes| bytes.get() > MOST_SEGMENT_BYTES)
    {
        let what = format!("`{}` is more than one segment can hold", bytes.get());
        checks.refuse(
            journal.segment_bytes.place(),
            what,
            "at most 4294967296 (4 GiB)",
        );
    }
    let tree = anchors::tree(journal, checks);
    let retention = retention(journal, checks);
    let commit = journal.commit.get();
    let levels = commit.and_then(|commit| {
        Some(Levels {
            read: *commit.read.get()?,
            write: *commit.write.get()?,
            delete: *commit.delete.get()?,
            power: *commit.power.get()?,
            telemetry: *commit.telemetry.get()?,
        })
    });
    Some(JournalSettings {
        folder: folder?,
        origin: origin?.clone(),
        levels: levels?,
        segment_bytes: journal.segment_bytes.get()?.get(),
        queue: journal.queue.get()?.as_usize(),
        flood_threshold: journal.flood_threshold.get()?.get(),
        compress: *journal.compress.get()?,
        commit_ms: journal.commit_timeout.get()?.as_ms(),
        retention: retention?,
        tree: tree?,
    })
}

/// For how long records are kept; for ever where nothing is said.
fn retention(journal: &Journal, checks: &mut Checks) -> Option<RetentionSettings> {
    let (keep, personal) = (&journal.keep_days, &journal.personal_days);
    let days = |written: &Located<Count>| written.get().map(|days| days.get());
    if let (Some(keep_days), Some(personal_days)) = (days(keep), days(personal))
        && personal_days >= keep_days
    {
        let what = format!("whole records are gone after {keep_days} days already");
        let hint = "fewer days than `keep_days`, or leave it out";
        checks.refuse(personal.place(), what, hint);
    }
    let is_read = |written: &Located<Count>| !written.wrong();
    (is_read(keep) && is_read(personal)).then(|| RetentionSettings {
        keep_days: days(keep),
        personal_days: days(personal),
    })
}

fn origin_fault(text: &str) -> Option<(String, &'static str)> {
    let hint = "a name without scheme, such as stile.example.com/main";
    let short = shortened(text);
    if text.is_empty() || text.len() > LONGEST_ORIGIN {
        Some(("an origin has 1 to 255 bytes".to_owned(), hint))
    } else if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+') {
        Some((
            format!("`{short}` has a space or a plus, which an origin cannot have"),
            hint,
        ))
    } else if text.contains("://") {
        Some((
            format!("`{short}` has a scheme, which an origin has not"),
            hint,
        ))
    } else {
        None
    }
}

/// Offsets inside a segment are kept in 32 bits.
const MOST_SEGMENT_BYTES: u64 = 4 * 1024 * 1024 * 1024;
const LONGEST_ORIGIN: usize = 255;
