//! A third party's witness over what stile signs: litewitness keeps our checkpoints, and what it
//! cosigns is what an auditor's policy asks for.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::tessera::{program, vkey};
use crate::support;

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An agent that holds the witness's key, the witness, and how others know it.
struct Lite {
    _agent: Running,
    _witness: Running,
    url: String,
    vkey: String,
}

fn done(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

async fn until<T>(what: &str, mut there: impl FnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(found) = there() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not in time: {what}");
}

/// What the witness's operator tells it: one row of its own database.
fn told(folder: &Path, row: &str, values: [&str; 2]) {
    let database = rusqlite::Connection::open(folder.join("witness.db")).expect("its database");
    let wait = Duration::from_secs(5);
    database.busy_timeout(wait).expect("it waits its turn");
    database.execute(row, values).expect("its operator may");
}

/// Starts a witness that knows a log by its origin; whose key that log has must be told to it.
async fn start(folder: &Path, litewitness: &Path, origin: &str) -> Lite {
    let (key, socket) = (folder.join("key"), folder.join("agent"));
    let keygen = || Command::new("ssh-keygen");
    done(
        keygen()
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key),
    );
    let agent = Command::new("ssh-agent")
        .args(["-D", "-a"])
        .arg(&socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    let agent = Running(agent.expect("ssh-agent starts"));
    until("the agent listens", || socket.exists().then_some(())).await;
    done(
        Command::new("ssh-add")
            .arg("-q")
            .arg(&key)
            .env("SSH_AUTH_SOCK", &socket),
    );
    let shown = done(keygen().arg("-lf").arg(&key));
    let fingerprint = shown.split(' ').nth(1).expect("a fingerprint");
    let database = folder.join("witness.db");
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let log = folder.join("witness.log");
    let witness = Command::new(litewitness)
        .args(["-name", "witness.example/lite", "-listen", &address])
        .args(["-key", fingerprint, "-ssh-agent"])
        .arg(&socket)
        .arg("-db")
        .arg(&database)
        .stdin(Stdio::null())
        .stderr(File::create(&log).expect("a log"))
        .spawn();
    let witness = Running(witness.expect("litewitness starts"));
    let vkey = until("the witness says its key", || {
        let said = std::fs::read_to_string(&log).ok()?;
        let (_, rest) = said.split_once("vkey=")?;
        said.contains("listening")
            .then(|| rest.lines().next().map(str::to_owned))?
    });
    let vkey = vkey.await;
    told(folder, A_LOG, [origin, ROOT_OF_NOTHING]);
    Lite {
        vkey,
        _agent: agent,
        _witness: witness,
        url: format!("http://{address}"),
    }
}

#[tokio::test]
async fn litewitness_cosigns_and_an_auditor_s_policy_counts_it() {
    let Some(litewitness) = program("litewitness") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let origin = "stile.example.com/world";
    let lite = start(folder.path(), &litewitness, origin).await;
    let anchors = format!(
        "  origin: {origin}\n  anchors:\n    - {{ name: lite, kind: witness, url: {}, vkey: \"{}\" }}\n",
        lite.url, lite.vkey
    );
    let ground = support::ground().await;
    let ground = ground.with(&format!("  origin: {origin}\n"), &anchors);
    let world = ground.serve(support::program()).await.expect("it serves");
    let journal = world.stile.journal();
    let key = until("the log has a key", || {
        let vkeys = std::fs::read_to_string(journal.join("vkeys")).ok()?;
        vkeys.contains("log ").then(|| vkey(&journal, 0))
    });
    let key = key.await;
    // Until its operator trusts the key, the witness takes nothing of this log.
    told(folder.path(), A_KEY, [origin, &key]);
    let token = world.job_token(json!({}));
    for _ in 0..20 {
        let call = world.api("POST", "X/streams").token(&token);
        support::ask(&world, call.body("application/json", "{}")).await;
    }
    until("what was cosigned is kept", || {
        let witnessed = std::fs::read_to_string(journal.join("witnessed")).ok()?;
        let size: u64 = witnessed.lines().nth(1)?.parse().ok()?;
        (size > 20).then_some(())
    })
    .await;
    let (status, kept, said) = world.stile.stop().await.expect("it ends");
    assert!(status.success(), "{said}");

    let verify = |witness: &str| {
        let policy = folder.path().join("trusted.policy");
        let text = format!("log {key}\nwitness w {witness}\nquorum w\n");
        std::fs::write(&policy, text).expect("writable");
        let output = Command::new(support::program())
            .args(["audit", "verify", "--witness-policy"])
            .arg(&policy)
            .arg(kept.path().join("journal"))
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said)
    };
    let (exit, said) = verify(&lite.vkey);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("VERIFIED"), "{said}");
    // Another witness of that name has signed nothing.
    let another = tempfile::tempdir().expect("a folder");
    let other = start(another.path(), &litewitness, origin).await;
    let (exit, said) = verify(&other.vkey);
    assert_ne!(exit, Some(0), "{said}");
}

// The rows that its own program for operators, witnessctl, writes; a module which that one needs
// cannot be had everywhere.
const A_LOG: &str = "INSERT INTO log (origin, tree_size, tree_hash) VALUES (?1, 0, ?2)";
const A_KEY: &str = "INSERT INTO key (origin, key) VALUES (?1, ?2)";
/// The SHA-256 of nothing, in base64 (RFC 9162 2.1.1).
const ROOT_OF_NOTHING: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
