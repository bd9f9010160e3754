//! Which fields cross, generated: name x spelling x nomination, asserted at the recorder.

use stile_kit::upstream::{API_KEY, Answer, Script, Seen};

use super::*;

/// What the caller wrote everywhere; nothing of it may arrive.
const OWN: &str = "callers-own-value";

/// Names that claim something, belong to a connection, or are ours.
const FORBIDDEN: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "lightstep-access-token",
    "x-lightstep-org",
    "x-id-token",
    "cookie",
    "x-api-key",
    "private-token",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-user",
    "x-real-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "x-method-override",
    "x-envoy-original-path",
    "x-stile-user",
    "stile-decision",
    "stile-record",
    "x-scope-orgid",
    "x-remote-user",
    "traceparent",
    "x-never-heard-of",
];

fn spellings(name: &str) -> Vec<String> {
    let mut all = vec![name.to_owned(), format!("{name}_"), format!("{name}.")];
    all.push(name.replace('-', "_"));
    all.push(name.replace('-', "."));
    all.push(name.replacen('-', "_", 1));
    all
}

fn ours_once(seen: &Seen, what: &str) {
    let key: Vec<_> = seen
        .fields
        .iter()
        .filter(|(_, v)| v.windows(API_KEY.len()).any(|w| w == API_KEY.as_bytes()))
        .collect();
    assert_eq!(key.len(), 1, "{what}: our key once");
    assert_eq!(key[0].0, "authorization", "{what}");
    assert_eq!(key[0].1, format!("bearer {API_KEY}").as_bytes(), "{what}");
    assert!(!seen.mentions(OWN), "{what}: {:?}", seen.fields);
    assert_eq!(seen.target, DASHBOARD, "{what}");
    assert_eq!(
        seen.value("x-lightstep-org").as_deref(),
        Some("acme"),
        "{what}"
    );
    for (name, _) in &seen.fields {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(name.bytes().all(plain), "{what}: {name}");
    }
}

#[tokio::test]
async fn no_spelling_of_a_forbidden_field_arrives_and_our_key_arrives_once() {
    let bench = Bench::start().await;
    let nominations = [
        "",
        "close",
        "authorization, host",
        "content-type, x-lightstep-org",
    ];
    for name in FORBIDDEN {
        for spelling in spellings(name) {
            for nomination in nominations {
                let what = format!("{spelling} nominated by `{nomination}`");
                let count = bench.upstream.seen().len();
                let told = bench
                    .ask_with(|ask| {
                        ask.field(&spelling, OWN);
                        ask.field(&spelling, OWN);
                        if !nomination.is_empty() {
                            ask.field("connection", nomination);
                            ask.field("connection", &spelling);
                        }
                    })
                    .await;
                assert_eq!(told.status, Some(StatusCode::OK), "{what}");
                let seen = bench.upstream.seen_since(count);
                assert_eq!(seen.len(), 1, "{what}");
                ours_once(&seen[0], &what);
            }
        }
    }
}

#[tokio::test]
async fn a_nomination_that_is_no_text_breaks_nothing() {
    let bench = Bench::start().await;
    let told = bench
        .ask_with(|ask| {
            ask.field("authorization", OWN);
            let value = HeaderValue::from_bytes(b"\xff\xfe, authorization, host, ,,").unwrap();
            ask.fields.append("connection", value);
        })
        .await;
    assert_eq!(told.status, Some(StatusCode::OK));
    ours_once(&bench.upstream.seen()[0], "bytes");
}

