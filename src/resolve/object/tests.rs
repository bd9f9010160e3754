//! Bodies that two readers could take differently, and labels of every form.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, header};

use super::*;
use crate::resolve::{Class, Entry, Resource, Speech};

fn shape() -> ObjectShape {
    let steps = |text: &str| text.split('/').map(str::to_owned).collect();
    ObjectShape {
        read: "dashboards.read".to_owned(),
        labels: steps("data/attributes/labels"),
        owner: "team".to_owned(),
        same: vec![("dashboard".to_owned(), steps("data/id"))],
        body: Some(BodyMeans::Whole),
    }
}

fn operation() -> Operation {
    Operation {
        entry: Arc::new(Entry {
            index: 0,
            upstream: Arc::from("lightstep"),
            action: "dashboards.update".to_owned(),
            class: Class::Write,
            resource_type: "Dashboard".to_owned(),
            names_one: true,
            names_project: true,
            method: Method::PUT,
            template: "/d/{dashboard}".to_owned(),
            speech: Speech::Problem,
            body_bytes: 1,
            once: false,
            list: None,
            object: None,
        }),
        resource: Resource {
            kind: "Dashboard".to_owned(),
            id: Some("d1".to_owned()),
            project: Some("X".to_owned()),
        },
        parameters: vec![(Arc::from("dashboard"), "d1".to_owned())],
        seen: None,
    }
}

fn fields(media: &str) -> HeaderMap {
    let media = HeaderValue::from_str(media).unwrap();
    HeaderMap::from_iter([(header::CONTENT_TYPE, media)])
}

fn judged(means: BodyMeans, body: &[u8]) -> Result<Option<Option<String>>, Refusal> {
    shape().team_by(means, &fields("application/json"), body, &operation())
}

const PAYMENTS: &str =
    r#"{"data":{"id":"d1","attributes":{"labels":[{"key":"team","value":"payments"}]}}}"#;

