//! Holds the keys of one upstream while it is in use: which of them a request is sent with, and how
//! a newer one takes an older one's place.
//!
//! In: where a principal belongs, as the directory says; and what the upstream said of a key. Out: the
//! fields to send, or `no_upstream_key`.
//!
//! A key that the upstream refuses (401) is looked for again: in its own file, which somebody may have
//! just written, then in the one of the key that follows. What is found there is tried once, and takes
//! the place of the other for everybody when the upstream takes it; so a 401 that is not about the key
//! changes nothing, and within a second of such a one no file is looked at again.
//!
//! Never: a key chosen by anything that a caller writes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::{InjectedHeaders, Which};
use crate::clock::Time;
use crate::forward::headers::Keys;
use crate::forward::settings::UpstreamSettings;
use crate::refusal::{Reason, Refusal};
use crate::setup_error::SetupError;

/// The keys of one upstream.
#[derive(Debug)]
pub(crate) struct LiveKeys {
    settings: UpstreamSettings,
    /// Of whoever has no key of their own, where there is one.
    usual: Option<Arc<Slot>>,
    by_project: BTreeMap<String, Arc<Slot>>,
    /// All that were in use, for finding them where they must not be.
    known: ArcSwap<Keys>,
    refresh: Mutex<Refresh>,
}

/// How one key of an upstream stands, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamKeyState {
    /// Whose it is, as `keys_by_project` names them; empty for that of whoever has none of their own.
    pub whose: String,
    /// When its file was written, or a program first gave it.
    pub written: Option<Time>,
    /// When a request was last sent with it; never since the start where there is none.
    pub used: Option<Time>,
}

/// When programs are asked for their keys again, and how that went.
#[derive(Debug)]
struct Refresh {
    next: Option<Instant>,
    fault: Option<String>,
}

/// One key, and what follows it.
#[derive(Debug)]
pub(crate) struct Slot {
    which: Which,
    now: ArcSwap<InjectedHeaders>,
    /// When a request was last sent with it, in ms since 1970; 0 for never.
    used_ms: AtomicU64,
    /// When another key was last looked for and not found, or not taken either.
    in_vain: Mutex<Option<Instant>>,
}

impl Slot {
    /// Whose it is, as the settings name them; empty for that of whoever has none of their own.
    pub(crate) fn whose(&self) -> &str {
        match &self.which {
            Which::Project(name) => name,
            Which::Usual | Which::Next => "",
        }
    }

    /// The fields to send.
    pub(crate) fn now(&self) -> Arc<InjectedHeaders> {
        self.now.load_full()
    }

    /// A request is sent with it now.
    pub(crate) fn is_used(&self, now: Time) {
        self.used_ms.fetch_max(now.as_ms(), Ordering::Relaxed);
    }

    fn state(&self) -> UpstreamKeyState {
        let used_ms = self.used_ms.load(Ordering::Relaxed);
        UpstreamKeyState {
            whose: self.whose().to_owned(),
            written: self.now().key_written(),
            used: (used_ms > 0).then(|| Time::from_ms(used_ms)),
        }
    }

    fn looked_in_vain(&self) {
        let mut in_vain = self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        *in_vain = Some(Instant::now());
    }
}

impl LiveKeys {
    /// Reads every key file.
    ///
    /// # Errors
    ///
    /// As [`InjectedHeaders::load`], for each of the keys.
    pub(crate) fn load(settings: &UpstreamSettings) -> Result<LiveKeys, Vec<SetupError>> {
        let headers = || settings.headers.iter();
        let projects = headers().flat_map(|header| header.keys_by_project.keys());
        let only_by_project =
            headers().any(|header| header.key_file.is_none() && !header.keys_by_project.is_empty());
        let mut errors = Vec::new();
        let mut slot = |which: Which| {
            let loaded = InjectedHeaders::load_for(settings, &which);
            let loaded = loaded.map_err(|faults| errors.extend(faults)).ok()?;
            Some(Arc::new(Slot {
                which,
                now: ArcSwap::from_pointee(loaded),
                used_ms: AtomicU64::new(0),
                in_vain: Mutex::new(None),
            }))
        };
        let usual = (!only_by_project).then(|| slot(Which::Usual)).flatten();
        let by_project: BTreeMap<_, _> = projects
            .filter_map(|name| Some((name.clone(), slot(Which::Project(name.clone()))?)))
            .collect();
        // Read now, so that a fault in it is told at the start and not in the middle of a rotation.
        let next = InjectedHeaders::has_next(settings)
            .then(|| slot(Which::Next))
            .flatten();
        if !errors.is_empty() {
            return Err(errors);
        }
        let all = usual.iter().chain(by_project.values()).chain(&next);
        let known = all.flat_map(|slot| slot.now().keys.clone()).collect();
        Ok(LiveKeys {
            settings: settings.clone(),
            usual,
            by_project,
            known: ArcSwap::from_pointee(Keys::new(known)),
            refresh: Mutex::new(Refresh {
                next: every(settings).map(|every| Instant::now() + every),
                fault: None,
            }),
        })
    }

