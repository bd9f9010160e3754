//! Every reason, in every form an answer can have.

use std::collections::BTreeSet;

use http::Response;
use serde_json::Value;
use stile::refusal::{
    Asked, Check, Explanation, Reason, Refusal, Site, answer, protected_resource_metadata,
};
use uuid::Uuid;

#[test]
fn words_are_unique_and_snake_case() {
    let words: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.word()).collect();
    assert_eq!(words.len(), Reason::ALL.len());
    for word in words {
        let snake = word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .split('_')
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()));
        assert!(snake, "{word}");
    }
}

#[test]
fn a_word_is_the_variant_in_snake_case() {
    for reason in Reason::ALL {
        let mut word = String::new();
        for c in format!("{reason:?}").chars() {
            if c.is_uppercase() && !word.is_empty() {
                word.push('_');
            }
            word.extend(c.to_lowercase());
        }
        assert_eq!(word, reason.word());
    }
}

#[test]
fn a_known_operation_is_never_gone_and_a_deny_never_invites_a_retry() {
    for reason in Reason::ALL {
        let status = reason.status().as_u16();
        assert_eq!(status == 404, *reason == Reason::NoOperation, "{reason:?}");
        assert_eq!(
            reason.retry_after_s().is_some(),
            matches!(status, 429 | 503),
            "{reason:?}"
        );
        assert!((400..=504).contains(&status) && status != 500, "{reason:?}");
        assert!((1..=16).contains(&reason.grpc()), "{reason:?}");
        assert!(
            !reason.sentence().ends_with('.') && reason.sentence().len() < 100,
            "{reason:?}"
        );
    }
}

#[tokio::test]
async fn every_reason_has_an_answer_in_every_form() {
    for reason in Reason::ALL {
        for (form, asked) in forms() {
            for refusal in refusals(*reason) {
                let answer = answer(&refusal, &asked, &site());
                check(*reason, form, answer).await;
            }
        }
    }
}

async fn check(reason: Reason, form: Kind, answer: Response<bytes::Bytes>) {
    let seen = format!("{reason:?} as {form:?}");
    let (head, body) = answer.into_parts();
    let field = |name: &str| {
        head.headers
            .get(name)
            .map(|v| v.to_str().unwrap().to_owned())
    };

    let status = if form == Kind::Grpc {
        200
    } else {
        reason.status().as_u16()
    };
    assert_eq!(head.status.as_u16(), status, "{seen}");
    assert_eq!(
        field("stile-decision").unwrap(),
        decision().to_string(),
        "{seen}"
    );
    assert_eq!(field("cache-control").unwrap(), "no-store", "{seen}");
    assert_eq!(
        field("x-content-type-options").unwrap(),
        "nosniff",
        "{seen}"
    );
    assert_eq!(field("content-type").unwrap(), form.media_type(), "{seen}");
    let retry = (form != Kind::Grpc)
        .then(|| reason.retry_after_s())
        .flatten();
    assert_eq!(
        field("retry-after"),
        retry.map(|seconds| seconds.to_string()),
        "{seen}"
    );
    let challenged = form != Kind::Grpc && matches!(status, 401 | 403);
    assert_eq!(field("www-authenticate").is_some(), challenged, "{seen}");
    assert_eq!(
        field("content-security-policy").is_some(),
        form == Kind::Page,
        "{seen}"
    );
    for name in head.headers.keys() {
        assert!(FIELDS.contains(&name.as_str()), "{seen}: {name}");
    }
    let limit = if form == Kind::Page { 16_000 } else { 2_000 };
    assert!(body.len() < limit, "{seen} has {} bytes", body.len());
    let all = format!("{:?} {}", head.headers, String::from_utf8_lossy(&body));
    assert!(!all.contains(NOTED), "{seen}");
    check_body(reason, form, &head.headers, &body, &seen);
}