#[test]
fn a_label_names_the_team_in_each_of_its_forms() {
    for labels in [
        r#"[{"key":"team","value":"payments"}]"#,
        r#"["tier:1","team:payments"]"#,
        r#"{"team":"payments","tier":1}"#,
        r#"[{"key":"\u0074eam","value":"payments"}]"#,
    ] {
        let body = format!(r#"{{"data":{{"attributes":{{"labels":{labels}}}}}}}"#);
        let team = judged(BodyMeans::Whole, body.as_bytes()).unwrap();
        assert_eq!(team, Some(Some("payments".to_owned())), "{labels}");
        let (team, found) = shape().team_of(body.as_bytes());
        assert_eq!((team.as_deref(), found), (Some("payments"), "label"));
    }
}

#[test]
fn what_a_body_does_not_say_stays_only_where_it_says_changes() {
    assert_eq!(judged(BodyMeans::Whole, b"").unwrap(), Some(None));
    assert_eq!(judged(BodyMeans::Changes, b"").unwrap(), None);
    let silent = br#"{"data":{"attributes":{"name":"n"}}}"#;
    assert_eq!(judged(BodyMeans::Whole, silent).unwrap(), Some(None));
    assert_eq!(judged(BodyMeans::Changes, silent).unwrap(), None);
    for dropped in [
        r#"{"data":{"attributes":{"labels":[]}}}"#,
        r#"{"data":{"attributes":{"labels":null}}}"#,
    ] {
        let left = judged(BodyMeans::Changes, dropped.as_bytes());
        assert_eq!(left.unwrap(), Some(None), "{dropped}");
    }
}

#[test]
fn a_body_that_can_be_read_in_two_ways_is_refused() {
    assert!(judged(BodyMeans::Whole, PAYMENTS.as_bytes()).is_ok());
    let label = r#"{"key":"team","value":"payments"}"#;
    let of = |labels: &str| format!(r#"{{"data":{{"attributes":{{"labels":{labels}}}}}}}"#);
    let deep = format!("{}1{}", r#"{"a":"#.repeat(70), "}".repeat(70));
    let utf16: Vec<u8> = PAYMENTS.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut hostile: Vec<Vec<u8>> = [
        format!("\u{feff}{PAYMENTS}"),
        format!("{PAYMENTS}{PAYMENTS}"),
        format!("{PAYMENTS}x"),
        format!("[{PAYMENTS}]"),
        deep,
        of(&format!("[{label},{label}]")),
        of(&format!(
            "[{label},{}]",
            label.replace("payments", "search")
        )),
        of(r#"[{"KEY":"team","value":"search"}]"#),
        of(r#"[{"key":"team","Value":"search","value":"payments"}]"#),
        of(r#"[{"key":"team","value":["search"]}]"#),
        of(r#"[1]"#),
        of(r#""team:payments""#),
        PAYMENTS.replace("labels", "Labels"),
        PAYMENTS.replace("labels", "label\u{17f}"),
        PAYMENTS.replace("\"data\"", "\"DATA\""),
        PAYMENTS.replace(r#""id":"d1""#, r#""id":"d2""#),
        PAYMENTS.replace(r#""id":"d1""#, r#""id":["d1"]"#),
        PAYMENTS.replace(r#""id":"d1""#, r#""Id":"d1""#),
        PAYMENTS.replace(r#""id":"d1""#, r#""labels":1,"\u006cabels":2"#),
        PAYMENTS.replace(r#""id":"d1""#, r#""x":1,"X":2"#),
        PAYMENTS.replace(r#"{"labels""#, r#"{"labels":[],"labels""#),
        PAYMENTS.replace(r#"{"labels""#, r#"{"\u006cabels":[],"labels""#),
        PAYMENTS.replace(r#""id":"d1""#, r#""id":"\ud800""#),
        PAYMENTS.replace(r#"{"data""#, r#"{"n":1e999999,"data""#),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect();
    hostile.push(utf16);
    hostile.push([PAYMENTS.as_bytes(), b"\xff"].concat());
    for body in hostile {
        for means in [BodyMeans::Whole, BodyMeans::Changes] {
            let told = judged(means, &body).map_err(|refusal| refusal.reason());
            let shown = String::from_utf8_lossy(&body);
            assert_eq!(told, Err(Reason::UnclearBody), "{means:?} {shown}");
        }
    }
}

#[test]
fn only_plain_json_in_utf_8_is_judged() {
    for media in [
        "application/json",
        "application/vnd.api+json",
        "Application/JSON; charset=UTF-8",
        "application/merge-patch+json",
    ] {
        assert!(check_media(&fields(media)).is_ok(), "{media}");
    }
    for media in [
        "text/plain",
        "application/json-patch+json",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=utf-7",
        "application/json, text/plain",
        "application/jsonx",
        "",
    ] {
        assert!(check_media(&fields(media)).is_err(), "{media}");
    }
    assert!(check_media(&HeaderMap::new()).is_err(), "no media type");
    let mut twice = fields("application/json");
    twice.append(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    assert!(check_media(&twice).is_err(), "two media types");
    for encoding in ["gzip", "identity", "br", ""] {
        let mut encoded = fields("application/json");
        let encoding = HeaderValue::from_str(encoding).unwrap();
        encoded.insert(header::CONTENT_ENCODING, encoding);
        assert!(check_media(&encoded).is_err(), "{encoded:?}");
    }
}

#[test]
fn an_answer_without_one_clear_label_is_nobodys() {
    for (answer, word) in [
        ("", "not_json"),
        ("[]", "not_json"),
        (r#"{"data":{},"data":{}}"#, "not_json"),
        (r#"{"data":{"attributes":{}}}"#, "no_label"),
        (
            r#"{"data":{"attributes":{"labels":["tier:1"]}}}"#,
            "no_label",
        ),
        (r#"{"data":[]}"#, "unclear_label"),
        (
            r#"{"data":{"attributes":{"labels":["team:a","team:b"]}}}"#,
            "unclear_label",
        ),
    ] {
        assert_eq!(shape().team_of(answer.as_bytes()), (None, word), "{answer}");
    }
}
