//! Deadlines and counts.

use std::time::Duration;

use stile::listen::{InFront, Limits, Listener, ListenerSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::stand::{Call, Stand, answers, read_to_end, soon};

const GET: &str = "GET /a HTTP/1.1\r\nhost: a\r\n\r\n";

fn reason(call: &Call) -> &'static str {
    match call {
        Call::TurnedAway { reason, .. } => reason,
        Call::Received { .. } => "received",
    }
}

#[tokio::test]
async fn a_head_that_does_not_become_whole_in_time_is_answered_408() {
    let limits = Limits {
        head_ms: 50,
        ..Limits::default()
    };
    for part in [
        "G",
        "P",
        "PRI * HT",
        "GET /a HTTP/1.1\r\n",
        &GET[..GET.len() - 1],
    ] {
        let stand = Stand::with(limits, None);
        let answers = stand.exchange(part.as_bytes()).await;
        assert_eq!(answers[0].status, 408, "{part:?}");
        let calls = stand.memory.calls();
        assert_eq!(
            calls.iter().map(reason).collect::<Vec<_>>(),
            ["client_timeout"]
        );
    }
}

#[tokio::test]
async fn a_slow_second_head_is_answered_408_after_the_first_answer() {
    let limits = Limits {
        head_ms: 50,
        ..Limits::default()
    };
    let stand = Stand::with(limits, None);
    let answers = stand.exchange([GET, "GET /b HT"].concat().as_bytes()).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 408]);
}

#[tokio::test]
async fn silence_before_and_between_requests_ends_without_a_call() {
    let limits = Limits {
        head_ms: 50,
        ..Limits::default()
    };
    let stand = Stand::with(limits, None);
    assert!(stand.exchange(b"").await.is_empty());
    assert_eq!(stand.exchange(GET.as_bytes()).await.len(), 1);
    assert_eq!(stand.memory.calls().len(), 1);
}

#[tokio::test]
async fn half_a_head_and_then_the_end_is_recorded() {
    let stand = Stand::clear();
    let mut stream = stand.connect().await;
    stream
        .write_all(b"GET /half HTTP/1.1\r\nhost: a\r\nx")
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let answers = answers(&read_to_end(&mut stream).await);
    assert_eq!(answers[0].status, 400);
    assert!(matches!(&stand.memory.calls()[..],
        [Call::TurnedAway { reason: "malformed_request", path: Some(path), .. }] if path == "/half"));
}

#[tokio::test]
async fn a_request_over_the_limit_is_turned_away_and_the_next_is_not() {
    let limits = Limits {
        requests: 1,
        ..Limits::default()
    };
    let stand = Stand::with(limits, None);
    let mut first = stand.connect().await;
    first
        .write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    stand.begun().await;
    let closing = "GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = &stand.exchange(closing.as_bytes()).await[0];
    assert_eq!((answer.status, answer.body.as_str()), (503, "overloaded"));
    stand.memory.may_answer.add_permits(1);
    read_to_end(&mut first).await;
    stand.in_flight(0).await;
    assert_eq!(stand.exchange(closing.as_bytes()).await[0].status, 200);
}

#[tokio::test]
async fn at_the_limit_of_connections_the_next_waits_until_one_closes() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let stand = Stand::with(limits, None);
    let mut first = stand.connect().await;
    first.write_all(GET.as_bytes()).await.unwrap();
    let mut buffer = [0; 1024];
    assert!(soon(first.read(&mut buffer)).await.unwrap() > 0);
    let mut second = stand.connect().await;
    second.write_all(GET.as_bytes()).await.unwrap();
    let early = timeout(Duration::from_millis(50), second.read(&mut buffer)).await;
    assert!(early.is_err(), "served above the limit");
    assert_eq!(stand.counts.connections(), 1);
    drop(first);
    assert!(soon(second.read(&mut buffer)).await.unwrap() > 0);
}

#[tokio::test]
async fn a_peer_that_takes_no_answer_is_cut_off() {
    let limits = Limits {
        body_idle_ms: 50,
        ..Limits::default()
    };
    let stand = Stand::with(limits, None);
    let mut stream = stand.connect().await;
    let pipelined = "GET /a?large HTTP/1.1\r\nhost: a\r\n\r\n".repeat(8);
    stream.write_all(pipelined.as_bytes()).await.unwrap();
    stand.begun().await;
    soon(async {
        while stand.counts.connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_port_in_use_is_a_fault_with_a_hint() {
    let stand = Stand::clear();
    let settings = ListenerSettings {
        front: InFront::default(),
        address: stand.address,
        tls: None,
    };
    let fault = Listener::bind(&settings).unwrap_err();
    assert!(fault.fault.contains("is in use"), "{fault}");
    assert!(fault.hint.is_some());
}

#[tokio::test]
async fn what_goes_on_after_its_caller_still_counts() {
    let stand = Stand::clear();
    let (mut caller, connection) = h2::client::handshake(stand.connect().await).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://a.example/kept")
        .body(())
        .unwrap();
    let (response, mut stream) = caller.send_request(request, true).unwrap();
    stand.begun().await;
    stream.send_reset(h2::Reason::CANCEL);
    assert!(soon(response).await.is_err());
    // Another exchange begins and ends after the reset was seen.
    let request = http::Request::get("http://a.example/").body(()).unwrap();
    let (response, _) = caller.send_request(request, true).unwrap();
    drop(soon(response).await.unwrap());
    stand.in_flight(1).await;
    assert_eq!(stand.counts.requests(), 1);
    stand.memory.kept.lock().unwrap().clear();
    stand.in_flight(0).await;
}
