//! A refusal as the answer that its caller can read.
//!
//! In: a [`Refusal`], how its caller speaks, and where this proxy is found. Out: the whole answer.
//!
//! Every answer carries the decision's id, forbids caching and says what it is. The form follows the
//! caller: gRPC gets a status, telemetry exporters get a `google.rpc.Status` in their own media
//! type, a browser gets a page, everything else gets problem details.
//!
//! Never: what only the operator may read, a byte that could end a header field, a script.
//!
//! RFC 9110, 12.5.1 and 15; RFC 9457; OTLP 1.x, "Failures".

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use uuid::Uuid;

use super::{Refusal, challenge, grpc, otlp, page, problem};

/// How the request that is refused was asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The decision's id.
    pub decision: Uuid,
    /// Its `content-type` as received.
    pub content_type: Option<&'a [u8]>,
    /// Its `accept` as received.
    pub accept: Option<&'a [u8]>,
    /// Whether the path belongs to telemetry, whose callers want `google.rpc.Status`.
    pub speech_is_otlp: bool,
}

/// Where this proxy is found.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its URL as callers know it: `https://stile.example.com`.
    pub url: String,
    /// Whether people sign in here.
    pub signs_in: bool,
}

/// Whether who accepts this wants a page for people most.
pub fn wants_page(accept: &[u8]) -> bool {
    Form::accepted(accept) == Form::Page
}

/// Makes the answer.
pub fn answer(refusal: &Refusal, to: &Asked<'_>, site: &Site) -> Response<Bytes> {
    let form = Form::of(to);
    let mut answer = Response::new(form.body(refusal, to, site));
    *answer.status_mut() = match form {
        Form::Grpc => StatusCode::OK, // the status is in the trailers
        _ => refusal.reason().status(),
    };
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(form.media_type()),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    insert(headers, DECISION, &to.decision.to_string());
    match form {
        Form::Grpc => grpc::add_trailers(refusal, headers),
        Form::Page => page::add_headers(headers),
        _ => {}
    }
    if !matches!(form, Form::Grpc) {
        challenge::add(refusal, site, headers);
        if let Some(seconds) = refusal.retry_after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    answer
}

/// Sets a field to a text that is known to be fit for one; leaves it out if that was wrong.
pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// The forms of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Grpc,
    OtlpJson,
    OtlpProtobuf,
    Problem,
    Page,
    Text,
}

impl Form {
    /// The form that the caller can read. Telemetry paths have no choice: `otel-cli` takes nothing
    /// but its own media type, whatever it accepts.
    fn of(asked: &Asked<'_>) -> Form {
        let sent = essence(asked.content_type.unwrap_or_default());
        if sent == b"application/grpc" || sent.starts_with(b"application/grpc+") {
            return Form::Grpc;
        }
        if asked.speech_is_otlp {
            return match sent.as_slice() {
                b"application/json" => Form::OtlpJson,
                _ => Form::OtlpProtobuf,
            };
        }
        Form::accepted(asked.accept.unwrap_or(b"*/*"))
    }

    /// What is accepted most gladly; problem details in doubt, and rather than no answer.
    fn accepted(accept: &[u8]) -> Form {
        let problem = [
            "application/problem+json",
            "application/json",
            "application/vnd.api+json",
        ];
        let problem = problem
            .map(|media| quality(accept, media))
            .into_iter()
            .max()
            .unwrap_or(0);
        let page = quality(accept, "text/html");
        let text = quality(accept, "text/plain");
        if page > problem && page >= text {
            Form::Page
        } else if text > problem {
            Form::Text
        } else {
            Form::Problem
        }
    }

    fn body(self, refusal: &Refusal, to: &Asked<'_>, site: &Site) -> Bytes {
        match self {
            Form::Grpc => Bytes::new(),
            Form::OtlpJson => otlp::json(refusal).into(),
            Form::OtlpProtobuf => otlp::protobuf(refusal).into(),
            Form::Problem => problem::json(refusal, to.decision).into(),
            Form::Page => page::html(refusal, to.decision, site.signs_in).into(),
            Form::Text => problem::text(refusal, to.decision).into(),
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Form::Grpc => "application/grpc",
            Form::OtlpJson => "application/json",
            Form::OtlpProtobuf => "application/x-protobuf",
            Form::Problem => "application/problem+json",
            Form::Page => "text/html; charset=utf-8",
            Form::Text => "text/plain; charset=utf-8",
        }
    }
}

/// A media type without its parameters, lower case (RFC 9110, 8.3.1).
fn essence(field: &[u8]) -> Vec<u8> {
    let essence = field.split(|b| *b == b';').next().unwrap_or_default();
    essence.trim_ascii().to_ascii_lowercase()
}

/// How gladly a media type is accepted, in thousandths: the most specific range decides (RFC 9110,
/// 12.5.1).
fn quality(accept: &[u8], media: &str) -> u32 {
    let kind = media.split('/').next().unwrap_or_default();
    let mut best = (0, 0);
    for range in accept.split(|b| *b == b',').take(RANGES) {
        let named = essence(range);
        let specific = match named.as_slice() {
            b"*/*" => 1,
            named if named.strip_suffix(b"/*") == Some(kind.as_bytes()) => 2,
            named if named == media.as_bytes() => 3,
            _ => continue,
        };
        if specific > best.0 {
            best = (specific, weight(range));
        }
    }
    best.1
}

/// The `q` of a media range in thousandths: 1000 when there is none, 0 when it is malformed.
fn weight(range: &[u8]) -> u32 {
    let named = |part: &&[u8]| part.trim_ascii().to_ascii_lowercase().starts_with(b"q=");
    let Some(part) = range.split(|b| *b == b';').skip(1).find(named) else {
        return 1000;
    };
    let number = part
        .trim_ascii()
        .get(2..)
        .and_then(|digits| str::from_utf8(digits).ok());
    let (whole, fraction) = number.map_or(("", ""), |n| n.split_once('.').unwrap_or((n, "")));
    let thousandths = format!("{fraction:0<3}");
    match (whole, thousandths.parse::<u32>()) {
        ("1", Ok(0)) => 1000,
        ("0", Ok(thousandths)) if thousandths < 1000 => thousandths,
        _ => 0,
    }
}

/// Carries the decision's id in every answer.
const DECISION: HeaderName = HeaderName::from_static("stile-decision");

/// Media ranges beyond these are not looked at.
const RANGES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_what_is_accepted_most_gladly() {
        for (accept, form) in [
            ("*/*", Form::Problem),
            ("", Form::Problem),
            ("application/vnd.api+json", Form::Problem),
            ("application/json, text/plain, */*", Form::Problem),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                Form::Page,
            ),
            ("TEXT/HTML", Form::Page),
            ("text/*", Form::Page),
            ("text/plain", Form::Text),
            ("text/plain, text/html;q=0.5", Form::Text),
            ("text/html;q=0.1, application/json;q=0.2", Form::Problem),
            ("text/html;q=0", Form::Problem),
            ("text/html;q=nonsense", Form::Problem),
            ("text/html;q=0.001", Form::Page),
            ("image/png", Form::Problem),
            ("*/*;q=0", Form::Problem),
            (",,;;=,", Form::Problem),
        ] {
            assert_eq!(Form::accepted(accept.as_bytes()), form, "{accept}");
        }
    }
}
