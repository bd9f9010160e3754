//! rsyslog over TLS, as Debian has it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use stile_kit::World;

use super::{Foreign, installed};
use crate::callers::tools;
use crate::leave::{ask_times, readiness, uids, until, until_all_left, with_destination};
use crate::support::{self, program};

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
            world = world.killed(program(), |_| ()).await.unwrap();
        }
    }
    until_all_left(&world).await;
    let (_, stiles, _) = world.stile.stop().await.unwrap();
    let all: BTreeSet<String> = uids(&stiles.path().join("journal")).into_iter().collect();
    let came = written(folder.path());
    assert_eq!(came.iter().cloned().collect::<BTreeSet<_>>(), all);
    eprintln!("{} records, {} doubles", all.len(), came.len() - all.len());
}
