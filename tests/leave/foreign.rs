//! With receivers that are not ours: the OpenTelemetry Collector's own, and rsyslog over TLS.
//!
//! Both are started on the loopback in a folder of their own, killed without a word in between, and
//! end with their test. Where they are not installed a test says so and passes, unless tools are
//! required.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use stile_kit::World;

use super::{
    ask_times, leaving_for, otlp, readiness, uids, until, until_all_left, with_destination,
};
use crate::callers::{must_be_there, tools};
use crate::support::{self, program};

/// A program of somebody else, running until it is dropped.
struct Foreign {
    child: Child,
}

impl Foreign {
    /// Kills it as a power cut would.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file of the tools, or a word about what is missing where nothing can make it.
fn installed(name: &str, made_with: &str) -> Option<PathBuf> {
    let path = tools().join(name);
    if path.exists() {
        return Some(path);
    }
    let could = Command::new(made_with).arg("--version").output().is_ok();
    let missing = "run scripts/install-test-tools.sh";
    assert!(!(must_be_there() && could), "{name} cannot run: {missing}");
    eprintln!("skipped {name}: {missing}");
    None
}

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
            let World {
                gitlab,
                okta,
                upstream,
                ca,
                stile,
            } = world;
            let stiles = stile.kill().await.unwrap();
            let stile = stiles.serve(program()).await.unwrap();
            world = World {
                gitlab,
                okta,
                upstream,
                ca,
                stile,
            };
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

/// rsyslog in a folder, listening with TLS for who has a certificate of the same authority.
fn rsyslog(root: &Path, folder: &Path, port: u16) -> (Foreign, u16) {
    let port_file = folder.join("port");
    let _ = std::fs::remove_file(&port_file);
    let at = |name: &str| folder.join(name).display().to_string();
    let settings = format!(
        r#"global(workDirectory="{work}" maxMessageSize="128k" defaultNetstreamDriver="ossl"
  defaultNetstreamDriverCAFile="{ca}" defaultNetstreamDriverCertFile="{cert}"
  defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="line" type="string" string="%msgid% %structured-data% %msg%\n")
ruleset(name="keep" queue.type="Direct") {{
  action(type="omfile" file="{came}" template="line" sync="on" fileCreateMode="0600")
}}
input(type="imtcp" address="127.0.0.1" port="{port}" listenPortFileName="{port_file}" ruleset="keep")
"#,
        work = folder.display(),
        ca = at("ca.pem"),
        cert = at("receiver.pem"),
        key = at("receiver.key"),
        came = at("came"),
        port_file = port_file.display(),
    );
    std::fs::write(folder.join("rsyslog.conf"), settings).unwrap();
    let libraries = std::fs::read_dir(root.join("usr/lib")).unwrap();
    let libraries = libraries.map(|entry| entry.unwrap().path());
    let libraries = libraries
        .into_iter()
        .find(|path| path.join("rsyslog").is_dir())
        .unwrap();
    let said = std::fs::File::create(folder.join("said")).unwrap();
    let mut command = Command::new(root.join("usr/sbin/rsyslogd"));
    command.arg("-n").arg("-f").arg(folder.join("rsyslog.conf"));
    command
        .arg("-i")
        .arg(folder.join("pid"))
        .arg("-M")
        .arg(libraries.join("rsyslog"));
    command.env("LD_LIBRARY_PATH", &libraries);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said);
    let _ = std::fs::remove_file(folder.join("pid"));
    let child = command.spawn().unwrap();
    let foreign = Foreign { child };
    for _ in 0..400 {
        // It says which port it took only where it chose one.
        if port != 0 && std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return (foreign, port);
        }
        let port = std::fs::read_to_string(&port_file).ok();
        if let Some(port) = port.and_then(|text| text.trim().parse::<u16>().ok()) {
            return (foreign, port);
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!(
        "rsyslog does not listen: {}",
        std::fs::read_to_string(folder.join("said")).unwrap()
    );
}

