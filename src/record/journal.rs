//! Says that it is written down.
//!
//! In: a decision. Out: a [`Committed`] once its record is stored as its level asks, or a refusal:
//! `audit_backpressure` when too many wait, `audit_unavailable` for everything else.
//!
//! A record is rendered and hashed on its request's own task; one thread writes. Everybody who
//! waits does so on a channel of their own, so a request that goes away takes nothing with it, and
//! an allow that nobody heard of gets the outcome `not_forwarded`.
//!
//! Refusals are stored at the level of their operation's class; where no operation is known, at
//! level `write`: nothing was forwarded, so a power cut within 100 ms loses an observation and no
//! act, and a flood of strangers costs no syncs.
//!
//! Never: an answer that waits longer than `commit_ms`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::audit_record::{Constants, DecisionRecord, EventRecord, Note};
use super::committed::Committed;
use super::erasure::{Eraser, Means};
use super::fingerprint::FingerprintKey;
use super::flood::Flood;
use super::frame::disclosure::Salt;
use super::frame::{Kind, LARGEST_PAYLOAD};
use super::journal_error::JournalError;
use super::outcome::{Owed, Pending};
use super::rendered::Rendered;
use super::retention::{Retention, RetentionSettings, Wanted};
use super::settings::{Level, Levels};
use super::spent::{Spent, Unspent};
use super::tree::Board;
use super::tree::board::TreeState;
use super::writer::{Entry, Hold, Intake, JournalState, Stored};
use crate::authorize::{Decision, Permit};
use crate::clock::Time;
use crate::identify::Principal;
use crate::listen::{Arrival, Sighting};
use crate::refusal::{Reason, Refusal};
use crate::resolve::Operation;

mod flooded;
mod opening;
mod told;

pub use opening::{Identity, Opened};

/// The open journal. Clones are the same journal.
#[derive(Clone, Debug)]
pub struct Journal {
    intake: Arc<Intake>,
    key: Arc<FingerprintKey>,
    spent: Arc<Spent>,
    levels: Levels,
    commit_ms: u64,
    board: Arc<Board>,
    flood: Arc<Flood>,
    means: Means,
}

/// Whose record it is: when many wait, there is room for the known longer than for strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// Somebody whose identity was verified, or stile itself.
    Known,
    /// Anybody else.
    Stranger,
}

