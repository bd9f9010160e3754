//! Keeps records for as long as was decided, and no longer.
//!
//! In: the days of the settings. Out: orders to oneself, now and each hour: segments whose records are
//! all older than `keep_days` are pruned, personal members older than `personal_days` are erased.
//!
//! Done as when somebody asks for it by hand: announced, under holds, on the thread of a journal that
//! is open, last in line for the processor. What fails is said in the log and tried again.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::erasure::{Eraser, Erasure, Means, disclosed_before};
use super::journal_error::JournalError;
use super::prune::Pruning;
use super::writer::Intake;
use crate::clock::Clock;

/// For how long records are kept; for ever where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Whole records, in days.
    pub keep_days: Option<u64>,
    /// What records say of people, in days.
    pub personal_days: Option<u64>,
}

/// Says which record somebody has yet to take elsewhere, and who.
pub type Wanted = Box<dyn Fn() -> Option<(u64, String)> + Send>;

/// What a look needs; without keeping the journal open.
pub(super) struct Retention {
    pub(super) settings: RetentionSettings,
    pub(super) intake: Weak<Intake>,
    pub(super) means: Means,
    pub(super) clock: Clock,
    pub(super) wanted: Wanted,
}

impl Retention {
    /// Sets it going beside an open journal, where there is anything to do.
    pub(super) fn start(self) -> std::io::Result<()> {
        if self.settings == RetentionSettings::default() {
            return Ok(());
        }
        std::thread::Builder::new()
            .name("retention".to_owned())
            .spawn(move || {
                // Without the right to be last in line it is one thread among others.
                let _ = rustix::process::nice(LAST);
                self.run();
            })
            .map(drop)
    }

    fn run(&self) {
        loop {
            let Some(intake) = self.intake.upgrade().filter(|intake| intake.is_open()) else {
                return;
            };
            let means = self.means.clone();
            let eraser = Eraser { intake, means };
            if let Err(fault) = self.look(&eraser) {
                tracing::warn!(%fault, "what is too old stays for now");
            }
            drop(eraser);
            if !self.sleep() {
                return;
            }
        }
    }

    /// What has come of age since the last look.
    fn look(&self, eraser: &Eraser) -> Result<(), JournalError> {
        let by = || "stile".to_owned();
        if let Some(days) = self.settings.keep_days {
            let pruned = eraser.prune(&Pruning {
                younger_from_ms: self.days_ago(days),
                wanted: (self.wanted)(),
                reason: format!("older than {days} days"),
                authority: "journal.keep_days".to_owned(),
                by: by(),
            })?;
            if pruned.records > 0 {
                tracing::info!(
                    records = pruned.records,
                    event = pruned.done_at,
                    "pruned what is older than `journal.keep_days`"
                );
            }
        }
        if let Some(days) = self.settings.personal_days {
            let (seqs, records) = disclosed_before(&self.means.folder, self.days_ago(days))?;
            let erased = eraser.erase(&Erasure {
                seqs,
                records,
                reason: format!("older than {days} days"),
                authority: "journal.personal_days".to_owned(),
                by: by(),
            })?;
            if erased.records > 0 {
                tracing::info!(
                    records = erased.records,
                    event = erased.done_at,
                    "erased people from what is older than `journal.personal_days`"
                );
            }
        }
        Ok(())
    }

    fn days_ago(&self, days: u64) -> u64 {
        let span = days.saturating_mul(DAY_MS);
        self.clock.now().as_ms().saturating_sub(span)
    }

    /// Until the next look; whether the journal is still open.
    fn sleep(&self) -> bool {
        for _ in 0..NAPS {
            std::thread::sleep(NAP);
            let is_open = |intake: Arc<Intake>| intake.is_open();
            if !self.intake.upgrade().is_some_and(is_open) {
                return false;
            }
        }
        true
    }
}

impl std::fmt::Debug for Retention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Retention({:?})", self.settings)
    }
}

const DAY_MS: u64 = 24 * 3_600_000;

/// Together an hour.
const NAPS: u32 = 3_600;
const NAP: Duration = Duration::from_secs(1);

/// The lowest priority.
const LAST: i32 = 19;
