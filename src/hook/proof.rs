//! Says whether GitLab sent a webhook, and which one.
//!
//! In: the fields and the body as they came. Out: a [`Proven`], or a refusal.
//!
//! Where a signing key is set, the signature counts and nothing else: an unsigned request with the
//! right secret is refused. It covers the id, the moment and every byte, so it cannot be changed, and
//! not be sent again after [`FRESH_MS`]; within that, the id tells doubles. A secret alone says
//! nothing of bytes and time, and is what GitLab before 18.x has.
//!
//! Never: a comparison that ends at the first byte that differs; a field that is there twice.
//!
//! Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use super::settings::{Hook, HookSettings, Hooks};
use crate::clock::Time;
use crate::refusal::{Reason, Refusal};
use crate::secret::Secret;

/// A webhook that GitLab sent.
#[derive(Debug)]
pub struct Proven<'h> {
    /// What is known of that GitLab.
    pub from: &'h HookSettings,
    /// The same for each try to deliver this one, where GitLab says it.
    pub delivery: Option<String>,
    /// The event's name, as the header says it.
    pub event: Option<String>,
    /// Whether every byte is signed.
    pub signed: bool,
}

/// Who sent it.
///
/// # Errors
///
/// `no_credential`, `multiple_credentials`, `bad_signature`, `expired`, `not_yet_valid`.
pub fn prove<'h>(
    hooks: &'h Hooks,
    fields: &HeaderMap,
    body: &[u8],
    now: Time,
) -> Result<Proven<'h>, Refusal> {
    let id = one(fields, "webhook-id")?;
    let proven = |hook: &'h Hook, signed| -> Result<Proven<'h>, Refusal> {
        let tried = match signed {
            true => id,
            false => one(fields, "idempotency-key")?.or(one(fields, "x-gitlab-event-uuid")?),
        };
        Ok(Proven {
            from: &hook.settings,
            delivery: tried.map(|id| id.chars().take(LONGEST_ID).collect()),
            event: one(fields, "x-gitlab-event")?.map(str::to_owned),
            signed,
        })
    };
    if let Some(signature) = one(fields, "webhook-signature")? {
        let moment = one(fields, "webhook-timestamp")?;
        let (Some(id), Some(moment)) = (id, moment) else {
            return Err(Refusal::new(Reason::BadSignature)
                .telling("a signed webhook has `webhook-id` and `webhook-timestamp`"));
        };
        let signed = [id.as_bytes(), b".", moment.as_bytes(), b".", body].concat();
        let hook = hooks.0.iter().find(|hook| hook.signed(&signed, signature));
        let hook = hook.ok_or_else(|| unproven("signature", "signing token"))?;
        check_fresh(moment, now)?;
        return proven(hook, true);
    }
    let Some(token) = one(fields, "x-gitlab-token")? else {
        return Err(Refusal::new(Reason::NoCredential).telling(
            "the webhook has neither a `webhook-signature` nor an `x-gitlab-token`: set a signing \
             token or a secret token at the webhook in GitLab",
        ));
    };
    let token = Secret::new(token.to_owned());
    let has = |hook: &&Hook| hook.secrets.iter().any(|secret| secret.equals(&token));
    match hooks.0.iter().find(has) {
        Some(hook) if hook.signing_keys.is_empty() => proven(hook, false),
        Some(_) => Err(Refusal::new(Reason::BadSignature)
            .telling("webhooks of this GitLab are signed, and this one is not")),
        None => Err(unproven("secret token", "secret token")),
    }
}

impl Hook {
    /// Whether one of the signatures is ours: during a rotation there are several.
    fn signed(&self, signed: &[u8], signatures: &str) -> bool {
        let ours = |tag: &[u8]| {
            let mut keys = self.signing_keys.iter();
            keys.any(|key| hmac::verify(&key.0, signed, tag).is_ok())
        };
        signatures
            .split(' ')
            .take(MOST_SIGNATURES)
            .filter_map(|signature| signature.strip_prefix("v1,"))
            .filter_map(|signature| STANDARD.decode(signature).ok())
            .any(|tag| ours(&tag))
    }
}

/// The one value of a field.
fn one<'f>(fields: &'f HeaderMap, name: &str) -> Result<Option<&'f str>, Refusal> {
    let mut values = fields.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(Refusal::new(Reason::MultipleCredentials)
            .telling(format!("the webhook has `{name}` twice")));
    }
    Ok(first.and_then(|value| value.to_str().ok()))
}

fn check_fresh(moment: &str, now: Time) -> Result<(), Refusal> {
    let digits = !moment.is_empty() && moment.bytes().all(|byte| byte.is_ascii_digit());
    let moment = moment.parse().ok().filter(|_| digits);
    let moment = Time::from_secs(moment.ok_or_else(|| unproven("timestamp", "clock"))?);
    if now.ms_since(moment) > FRESH_MS {
        return Err(Refusal::new(Reason::Expired)
            .telling("the webhook was signed more than five minutes ago: compare the clocks"));
    }
    if moment.ms_since(now) > FRESH_MS {
        return Err(Refusal::new(Reason::NotYetValid).telling(
            "the webhook was signed more than five minutes from now: compare the clocks",
        ));
    }
    Ok(())
}

fn unproven(what: &str, compare: &str) -> Refusal {
    Refusal::new(Reason::BadSignature).telling(format!(
        "the webhook's {what} is not that of a GitLab that is known here: compare the {compare} \
         in GitLab with the file that `hooks` names"
    ))
}

/// Standard Webhooks leaves the tolerance to receivers; five minutes are usual.
const FRESH_MS: u64 = 5 * 60 * 1000;
const LONGEST_ID: usize = 128;
const MOST_SIGNATURES: usize = 8;
