//! Answers like an OTLP receiver.
//!
//! In: an export request, its body never decoded. Out: an empty success in the request's own
//! content type, on HTTP and on gRPC.
//!
//! OTLP specification 1.x, "OTLP/HTTP" and "OTLP/gRPC".

use super::script::Answer;
use super::seen::Seen;

/// The answer, if this is a path of OTLP.
pub(super) fn answer(seen: &Seen, keys: &[String]) -> Option<Answer> {
    let path = seen.target.split('?').next().unwrap_or_default();
    let over_grpc = path.starts_with("/opentelemetry.proto.collector.");
    if !over_grpc && !PATHS.contains(&path) {
        return None;
    }
    if seen.method != "POST" {
        return Some(Answer::status(405));
    }
    if !knows_ingest_key(seen, keys) {
        return Some(refused(over_grpc));
    }
    if over_grpc {
        return Some(
            Answer::status(200)
                .field("content-type", "application/grpc")
                .body(vec![0, 0, 0, 0, 0])
                .trailer("grpc-status", "0"),
        );
    }
    let content_type = seen.value("content-type").unwrap_or_default();
    let body: &[u8] = if content_type.starts_with("application/json") {
        b"{}"
    } else {
        b""
    };
    Some(
        Answer::status(200)
            .field("content-type", &content_type)
            .body(body),
    )
}

fn refused(over_grpc: bool) -> Answer {
    if over_grpc {
        return Answer::status(200)
            .field("content-type", "application/grpc")
            .field("grpc-status", "16")
            .field("grpc-message", "unknown access token");
    }
    Answer::status(401)
        .field("content-type", "application/json")
        .body(r#"{"code":16,"message":"unknown access token"}"#)
}

fn knows_ingest_key(seen: &Seen, keys: &[String]) -> bool {
    let shown = [seen.value("lightstep-access-token"), super::bearer(seen)];
    shown.iter().flatten().any(|key| keys.contains(key))
}

const PATHS: &[&str] = &[
    "/v1/traces",
    "/v1/metrics",
    "/v1/logs",
    "/traces/otlp/v0.9",
    "/traces/otlp/v0.6",
    "/metrics/otlp/v0.9",
    "/api/v2/otel/trace",
];
