//! Reads and verifies a notice as its door takes it.
//!
//! In: an arrival and its body. Out: what was said, by whom; or why that is not believed.
//!
//! RFC 8935 2.1; OpenID Connect Back-Channel Logout 1.0, 2.5; RFC 6750 2.1.

use std::path::Path;

use bytes::Bytes;
use http::{HeaderValue, header};

use super::{Declined, Door, Fault, Intake, Taking, is_post};
use crate::identify::{Issuers, Notice, NoticeDemand};
use crate::listen::Arrival;
use crate::people::notices::{Effect, Heard, events, logout, revocation};
use crate::pipeline::carried::Carried;
use crate::refusal::{Reason, Refusal};
use crate::secret::Secret;
use crate::setup_error::SetupError;

/// A notice at a door.
pub(super) struct Asked<'a> {
    pub(super) door: Door,
    pub(super) arrival: &'a Arrival,
    pub(super) taking: &'a Taking,
    pub(super) issuers: &'a Issuers,
    pub(super) site_url: &'a str,
    pub(super) intake: &'a Intake,
}

impl Asked<'_> {
    /// What was said, and by whom.
    pub(super) async fn hear(&self, body: Carried) -> Result<(Notice, Heard), Declined> {
        match self.door {
            Door::Logout => {
                let body = self.body(body).await?;
                let notice = self.verified(&logout_token(&body)?).await?;
                let heard = logout::read(&notice)?;
                Ok((notice, heard))
            }
            Door::Events => {
                let shown = self.shown()?;
                let body = self.body(body).await?;
                let text = std::str::from_utf8(&body)
                    .map_err(|_| malformed("the body is not a signed token"))?;
                let notice = self.verified(text).await?;
                self.check_shown(&notice, shown)?;
                let heard = events::read(&notice)?;
                Ok((notice, heard))
            }
            Door::Revocation => {
                let token = bearer(self.arrival)?;
                let notice = self.verified(token).await?;
                let client = self.taking.of(&notice.issuer);
                let client = client.and_then(|one| one.revocation_client.as_deref());
                if client.is_none() || notice.text("sub")? != client {
                    let why = "its `sub` is not the client that may revoke";
                    let refusal = Refusal::new(Reason::WrongAudience).telling(why).noting(why);
                    return Err(refusal.into());
                }
                let body = self.body(body).await?;
                let heard = revocation::read(&body).map_err(|refusal| Declined {
                    refusal: Refusal::new(Reason::UnclearBody).telling(refusal.told().to_owned()),
                    fault: Fault::Content,
                })?;
                match heard.effect {
                    Effect::Nothing(why) => Err(Declined {
                        refusal: Refusal::new(Reason::UnclearBody).telling(why),
                        fault: Fault::Unclear,
                    }),
                    _ => Ok((notice, heard)),
                }
            }
        }
    }

    async fn body(&self, mut body: Carried) -> Result<Bytes, Refusal> {
        self.intake.whole(&mut body, self.arrival.headers()).await
    }

    async fn verified(&self, token: &str) -> Result<Notice, Refusal> {
        let (door, site_url) = (self.door, self.site_url);
        let audiences = |issuer: &str| self.taking.audiences(door, issuer, site_url);
        let (types, oldest_ms, longest_ms): (&[&str], u64, Option<u64>) = match door {
            Door::Logout => (&["logout+jwt"], OLDEST_LOGOUT_MS, Some(LONGEST_MS)),
            Door::Events => (&["secevent+jwt"], OLDEST_EVENT_MS, None),
            Door::Revocation => (
                &["global-token-revocation+jwt"],
                OLDEST_LOGOUT_MS,
                Some(LONGEST_MS),
            ),
        };
        let demand = NoticeDemand {
            types,
            // Most providers leave the type of logout tokens out (Back-Channel Logout 1.0, 2.4).
            may_be_untyped: door == Door::Logout,
            audiences: &audiences,
            oldest_ms,
            longest_ms,
        };
        self.issuers
            .notice(token, &demand, self.arrival.time())
            .await
    }

    /// What a transmitter shows beside its signature. Where each has to show something, one that
    /// shows nothing that fits ends here, before a byte of its body is read.
    fn shown(&self) -> Result<Option<Secret>, Refusal> {
        let fields = self.arrival.headers();
        let shown = match fields.contains_key(header::AUTHORIZATION) {
            true => Some(Secret::new(bearer(self.arrival)?.to_owned())),
            false => None,
        };
        let settings = self.taking.people.settings();
        let mut senders = settings.ended_by.iter();
        let all_show = senders
            .all(|one| one.events_audience.is_none() || self.secret_of(&one.issuer).is_some());
        let fits = |shown: &Secret| {
            let mut secrets = self.taking.secrets.iter();
            secrets.any(|(_, secret)| secret.equals(shown))
        };
        match all_show && !shown.as_ref().is_some_and(fits) {
            true => Err(unproven()),
            false => Ok(shown),
        }
    }

    fn check_shown(&self, notice: &Notice, shown: Option<Secret>) -> Result<(), Refusal> {
        let Some(secret) = self.secret_of(&notice.issuer) else {
            return Ok(());
        };
        match shown.is_some_and(|shown| secret.equals(&shown)) {
            true => Ok(()),
            false => Err(unproven()),
        }
    }

    fn secret_of(&self, issuer: &str) -> Option<&Secret> {
        let mut secrets = self.taking.secrets.iter();
        secrets
            .find(|(name, _)| name == issuer)
            .map(|(_, secret)| secret)
    }
}

