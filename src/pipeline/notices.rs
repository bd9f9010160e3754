//! Takes what providers tell of people in.
//!
//! In: `POST /.stile/backchannel-logout`, `/.stile/events`, `/.stile/global-token-revocation`. Out: an
//! answer in the sender's protocol, after what was told is in the database that every instance obeys and
//! in the journal.
//!
//! What is answered with success is in force everywhere within a second. A notice counts once on all
//! replicas. One that is refused changes nothing, and is a record like any refusal.
//!
//! Never: more than a few bodies in memory at once; a byte of the body read for a sender who has to prove
//! who it is in the head and does not.
//!
//! When the database does not answer, neither does success: the sender tells it again.
//!
//! OpenID Connect Back-Channel Logout 1.0, 2.5 to 2.8; RFC 8935 2; draft-parecki-oauth-global-token-
//! revocation.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use tokio::sync::Semaphore;

mod answered;
mod read;
mod rows;

pub use rows::digest_of;

use rows::{detail_of, rows_of};

use super::carried::Carried;
use super::manner::Manner;
use super::{InForce, Pipeline};
use crate::forward::ResponseBody;
use crate::listen::Arrival;
use crate::people::endings::{add, lift, take_notice};
use crate::people::notices::Effect;
use crate::people::{EndedBySettings, EndingKind, People};
use crate::record::Note;
use crate::record::frame::sha256;
use crate::refusal::{Reason, Refusal};
use crate::secret::Secret;
use crate::setup_error::SetupError;

/// What taking notices in needs.
#[derive(Debug)]
pub(super) struct Intake {
    /// Not there where nothing is kept of people.
    taking: OnceLock<Taking>,
    turns: Semaphore,
}

/// Whose notices are taken, and where what they say is kept.
#[derive(Debug)]
struct Taking {
    people: People,
    /// Issuers with what their transmitters show beside the signature.
    secrets: Vec<(String, Secret)>,
}

impl Default for Intake {
    fn default() -> Intake {
        Intake {
            taking: OnceLock::new(),
            turns: Semaphore::new(AT_ONCE),
        }
    }
}

/// A place where notices are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Logout,
    Events,
    Revocation,
}

impl Door {
    fn at(path: &str) -> Option<Door> {
        match path.strip_prefix("/.stile/")? {
            "backchannel-logout" => Some(Door::Logout),
            "events" => Some(Door::Events),
            "global-token-revocation" => Some(Door::Revocation),
            _ => None,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Door::Logout => "/.stile/backchannel-logout",
            Door::Events => "/.stile/events",
            Door::Revocation => "/.stile/global-token-revocation",
        }
    }
}

/// What became of a notice.
enum Taken {
    /// It is in force.
    Obeyed(u64),
    /// It was before.
    Known,
}

/// Why a notice was not taken, and whose fault that is.
struct Declined {
    refusal: Refusal,
    fault: Fault,
}

/// What is wrong with a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Who sends it, or how; or we cannot take it now.
    Sender,
    /// What it says is not well-formed.
    Content,
    /// It is about people whom its sender does not speak for.
    Foreign,
    /// It is about nobody that a token could be told to be of.
    Unclear,
}

impl From<Refusal> for Declined {
    fn from(refusal: Refusal) -> Declined {
        let fault = Fault::Sender;
        Declined { refusal, fault }
    }
}

impl Intake {
    /// Which door an arrival is at, where that one is open.
    pub(super) fn door(&self, arrival: &Arrival) -> Option<Door> {
        let taking = self.taking.get()?;
        let door = Door::at(arrival.path())?;
        let settings = taking.people.settings();
        let opens = |one: &EndedBySettings| match door {
            Door::Logout => one.logout_audience.is_some(),
            Door::Events => one.events_audience.is_some(),
            Door::Revocation => one.revocation_client.is_some(),
        };
        let by_sign_in = door == Door::Logout && !settings.providers.is_empty();
        (by_sign_in || settings.ended_by.iter().any(opens)).then_some(door)
    }

    /// The whole body; small ones wait for nobody.
    async fn whole(&self, body: &mut Carried, fields: &HeaderMap) -> Result<Bytes, Refusal> {
        let length = fields.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > LARGEST_BYTES) {
            return Err(Refusal::new(Reason::BodyTooLarge));
        }
        let is_small = length.is_some_and(|length| length <= SMALL_BYTES);
        let read = async {
            let busy = |_| Refusal::new(Reason::Overloaded);
            let turn = tokio::time::timeout(TURN, self.turns.acquire());
            let _turn = match is_small {
                true => None,
                false => Some(turn.await.map_err(busy)?),
            };
            body.gather(LARGEST_BYTES).await
        };
        let read = tokio::time::timeout(LONGEST, read).await;
        read.unwrap_or_else(|_| Err(Refusal::new(Reason::ClientTimeout)))
    }
}

impl Taking {
    /// Whom notices of an issuer at a door are for.
    fn audiences(&self, door: Door, issuer: &str, site_url: &str) -> Vec<String> {
        let settings = self.people.settings();
        let one = settings.ended_by.iter().find(|one| one.issuer == issuer);
        match door {
            Door::Logout => {
                let set = one.and_then(|one| one.logout_audience.clone());
                // Who signs people in is believed when it signs them out.
                let signed_in = settings.providers.iter();
                let signed_in = signed_in.filter(|provider| provider.issuer.name == issuer);
                let clients = signed_in.map(|provider| provider.client_id.clone());
                set.into_iter().chain(clients).collect()
            }
            Door::Events => {
                let set = one.and_then(|one| one.events_audience.clone());
                set.into_iter().collect()
            }
            Door::Revocation => one
                .filter(|one| one.revocation_client.is_some())
                .map(|_| format!("{}{}", site_url.trim_end_matches('/'), door.path()))
                .into_iter()
                .collect(),
        }
    }