fn check_body(reason: Reason, form: Kind, headers: &http::HeaderMap, body: &[u8], seen: &str) {
    let text = || str::from_utf8(body).unwrap();
    match form {
        Kind::Problem => {
            let problem: Value = serde_json::from_slice(body).unwrap();
            assert!(
                !text().contains('\n') && !text().contains('\\'),
                "{seen}: {}",
                text()
            );
            assert!(text().starts_with("{\"title\":\""), "{seen}");
            assert_eq!(problem["status"], reason.status().as_u16());
            assert_eq!(problem["reason"], reason.word());
            assert_eq!(problem["instance"], format!("urn:uuid:{}", decision()));
            assert!(!problem["detail"].as_str().unwrap().is_empty());
        }
        Kind::OtlpJson => {
            let status: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(status["code"], reason.grpc());
            assert!(!status["message"].as_str().unwrap().is_empty());
        }
        Kind::OtlpProtobuf => {
            let (code, message) = read_status(body);
            assert_eq!(code, reason.grpc());
            assert!(!message.is_empty());
        }
        Kind::Grpc => {
            assert!(body.is_empty());
            assert_eq!(headers["grpc-status"], reason.grpc().to_string().as_str());
            let message = headers["grpc-message"].to_str().unwrap();
            assert!(
                !message.is_empty() && message.bytes().all(|b| (b' '..=b'~').contains(&b)),
                "{seen}"
            );
        }
        Kind::Page => {
            assert!(text().contains(reason.word()) && text().contains(&decision().to_string()));
            assert!(text().contains("lang=\"en\"") && text().contains("<title>"));
            for forbidden in [
                "<script",
                "<b>",
                "onerror",
                "javascript:",
                " style=",
                "http:",
            ] {
                assert!(!text().contains(forbidden), "{seen}: {forbidden}");
            }
            for verdict in ["DENY x", "REFUSE x", "ERROR !"] {
                let expected = verdict.to_lowercase().starts_with(reason.effect().word());
                assert_eq!(text().contains(verdict), expected, "{seen}");
            }
        }
        Kind::Text => {
            assert_eq!(text().matches('\n').count(), 1, "{seen}");
            assert!(text().contains(reason.word()) && text().contains(&decision().to_string()));
        }
    }
}

#[tokio::test]
async fn a_denied_job_reads_who_what_where_why_and_what_helps() {
    let refusal = Refusal::new(Reason::PolicyDenied).explained(explanation());
    let answer = answer(&refusal, &asked(None, None, false), &site());
    let challenge = answer.headers()["www-authenticate"]
        .to_str()
        .unwrap()
        .to_owned();
    let body = answer.into_body();

    let sentence = "job acme/shop/api on feat/x may not streams.create in project X: \
                    the branch is not protected. Fix: run on a protected branch";
    let expected = format!(
        "{{\"title\":\"Denied by stile\",\"detail\":\"{sentence}\",\"status\":403,\
         \"type\":\"urn:stile:reason:policy_denied\",\"instance\":\"urn:uuid:{}\",\
         \"reason\":\"policy_denied\",\"action\":\"streams.create\",\"checks\":[\
         {{\"ok\":true,\"check\":\"project in group acme\",\"yours\":\"acme/shop/api\"}},\
         {{\"ok\":false,\"check\":\"branch is protected\",\"yours\":\"ref_protected=false (feat/x)\"}}],\
         \"nearest_rule\":\"ci-create-in-X\",\"fix\":\"run on a protected branch\",\"policy\":\"3f9c2e1\"}}",
        decision()
    );
    assert_eq!(str::from_utf8(&body).unwrap(), expected);
    assert_eq!(
        challenge,
        format!(
            "Bearer error=\"insufficient_scope\", error_description=\"{sentence}\", scope=\"streams.create\", \
             resource_metadata=\"https://stile.example/.well-known/oauth-protected-resource\""
        )
    );
}

