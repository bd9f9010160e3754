//! Says whose session a cookie is, and asks the provider now and then whether they still are.
//!
//! In: the digest of a cookie. Out: the person, or `session_invalid`.
//!
//! What was read of a session is believed while nothing changed in the database and for half a minute at
//! most, so that nobody's session outlives a database that is away. Every few minutes the provider is
//! asked with the refresh token it gave: by one of those who wait, in one instance. When it says no, the
//! session ends; when it does not answer for a quarter of an hour, nobody is let in by it until it does.
//!
//! OpenID Connect Core 12; RFC 6749 6 (rotation of refresh tokens).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Mutex;

use super::sealed::Seal;
use super::sessions::{self, Session};
use super::{People, digest};
use crate::clock::Time;
use crate::identify::{Issuers, KeptPerson, NotRenewed, Principal, Provider};
use crate::refusal::{Reason, Refusal};
use crate::secret::Secret;

/// Sessions that are in use in this instance.
#[derive(Debug)]
pub(super) struct InUse {
    people: People,
    known: Cache<[u8; 32], Arc<Known>>,
    /// Who reads or renews a session; others of the same session wait.
    turns: Box<[Mutex<()>]>,
}

/// What was read of a session.
#[derive(Debug)]
struct Known {
    principal: Arc<Principal>,
    version: u64,
    seen: Time,
    /// When this instance last saw it used, in ms.
    used_ms: AtomicU64,
    ask_at: Time,
}

/// The id of a session, which only its browser has.
#[derive(Debug)]
pub(super) struct Id {
    /// As it is in the cookie.
    pub(super) text: Secret,
    /// Under which it is kept.
    pub(super) digest: [u8; 32],
}

/// What a provider gave for later.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct ForLater {
    pub(super) id_token: String,
    pub(super) refresh: Option<String>,
}