/// A world whose records leave for rsyslog; with or without a certificate of ours.
async fn with_rsyslog(root: &Path, folder: &Path, shows_itself: bool) -> (World, Foreign, u16) {
    let ground = support::ground().await;
    for place in [folder, ground.folder().path()] {
        ground.ca.write_to(place);
    }
    ground
        .ca
        .server(&["127.0.0.1"])
        .write_to(folder, "receiver");
    let (_, key) = ground
        .ca
        .client("stile")
        .write_to(ground.folder().path(), "client");
    std::fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (rsyslog, port) = rsyslog(root, folder, 0);
    let shown = match shows_itself {
        true => ", certificate: client.pem, key: client.key",
        false => "",
    };
    let destination = format!(
        "  - {{ name: archive, kind: syslog, address: 127.0.0.1:{port}, message: record, \
         ca_file: ca.pem, timeout: 5s{shown} }}\n"
    );
    let world = with_destination(ground, &destination)
        .serve(program())
        .await
        .unwrap();
    (world, rsyslog, port)
}

/// The names of the records that rsyslog wrote, each of them whole.
fn written(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("came")).unwrap();
    let name = |line: &str| {
        let (head, message) = line.split_once("\"] ").unwrap();
        let record: Value = serde_json::from_str(message).unwrap();
        assert!(head.starts_with(record["kind"].as_str().unwrap()), "{head}");
        head.split(" uid=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned()
    };
    text.lines().map(name).collect()
}

#[tokio::test]
async fn rsyslog_writes_every_record_once_in_a_quiet_run() {
    let Some(_) = installed("rsyslog/installed", "apt-get") else {
        return;
    };
    let (root, folder) = (tools().join("rsyslog"), tempfile::tempdir().unwrap());
    let (world, _rsyslog, _) = with_rsyslog(&root, folder.path(), true).await;
    ask_times(&world, 40).await;
    until_all_left(&world).await;
    let (_, stiles, said) = world.stile.stop().await.unwrap();
    assert_eq!(
        written(folder.path()),
        uids(&stiles.path().join("journal")),
        "{said}"
    );
}

#[tokio::test]
async fn rsyslog_that_wants_a_certificate_gets_nothing_without_one() {
    let Some(_) = installed("rsyslog/installed", "apt-get") else {
        return;
    };
    let (root, folder) = (tools().join("rsyslog"), tempfile::tempdir().unwrap());
    let (world, _rsyslog, _) = with_rsyslog(&root, folder.path(), false).await;
    ask_times(&world, 2).await;
    until("the fault is told", async || {
        let state = readiness(&world).await;
        state["fault"].is_string() && state["records"] == json!(0)
    })
    .await;
    assert!(!folder.path().join("came").exists());
}

#[tokio::test]
async fn with_stile_and_rsyslog_killed_in_turn_every_record_is_written() {
    let Some(_) = installed("rsyslog/installed", "apt-get") else {
        return;
    };
    let (root, folder) = (tools().join("rsyslog"), tempfile::tempdir().unwrap());
    let (mut world, mut running, port) = with_rsyslog(&root, folder.path(), true).await;
    for round in 0_u64..6 {
        ask_times(&world, 20).await;
        tokio::time::sleep(Duration::from_millis(round * 137 % 500)).await;
        if round % 2 == 0 {
            running.kill();
            ask_times(&world, 5).await;
            running = rsyslog(&root, folder.path(), port).0;
        } else {
            let World {
                gitlab,
                okta,
                upstream,
                ca,
                stile,
            } = world;
            let stiles = stile.kill().await.unwrap();
            let stile = stiles.serve(program()).await.unwrap();
            world = World {
                gitlab,
                okta,
                upstream,
                ca,
                stile,
            };
        }
    }
    until_all_left(&world).await;
    let (_, stiles, _) = world.stile.stop().await.unwrap();
    let all: BTreeSet<String> = uids(&stiles.path().join("journal")).into_iter().collect();
    let came = written(folder.path());
    assert_eq!(came.iter().cloned().collect::<BTreeSet<_>>(), all);
    eprintln!("{} records, {} doubles", all.len(), came.len() - all.len());
}
