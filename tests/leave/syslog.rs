//! To a syslog receiver over TLS: octet counting, structured data, and what counts as handed over.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use stile_kit::tls::{DevCa, ServerCertificate};
use stile_kit::{Ground, World};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::{ask_times, readiness, uids, until, until_all_left, with_destination};
use crate::support::{self, program};

/// What a receiver does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Reads to the end and hangs up.
    Reads,
    /// Reads some of it and goes away with the rest unread.
    GoesAway,
    /// Reads to the end and keeps the connection.
    Stays,
}

/// A syslog receiver that keeps what came in whole frames.
struct Receiver {
    port: u16,
    manner: Arc<Mutex<Manner>>,
    came: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    async fn start(certificate: &ServerCertificate) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let tls = TlsAcceptor::from(certificate.listening(&[]));
        let manner = Arc::new(Mutex::new(Manner::Reads));
        let came = Arc::new(Mutex::new(Vec::new()));
        let (now, kept) = (Arc::clone(&manner), Arc::clone(&came));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let manner = *now.lock().unwrap();
                let (tls, kept) = (tls.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    let Ok(mut stream) = tls.accept(stream).await else {
                        return;
                    };
                    let mut bytes = Vec::new();
                    if manner == Manner::GoesAway {
                        let mut some = [0; 16];
                        let _ = stream.read(&mut some).await;
                        // As a kernel does for a process that is killed with bytes unread.
                        let (tcp, _) = stream.into_inner();
                        let tcp = tcp.into_std().unwrap();
                        socket2::SockRef::from(&tcp)
                            .set_linger(Some(Duration::ZERO))
                            .unwrap();
                        return;
                    }
                    stream.read_to_end(&mut bytes).await.unwrap();
                    if manner == Manner::Stays {
                        std::future::pending::<()>().await;
                    }
                    kept.lock().unwrap().extend(frames(&bytes));
                    let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
                });
            }
        });
        Receiver {
            port,
            manner,
            came,
            task,
        }
    }

    fn be(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn came(&self) -> Vec<String> {
        self.came.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// RFC 5425: `LENGTH SP MESSAGE`, one after the other.
fn frames(mut bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|b| *b == b' ').unwrap();
        let length: usize = std::str::from_utf8(&bytes[..space])
            .unwrap()
            .parse()
            .unwrap();
        let end = space + 1 + length;
        found.push(String::from_utf8(bytes[space + 1..end].to_vec()).unwrap());
        bytes = &bytes[end..];
    }
    found
}

/// The value of a name in the structured data, and the message after it.
fn parsed(message: &str, name: &str) -> (String, Value) {
    let (head, text) = message.split_once("\"] ").unwrap();
    let value = head.split(&format!(" {name}=\"")).nth(1).unwrap();
    let value = value.split('"').next().unwrap().to_owned();
    (value, serde_json::from_str(text).unwrap())
}

async fn leaving_for(receiver: &Receiver, ground: Ground, more: &str) -> World {
    let destination = format!(
        "  - {{ name: archive, kind: syslog, address: 127.0.0.1:{}, ca_file: ca.pem, timeout: 2s{more} }}\n",
        receiver.port
    );
    with_destination(ground, &destination)
        .serve(program())
        .await
        .unwrap()
}

async fn ground() -> (Ground, Receiver) {
    let ground = support::ground().await;
    ground.ca.write_to(ground.folder().path());
    let receiver = Receiver::start(&ground.ca.server(&["127.0.0.1"])).await;
    (ground, receiver)
}

#[tokio::test]
async fn each_record_is_one_message_by_rfc_5424_once_and_in_order() {
    let (ground, receiver) = ground().await;
    let world = leaving_for(&receiver, ground, ", message: record").await;
    ask_times(&world, 20).await;
    until_all_left(&world).await;
    let (_, folder, _) = world.stile.stop().await.unwrap();
    let came = receiver.came();
    let names: Vec<String> = came.iter().map(|m| parsed(m, "uid").0).collect();
    assert_eq!(names, uids(&folder.path().join("journal")));
    let deny = came
        .iter()
        .find(|m| m.contains("\"decision\":\"deny\""))
        .unwrap();
    let words: Vec<&str> = deny.splitn(8, ' ').collect();
    assert_eq!(
        (words[0], words[3], words[4], words[5]),
        ("<108>1", "stile", "-", "decision")
    );
    let at: jiff::Timestamp = words[1].parse().unwrap();
    let (id, record) = parsed(deny, "id");
    assert_eq!(record["id"], *id);
    assert_eq!(record["time"], at.as_millisecond());
    let allow = came
        .iter()
        .find(|m| m.contains("\"decision\":\"allow\""))
        .unwrap();
    assert!(allow.starts_with("<110>1 "), "{allow}");
    assert_eq!(parsed(allow, "origin").0, "stile.example.com/world");
}

#[tokio::test]
async fn in_ocsf_each_request_is_one_message_with_its_outcome() {
    let (ground, receiver) = ground().await;
    let world = leaving_for(&receiver, ground, "").await;
    ask_times(&world, 10).await;
    until_all_left(&world).await;
    let (_, _folder, _) = world.stile.stop().await.unwrap();
    let events: Vec<Value> = receiver.came().iter().map(|m| parsed(m, "seq").1).collect();
    let requests = events.iter().filter(|event| event["class_uid"] == 6003);
    assert_eq!(requests.clone().count(), 10);
    let allowed = requests.filter(|event| event["action_id"] == 1);
    assert!(
        allowed
            .clone()
            .all(|event| event["http_response"]["code"] == 200)
    );
    assert_eq!(allowed.count(), 5);
}

#[tokio::test]
async fn what_was_not_read_to_the_end_is_sent_again() {
    for (manner, told) in [
        (Manner::GoesAway, "broke"),
        (Manner::Stays, "within 2000 ms"),
    ] {
        let (ground, receiver) = ground().await;
        receiver.be(manner);
        let world = leaving_for(&receiver, ground, ", message: record").await;
        // More than the buffers of a connection hold, so that some of it stays unread.
        ask_times(&world, 30).await;
        until(told, async || {
            readiness(&world).await["fault"].to_string().contains(told)
        })
        .await;
        receiver.be(Manner::Reads);
        until_all_left(&world).await;
        let (_, folder, _) = world.stile.stop().await.unwrap();
        let names: Vec<String> = receiver.came().iter().map(|m| parsed(m, "uid").0).collect();
        assert_eq!(names, uids(&folder.path().join("journal")), "{manner:?}");
    }
}

#[tokio::test]
async fn a_receiver_of_another_authority_or_another_name_gets_nothing() {
    let stranger = DevCa::new();
    for at in 0..3 {
        let ground = support::ground().await;
        let receiver = Receiver::start(&match at {
            0 => stranger.server(&["127.0.0.1"]),
            1 => ground.ca.server(&["siem.example.com"]),
            _ => ground.ca.expired(&["127.0.0.1"]),
        })
        .await;
        ground.ca.write_to(ground.folder().path());
        let world = leaving_for(&receiver, ground, "").await;
        until("the fault is told", async || {
            readiness(&world).await["fault"]
                .to_string()
                .contains("TLS: ")
        })
        .await;
        assert!(receiver.came().is_empty());
    }
}
