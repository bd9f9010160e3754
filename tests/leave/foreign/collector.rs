//! The OpenTelemetry Collector's own receiver.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{Foreign, installed};
use crate::leave::{ask_times, leaving_for, otlp, uids, until_all_left};
use crate::support::{self, program};

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The Collector's receiver, listening.
fn collector(program: &Path, port: u16, file: &Path) -> Foreign {
    let mut command = Command::new(program);
    command.arg(format!("127.0.0.1:{port}")).arg(file);
    // It ends when nobody can write to it any more, so also with a test that is killed.
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let out = child.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n", "the Collector's receiver listens");
    Foreign { child }
}

/// The log records that it kept, each with its resource, in their order.
fn kept(file: &Path) -> Vec<(Value, Value)> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut found = Vec::new();
    for line in text.lines() {
        // A line that it was killed in was not answered for.
        let Ok(request) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        for logs in request["resourceLogs"].as_array().unwrap() {
            for scope in logs["scopeLogs"].as_array().unwrap() {
                assert_eq!(scope["scope"]["name"], "stile");
                let records = scope["logRecords"].as_array().unwrap();
                found.extend(
                    records
                        .iter()
                        .map(|r| (r.clone(), logs["resource"].clone())),
                );
            }
        }
    }
    found
}

fn attributes(of: &Value) -> BTreeMap<String, Value> {
    let list = of["attributes"].as_array().unwrap();
    let pair = |a: &Value| (a["key"].as_str().unwrap().to_owned(), plain(&a["value"]));
    let all: BTreeMap<_, _> = list.iter().map(pair).collect();
    assert_eq!(all.len(), list.len(), "no attribute is there twice: {of}");
    all
}

/// OTLP's `AnyValue` as JSON.
fn plain(value: &Value) -> Value {
    let (kind, inner) = match value.as_object().and_then(|o| o.iter().next()) {
        Some(pair) => pair,
        None => return Value::Null,
    };
    match kind.as_str() {
        "intValue" => inner.as_str().unwrap().parse::<i64>().unwrap().into(),
        "arrayValue" => inner["values"]
            .as_array()
            .unwrap()
            .iter()
            .map(plain)
            .collect(),
        "kvlistValue" => {
            let pairs = inner["values"].as_array().unwrap().iter();
            let pairs = pairs.map(|p| (p["key"].as_str().unwrap().to_owned(), plain(&p["value"])));
            Value::Object(pairs.collect())
        }
        _ => inner.clone(),
    }
}

#[tokio::test]
async fn the_collectors_receiver_reads_everything_that_a_record_says() {
    let Some(path) = installed("bin/otlp-receiver", "go") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (port, file) = (free_port(), folder.path().join("came"));
    let _collector = collector(&path, port, &file);
    let world = leaving_for(&otlp(&format!("http://127.0.0.1:{port}"))).await;
    ask_times(&world, 6).await;
    until_all_left(&world).await;
    let (_, stiles, _) = world.stile.stop().await.unwrap();
    let journal = stiles.path().join("journal");
    let came = kept(&file);
    let written = support::records(&journal);
    assert_eq!(came.len(), written.len());
    let names: BTreeMap<String, &str> = stile::leave::otel_names().collect();
    for ((log, resource), (seq, record)) in came.iter().zip(written.iter().enumerate()) {
        let (said, of_process) = (attributes(log), attributes(resource));
        let record = &record.json;
        assert_eq!(
            said["log.record.uid"],
            format!("{}/{seq}", record["log"].as_str().unwrap())
        );
        assert_eq!(said["stile.seq"], seq);
        assert_eq!(of_process["service.name"], "stile");
        assert_eq!(of_process["service.version"], record["version"]);
        assert_eq!(of_process["service.instance.id"], record["boot"]);
        let nanos = log["timeUnixNano"].as_str().unwrap();
        assert_eq!(nanos, format!("{}000000", record["time"]));
        let event = format!("stile.{}", record["kind"].as_str().unwrap());
        assert_eq!(log["eventName"], event, "{log}");
        assert!(
            !log["body"]["stringValue"].as_str().unwrap().is_empty(),
            "{log}"
        );
        let grave = ["deny", "refuse"].contains(&record["decision"].as_str().unwrap_or(""));
        assert_eq!(
            log["severityText"],
            if grave { "WARN" } else { "INFO" },
            "{log}"
        );
        for (member, value) in record.as_object().unwrap() {
            let nested = |under: &str| -> Vec<(String, Value)> {
                let members = value.as_object().unwrap().iter();
                members
                    .map(|(name, value)| (format!("{under}.{name}"), value.clone()))
                    .collect()
            };
            let members = match member.as_str() {
                "boot" | "kind" | "log" | "product" | "time" | "version" | "proto" => continue,
                "trace" => {
                    assert_eq!((&log["traceId"], &log["spanId"]), (&value[0], &value[1]));
                    continue;
                }
                "claims" | "tls" | "lat_us" => nested(member),
                _ => vec![(member.clone(), value.clone())],
            };
            for (member, value) in members {
                let ours = format!("stile.{member}");
                let name = names.get(&member).copied().unwrap_or(&ours);
                assert_eq!(said.get(name), Some(&value), "{member} as {name} in {log}");
            }
        }
    }
    let deny = came
        .iter()
        .find(|(log, _)| log["severityText"] == "WARN")
        .unwrap();
    let said = attributes(&deny.0);
    assert_eq!(said["error.type"], "policy_denied");
    assert_eq!(said["vcs.ref.head.name"], "feat/x");
    assert_eq!(said["network.protocol.version"], "1.1");
    assert_eq!(
        deny.0["body"]["stringValue"],
        "deny streams.create: policy_denied"
    );
}

#[tokio::test]
async fn with_stile_and_the_collectors_receiver_killed_in_turn_every_record_arrives() {
    let Some(path) = installed("bin/otlp-receiver", "go") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (port, file) = (free_port(), folder.path().join("came"));
    let mut running = collector(&path, port, &file);
    let mut world = leaving_for(&otlp(&format!("http://127.0.0.1:{port}"))).await;
    for round in 0_u64..8 {
        ask_times(&world, 20).await;
        tokio::time::sleep(Duration::from_millis(round * 137 % 500)).await;
        if round % 2 == 0 {
            running.kill();
            ask_times(&world, 5).await;
            running = collector(&path, port, &file);
        } else {
            world = world.killed(program(), |_| ()).await.unwrap();
        }
    }
    until_all_left(&world).await;
    let (_, stiles, _) = world.stile.stop().await.unwrap();
    let all: BTreeSet<String> = uids(&stiles.path().join("journal")).into_iter().collect();
    let came = kept(&file);
    let uid = |(log, _): &(Value, Value)| {
        attributes(log)["log.record.uid"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let arrived: BTreeSet<String> = came.iter().map(uid).collect();
    assert_eq!(arrived, all);
    eprintln!("{} records, {} doubles", all.len(), came.len() - all.len());
}
