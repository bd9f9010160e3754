//! GitLab as its webhooks show it: it signs, numbers and sends what happens in one project.
//!
//! In: what happens. Out: the webhook as GitLab sends it, to be sent or to be changed first.
//!
//! Shapes are those of GitLab's documentation, with everything that stile must not keep: names,
//! addresses, avatars. Signatures are those of Standard Webhooks.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::caller::Call;
use crate::issuer::claims::now_s;
use crate::mint::fresh_uuid;

pub mod payload;

pub use payload::{JobRun, Run};

/// What webhooks are signed with, as GitLab shows it once.
pub const SIGNING_KEY: &str = "whsec_c3RpbGUta2l0LXdlYmhvb2stc2lnbmluZy1rZXktMzI=";
/// What a GitLab that cannot sign sends in `x-gitlab-token`.
pub const HOOK_SECRET: &str = "kit-webhook-secret-0123456789";

/// One webhook, ready to be sent.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Where it goes.
    pub url: String,
    /// The event's name in `x-gitlab-event`.
    pub event: &'static str,
    /// The same for each try.
    pub id: String,
    /// When it is signed, in seconds since 1970.
    pub at: u64,
    /// The body.
    pub body: Vec<u8>,
}

impl Webhook {
    /// Of this payload, to stile at this address.
    pub fn of(stile: &str, event: &'static str, payload: &Value) -> Webhook {
        Webhook {
            url: format!("{stile}/.stile/hooks/gitlab"),
            event,
            id: fresh_uuid(),
            at: now_s(),
            body: payload.to_string().into_bytes(),
        }
    }

    /// The signature by this key, as it stands in `webhook-signature`.
    ///
    /// A key that is none signs as an empty one would.
    pub fn signature(&self, key: &str) -> String {
        let key = key.strip_prefix("whsec_").unwrap_or_default();
        let key = STANDARD.decode(key).unwrap_or_default();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let head = format!("{}.{}.", self.id, self.at);
        let tag = hmac::sign(&key, &[head.as_bytes(), &self.body].concat());
        format!("v1,{}", STANDARD.encode(tag.as_ref()))
    }

    /// The request, signed.
    pub fn signed(&self) -> Call {
        self.signed_with(SIGNING_KEY)
    }

    /// The request, signed with this key.
    pub fn signed_with(&self, key: &str) -> Call {
        self.unsigned()
            .field("webhook-id", &self.id)
            .field("webhook-timestamp", &self.at.to_string())
            .field("webhook-signature", &self.signature(key))
    }

    /// The request, with the secret of a GitLab that cannot sign.
    pub fn with_secret(&self, secret: &str) -> Call {
        self.unsigned()
            .field("idempotency-key", &self.id)
            .field("x-gitlab-token", secret)
    }

    /// The request, without any proof.
    pub fn unsigned(&self) -> Call {
        Call::new("POST", self.url.clone())
            .body("application/json", self.body.clone())
            .field("user-agent", "GitLab/18.6.0")
            .field("x-gitlab-event", self.event)
            .field("x-gitlab-instance", "https://gitlab.example.com")
            .field(
                "x-gitlab-webhook-uuid",
                "79ec1e0f-4d1f-4e5c-9a39-3a1d0a2d6f01",
            )
            .field("x-gitlab-event-uuid", &self.id)
    }
}

/// The section of the settings that takes these webhooks; the key is in `secrets/hook.key`.
pub fn settings() -> String {
    "hooks:\n  - issuer: gitlab\n    groups: [acme]\n    signing_key_file: secrets/hook.key\n    \
     services: { acme/shop/api: checkout }\n"
        .to_owned()
}

/// A person as GitLab writes one into each payload: none of it is for anybody else.
pub(crate) fn somebody() -> Value {
    json!({"id": 417, "name": "Dana Private", "username": "dana.private",
        "avatar_url": "https://www.gravatar.com/avatar/e64c7d89f26bd1972efa854d13d7dd61",
        "email": "dana.private@example.com"})
}
