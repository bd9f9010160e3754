//! Verifies what an issuer tells us about the people it vouches for.
//!
//! In: a signed notice (a logout token, a security event, a request to revoke), what it must look like,
//! the time. Out: a [`Notice`] with its claims, or a [`Refusal`].
//!
//! Read as strictly as a credential and with the same keys: three parts, strict JSON, an algorithm that
//! its issuer was given, a key that its issuer publishes. Its type keeps it apart from every token that
//! is shown to us as a credential; those in turn must not have `events`.
//!
//! Never: an issuer whose word was not asked for, an audience beside ours, a notice without an id.
//!
//! RFC 8417 2.2; RFC 8725 3.11; OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6.

use serde_json::Value;

use super::Issuers;
use super::claims::{Claims, malformed};
use super::token::Unverified;
use super::trail::Trail;
use super::validity::LEEWAY_MS;
use super::verify;
use crate::clock::Time;
use crate::refusal::{Reason, Refusal};

/// What a notice must look like.
pub struct NoticeDemand<'d> {
    /// The types that it may have, in lower case and without `application/`.
    pub types: &'d [&'d str],
    /// Whether it may say `JWT`, or nothing, in the place of a type.
    pub may_be_untyped: bool,
    /// Whom notices of an issuer, by its name, are for; nobody where its word was not asked for.
    pub audiences: &'d (dyn Fn(&str) -> Vec<String> + Sync),
    /// The longest time since `iat`, in ms.
    pub oldest_ms: u64,
    /// The longest `exp - iat`, in ms, where it must end; otherwise it must not say that it does.
    pub longest_ms: Option<u64>,
}

/// What an issuer told us.
#[derive(Debug)]
pub struct Notice {
    /// Who, by its name in `stile.yaml`.
    pub issuer: String,
    /// Who, by its exact URL.
    pub issuer_url: String,
    /// Its id, which is the issuer's own.
    pub id: String,
    /// When it was issued.
    pub issued: Time,
    claims: Claims,
}

impl Notice {
    /// A claim as it is.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// A text that may be there, and says something then.
    ///
    /// # Errors
    ///
    /// `malformed_token` for one that is no text, or an empty one.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.claims.get(name) {
            None => Ok(None),
            Some(Value::String(text))
                if !text.is_empty() && text.len() <= LONGEST_TEXT_BYTES && !text.contains('\0') =>
            {
                Ok(Some(text))
            }
            Some(_) => Err(malformed(format!(
                "claim `{name}` is not a text of 1 to 1024 bytes"
            ))),
        }
    }
}

impl Issuers {
    /// What an issuer told us, verified.
    ///
    /// # Errors
    ///
    /// Why it is not to be believed: the reasons of credentials.
    pub async fn notice(
        &self,
        notice: &str,
        demand: &NoticeDemand<'_>,
        now: Time,
    ) -> Result<Notice, Refusal> {
        let token = Unverified::read(notice)?;
        let one = self.trusted.get(token.issuer());
        let audiences = one.map(|one| (demand.audiences)(&one.settings.name));
        let (Some(one), Some(audiences)) = (one, audiences.filter(|some| !some.is_empty())) else {
            return Err(Refusal::new(Reason::UnknownIssuer));
        };
        let settings = &one.settings;
        let algorithm =
            verify::accepted_algorithm(token.signed().algorithm(), &settings.algorithms)?;
        demand.check_type(token.signed().typ())?;
        let keys = match token.signed().key_id() {
            Some(id) => one.keys.for_key(id).await?,
            None if settings.tokens_without_key_id => one.keys.for_any_key().await?,
            None => return Err(Refusal::new(Reason::UnknownKey)),
        };
        let key = verify::key_for(token.signed(), algorithm, &keys, &mut Trail::unseen())?;
        let claims = token.verified(key, algorithm)?;
        let named = claims.audience();
        if named.is_empty()
            || !named
                .iter()
                .all(|name| audiences.iter().any(|own| own == name))
        {
            return Err(Refusal::new(Reason::WrongAudience));
        }
        let issued = demand.check_times(&claims, now)?;
        let id = claims.text("jti")?;
        if id.len() > LONGEST_ID_BYTES {
            return Err(malformed("claim `jti` is longer than 256 bytes"));
        }
        Ok(Notice {
            issuer: settings.name.clone(),
            issuer_url: settings.url.clone(),
            id,
            issued,
            claims,
        })
    }

    /// The longest that a token of an issuer may be accepted after it was issued, in ms.
    pub fn longest_ms(&self, url: &str) -> Option<u64> {
        let settings = &self.trusted.get(url)?.settings;
        let longest_s = settings.longest_lifetime_s.min(settings.longest_age_s);
        Some(longest_s.saturating_mul(1000).saturating_add(2 * LEEWAY_MS))
    }
}

impl std::fmt::Debug for NoticeDemand<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NoticeDemand")
            .field("types", &self.types)
            .finish_non_exhaustive()
    }
}

impl NoticeDemand<'_> {
    fn check_type(&self, typ: Option<&str>) -> Result<(), Refusal> {
        let typ = typ.map(str::to_ascii_lowercase);
        let typ = typ.as_deref();
        // RFC 7515 4.1.9: the prefix may be left out.
        let typ = typ.map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
        match typ {
            None | Some("jwt") if self.may_be_untyped => Ok(()),
            Some(typ) if self.types.contains(&typ) => Ok(()),
            _ => Err(Refusal::new(Reason::WrongType)),
        }
    }

    fn check_times(&self, claims: &Claims, now: Time) -> Result<Time, Refusal> {
        let issued_s = claims.seconds("iat")?;
        let issued = moment(issued_s);
        let latest = now.plus_ms(LEEWAY_MS);
        let begins = claims.optional_seconds("nbf")?.map_or(issued, moment);
        if issued > latest || begins > latest {
            return Err(Refusal::new(Reason::NotYetValid));
        }
        if now.ms_since(issued) > self.oldest_ms.saturating_add(LEEWAY_MS) {
            return Err(Refusal::new(Reason::Expired));
        }
        match (self.longest_ms, claims.optional_seconds("exp")?) {
            (None, None) => {}
            // A notice that ends like a token could be taken for one (Shared Signals 1.0, 4.1.7).
            (None, Some(_)) => return Err(malformed("claim `exp` is there")),
            (Some(_), None) => return Err(malformed("claim `exp` is missing")),
            (Some(longest_ms), Some(expires_s)) => {
                let expires = moment(expires_s);
                if expires.plus_ms(LEEWAY_MS) <= now || expires_s < issued_s {
                    return Err(Refusal::new(Reason::Expired));
                }
                if expires.ms_since(issued) > longest_ms {
                    return Err(Refusal::new(Reason::LifetimeTooLong));
                }
            }
        }
        Ok(issued)
    }
}

fn moment(seconds: i64) -> Time {
    Time::from_secs(u64::try_from(seconds).unwrap_or(0))
}

const LONGEST_ID_BYTES: usize = 256;
const LONGEST_TEXT_BYTES: usize = 1024;