#[tokio::test]
async fn a_sentence_that_was_told_whole_is_not_told_twice() {
    let told =
        "job acme/shop/api on feat/x may not streams.create on project X: deploys rest on fridays";
    let refusal = Refusal::new(Reason::PolicyDenied)
        .telling(told)
        .explained(explanation());
    let answer = answer(&refusal, &asked(None, Some("text/plain"), false), &site());
    let body = answer.into_body();
    let expected = format!(
        "Denied by stile: {told}. Fix: run on a protected branch (policy_denied, decision {})\n",
        decision()
    );
    assert_eq!(str::from_utf8(&body).unwrap(), expected);
}

#[tokio::test]
async fn a_step_that_says_only_why_gets_the_rest_of_the_sentence() {
    let refusal = Refusal::new(Reason::PolicyDenied)
        .telling("deploys rest on fridays")
        .explained(explanation());
    let answer = answer(&refusal, &asked(None, Some("text/plain"), false), &site());
    let body = answer.into_body();
    let start = "Denied by stile: job acme/shop/api on feat/x may not streams.create in project X: deploys rest";
    assert!(str::from_utf8(&body).unwrap().starts_with(start));
}

#[test]
fn no_credential_is_no_error_and_a_bad_one_is() {
    let challenge = |reason| {
        let answer = answer(&Refusal::new(reason), &asked(None, None, false), &site());
        answer.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        challenge(Reason::NoCredential),
        "Bearer resource_metadata=\"https://stile.example/.well-known/oauth-protected-resource\""
    );
    assert!(challenge(Reason::Expired).starts_with(
        "Bearer error=\"invalid_token\", error_description=\"the token has expired: get a new one\", resource_metadata="
    ));
}

#[test]
fn nothing_told_can_leave_its_quotes_in_a_header() {
    for evil in [
        "\", scope=\"all",
        "\\\" x",
        "a\r\nset-cookie: x=y",
        "\u{7f}\0",
        "é€\u{202e}",
        &"x".repeat(9000),
    ] {
        let told = Refusal::new(Reason::WrongAudience).telling(evil.to_owned());
        let answer = answer(&told, &asked(None, None, false), &site());
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        assert_eq!(challenge.matches('"').count(), 6, "{challenge}");
        assert!(!challenge.contains('\\') && challenge.len() < 1500);
        assert!(challenge.bytes().all(|b| (b' '..=b'~').contains(&b)));
    }
}

#[test]
fn telemetry_is_answered_in_the_media_type_it_came_in() {
    for (sent, answered) in [
        (Some("application/x-protobuf"), "application/x-protobuf"),
        (Some("application/json"), "application/json"),
        (Some("Application/JSON; charset=utf-8"), "application/json"),
        (Some("text/plain"), "application/x-protobuf"),
        (None, "application/x-protobuf"),
        (Some("application/grpc"), "application/grpc"),
        (Some("application/grpc+proto"), "application/grpc"),
        (Some("application/grpc-web"), "application/x-protobuf"),
    ] {
        let asked = asked(sent, Some("text/html"), true);
        let answer = answer(&Refusal::new(Reason::Expired), &asked, &site());
        assert_eq!(answer.headers()["content-type"], answered, "{sent:?}");
    }
}

#[test]
fn the_metadata_says_who_issues_tokens_and_what_can_be_asked() {
    let metadata = protected_resource_metadata(
        &site(),
        [
            "https://gitlab.example",
            "https://acme.okta.com/oauth2/default",
        ],
        ["streams.create"],
    );
    assert_eq!(metadata["resource"], "https://stile.example");
    assert_eq!(
        metadata["authorization_servers"][1],
        "https://acme.okta.com/oauth2/default"
    );
    assert_eq!(metadata["scopes_supported"][0], "streams.create");
    assert_eq!(metadata["bearer_methods_supported"][0], "header");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Problem,
    OtlpJson,
    OtlpProtobuf,
    Grpc,
    Page,
    Text,
}

impl Kind {
    fn media_type(self) -> &'static str {
        match self {
            Kind::Problem => "application/problem+json",
            Kind::OtlpJson => "application/json",
            Kind::OtlpProtobuf => "application/x-protobuf",
            Kind::Grpc => "application/grpc",
            Kind::Page => "text/html; charset=utf-8",
            Kind::Text => "text/plain; charset=utf-8",
        }
    }
}

