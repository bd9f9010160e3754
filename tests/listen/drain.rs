//! The way from running to ended.

use stile::listen::Limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::stand::{Stand, answers, read_to_end, soon};

const WAIT: &str = "GET /wait HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn a_drain_finishes_what_runs_and_accepts_nothing_new() {
    let stand = Stand::clear();
    let mut running = stand.connect().await;
    let mut idle = stand.connect().await;
    running.write_all(WAIT.as_bytes()).await.unwrap();
    stand.begun().await;
    stand.trigger.drain();
    assert!(
        read_to_end(&mut idle).await.is_empty(),
        "an idle one is closed"
    );
    soon(async {
        while TcpStream::connect(stand.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!stand.served.is_finished());
    stand.memory.may_answer.add_permits(1);
    let answers = answers(&read_to_end(&mut running).await);
    assert_eq!(answers[0].status, 200);
    assert_eq!(answers[0].field("connection"), Some("close"));
    soon(stand.served).await.unwrap();
    assert_eq!(stand.counts.connections(), 0);
}

#[tokio::test]
async fn what_still_runs_at_the_end_of_the_drain_is_cut() {
    let limits = Limits {
        drain_ms: 50,
        ..Limits::default()
    };
    let stand = Stand::with(limits, None);
    let mut running = stand.connect().await;
    running.write_all(WAIT.as_bytes()).await.unwrap();
    stand.begun().await;
    stand.trigger.drain();
    assert!(read_to_end(&mut running).await.is_empty());
    soon(stand.served).await.unwrap();
    assert_eq!(
        (stand.counts.connections(), stand.counts.requests()),
        (0, 0)
    );
}

#[tokio::test]
async fn a_second_signal_cuts_at_once() {
    let stand = Stand::clear();
    let mut running = stand.connect().await;
    running.write_all(WAIT.as_bytes()).await.unwrap();
    stand.begun().await;
    stand.trigger.drain();
    stand.trigger.force();
    assert!(read_to_end(&mut running).await.is_empty());
    soon(stand.served).await.unwrap();
}
