//! Obeys the operator's list of blocked keys within a second.
//!
//! In: the file that `keys.blocked_file` names, whenever it changes. Out: key ids that verify nothing
//! from the next token on, also where a token was verified before.
//!
//! Apart from the reload of settings, which tests policies and takes its time: a stolen key cannot
//! wait for that. A list is taken when the file stayed the same for one more look. One that cannot
//! be read leaves the old one in force, and readiness says so.
//!
//! A list that is in force at the start is told as one, too.
//!
//! Never: takes a missing or broken list for an empty one.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::build::blocked_keys;
use super::reload::Fingerprint;
use crate::admin::Notices;
use crate::config::Settings;
use crate::identify::BlockedKeys;
use crate::pipeline::{Pipeline, Ruling};
use crate::record::Note;
use crate::setup_error::SetupError;

/// What was taken last, and for whom.
#[derive(Debug, Default)]
struct Taken {
    file: Option<PathBuf>,
    look: Option<Fingerprint>,
    ruling: Weak<Ruling>,
}

/// The list in force. Held while a list or a generation is put in place, so that no generation
/// begins without the blocks of the one before.
#[derive(Debug, Default)]
pub(super) struct InForce(Mutex<BlockedKeys>);

impl InForce {
    /// Puts a generation in place that also blocks what is blocked now. Keys that its own list no
    /// longer has are free when the list is taken next.
    pub(super) fn swap(&self, pipeline: &Pipeline, ruling: Ruling) {
        let list = self.list();
        ruling.issuers.block_also(&list);
        pipeline.swap(ruling);
    }

    /// Puts a list in place; true when it is another.
    fn replace(&self, pipeline: &Pipeline, list: &BlockedKeys) -> bool {
        let mut in_force = self.list();
        pipeline.ruling().issuers.block(list);
        let changed = *in_force != *list;
        in_force.clone_from(list);
        changed
    }

    fn list(&self) -> MutexGuard<'_, BlockedKeys> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches until the process ends; `settings` are those in force.
pub(super) async fn watch(
    in_force: Arc<InForce>,
    settings: watch::Receiver<Arc<Settings>>,
    pipeline: Pipeline,
    notices: Arc<Notices>,
) {
    let mut taken = Taken::default();
    let mut before = None;
    loop {
        let settings = settings.borrow().clone();
        let ruling = pipeline.ruling();
        if let Some(file) = settings.blocked_file.clone() {
            let look = Fingerprint::of(std::slice::from_ref(&file));
            let settled = before.as_ref() == Some(&look);
            let news = !taken.ruling.ptr_eq(&Arc::downgrade(&ruling))
                || taken.file.as_ref() != Some(&file)
                || taken.look.as_ref() != Some(&look);
            if news && settled {
                take(&in_force, &settings, file.clone(), &pipeline, &notices).await;
                taken = Taken {
                    file: Some(file),
                    look: before.take(),
                    ruling: Arc::downgrade(&ruling),
                };
            }
            before = Some(look);
        } else if taken.file.is_some() {
            // The settings name no list any more, which is as good as an empty one.
            taken = Taken::default();
            in_force.replace(&pipeline, &BlockedKeys::default());
            notices.blocks(None);
        }
        drop(ruling);
        tokio::time::sleep(LOOK).await;
    }
}

async fn take(
    in_force: &InForce,
    settings: &Arc<Settings>,
    file: PathBuf,
    pipeline: &Pipeline,
    notices: &Notices,
) {
    match read(settings, file).await {
        Ok(list) => {
            let changed = in_force.replace(pipeline, &list);
            notices.blocks(None);
            if changed {
                tell(&list, pipeline).await;
            }
        }
        Err(fault) => {
            let told = fault.to_string();
            tracing::error!("the list of blocked keys is refused, the old one stays: {told}");
            notices.blocks(Some(told));
        }
    }
}

async fn read(settings: &Arc<Settings>, file: PathBuf) -> Result<BlockedKeys, SetupError> {
    let settings = Arc::clone(settings);
    // A disk that hangs should hold up nobody who is served.
    tokio::task::spawn_blocking(move || blocked_keys(&settings, &file))
        .await
        .unwrap_or_else(|_| Err(SetupError::new("reading it ended in a fault of ours")))
}

async fn tell(list: &BlockedKeys, pipeline: &Pipeline) {
    let keys: Vec<String> = (list.list().iter())
        .take(MOST_TOLD)
        .map(|key| {
            format!("{} {}", key.issuer, key.kid)
                .escape_debug()
                .to_string()
        })
        .collect();
    let count = list.list().len();
    tracing::info!(blocked = count, "the list of blocked keys is in force");
    let detail = [
        ("blocked", Value::from(count)),
        ("keys", Value::from(keys.join(", "))),
    ];
    if let Err(refusal) = pipeline.journal().note(Note::KeysBlocked, &detail).await {
        let reason = refusal.reason().word();
        tracing::error!(reason, "the block is in force, but not in the journal");
    }
}

const LOOK: Duration = Duration::from_millis(150);
const MOST_TOLD: usize = 20;