fn forms() -> [(Kind, Asked<'static>); 6] {
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    [
        (
            Kind::Problem,
            asked(
                Some("application/vnd.api+json"),
                Some("application/vnd.api+json"),
                false,
            ),
        ),
        (Kind::OtlpJson, asked(Some("application/json"), None, true)),
        (
            Kind::OtlpProtobuf,
            asked(Some("application/x-protobuf"), None, true),
        ),
        (Kind::Grpc, asked(Some("application/grpc"), None, true)),
        (Kind::Page, asked(None, Some(browser), false)),
        (Kind::Text, asked(None, Some("text/plain"), false)),
    ]
}

/// Plain, explained, and with every text as bad as it can be.
fn refusals(reason: Reason) -> [Refusal; 4] {
    let evil = format!(
        "<script>x</script><b>\"\\\r\n\t\u{1b}[31m\u{202e}é€{}",
        "\u{10ffff}\\".repeat(2000)
    );
    let check = Check {
        ok: false,
        check: evil.clone(),
        yours: Some(evil.clone()),
    };
    let worst = Explanation {
        who: evil.clone(),
        action: evil.clone(),
        on: evil.clone(),
        forbidden_by: Some(evil.clone()),
        nearest_rule: Some(evil.clone()),
        checks: vec![check; 100],
        fix: Some(evil.clone()),
        policy_set: evil.clone(),
    };
    [
        Refusal::new(reason).noting(NOTED),
        Refusal::new(reason).noting(NOTED).explained(explanation()),
        Refusal::new(reason).noting(NOTED).telling(evil.clone()),
        Refusal::new(reason)
            .noting(NOTED)
            .telling(evil)
            .explained(worst),
    ]
}

fn explanation() -> Explanation {
    let check = |ok, check: &str, yours: &str| Check {
        ok,
        check: check.to_owned(),
        yours: Some(yours.to_owned()),
    };
    Explanation {
        who: "job acme/shop/api on feat/x".to_owned(),
        action: "streams.create".to_owned(),
        on: "project X".to_owned(),
        forbidden_by: None,
        nearest_rule: Some("ci-create-in-X".to_owned()),
        checks: vec![
            check(true, "project in group acme", "acme/shop/api"),
            check(false, "branch is protected", "ref_protected=false (feat/x)"),
        ],
        fix: Some("run on a protected branch".to_owned()),
        policy_set: "3f9c2e1".to_owned(),
    }
}

fn asked(
    content_type: Option<&'static str>,
    accept: Option<&'static str>,
    speech_is_otlp: bool,
) -> Asked<'static> {
    Asked {
        decision: decision(),
        content_type: content_type.map(str::as_bytes),
        accept: accept.map(str::as_bytes),
        speech_is_otlp,
    }
}

fn decision() -> Uuid {
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001)
}

fn site() -> Site {
    Site {
        url: "https://stile.example/".to_owned(),
        signs_in: false,
    }
}

/// `google.rpc.Status` with the two fields that are sent.
fn read_status(bytes: &[u8]) -> (u8, String) {
    assert_eq!((bytes[0], bytes[2]), (0x08, 0x12));
    let (mut length, mut at, mut shift) = (0usize, 3, 0);
    loop {
        length |= usize::from(bytes[at] & 0x7f) << shift;
        shift += 7;
        at += 1;
        if bytes[at - 1] & 0x80 == 0 {
            break;
        }
    }
    assert_eq!(bytes.len(), at + length);
    (bytes[1], String::from_utf8(bytes[at..].to_vec()).unwrap())
}

const NOTED: &str = "for the operator only";

const FIELDS: &[&str] = &[
    "stile-decision",
    "cache-control",
    "content-type",
    "x-content-type-options",
    "www-authenticate",
    "retry-after",
    "content-security-policy",
    "referrer-policy",
    "grpc-status",
    "grpc-message",
];
