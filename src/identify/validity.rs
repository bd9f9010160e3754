//! Decides whether verified claims are for us and for now.
//!
//! In: [`Claims`], the issuer's settings, the time. Out: when the token was issued and ends, or a
//! [`Refusal`].
//!
//! Every entry of `aud` must be ours: a token that also opens another door could have been handed
//! to us by whoever keeps that door. `exp` and `iat` must be there; so no token lives for ever, and
//! none is taken that was issued too long ago, whatever its end.
//!
//! RFC 7519 4.1.3 to 4.1.6; RFC 8725 3.9.

use super::claims::{Claims, malformed};
use super::settings::IssuerSettings;
use crate::clock::Time;
use crate::refusal::{Reason, Refusal};

/// From when to when a token counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    /// `iat`.
    pub(super) issued: Time,
    /// `exp`.
    pub(super) expires: Time,
    /// The later of `nbf` and `iat`.
    pub(super) starts: Time,
}

/// Refuses a token that was made for anyone but us.
pub(super) fn check_audience(claims: &Claims, settings: &IssuerSettings) -> Result<(), Refusal> {
    let audience = claims.audience();
    let ours = |name: &&str| settings.audiences.iter().any(|own| own == name);
    // Beside ours, Auth0 names itself; by itself that would be no token for us.
    let ours_or_added =
        |name: &&str| ours(name) || settings.dialect.adds_audience(name, &settings.url);
    if audience.iter().any(ours) && audience.iter().all(ours_or_added) {
        return Ok(());
    }
    let accepted = settings.audiences.join("`, `");
    let told = format!(
        "the token was made for another audience; ask for one with the audience `{accepted}` alone"
    );
    Err(Refusal::new(Reason::WrongAudience).telling(told))
}

/// Refuses a token that is over, has not begun, or would live too long.
pub(super) fn check_times(
    claims: &Claims,
    settings: &IssuerSettings,
    now: Time,
) -> Result<Validity, Refusal> {
    let expires_s = claims.seconds("exp")?;
    let issued_s = claims.seconds("iat")?;
    let starts_s = claims
        .optional_seconds("nbf")?
        .unwrap_or(issued_s)
        .max(issued_s);
    let validity = Validity {
        issued: moment(issued_s),
        expires: moment(expires_s),
        starts: moment(starts_s),
    };
    validity.check_end(now, settings)?;
    let longest_s = i64::try_from(settings.longest_lifetime_s).unwrap_or(i64::MAX);
    if expires_s.saturating_sub(issued_s) > longest_s {
        return Err(Refusal::new(Reason::LifetimeTooLong).telling(format!(
            "the token lives longer than the {} this proxy accepts; ask for a shorter one",
            span(settings.longest_lifetime_s)
        )));
    }
    validity.check_age(now, settings.longest_age_s)?;
    validity.check_begin(now)?;
    if expires_s < issued_s {
        return Err(malformed("`exp` is before `iat`"));
    }
    Ok(validity)
}

impl Validity {
    /// The same check again, for a token verified before.
    pub(super) fn check(&self, now: Time, settings: &IssuerSettings) -> Result<(), Refusal> {
        self.check_end(now, settings)?;
        self.check_age(now, settings.longest_age_s)?;
        self.check_begin(now)
    }

    fn check_end(&self, now: Time, settings: &IssuerSettings) -> Result<(), Refusal> {
        if now < self.expires.plus_ms(LEEWAY_MS) {
            return Ok(());
        }
        let ago = span(now.ms_since(self.expires) / 1000);
        let hint = settings.dialect.renewal();
        let told = format!("the token expired {ago} ago; {hint}");
        Err(Refusal::new(Reason::Expired).telling(told))
    }

    fn check_age(&self, now: Time, longest_s: u64) -> Result<(), Refusal> {
        let age_ms = now.ms_since(self.issued);
        if age_ms <= longest_s.saturating_mul(1000).saturating_add(LEEWAY_MS) {
            return Ok(());
        }
        let told = format!(
            "the token was issued {} ago, and this proxy takes none older than {}; get a new one",
            span(age_ms / 1000),
            span(longest_s)
        );
        Err(Refusal::new(Reason::Expired).telling(told))
    }

    fn check_begin(&self, now: Time) -> Result<(), Refusal> {
        if self.starts <= now.plus_ms(LEEWAY_MS) {
            return Ok(());
        }
        let ahead = span(self.starts.ms_since(now) / 1000);
        let told = format!("the token is not valid before {ahead} from now; compare the clocks");
        Err(Refusal::new(Reason::NotYetValid).telling(told))
    }
}

/// What is before 1970 reads as 1970: over for an end, begun for a beginning.
fn moment(seconds: i64) -> Time {
    Time::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// A span in the unit that a person would use.
fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// How far two clocks may be apart.
pub(crate) const LEEWAY_MS: u64 = 30_000;