impl InUse {
    pub(super) fn new(people: People) -> InUse {
        let known = Cache::builder()
            .max_capacity(MOST_KNOWN)
            .time_to_live(BELIEVED);
        InUse {
            people,
            known: known.build(),
            turns: (0..TURNS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Whose session it is.
    pub(super) async fn person(
        &self,
        id: &Id,
        providers: &[Provider],
        issuers: &Issuers,
        now: Time,
    ) -> Result<Arc<Principal>, Refusal> {
        let known = match self.fresh(id, issuers, now) {
            Some(known) => known,
            None => {
                let _turn = self.turn(id).lock().await;
                match self.fresh(id, issuers, now) {
                    Some(known) => known,
                    None => self.read(id, providers, issuers, now).await?,
                }
            }
        };
        issuers.of_session(Arc::clone(&known.principal), now)
    }

    /// Forgets what was read of it.
    pub(super) fn forget(&self, id: &Id) {
        self.known.invalidate(&id.digest);
    }

    fn fresh(&self, id: &Id, issuers: &Issuers, now: Time) -> Option<Arc<Known>> {
        let known = self.known.get(&id.digest)?;
        let used = Time::from_ms(known.used_ms.load(Ordering::Relaxed));
        let holds = known.version == issuers.people_version()
            && now < known.ask_at
            && now.ms_since(used) < self.idle_ms()
            && now.ms_since(known.seen) < self.seen_again_ms();
        if holds {
            known.used_ms.fetch_max(now.as_ms(), Ordering::Relaxed);
        }
        holds.then_some(known)
    }

    fn idle_ms(&self) -> u64 {
        self.people.settings().session_idle_ms
    }

    /// How long a use may go unwritten.
    fn seen_again_ms(&self) -> u64 {
        SEEN_AGAIN_MS.min(self.idle_ms() / 4)
    }

    fn turn(&self, id: &Id) -> &Mutex<()> {
        let [first, ..] = id.digest;
        // There are as many turns as a byte has values.
        self.turns.get(usize::from(first)).unwrap_or(&NO_TURN)
    }

    async fn read(
        &self,
        id: &Id,
        providers: &[Provider],
        issuers: &Issuers,
        now: Time,
    ) -> Result<Arc<Known>, Refusal> {
        let version = issuers.people_version();
        let key = id.digest;
        let found = self.people.ask(move |store| sessions::find(store, &key));
        let mut session = found.await?.ok_or_else(invalid)?;
        if now >= session.ends || now.ms_since(session.seen) >= self.idle_ms() {
            return Err(invalid());
        }
        let provider = providers
            .iter()
            .find(|provider| provider.issuer_url() == session.person.issuer_url)
            .ok_or_else(invalid)?;
        self.renew_if_due(id, provider, &mut session, now).await?;
        if now.ms_since(session.seen) >= self.seen_again_ms() {
            self.people
                .ask(move |store| sessions::seen(store, &key, now))
                .await?;
            session.seen = now;
        }
        let ask_at = session.asked.plus_ms(ASKED_AGAIN_MS);
        let (begun, ends) = (session.begun, session.ends);
        let principal = session.person.principal(id.digest, begun, ends);
        let known = Arc::new(Known {
            principal: Arc::new(principal),
            version,
            seen: session.seen,
            used_ms: AtomicU64::new(now.as_ms()),
            ask_at,
        });
        self.known.insert(id.digest, Arc::clone(&known));
        Ok(known)
    }

    async fn renew_if_due(
        &self,
        id: &Id,
        provider: &Provider,
        session: &mut Session,
        now: Time,
    ) -> Result<(), Refusal> {
        let Some(later) = for_later(id, &session.sealed) else {
            return Ok(());
        };
        let Some(refresh) = later.refresh.map(Secret::new) else {
            return Ok(());
        };
        let (key, last) = (id.digest, session.asked);
        if now.ms_since(last) >= ASKED_AGAIN_MS {
            let taken = self
                .people
                .ask(move |store| sessions::take_on(store, &key, last, now));
            let is_mine = taken.await?;
            session.asked = now;
            if is_mine {
                self.renew(id, provider, session, &refresh, now).await?;
            }
        }
        // Another instance may be asking at this moment; what it hears is obeyed as a change.
        match now.ms_since(session.renewed) >= BELIEVED_WITHOUT_ANSWER_MS {
            true => Err(Refusal::new(Reason::IdpUnavailable).telling(
                "the provider that you signed in with has not answered for a quarter of an hour",
            )),
            false => Ok(()),
        }
    }

    async fn renew(
        &self,
        id: &Id,
        provider: &Provider,
        session: &mut Session,
        refresh: &Secret,
        now: Time,
    ) -> Result<(), Refusal> {
        let key = id.digest;
        let signed_in = match provider.renew(refresh, now).await {
            Ok(signed_in) => signed_in,
            Err(NotRenewed::Away(refusal)) => {
                tracing::warn!(
                    issuer = provider.name(),
                    "a session could not be renewed: {}",
                    refusal.noted().unwrap_or("no answer")
                );
                return Ok(());
            }
            Err(NotRenewed::Refused(_)) => {
                self.people
                    .ask(move |store| sessions::end(store, &key))
                    .await?;
                return Err(invalid());
            }
        };
        let person = KeptPerson::of(&signed_in.principal).filter(|person| {
            person.subject == session.person.subject
                && person.issuer_url == session.person.issuer_url
        });
        let Some(person) = person else {
            self.people
                .ask(move |store| sessions::end(store, &key))
                .await?;
            return Err(invalid());
        };
        let refresh = signed_in.refresh.as_ref().unwrap_or(refresh);
        let later = ForLater {
            id_token: signed_in.id_token.reveal().to_owned(),
            refresh: Some(refresh.reveal().to_owned()),
        };
        // The session at the provider is the one that it began in, whether this token says it or not.
        let session_id = person
            .session_id
            .clone()
            .or(session.person.session_id.take());
        session.person = KeptPerson {
            session_id,
            ..person
        };
        session.renewed = now;
        session.sealed = later.sealed(id).ok_or_else(no_randomness)?;
        let kept = session.clone();
        self.people
            .ask(move |store| sessions::renew(store, &key, &kept))
            .await
    }
}

impl ForLater {
    /// Sealed so that only who has the cookie opens it.
    pub(super) fn sealed(&self, id: &Id) -> Option<Vec<u8>> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(self).ok()?);
        seal(id)?.seal(&plain)
    }
}

/// What was sealed with this session.
pub(super) fn for_later(id: &Id, sealed: &[u8]) -> Option<ForLater> {
    let plain = zeroize::Zeroizing::new(seal(id)?.open(sealed)?);
    serde_json::from_slice(&plain).ok()
}

/// The database has a digest of the id; the key is another one.
fn seal(id: &Id) -> Option<Seal> {
    Seal::new(
        &digest(&[b"stile session seal", id.text.reveal().as_bytes()]),
        "session",
    )
}

pub(super) fn no_randomness() -> Refusal {
    Refusal::new(Reason::PeopleUnavailable).noting("the machine gives no random bytes")
}

pub(super) fn invalid() -> Refusal {
    Refusal::new(Reason::SessionInvalid)
}

static NO_TURN: Mutex<()> = Mutex::const_new(());
const TURNS: usize = 256;
/// About 1 kB each.
const MOST_KNOWN: u64 = 10_000;
const BELIEVED: Duration = Duration::from_secs(30);
const SEEN_AGAIN_MS: u64 = 60_000;
/// How often the provider is asked: the bound within which what it says is obeyed, where it does not say
/// it by itself.
pub(super) const ASKED_AGAIN_MS: u64 = 5 * 60_000;
const BELIEVED_WITHOUT_ANSWER_MS: u64 = 15 * 60_000;