/// Why a record was not stored, for the caller and for the log.
#[derive(Debug)]
struct Untaken(Reason, &'static str);

impl Journal {
    /// Spends the token of an operation that takes each token once; for any other, does nothing.
    /// To be called before [`Journal::commit`], which takes it back when nothing was stored.
    ///
    /// # Errors
    ///
    /// `replayed`, `malformed_token` for a token without an id, `overloaded`, `audit_unavailable`.
    pub async fn spend(&self, permit: &Permit, now: Time) -> Result<(), Refusal> {
        if !permit.operation().entry.once {
            return Ok(());
        }
        let Some((key, end)) = self.counted_once(permit) else {
            return Err(Refusal::new(Reason::MalformedToken).telling(NO_TOKEN_ID));
        };
        let spent = Arc::clone(&self.spent);
        let spending = tokio::task::spawn_blocking(move || spent.spend(key, end, now));
        match spending.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Unspent::Refused(refusal))) => Err(refusal),
            Ok(Err(Unspent::Poisonous(fault))) => {
                self.intake.shared.poison(format!("a spent token: {fault}"));
                Err(Refusal::new(Reason::AuditUnavailable))
            }
            Err(_) => Err(Refusal::new(Reason::AuditUnavailable).noting("spending a token failed")),
        }
    }

    /// The fingerprint and the end of a token that counts once.
    fn counted_once(&self, permit: &Permit) -> Option<([u8; 32], Time)> {
        if !permit.operation().entry.once {
            return None;
        }
        let principal = permit.principal();
        let jti = principal.token().jti.as_deref()?;
        let key = self.key.of_token_id(principal.issuer_url(), jti);
        Some((key, principal.token().end()))
    }

    /// Stores an allow; only what this returns can be forwarded.
    ///
    /// # Errors
    ///
    /// The arrival, given back, with `audit_backpressure` or `audit_unavailable`. Should the record
    /// be stored after all, its outcome is `not_forwarded`.
    #[allow(
        clippy::result_large_err,
        reason = "the arrival goes back to who answers it; it is moved once per request"
    )]
    pub async fn commit(
        &self,
        arrival: Arrival,
        permit: Permit,
        level: Level,
    ) -> Result<Committed, (Arrival, Refusal)> {
        let counted_once = self.counted_once(&permit);
        let sighting = arrival.sighting();
        let rendered = self.rendered(&DecisionRecord::of_permit(
            sighting, &permit, level, &self.key,
        ));
        let stored = match rendered {
            Ok(rendered) => self.submit_allow(arrival.id(), rendered, level).await,
            Err(refusal) => Err(refusal),
        };
        match stored {
            Ok((seq, pending)) => Ok(Committed {
                arrival,
                permit,
                seq,
                pending,
            }),
            Err(refusal) => {
                if let Some((key, end)) = counted_once {
                    self.spent.give_back(key, end);
                }
                Err((arrival, refusal))
            }
        }
    }

    /// Stores a refusal; it may be sent when this returns, with the sequence number of its record,
    /// which under a declared flood is shared where there is no principal.
    ///
    /// # Errors
    ///
    /// `audit_backpressure` or `audit_unavailable`, to be sent in its place.
    pub async fn refuse(
        &self,
        sighting: Sighting<'_>,
        refusal: &Refusal,
        principal: Option<&Principal>,
        operation: Option<&Operation>,
        decision: Option<&Decision>,
    ) -> Result<u64, Refusal> {
        let claim = match principal {
            Some(_) => Claim::Known,
            None => Claim::Stranger,
        };
        if claim == Claim::Stranger {
            let Sighting {
                peer,
                time,
                mono_ns,
                ..
            } = sighting;
            let shared = self.share(refusal.reason(), peer.ip(), time, mono_ns).await;
            if let Some(shared) = shared {
                return shared;
            }
        }
        let level = operation.map_or(Level::Write, |operation| self.levels.of(&operation.entry));
        let key = &self.key;
        let rendered = self.rendered(&DecisionRecord::of_refusal(
            sighting, refusal, principal, operation, decision, level, key,
        ))?;
        let stored = self.store(Kind::Decision, rendered, level, None, claim);
        stored.await.map(|stored| stored.seq)
    }

    /// Stores what happened to stile itself, durably.
    ///
    /// # Errors
    ///
    /// `audit_backpressure` or `audit_unavailable`.
    pub async fn note(&self, note: Note, detail: &[(&str, Value)]) -> Result<u64, Refusal> {
        let clock = &self.intake.shared.clock;
        let mut payload = Vec::new();
        EventRecord {
            note,
            detail,
            time: clock.now(),
            mono_ns: clock.mono_ns(),
        }
        .render(&self.constants(), &mut payload);
        self.submit(Kind::Event, payload, Level::Sync).await
    }

    /// How records name the token of a principal, in hexadecimal.
    pub fn fingerprint(&self, principal: &Principal) -> String {
        let print = match &principal.token().jti {
            Some(jti) => self.key.of_token_id(principal.issuer_url(), jti),
            None => self.key.of_token(principal.digest()),
        };
        super::frame::hex(&print)
    }

    /// From now on records name another generation of the settings.
    pub fn adopt_config(&self, config_digest: &str) {
        let next = self.constants().with_config(config_digest);
        self.intake.shared.constants.store(Arc::new(next));
    }

    /// The level at which requests for an operation are committed.
    pub fn level_of(&self, operation: &Operation) -> Level {
        self.levels.of(&operation.entry)
    }

    /// What readiness and metrics want to know.
    pub fn state(&self) -> JournalState {
        self.intake.shared.state()
    }

    /// Whether the wall clock can be right: it is not a day or more behind a record that is stored.
    /// A clock that was set back would make expired tokens good again.
    pub fn believes(&self, time: Time) -> bool {
        let latest = self.intake.shared.latest(time);
        latest.ms_since(time) < LARGEST_STEP_BACK_MS
    }

    /// The time that records get now.
    pub fn now(&self) -> Time {
        self.intake.shared.clock.now()
    }

    /// Whether the wall clock is not believed at the moment.
    pub fn clock_went_back(&self) -> bool {
        !self.believes(self.intake.shared.clock.now())
    }

    /// Whether a commit begun now may succeed in time.
    pub fn is_ready(&self) -> bool {
        self.state().is_ready(self.commit_ms)
    }

    /// Who erases in this journal. It waits for the writer: not for a thread that serves requests.
    pub fn eraser(&self) -> Eraser {
        Eraser {
            intake: Arc::clone(&self.intake),
            means: self.means.clone(),
        }
    }

    /// Keeps records for as long as these settings say; `wanted` says what has yet to go elsewhere.
    ///
    /// # Errors
    ///
    /// When there is no thread for it.
    pub fn retain(&self, settings: RetentionSettings, wanted: Wanted) -> std::io::Result<()> {
        let retention = Retention {
            settings,
            intake: Arc::downgrade(&self.intake),
            means: self.means.clone(),
            clock: self.intake.shared.clock.clone(),
            wanted,
        };
        retention.start()
    }

    /// How checkpoints and their anchors stand.
    pub fn tree(&self) -> TreeState {
        self.board.state(self.state().next_seq)
    }

    /// Waits until the disk has failed, and says how. The process should then end with code 74.
    pub async fn poisoned(&self) -> String {
        let mut watch = self.intake.shared.poison_watch();
        match watch.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(fault)) => fault.to_string(),
            Ok(None) | Err(_) => "the writer is gone".to_owned(),
        }
    }

    /// Stores what waits, the `stop` event last, all of it synced; then lets go of the folder.
    /// Requests should have ended: from now on none is committed, and an outcome that comes later
    /// is `unknown` to the next start.
    ///
    /// # Errors
    ///
    /// [`JournalError::Poisoned`] when the disk failed, now or before.
    pub async fn close(&self) -> Result<(), JournalError> {
        let (reply, answer) = oneshot::channel();
        self.intake.ask_to_close(reply);
        match answer.await {
            Ok(()) => Ok(()),
            Err(_) => Err(JournalError::Poisoned {
                fault: match self.state().poisoned {
                    true => self.poisoned().await,
                    false => "it was closed before".to_owned(),
                },
            }),
        }
    }

    /// What a request is answered that ended in a fault of ours, before its record or after: the
    /// answer is counted among those without one.
    pub fn answer_to_a_fault(&self) -> Refusal {
        self.unrecorded(
            Reason::AuditUnavailable,
            "the request ended in a fault of stile's own",
        )
    }

    /// Stores a rendered record. For the functions above and for tests of the journal itself.
    ///
    /// # Errors
    ///
    /// `audit_backpressure` or `audit_unavailable`.
    #[doc(hidden)]
    pub async fn submit(
        &self,
        kind: Kind,
        record: impl Into<Rendered>,
        level: Level,
    ) -> Result<u64, Refusal> {
        let stored = self.store(kind, record.into(), level, None, Claim::Known);
        stored.await.map(|stored| stored.seq)
    }

    /// Stores a rendered allow with this id. For [`Journal::commit`] and for tests.
    ///
    /// # Errors
    ///
    /// `audit_backpressure` or `audit_unavailable`.
    #[doc(hidden)]
    pub async fn submit_allow(
        &self,
        id: Uuid,
        record: impl Into<Rendered>,
        level: Level,
    ) -> Result<(u64, Pending), Refusal> {
        let owed = Owed::not_yet(Arc::clone(&self.intake), id);
        let stored = self
            .store(
                Kind::Decision,
                record.into(),
                level,
                Some(owed),
                Claim::Known,
            )
            .await?;
        match stored.owed {
            Some(owed) => Ok((stored.seq, owed.released())),
            None => Err(self.unrecorded(Reason::AuditUnavailable, "the writer lost a debt")),
        }
    }

    /// Stores a record that somebody is answered by; without it the answer is counted.
    async fn store(
        &self,
        kind: Kind,
        record: Rendered,
        level: Level,
        owed: Option<Owed>,
        claim: Claim,
    ) -> Result<Stored, Refusal> {
        let stored = self.try_store(kind, record, level, owed, claim).await;
        stored.map_err(|Untaken(reason, noted)| self.unrecorded(reason, noted))
    }

    async fn try_store(
        &self,
        kind: Kind,
        record: Rendered,
        level: Level,
        owed: Option<Owed>,
        claim: Claim,
    ) -> Result<Stored, Untaken> {
        let unavailable = |noted| Untaken(Reason::AuditUnavailable, noted);
        if record.size_bytes() > LARGEST_PAYLOAD {
            return Err(unavailable("the record is too large"));
        }
        let (reply, mut answer) = oneshot::channel();
        let entry = Entry::held(kind, record, Hold { level, reply, owed });
        if let Err(reason) = self.intake.ask(entry, claim == Claim::Known) {
            return Err(Untaken(reason, "the journal takes no more records"));
        }
        let patience = Duration::from_millis(self.commit_ms);
        match tokio::time::timeout(patience, &mut answer).await {
            Ok(Ok(stored)) => Ok(stored),
            Ok(Err(_)) => Err(unavailable("the record was not stored")),
            Err(_) => {
                // Either the writer has answered already, or it now finds that nobody listens.
                answer.close();
                let late = "the record was not stored in time";
                answer.try_recv().map_err(|_| unavailable(late))
            }
        }
    }

    /// A decision's record under a salt of its own.
    fn rendered(&self, record: &DecisionRecord<'_>) -> Result<Rendered, Refusal> {
        let mut salt = [0; size_of::<Salt>()];
        // A salt that somebody can guess would leave an erased name to be guessed.
        if aws_lc_rs::rand::fill(&mut salt).is_err() {
            return Err(self.unrecorded(Reason::AuditUnavailable, "there is no randomness"));
        }
        let mut rendered = Rendered::with_capacity(USUAL_PAYLOAD);
        record.render(&self.constants(), &salt, &mut rendered);
        Ok(rendered)
    }

    fn unrecorded(&self, reason: Reason, noted: &'static str) -> Refusal {
        self.intake.shared.went_unrecorded(reason);
        Refusal::new(reason).noting(noted)
    }

    fn constants(&self) -> arc_swap::Guard<Arc<Constants>> {
        self.intake.shared.constants.load()
    }
}

const NO_TOKEN_ID: &str = "this operation takes each token once, and the token has no id (`jti`) \
    to tell it by; have its issuer put one in";
const USUAL_PAYLOAD: usize = 1536;
const LARGEST_STEP_BACK_MS: u64 = 24 * 3_600_000;
