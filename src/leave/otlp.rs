//! Hands records to an OTLP/HTTP receiver of logs.
//!
//! In: records. Out: one request, and what its answer means.
//!
//! 2xx is taken. 400, 413 and 422 mean what is in the request: it goes again in smaller parts until
//! one record is left. Everything else passes or is mended by an operator (an expired key, a wrong
//! path, a receiver that is full): it goes again later, for as long as it takes.
//!
//! Never: a redirect followed, a header of a secret in an error.
//!
//! OpenTelemetry Protocol 1.x, OTLP/HTTP: "Failures", "Partial Success", "Throttling".

use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::runtime::Runtime;

use super::dial::{self, Stream};
use super::receiver::{AtOnce, Missed, Receiver, Taken};
use super::settings::OtlpSettings;
use super::source::Item;
use super::tls::trusting;
use crate::clock::Time;
use crate::forward::header_with_key;

mod answer;
pub(super) mod attributes;
mod encode;
mod wire;

use answer::partial;
use encode::request_body;

/// One OTLP receiver.
#[derive(Debug)]
pub(super) struct OtlpReceiver {
    settings: OtlpSettings,
    runtime: Runtime,
}

impl OtlpReceiver {
    pub(super) fn new(settings: OtlpSettings) -> Result<OtlpReceiver, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|fault| format!("no runtime can be had: {fault}"))?;
        Ok(OtlpReceiver { settings, runtime })
    }

    async fn exchange(&self, body: Vec<u8>) -> Result<(StatusCode, HeaderMap, Bytes), String> {
        let url = &self.settings.url;
        let secure = url.scheme_str() == Some("https");
        let host = url.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let request = self.request(body)?;
        let (tcp, _) = dial::tcp(host, port).await.map_err(dial::Undialled::why)?;
        let stream: Box<dyn Stream> = if secure {
            let shaken = dial::tls(tcp, host, trusting(&self.settings.tls)?).await;
            Box::new(shaken.map_err(dial::Undialled::why)?)
        } else {
            Box::new(tcp)
        };
        let broken = |fault: hyper::Error| format!("the connection broke: {fault}");
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(broken)?;
        let connection = tokio::spawn(connection);
        let answered = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER).collect().await;
            let body = body.map_err(|fault| format!("its answer broke off: {fault}"))?;
            Ok((head.status, head.headers, body.to_bytes()))
        };
        let answered = answered.await;
        connection.abort();
        answered
    }

    fn request(&self, body: Vec<u8>) -> Result<Request<Full<Bytes>>, String> {
        let url = &self.settings.url;
        let target = url.path_and_query().map_or("/", |target| target.as_str());
        let authority = url.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::post(target)
            .header(HOST, authority)
            .header(USER_AGENT, concat!("stile/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF))
            .body(Full::default())
            .map_err(|fault| fault.to_string())?;
        let body = match self.settings.compress {
            true => {
                let gzip = HeaderValue::from_static("gzip");
                request.headers_mut().insert(CONTENT_ENCODING, gzip);
                packed(&body).map_err(|fault| fault.to_string())?
            }
            false => body,
        };
        *request.body_mut() = Full::new(Bytes::from(body));
        for header in &self.settings.headers {
            // Read for each request, so that a new key needs no restart.
            let value = header_with_key(header).map_err(|fault| fault.to_string())?;
            request.headers_mut().insert(header.name.clone(), value);
        }
        Ok(request)
    }
}

impl Receiver for OtlpReceiver {
    fn send(&mut self, items: &[Item], now: Time) -> Result<Taken, Missed> {
        let body = request_body(items, now);
        let limit = Duration::from_millis(self.settings.timeout_ms);
        let exchange = self.exchange(body);
        let answered = self
            .runtime
            .block_on(async { tokio::time::timeout(limit, exchange).await });
        let answered = answered.map_err(|_| {
            Missed::now(format!("no answer within {} ms", self.settings.timeout_ms))
        })?;
        let (status, headers, body) = answered.map_err(Missed::now)?;
        judged(status, &headers, &body, now)
    }

    fn at_once(&self) -> AtOnce {
        AT_ONCE
    }
}

/// Records repeat themselves: even the fastest level makes them a tenth (RFC 1952).
fn packed(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::fast());
    packing.write_all(body)?;
    packing.finish()
}

/// What an answer means.
fn judged(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: Time,
) -> Result<Taken, Missed> {
    if status.is_success() {
        return Ok(match partial(body) {
            Some((refused, why)) if refused > 0 => Taken::But { refused, why },
            _ => Taken::All,
        });
    }
    let why = format!("it answered {}", status.as_u16());
    match status.as_u16() {
        400 | 413 | 422 => Err(Missed::Content { why }),
        _ => Err(Missed::Now {
            why,
            wait: headers.get(RETRY_AFTER).and_then(|value| wait(value, now)),
        }),
    }
}

/// Seconds, or a date (RFC 9110 10.2.3).
fn wait(value: &HeaderValue, now: Time) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    let at_ms = u64::try_from(at.timestamp().as_millisecond()).ok()?;
    Some(Duration::from_millis(Time::from_ms(at_ms).ms_since(now)))
}

const PROTOBUF: &str = "application/x-protobuf";
const LARGEST_ANSWER: usize = 64 * 1024;
/// Receivers take 4 MiB by gRPC's habit, most of them 20.
const AT_ONCE: AtOnce = AtOnce {
    items: 512,
    bytes: 1024 * 1024,
};

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, retry_after: Option<&'static str>) -> Result<Taken, Missed> {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        }
        let status = StatusCode::from_u16(status).unwrap();
        judged(status, &headers, b"", Time::from_secs(1_795_434_000))
    }

    #[test]
    fn success_is_taken_and_what_is_wrong_with_the_content_is_told_apart() {
        for status in [200, 202, 204] {
            assert_eq!(answered(status, None), Ok(Taken::All), "{status}");
        }
        for status in [400, 413, 422] {
            let fault = answered(status, None).unwrap_err();
            assert!(matches!(fault, Missed::Content { .. }), "{status}");
        }
        for status in [301, 401, 403, 404, 408, 429, 500, 502, 503, 504] {
            let fault = answered(status, None).unwrap_err();
            assert!(matches!(fault, Missed::Now { wait: None, .. }), "{status}");
        }
    }

    #[test]
    fn the_wait_that_is_asked_for_is_read_in_both_forms() {
        let waited = |text| match answered(503, Some(text)) {
            Err(Missed::Now { wait, .. }) => wait.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(waited("120"), Some(120));
        assert_eq!(waited("Mon, 23 Nov 2026 12:01:00 GMT"), Some(1_260));
        assert_eq!(waited("Mon, 23 Nov 2020 12:21:00 GMT"), Some(0));
        for text in ["", "soon", "-1", "1.5"] {
            assert_eq!(waited(text), None, "{text}");
        }
    }
}