/// What can be refused without the body.
pub(super) fn check_head(door: Door, arrival: &Arrival) -> Result<(), Refusal> {
    if !is_post(arrival) {
        let why = "notices are sent by POST";
        return Err(Refusal::new(Reason::MalformedRequest).telling(why));
    }
    if arrival.query().is_some() {
        return Err(malformed("a notice comes in the body and not in the query"));
    }
    let fields = arrival.headers();
    if fields.contains_key(header::CONTENT_ENCODING) {
        let why = "a notice is sent as it is, and this one is encoded";
        return Err(Refusal::new(Reason::UnsupportedMedia).telling(why));
    }
    let wanted = match door {
        Door::Logout => "application/x-www-form-urlencoded",
        Door::Events => "application/secevent+jwt",
        Door::Revocation => "application/json",
    };
    let mut kinds = fields.get_all(header::CONTENT_TYPE).iter();
    let fits = |kind: &HeaderValue| {
        let kind = kind.to_str().unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case(wanted)
    };
    match kinds.next().is_some_and(fits) && kinds.next().is_none() {
        true => Ok(()),
        false => {
            let why = format!("the body's media type must be {wanted}");
            Err(Refusal::new(Reason::UnsupportedMedia).telling(why))
        }
    }
}

/// What is in `authorization: Bearer`.
fn bearer(arrival: &Arrival) -> Result<&str, Refusal> {
    let mut values = arrival.headers().get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or_else(unproven)?;
    if values.next().is_some() {
        return Err(Refusal::new(Reason::MultipleCredentials));
    }
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or_else(unproven)?;
    match scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        true => Ok(token),
        false => Err(unproven()),
    }
}

/// The one `logout_token` of a form; other parameters are ignored.
fn logout_token(body: &[u8]) -> Result<String, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("the form is not text"))?;
    let mut found = None;
    for parameter in text.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let unescaped = |part: &str| {
            unescaped(part).ok_or_else(|| malformed("the form has an escape that is none"))
        };
        if unescaped(name)? != "logout_token" {
            continue;
        }
        if found.replace(unescaped(value)?).is_some() {
            return Err(malformed("`logout_token` is in the form twice"));
        }
    }
    found.ok_or_else(|| malformed("`logout_token` is not in the form"))
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut read = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => read.push(b' '),
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
                read.push(u8::try_from(high * 16 + low).ok()?);
            }
            plain => read.push(plain),
        }
    }
    String::from_utf8(read).ok()
}

/// The secret of a transmitter: one line.
pub(super) fn secret_in(file: &Path) -> Result<Secret, SetupError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let said = error.to_string().to_lowercase();
        SetupError::in_file(file, format!("cannot be read: {said}"))
    })?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let plain = |c: char| c.is_ascii_graphic();
    if line.len() < SHORTEST_SECRET || !line.chars().all(plain) {
        let fault = SetupError::in_file(file, "is not one line of at least 20 visible letters");
        return Err(
            fault.hint("make one with `openssl rand -hex 32` and give it to the transmitter")
        );
    }
    Ok(Secret::new(line.to_owned()))
}

fn malformed(why: &'static str) -> Refusal {
    Refusal::new(Reason::MalformedToken)
        .telling(why)
        .noting(why)
}

fn unproven() -> Refusal {
    Refusal::new(Reason::NoCredential)
}

/// A logout token is sent when somebody logs out, and not kept.
const OLDEST_LOGOUT_MS: u64 = 10 * 60_000;
/// Okta's live five minutes and begin five minutes before; OpenID recommends two at most.
const LONGEST_MS: u64 = 15 * 60_000;
/// A transmitter whose receiver was away sends what it kept.
pub(super) const OLDEST_EVENT_MS: u64 = 7 * 24 * 3_600_000;
const SHORTEST_SECRET: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_the_token_once_however_it_is_spelled() {
        assert_eq!(logout_token(b"logout_token=a.b.c").unwrap(), "a.b.c");
        assert_eq!(
            logout_token(b"x=1&logout%5Ftoken=a%2Eb.c&y").unwrap(),
            "a.b.c"
        );
        for form in [
            "",
            "token=a.b.c",
            "logout_token=a.b.c&logout_token=a.b.c",
            "logout_token=a.b.c&logout%5ftoken=",
            "logout_token=%",
            "logout_token=%4",
            "logout_token=%zz",
            "logout_token=%ff",
        ] {
            assert!(logout_token(form.as_bytes()).is_err(), "{form}");
        }
    }
}