    /// Whether a program is to be asked for its key again.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.refresh().next.is_some_and(|next| next <= now)
    }

    /// Why no program gave a key when one was asked last; the key before is used meanwhile.
    pub(crate) fn fault(&self) -> Option<String> {
        self.refresh().fault.clone()
    }

    /// Reads every key anew; takes as long as the programs take. Where one fails, all stay.
    pub(crate) fn ask_again(&self, now: Instant) {
        let read: Result<Vec<_>, Vec<SetupError>> = self
            .slots()
            .map(|slot| {
                Ok((
                    slot,
                    InjectedHeaders::load_for(&self.settings, &slot.which)?,
                ))
            })
            .collect();
        let fault = match read {
            Ok(read) => {
                for (slot, loaded) in read {
                    if !loaded.same_keys(&slot.now()) {
                        // Known before it is sent, so that it is found wherever it comes back.
                        self.known.rcu(|known| known.and(&loaded.keys));
                        slot.now.store(Arc::new(loaded));
                        let upstream = &self.settings.name;
                        tracing::info!(upstream, "another key is used from now on");
                    }
                }
                None
            }
            Err(faults) => {
                let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
                let told = told.join("; ");
                let upstream = &self.settings.name;
                tracing::warn!(upstream, "the key in use stays: {told}");
                Some(told)
            }
        };
        let next = every(&self.settings).map(|every| now + every);
        *self.refresh() = Refresh { next, fault };
    }

    /// Has the programs asked at the next look, unless that was in vain a moment ago.
    fn ask_soon(&self) {
        let soon = Instant::now() + BETWEEN_LOOKS;
        let mut refresh = self.refresh();
        refresh.next = refresh.next.map(|next| next.min(soon));
    }

    fn refresh(&self) -> MutexGuard<'_, Refresh> {
        self.refresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of whoever belongs there: the nearest place that has one, else the usual one.
    ///
    /// # Errors
    ///
    /// `no_upstream_key` where there is none, or where somebody's teams have several.
    pub(crate) fn of(&self, places: &[String]) -> Result<&Arc<Slot>, Refusal> {
        let teams = places.iter().all(|place| place.starts_with("team:"));
        let mut own = places.iter().filter_map(|place| self.by_project.get(place));
        match (own.next(), own.next()) {
            (Some(_), Some(_)) if teams => Err(Refusal::new(Reason::NoUpstreamKey)
                .telling("your teams have several keys for this upstream, so none is yours")),
            (Some(slot), _) => Ok(slot),
            (None, _) => self
                .usual
                .as_ref()
                .ok_or_else(|| Refusal::new(Reason::NoUpstreamKey)),
        }
    }

    /// Another key than the one that was refused, if there is one by now. It is for one try:
    /// [`LiveKeys::settle`] tells what became of it.
    pub(crate) fn after(
        &self,
        slot: &Slot,
        refused: &InjectedHeaders,
    ) -> Option<Arc<InjectedHeaders>> {
        let now = slot.now();
        if !now.same_keys(refused) {
            return Some(now);
        }
        if every(&self.settings).is_some() {
            // A program takes its time, which is not a request's: the next request has its answer.
            self.ask_soon();
            return None;
        }
        let in_vain = *slot.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        if in_vain.is_some_and(|at| at.elapsed() < BETWEEN_LOOKS) {
            return None;
        }
        let follows = matches!(slot.which, Which::Usual).then_some(Which::Next);
        let candidates = std::iter::once(slot.which.clone()).chain(follows);
        let other = candidates
            .filter_map(|which| InjectedHeaders::load_for(&self.settings, &which).ok())
            .find(|candidate| !candidate.same_keys(refused));
        let Some(other) = other else {
            slot.looked_in_vain();
            return None;
        };
        // Known before it is sent, so that it is found wherever it comes back.
        self.known.rcu(|known| known.and(&other.keys));
        Some(Arc::new(other))
    }

    /// The upstream took the other key, which is in use from now on, or refused it as well.
    pub(crate) fn settle(&self, slot: &Slot, other: Arc<InjectedHeaders>, taken: bool) {
        if !taken {
            return slot.looked_in_vain();
        }
        if !slot.now().same_keys(&other) {
            slot.now.store(other);
            tracing::warn!(
                upstream = self.settings.name,
                "the upstream refuses the key that was in use; another one is used from now on"
            );
        }
    }

    /// The keys, for finding them where they must not be.
    pub(crate) fn known(&self) -> Arc<Keys> {
        self.known.load_full()
    }

    /// Each key as it stands, that of whoever has none of their own first.
    pub(crate) fn states(&self) -> Vec<UpstreamKeyState> {
        self.slots().map(|slot| slot.state()).collect()
    }

    /// Takes over from an earlier generation when each was last used.
    pub(crate) fn go_on(&self, before: &LiveKeys) {
        for slot in self.slots() {
            if let Some(same) = before.slots().find(|other| other.whose() == slot.whose()) {
                let used_ms = same.used_ms.load(Ordering::Relaxed);
                slot.used_ms.fetch_max(used_ms, Ordering::Relaxed);
            }
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.usual.iter().chain(self.by_project.values())
    }

    /// When the oldest of the key files was written.
    pub(crate) fn key_written(&self) -> Option<Time> {
        let written = self.slots().filter_map(|slot| slot.now().key_written());
        written.min()
    }
}

/// How often the programs of an upstream are asked; none where it has none.
fn every(settings: &UpstreamSettings) -> Option<Duration> {
    let headers = settings.headers.iter();
    let commands = headers.filter_map(|header| header.key_command.as_ref());
    let every = commands.map(|command| command.refresh_ms).min()?;
    Some(Duration::from_millis(every))
}

/// After a look in vain.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