#[tokio::test]
async fn what_describes_the_content_passes_even_when_nominated() {
    let bench = Bench::start().await;
    bench
        .ask_with(|ask| {
            ask.method = Method::POST;
            ask.target = "/v1/traces".to_owned();
            ask.body = Sent::of(&[b"abc"]);
            ask.field("content-type", "application/x-protobuf");
            ask.field("content-encoding", "gzip");
            ask.field("content-length", "3");
            ask.field("accept", "text/plain");
            ask.field(
                "connection",
                "content-type, content-encoding, content-length, accept",
            );
        })
        .await;
    let seen = &bench.upstream.seen()[0];
    assert_eq!(
        seen.value("content-type").as_deref(),
        Some("application/x-protobuf")
    );
    assert_eq!(seen.value("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(seen.value("content-length").as_deref(), Some("3"));
    assert_eq!(
        seen.value("accept"),
        None,
        "nominated, and about the connection's hop only"
    );
    assert_eq!(seen.body, b"abc");
}

#[tokio::test]
async fn host_trace_decision_and_via_are_ours() {
    let bench = Bench::start().await;
    bench
        .ask_with(|ask| {
            ask.field("host", "evil.example");
            ask.field(
                "traceparent",
                "00-00000000000000000000000000000001-0000000000000001-00",
            );
            ask.field("tracestate", "a=b");
            ask.field("user-agent", "otel/1");
            ask.field("via", "1.1 proxy.internal");
        })
        .await;
    let seen = &bench.upstream.seen()[0];
    assert_eq!(
        seen.value("host"),
        Some(bench.upstream.address().to_string())
    );
    let trace = format!("00-{}-{}-01", "4b".repeat(16), "17".repeat(8));
    assert_eq!(seen.value("traceparent"), Some(trace));
    assert_eq!(seen.value("tracestate").as_deref(), Some("a=b"));
    assert_eq!(seen.value("user-agent").as_deref(), Some("otel/1"));
    assert_eq!(seen.value("via").as_deref(), Some("1.1 stile"));
    assert_eq!(
        seen.value("stile-decision"),
        Some(Uuid::from_u128(7).to_string())
    );
}

#[tokio::test]
async fn a_trace_begun_here_has_no_state_of_the_caller() {
    let bench = Bench::start().await;
    bench
        .ask_with(|ask| {
            ask.trace.parent_id = None;
            ask.field("tracestate", "a=b");
        })
        .await;
    assert_eq!(bench.upstream.seen()[0].value("tracestate"), None);
}

#[tokio::test]
async fn path_and_query_arrive_byte_for_byte() {
    let bench = Bench::start().await;
    let targets = [
        "/public/v0.2/acme/projects/a%2520b/streams?x=%2F..%2f&y",
        "/a//b/./../c;p=1,2/~%41%7e!$&'()*+,=:@?",
        "/?",
        "/?a=b?c/d&&=",
        "/%c3%a9%FF?q=%00",
    ];
    for target in targets {
        bench.ask_with(|ask| ask.target = target.to_owned()).await;
        assert_eq!(bench.upstream.seen().last().unwrap().target, target);
    }
}

#[tokio::test]
async fn the_operator_may_let_a_field_pass_but_not_one_of_ours() {
    let bench = Bench::over(Upstream::start().await, |settings| {
        settings.pass = vec![HeaderName::from_static("x-honeycomb-dataset")];
    });
    bench
        .ask_with(|ask| ask.field("x-honeycomb-dataset", "jobs"))
        .await;
    let passed = bench.upstream.seen()[0].value("x-honeycomb-dataset");
    assert_eq!(passed.as_deref(), Some("jobs"));
    for name in [
        "cookie",
        "te",
        "stile-decision",
        "x-lightstep-org",
        "x_lightstep_org",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings("http://127.0.0.1:1", folder.path());
        settings.pass = vec![HeaderName::from_static(name)];
        let errors = Upstreams::build(&[settings]).unwrap_err();
        assert!(errors[0].fault.contains(name), "{errors:?}");
    }
}

#[test]
fn the_third_passage_is_a_loop() {
    let via = |values: &[&'static str]| {
        let mut fields = HeaderMap::new();
        for value in values {
            fields.append("via", HeaderValue::from_static(value));
        }
        crate::forward::refuse_loop(&fields).map_err(|refusal| refusal.reason().word())
    };
    assert_eq!(via(&[]), Ok(()));
    assert_eq!(via(&["1.1 stile"]), Ok(()));
    assert_eq!(via(&["1.1 turnstile, 1.1 stile.example"]), Ok(()));
    assert_eq!(via(&["1.1 stile, 2 stile"]), Err("malformed_request"));
    assert_eq!(
        via(&["1.1 stile", "1.1 a, 2 stile (x)"]),
        Err("malformed_request")
    );
}

#[tokio::test]
async fn passages_are_counted_on() {
    let bench = Bench::start().await;
    bench
        .ask_with(|ask| ask.field("via", "1.1 corp, 1.1 stile"))
        .await;
    let via = bench.upstream.seen()[0].value("via");
    assert_eq!(via.as_deref(), Some("1.1 stile, 1.1 stile"));
}

#[tokio::test]
async fn a_key_in_an_answers_fields_is_dropped_with_its_field() {
    let bench = Bench::start().await;
    let scripts = [
        Script::EchoHeaders,
        Script::Redirect(format!("https://elsewhere.example/?key={API_KEY}")),
        Script::Say(
            Answer::status(200)
                .field("trailer", "x-late")
                .trailer("x-late", API_KEY),
        ),
    ];
    for script in scripts {
        bench.upstream.script(script.clone()).await;
        let count = bench.upstream.seen().len();
        let told = bench
            .ask_with(|ask| ask.field("accept", "text/plain"))
            .await;
        assert!(!told.mentions(API_KEY), "{script:?}: {told:?}");
        assert_eq!(
            bench.upstream.seen_since(count).len(),
            1,
            "never followed: {script:?}"
        );
        if matches!(script, Script::EchoHeaders) {
            assert_eq!(told.fields.get("echo-accept").unwrap(), "text/plain");
        }
    }
}

#[tokio::test]
async fn what_is_not_the_callers_stays_behind() {
    let bench = Bench::start().await;
    let mut answer = Answer::status(200)
        .body("ok")
        .field("location", "https://other.example/a");
    let names = [
        "Set-Cookie",
        "Stile-Decision",
        "stile-record",
        "X-Stile-User",
        "x_stile_user",
        "stile.decision",
        "WWW-Authenticate",
        "Alt-Svc",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Strict-Transport-Security",
        "Clear-Site-Data",
        "X-Nominated",
    ];
    for name in names {
        answer = answer.field(name, OWN);
    }
    answer = answer
        .field("connection", "x-nominated")
        .field("server", "theirs");
    bench.upstream.script(Script::Say(answer)).await;
    let told = bench.ask().await;
    assert!(!told.mentions(OWN), "{:?}", told.fields);
    assert_eq!(told.fields.get("server").unwrap(), "theirs");
    assert_eq!(
        told.fields.get("location").unwrap(),
        "https://other.example/a"
    );
    let decision = told
        .fields
        .get_all("stile-decision")
        .iter()
        .collect::<Vec<_>>();
    assert_eq!(decision, [&Uuid::from_u128(7).to_string()]);
}

#[tokio::test]
async fn the_upstreams_401_passes_without_its_challenge() {
    let bench = Bench::start().await;
    let answer = Answer::status(401).field("www-authenticate", "Basic realm=theirs");
    bench.upstream.script(Script::Say(answer)).await;
    let told = bench.ask().await;
    assert_eq!(told.status, Some(StatusCode::UNAUTHORIZED));
    assert!(told.fields.get("www-authenticate").is_none());
    assert_eq!(told.outcome.unwrap().status, Some(401));
}
