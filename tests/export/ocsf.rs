//! Rows in the words of OCSF, and the page about them.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use stile::clock::Time;
use stile::export::ocsf::{DECISIONS, EVENTS, MEMBERS, VERSION, activity_of, ocsf};
use stile::index::Row;
use stile::record::Note;

const ALLOW: &str = include_str!("../journal/golden/inputs.json");
const DENY: &str = include_str!("../journal/golden/deny.json");
const REFUSE: &str = include_str!("../journal/golden/refuse.json");
const OUTCOME: &str = include_str!("../journal/golden/outcome.json");
const EVENT: &str = include_str!("../journal/golden/event.json");
const PAGE: &str = include_str!("../../docs/ocsf.md");

/// A golden record, the personal members of its second line in their places.
fn whole(golden: &str) -> String {
    let Some((leaf, beside)) = golden.trim().split_once('\n') else {
        return golden.trim().to_owned();
    };
    // Before the members stand length, checksum and salt.
    let (_, personal) = beside.split_once(' ').unwrap();
    let mut record: Map<String, Value> = serde_json::from_str(leaf).unwrap();
    record.remove("personal");
    let personal: Map<String, Value> = serde_json::from_str(personal).unwrap();
    for (name, value) in personal {
        match (record.get_mut(&name), value) {
            (Some(Value::Object(into)), Value::Object(more)) => into.extend(more),
            (_, value) => drop(record.insert(name, value)),
        }
    }
    Value::Object(record).to_string()
}

fn row(record: &str, outcome: Option<&str>) -> Row {
    Row {
        origin: Arc::from("stile.example.com/main"),
        seq: 4711,
        time: Time::from_ms(1_795_434_000_123),
        record: whole(record),
        outcome: outcome.map(|text| (4712, text.trim().to_owned())),
    }
}

/// The golden records, and each of them with one member gone or changed.
pub(super) fn many() -> Vec<Row> {
    let mut rows = Vec::new();
    for record in [ALLOW, DENY, REFUSE, EVENT] {
        let members: Value = serde_json::from_str(&whole(record)).unwrap();
        for outcome in [None, Some(OUTCOME)] {
            rows.push(row(record, outcome));
        }
        for name in members.as_object().unwrap().keys() {
            let mut less = members.clone();
            less.as_object_mut().unwrap().remove(name);
            rows.push(row(&less.to_string(), None));
            for (from, other) in [("decision", "deny"), ("subject_kind", "agent")] {
                less[from] = other.into();
            }
            rows.push(row(&less.to_string(), None));
        }
        for (name, value) in [
            ("method", json!("PROPFIND")),
            ("host", json!("[2001:db8::1]:8443")),
            ("host", json!("api.example.com:8443")),
            ("src_ip", json!("2001:db8::7")),
            ("cut", json!({"path": [9000, "ab"]})),
            ("resource", json!(["Dashboard", "d1", null])),
            ("inputs", json!({"mfa": true, "issuer": "okta"})),
            ("subject_name", json!("no address@")),
            ("activity", json!("power")),
            ("activity", json!("write")),
            ("decision", json!("error")),
            ("decision", json!("public")),
            ("a_member_to_come", json!([1, 2])),
        ] {
            let mut more = members.clone();
            more[name] = value;
            rows.push(row(&more.to_string(), Some(OUTCOME)));
        }
        let mut erased = members.clone();
        for name in [
            "subject",
            "subject_name",
            "groups",
            "src_ip",
            "src_port",
            "ua",
        ] {
            erased.as_object_mut().unwrap().remove(name);
        }
        erased["personal"] = "00".into();
        rows.push(row(&erased.to_string(), Some(OUTCOME)));
    }
    let outcome: Value = serde_json::from_str(OUTCOME).unwrap();
    for name in outcome.as_object().unwrap().keys() {
        let mut less = outcome.clone();
        less.as_object_mut().unwrap().remove(name);
        rows.push(row(ALLOW, Some(&less.to_string())));
    }
    for note in Note::ALL {
        let mut event: Value = serde_json::from_str(EVENT).unwrap();
        event["event"] = note.word().into();
        rows.push(row(&event.to_string(), None));
    }
    rows.push(row("not a record", None));
    rows
}

#[test]
fn a_request_and_its_outcome_are_one_api_activity() {
    let event = ocsf(&row(ALLOW, Some(OUTCOME)));
    for (pointer, value) in [
        ("/class_uid", json!(6003)),
        ("/type_uid", json!(600_302)),
        ("/activity_id", json!(2)),
        ("/action_id", json!(1)),
        ("/disposition_id", json!(1)),
        ("/status_id", json!(1)),
        ("/status_code", json!("200")),
        (
            "/metadata/uid",
            json!("0192f0c0-0000-7000-8000-000000000001"),
        ),
        ("/metadata/sequence", json!(4711)),
        ("/metadata/version", json!(VERSION)),
        ("/actor/user/name", json!("anna")),
        ("/actor/user/type_id", json!(4)),
        ("/actor/idp/name", json!("gitlab")),
        ("/actor/session/created_time", json!(1_795_433_000_000_u64)),
        ("/api/operation", json!("dashboards.read")),
        ("/policy/uid", json!("shop-reads")),
        ("/policy/version", json!("sha256:aa")),
        ("/src_endpoint/ip", json!("192.0.2.7")),
        ("/dst_endpoint/ip", json!("10.1.2.3")),
        ("/dst_endpoint/port", json!(443)),
        ("/http_request/url/query_string", json!("page=*&per_page=*")),
        ("/http_response/code", json!(200)),
        ("/http_response/latency", json!(31)),
        ("/resources/0/name", json!("Dashboard")),
        ("/unmapped/claims/project_id", json!("4711")),
        ("/unmapped/outcome_seq", json!(4712)),
        ("/time", json!(1_795_434_000_123_u64)),
        ("/end_time", json!(1_795_434_000_500_u64)),
    ] {
        assert_eq!(event.pointer(pointer), Some(&value), "{pointer}");
    }
}

