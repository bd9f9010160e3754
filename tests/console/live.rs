//! A page that is live is told of requests as they become whole.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::Stage;
use crate::support::ask;

#[tokio::test]
async fn a_stream_tells_of_what_comes_in_its_scope_and_of_nothing_else() {
    let stage = Stage::set().await;
    stage.looks(&stage.rita, "/requests").await;
    let address = stage
        .world
        .stile
        .url()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let token = stage.lea.clone();
    let reading = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(40)))
            .unwrap();
        write!(
            stream,
            "GET /.stile/console/requests/live?team=payments HTTP/1.1\r\nhost: {address}\r\n\
             authorization: Bearer {token}\r\n\r\n"
        )
        .unwrap();
        let mut told = Vec::new();
        for line in BufReader::new(stream).lines() {
            let line = line.unwrap();
            if let Some(rows) = line.strip_prefix("data: ") {
                let rows: Vec<Value> = serde_json::from_str(rows).unwrap();
                told.extend(rows);
            }
            if told.iter().any(|row| row["decision"] == "DENY x") {
                return told;
            }
        }
        told
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    for token in [&stage.nora, &stage.sam, &stage.mira] {
        ask(
            &stage.world,
            stage.world.api("GET", "X/streams").token(token),
        )
        .await;
        ask(
            &stage.world,
            stage.world.api("DELETE", "X/streams/s1").token(token),
        )
        .await;
    }
    let told = tokio::task::spawn_blocking(|| reading.join().unwrap())
        .await
        .unwrap();
    assert!(!told.is_empty());
    for row in &told {
        assert_eq!(row["who"], "mira@acme.example", "{row}");
        assert!(
            row["href"].as_str().unwrap().contains("team=payments"),
            "{row}"
        );
    }
    let refused = stage
        .looks(&stage.nora, "/requests/live?team=payments")
        .await;
    assert_eq!(refused.status, 403);
    stage.close().await;
}
