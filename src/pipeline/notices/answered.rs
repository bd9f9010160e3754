//! Answers the sender of a notice in its own protocol.
//!
//! In: how it went. Out: a status, and an error in JSON where it went wrong.
//!
//! | door | taken | refused |
//! | --- | --- | --- |
//! | `backchannel-logout` | 200 | 400, whatever it is (Back-Channel Logout 1.0, 2.8) |
//! | `events` | 202 | 400 with a word of RFC 8935 2.4 |
//! | `global-token-revocation` | 204 | 400 the body, 401 the caller, 403 another issuer's people, 422 a subject that no token has |
//!
//! Whatever was not POST is 405. What we could not do is 503, so that it is sent again; but for logout
//! tokens, whose senders are to be told 400.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::{Declined, Door, Fault, is_post, no_store};
use crate::forward::ResponseBody;
use crate::listen::Arrival;
use crate::refusal::{Effect, Reason};

/// It was taken.
pub(super) fn taken(door: Door) -> Response<ResponseBody> {
    let status = match door {
        Door::Logout => StatusCode::OK,
        Door::Events => StatusCode::ACCEPTED,
        Door::Revocation => StatusCode::NO_CONTENT,
    };
    no_store(status, ResponseBody::empty())
}

/// The same where the method decides, too.
pub(super) fn refused_at(
    arrival: &Arrival,
    door: Door,
    declined: &Declined,
) -> Response<ResponseBody> {
    let mut response = refused(door, declined);
    if !is_post(arrival) {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        let post = HeaderValue::from_static("POST");
        response.headers_mut().insert(header::ALLOW, post);
    }
    response
}

/// It was not.
pub(super) fn refused(door: Door, declined: &Declined) -> Response<ResponseBody> {
    let refusal = &declined.refusal;
    let reason = refusal.reason();
    let status = status(door, declined);
    let error = match door {
        Door::Events => word_for_events(reason),
        Door::Logout | Door::Revocation => match reason.effect() {
            Effect::Error => "temporarily_unavailable",
            Effect::Refuse | Effect::Deny if status == StatusCode::UNAUTHORIZED => "invalid_token",
            Effect::Refuse | Effect::Deny => "invalid_request",
        },
    };
    // RFC 8935 2.3 names the member `err`, the others are OAuth's.
    let body = match door {
        Door::Events => json!({ "err": error, "description": refusal.told() }),
        Door::Logout | Door::Revocation => {
            json!({ "error": error, "error_description": refusal.told() })
        }
    };
    let body = ResponseBody::Full(Bytes::from(body.to_string()));
    let mut response = no_store(status, body);
    let fields = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    fields.insert(header::CONTENT_TYPE, json);
    let english = HeaderValue::from_static("en");
    fields.insert(header::CONTENT_LANGUAGE, english);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = match reason {
            Reason::NoCredential => "Bearer",
            _ => "Bearer error=\"invalid_token\"",
        };
        let challenge = HeaderValue::from_static(challenge);
        fields.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let pause = refusal.retry_after_s().unwrap_or(2);
        fields.insert(header::RETRY_AFTER, HeaderValue::from(pause));
    }
    response
}

fn status(door: Door, declined: &Declined) -> StatusCode {
    let own = declined.refusal.reason().status();
    match (door, declined.fault) {
        (Door::Logout, _) => StatusCode::BAD_REQUEST,
        _ if own == StatusCode::SERVICE_UNAVAILABLE => own,
        (Door::Events, _) => StatusCode::BAD_REQUEST,
        (Door::Revocation, Fault::Sender) if own == StatusCode::UNAUTHORIZED => own,
        (Door::Revocation, Fault::Sender | Fault::Content) => StatusCode::BAD_REQUEST,
        (Door::Revocation, Fault::Foreign) => StatusCode::FORBIDDEN,
        (Door::Revocation, Fault::Unclear) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn word_for_events(reason: Reason) -> &'static str {
    match reason {
        Reason::NoCredential | Reason::MultipleCredentials => "authentication_failed",
        Reason::UnknownIssuer => "invalid_issuer",
        Reason::WrongAudience => "invalid_audience",
        Reason::UnknownKey | Reason::WeakKey | Reason::BadSignature | Reason::AlgNotAllowed => {
            "invalid_key"
        }
        _ => "invalid_request",
    }
}
