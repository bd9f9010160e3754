//! Reads a logout token.
//!
//! In: a verified notice. Out: the session, the subject, or both, that end.
//!
//! A token that names a session and a subject ends that session, and of the subject what belongs to no
//! session: most providers do not write `sid` into access tokens, and those would outlive the logout.
//!
//! Never: a token with a `nonce`, which would be an ID token; one without the event that makes it one.
//!
//! OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6.

use serde_json::Value;

use super::{About, Effect, Heard, malformed};
use crate::identify::{Notice, What};
use crate::refusal::Refusal;

/// Who is logged out.
///
/// # Errors
///
/// `malformed_token`, with what is wrong.
pub(crate) fn read(notice: &Notice) -> Result<Heard, Refusal> {
    if notice.claim("nonce").is_some() {
        return Err(malformed("a logout token has no `nonce`"));
    }
    let events = notice.claim("events").and_then(Value::as_object);
    let event = events
        .filter(|events| events.len() == 1)
        .and_then(|events| events.get(LOGOUT));
    if !event.is_some_and(Value::is_object) {
        let why = "`events` is not one object with the back-channel logout event alone";
        return Err(malformed(why));
    }
    let about = |what: What, value: &str| About {
        what,
        issuer_url: None,
        value: value.to_owned(),
    };
    let about = match (notice.text("sid")?, notice.text("sub")?) {
        (None, None) => return Err(malformed("neither `sub` nor `sid` is there")),
        (None, Some(subject)) => vec![about(What::Subject, subject)],
        (Some(session), None) => vec![about(What::Session, session)],
        (Some(session), Some(subject)) => vec![
            about(What::Session, session),
            about(What::Sessionless, subject),
        ],
    };
    Ok(Heard {
        event: "backchannel-logout".to_owned(),
        effect: Effect::End,
        about,
    })
}

const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";