#[test]
fn nothing_of_a_record_is_lost() {
    for row in many() {
        let event = ocsf(&row).to_string();
        let members: Value = serde_json::from_str(&row.record).unwrap_or_default();
        for (name, value) in members.as_object().into_iter().flatten() {
            let derived = ["activity", "decision", "query_keys", "subject_kind"];
            let in_seconds = ["token_exp", "token_iat"];
            let kept = match value {
                Value::String(text) => event.contains(text.rsplit(':').next().unwrap()),
                Value::Number(number) => event.contains(&number.to_string()),
                _ => true,
            };
            let known = derived.contains(&name.as_str()) || in_seconds.contains(&name.as_str());
            assert!(
                kept || known,
                "{name}: {value} of {} in {event}",
                row.record
            );
        }
    }
}

#[test]
fn every_event_of_stile_has_its_numbers() {
    let noted: Vec<&str> = Note::ALL.iter().map(|note| note.word()).collect();
    for word in &noted {
        assert!(EVENTS.iter().any(|event| event.word == *word), "{word}");
    }
    assert_eq!(EVENTS.len(), noted.len());
}

#[test]
fn the_tables_of_the_page_are_those_of_the_code() {
    let rows = |heading: &str| -> Vec<String> {
        let table = PAGE.split(heading).nth(1).expect(heading);
        let lines = table.lines().skip_while(|line| !line.starts_with("| ---"));
        let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
        rows.map(str::to_owned).collect()
    };
    let members = MEMBERS
        .iter()
        .map(|m| format!("| `{}` | `{}` | {} |", m.name, m.path, m.how));
    assert_eq!(rows("\n## Members\n"), members.collect::<Vec<_>>());
    let decisions = DECISIONS.iter().map(|d| {
        let (action, disposition) = (d.action_id, d.disposition_id);
        let status = match d.word {
            "allow" => "by its outcome".to_owned(),
            _ => d.status_id.to_string(),
        };
        let severity = d.severity_id;
        format!(
            "| `{}` | {action} | {disposition} | {status} | {severity} |",
            d.word
        )
    });
    assert_eq!(rows("\n## Decisions\n"), decisions.collect::<Vec<_>>());
    let events = EVENTS.iter().map(|e| {
        let class = if e.is_error { 6008 } else { 6002 };
        format!(
            "| `{}` | {class} | {} | {} |",
            e.word, e.activity_id, e.severity_id
        )
    });
    assert_eq!(rows("\n## Events\n"), events.collect::<Vec<_>>());
    let classes = [
        ("read", "", 2),
        ("write", "dashboards.create", 1),
        ("write", "dashboards.update", 3),
        ("delete", "", 4),
        ("power", "", 99),
    ];
    for (class, action, number) in classes {
        assert_eq!(activity_of(Some(class), Some(action), None).0, number);
    }
}

/// What the published schema says of these events; none where Python's packages are not installed.
fn validated(events: &[Value]) -> Option<(bool, String)> {
    use std::io::Write;
    let mut command = crate::callers::command("venv/bin/python", "check_ocsf.py")?;
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("python starts");
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines.as_bytes()).unwrap();
    drop(input);
    let said = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    Some((said.status.success(), text))
}

#[test]
fn every_row_is_valid_by_the_published_schema() {
    let events: Vec<Value> = many().iter().map(ocsf).collect();
    assert!(events.len() > 200, "{}", events.len());
    let Some((valid, said)) = validated(&events) else {
        return;
    };
    assert!(valid, "{said}");
}

#[test]
fn the_published_schema_finds_what_is_missing_or_foreign() {
    let event = ocsf(&row(ALLOW, Some(OUTCOME)));
    let demanded = [
        "activity_id",
        "actor",
        "api",
        "category_uid",
        "severity_id",
        "src_endpoint",
        "time",
        "type_uid",
    ];
    let mut changed: Vec<Value> = demanded
        .iter()
        .map(|name| {
            let mut less = event.clone();
            less.as_object_mut().unwrap().remove(*name);
            less
        })
        .collect();
    let mut more = event.clone();
    more["http_request"]["nonsense"] = 1.into();
    let mut other = event;
    other["activity_id"] = 98.into();
    changed.extend([more, other]);
    let Some((valid, said)) = validated(&changed) else {
        return;
    };
    assert!(!valid);
    for (number, name) in (1..).zip(demanded.into_iter().chain(["nonsense", "98"])) {
        let line = format!("line {number}: ");
        let named = |said: &str| said.starts_with(&line) && said.contains(name);
        assert!(said.lines().any(named), "{name}: {said}");
    }
}