    fn of(&self, issuer: &str) -> Option<&EndedBySettings> {
        let mut all = self.people.settings().ended_by.iter();
        all.find(|one| one.issuer == issuer)
    }
}

impl Pipeline {
    /// Takes what providers tell of people, and keeps it there; only the first call counts.
    ///
    /// # Errors
    ///
    /// A secret that cannot be read.
    pub fn take_notices(&self, people: People) -> Result<(), SetupError> {
        let mut secrets = Vec::new();
        for one in &people.settings().ended_by {
            if let Some(file) = &one.events_secret_file {
                secrets.push((one.issuer.clone(), read::secret_in(file)?));
            }
        }
        let taking = Taking { people, secrets };
        // The second call of a process fails and changes nothing.
        let _ = self.0.notices.taking.set(taking);
        Ok(())
    }

    /// Takes one notice.
    pub(super) async fn take_notice(
        &self,
        in_force: Arc<InForce>,
        door: Door,
        arrival: Arrival,
        body: Carried,
        manner: &Manner,
    ) -> Response<ResponseBody> {
        let heard = match self.0.journal.believes(arrival.time()) {
            true => self.hear_notice(&in_force, door, &arrival, body).await,
            false => Err(Refusal::new(Reason::ClockUntrusted).into()),
        };
        match heard {
            Ok(Taken::Obeyed(seq)) => self.notice_answer(answered::taken(door), manner, Some(seq)),
            Ok(Taken::Known) => match self.0.journal.publish(arrival.sighting()).await {
                Ok(seq) => self.notice_answer(answered::taken(door), manner, Some(seq)),
                Err(unstored) => {
                    self.notice_answer(answered::refused(door, &unstored.into()), manner, None)
                }
            },
            Err(declined) => {
                let refusal = &declined.refusal;
                self.0.metrics.refused(refusal.reason());
                let why = refusal.noted().unwrap_or_default();
                let reason = refusal.reason().word();
                tracing::warn!(decision = %manner.decision, reason, "a notice is refused: {why}");
                let sighting = arrival.sighting();
                let stored = self.0.journal.refuse(sighting, refusal, None, None, None);
                match stored.await {
                    Ok(seq) => {
                        let answer = answered::refused_at(&arrival, door, &declined);
                        self.notice_answer(answer, manner, Some(seq))
                    }
                    Err(unstored) => {
                        self.notice_answer(answered::refused(door, &unstored.into()), manner, None)
                    }
                }
            }
        }
    }

    fn notice_answer(
        &self,
        mut answer: Response<ResponseBody>,
        manner: &Manner,
        seq: Option<u64>,
    ) -> Response<ResponseBody> {
        super::stamp(&mut answer, manner);
        if let Some(seq) = seq {
            self.receipt(&mut answer, seq);
        }
        answer
    }

    async fn hear_notice(
        &self,
        in_force: &InForce,
        door: Door,
        arrival: &Arrival,
        body: Carried,
    ) -> Result<Taken, Declined> {
        let unset = || Refusal::new(Reason::NoOperation);
        let taking = self.0.notices.taking.get().ok_or_else(unset)?;
        read::check_head(door, arrival)?;
        let asked = read::Asked {
            door,
            arrival,
            taking,
            issuers: &in_force.ruling.issuers,
            site_url: &self.0.site.url,
            intake: &self.0.notices,
        };
        let (notice, heard) = asked.hear(body).await?;
        let now = arrival.time();
        let rows = rows_of(in_force, taking, &notice, &heard, now)?;
        let kind = door.path();
        let id = sha256(&[
            b"notice\0",
            kind.as_bytes(),
            b"\0",
            notice.issuer_url.as_bytes(),
            b"\0",
            notice.id.as_bytes(),
        ]);
        let until = now.plus_ms(REMEMBERED_MS);
        let (effect, kept) = (heard.effect, rows.clone());
        let first = taking.people.ask(move |store| {
            store.change(|database| {
                if !take_notice(database, &id, until)? {
                    return Ok(false);
                }
                match effect {
                    Effect::End | Effect::Disable => add(database, &kept, now)?,
                    Effect::Enable => {
                        for row in &kept {
                            let key = (row.what, row.issuer_url.as_str(), row.value.as_str());
                            lift(database, key, EndingKind::Disabled)?;
                        }
                    }
                    Effect::Nothing(_) => {}
                }
                Ok(true)
            })
        });
        let first = first.await?;
        taking.people.look_now();
        if !first {
            return match door {
                // A transmitter that did not hear our answer sends it again (RFC 8935 2).
                Door::Events => Ok(Taken::Known),
                Door::Logout | Door::Revocation => Err(Refusal::new(Reason::Replayed).into()),
            };
        }
        let detail = detail_of(arrival, &notice, &heard, &rows);
        let seq = self.0.journal.take_note(Note::NoticeTaken, &detail).await?;
        Ok(Taken::Obeyed(seq))
    }
}

fn no_store(status: StatusCode, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

fn is_post(arrival: &Arrival) -> bool {
    arrival.method() == Method::POST
}

/// The largest body; a notice is a token of at most 16 KiB.
const LARGEST_BYTES: usize = 64 * 1024;
const SMALL_BYTES: usize = 20 * 1024;
const AT_ONCE: usize = 16;
const TURN: Duration = Duration::from_secs(2);
/// A provider sends a body at once.
const LONGEST: Duration = Duration::from_secs(5);
/// Longer than any notice is taken after it was issued, and than two clocks may be apart.
const REMEMBERED_MS: u64 = read::OLDEST_EVENT_MS + 24 * 3_600_000;
