//! Reads a security event.
//!
//! In: a verified notice. Out: what happened to whom.
//!
//! | event | what follows |
//! | --- | --- |
//! | CAEP `session-revoked`, `token-claims-change` | the session ends, or everything of the person where no session is named |
//! | CAEP `credential-change`; RISC `account-credential-change-required`, `sessions-revoked` | everything of the person ends |
//! | RISC `account-disabled`, `account-purged` | nothing of the person is taken any more |
//! | RISC `account-enabled` | it is again |
//! | SSF `verification`, `stream-updated` | nothing: the stream works |
//! | any other | nothing |
//!
//! Never: `sub`, which would make it look like a token of a person; two events in one notice.
//!
//! RFC 8417 2.2; OpenID Shared Signals Framework 1.0, 3, 4.1 and 8.1.4; OpenID CAEP 1.0, 3; OpenID RISC
//! 1.0, 2.

use serde_json::Value;

use super::subject::{self, Reach, Subject};
use super::{Effect, Heard, malformed};
use crate::identify::Notice;
use crate::refusal::Refusal;

/// What happened.
///
/// # Errors
///
/// `malformed_token`, with what is wrong.
pub(crate) fn read(notice: &Notice) -> Result<Heard, Refusal> {
    if notice.claim("sub").is_some() {
        return Err(malformed("a security event has no `sub`: it has `sub_id`"));
    }
    let events = notice.claim("events").and_then(Value::as_object);
    let mut events = events
        .filter(|events| events.len() == 1)
        .into_iter()
        .flatten();
    let Some((event, Value::Object(said))) = events.next() else {
        return Err(malformed("`events` is not an object with one event in it"));
    };
    // Drafts of Shared Signals, which Okta speaks, have it inside.
    let subject = match (notice.claim("sub_id"), said.get("subject")) {
        (Some(one), Some(other)) if one != other => {
            return Err(malformed("`sub_id` and `subject` name different ones"));
        }
        (one, other) => one.or(other),
    };
    let nothing = |why| Heard {
        event: short(event),
        effect: Effect::Nothing(why),
        about: Vec::new(),
    };
    let (effect, reach) = match known(event) {
        Known::Follows(effect, reach) => (effect, reach),
        Known::OfTheStream => return Ok(nothing("it is about the stream")),
        Known::Not => return Ok(nothing("the event is not understood")),
    };
    let subject = subject.ok_or_else(|| malformed("neither `sub_id` nor `subject` is there"))?;
    Ok(match subject::read(subject, reach)? {
        Subject::Understood(about) => Heard {
            event: short(event),
            effect,
            about,
        },
        Subject::NotUnderstood => nothing("no token names anybody as its subject does"),
    })
}

enum Known {
    Follows(Effect, Reach),
    OfTheStream,
    Not,
}

fn known(event: &str) -> Known {
    if let Some(event) = event.strip_prefix(CAEP) {
        return match event {
            "session-revoked" | "token-claims-change" => {
                Known::Follows(Effect::End, Reach::Session)
            }
            "credential-change" => Known::Follows(Effect::End, Reach::Person),
            _ => Known::Not,
        };
    }
    if let Some(event) = event.strip_prefix(RISC) {
        return match event {
            "account-credential-change-required" | "sessions-revoked" => {
                Known::Follows(Effect::End, Reach::Person)
            }
            "account-disabled" | "account-purged" => Known::Follows(Effect::Disable, Reach::Person),
            "account-enabled" => Known::Follows(Effect::Enable, Reach::Person),
            _ => Known::Not,
        };
    }
    match event.strip_prefix(SSF) {
        Some("verification" | "stream-updated") => Known::OfTheStream,
        _ => Known::Not,
    }
}

/// The last word of an event's URL, which is all that tells events apart for people.
fn short(event: &str) -> String {
    let word = event.rsplit('/').next().unwrap_or(event);
    word.chars().take(LONGEST_WORD).collect()
}

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
const SSF: &str = "https://schemas.openid.net/secevent/ssf/event-type/";
const LONGEST_WORD: usize = 64;
