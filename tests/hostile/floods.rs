//! Floods of HTTP/2 frames: memory stays bounded, others are served, and every head has its record.

use std::time::Duration;

use serde_json::json;
use stile_kit::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::frames::{self, PREFACE, block, frame};
use super::{creates, forwarded_as_decided, raw};
use crate::support::{close, records, world};

/// A burst of frames, repeated until the connection ends or it was sent so often.
struct Flood {
    name: &'static str,
    /// Sent once, before all others.
    first: Vec<u8>,
    /// The burst of this number.
    burst: Box<dyn Fn(u32) -> Vec<u8> + Send>,
    times: u32,
}

fn flood(
    name: &'static str,
    first: Vec<u8>,
    times: u32,
    burst: impl Fn(u32) -> Vec<u8> + Send + 'static,
) -> Flood {
    Flood {
        name,
        first,
        burst: Box::new(burst),
        times,
    }
}

fn floods(authority: &str, token: &str) -> Vec<Flood> {
    let (host, bearer) = (authority.to_owned(), token.to_owned());
    let get = move |stream| frames::request(stream, "GET", "/x", &host, &bearer);
    let reset = |stream| frame(3, 0, stream, &8_u32.to_be_bytes());
    let (one, two) = (get.clone(), get.clone());
    let fields: [(&str, &str); 4] = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", authority),
        (":path", "/x"),
    ];
    let fields = fields.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let open_head = frame(1, 1, 1, &block(&fields));
    let open_body = frame(1, 4, 1, &block(&fields));
    // One field of 4,000 bytes into the table, then thousands of references to it, a byte each.
    let mut bomb = block(&fields);
    bomb.extend([0x40, 1, b'a', 127, 0xa1, 0x1e]);
    bomb.extend([b'v'; 4_000]);
    let mut references = block(&fields);
    references.extend([0xbe; 12_000]);
    vec![
        flood("rapid reset", Vec::new(), 3_000, move |n| {
            [one(2 * n + 1), reset(2 * n + 1)].concat()
        }),
        flood(
            "resets that we are made to send",
            Vec::new(),
            3_000,
            move |n| [two(2 * n + 1), frame(8, 0, 2 * n + 1, &[0; 4])].concat(),
        ),
        flood("CONTINUATION", open_head.clone(), 20_000, |_| {
            frame(9, 0, 1, b"")
        }),
        flood("CONTINUATION with fields", open_head, 5_000, |_| {
            frame(
                9,
                0,
                1,
                &[b"\0\x01a\x7f\x81\x0f", &[b'v'; 2_048][..]].concat(),
            )
        }),
        flood("empty DATA", open_body, 100_000, |_| frame(0, 0, 1, b"")),
        flood("SETTINGS", Vec::new(), 50_000, |_| {
            frame(4, 0, 0, &[0, 3, 0, 0, 0, 100])
        }),
        flood("PING", Vec::new(), 50_000, |_| frame(6, 0, 0, &[7; 8])),
        flood("PRIORITY", Vec::new(), 50_000, |n| {
            frame(2, 0, 2 * (n % 5_000) + 1, &[0, 0, 0, 0, 1])
        }),
        flood("unknown frames", Vec::new(), 20_000, |_| {
            frame(0x77, 0xff, 1, &[1; 64])
        }),
        flood("an HPACK bomb", frame(1, 5, 1, &bomb), 200, move |n| {
            frame(1, 5, 2 * n + 3, &references)
        }),
    ]
}

/// Sends it all without reading an answer; says whether the connection took everything.
async fn pour(url: &str, flood: &Flood) -> bool {
    let mut stream = raw::connect(url).await;
    let mut bytes = [PREFACE, &flood.first].concat();
    for n in 0..flood.times {
        bytes.extend((flood.burst)(n));
        if bytes.len() > 16_000 || n + 1 == flood.times {
            let write = timeout(PATIENCE, stream.write_all(&bytes)).await;
            if !matches!(write, Ok(Ok(()))) {
                return false;
            }
            bytes.clear();
        }
    }
    let mut rest = vec![0; 1 << 16];
    while let Ok(Ok(1..)) = timeout(PATIENCE / 10, stream.read(&mut rest)).await {}
    true
}

#[tokio::test]
async fn no_flood_of_frames_takes_memory_or_keeps_others_waiting() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let url = world.stile.url().to_owned();
    let authority = raw::authority(&url).to_owned();
    assert_eq!(
        creates(&world, &token, "a").send().await.unwrap().status,
        200
    );
    for flood in floods(&authority, &token) {
        forget_the_peak(&world);
        let before = resident_kib(&world, "VmRSS");
        let pouring =
            async { tokio::join!(pour(&url, &flood), pour(&url, &flood), pour(&url, &flood)) };
        let others = async {
            for _ in 0..20 {
                let call = creates(&world, &token, "among floods");
                assert_eq!(call.send().await.unwrap().status, 200, "{}", flood.name);
            }
        };
        tokio::join!(pouring, others);
        let grown = resident_kib(&world, "VmHWM").saturating_sub(before);
        assert!(grown <= 64 << 10, "{}: {grown} KiB", flood.name);
    }
    forwarded_as_decided(&world);
    close(world, &[token]).await;
}

#[tokio::test]
async fn every_head_of_a_rapid_reset_has_its_record() {
    let world = world().await;
    let url = world.stile.url().to_owned();
    let authority = raw::authority(&url).to_owned();
    let mut stream = raw::connect(&url).await;
    let mut bytes = PREFACE.to_vec();
    for n in 0..15 {
        let stream = 2 * n + 1;
        bytes.extend(frames::request(
            stream,
            "GET",
            &format!("/reset-{n}"),
            &authority,
            "x",
        ));
        bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    stream.write_all(&bytes).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..200 {
        all = records(&world.stile.journal());
        all.retain(|r| r.is("decision") && r.word("proto") == "h2");
        if all.len() >= 15 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(all.len(), 15, "{all:?}");
    drop(stream);
    close(world, &[]).await;
}

/// An answer that its caller takes a byte at a time holds the upstream back instead of piling up.
#[tokio::test]
async fn a_dribbling_window_holds_the_upstream_back() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let url = world.stile.url().to_owned();
    let authority = raw::authority(&url).to_owned();
    world
        .upstream
        .script(stile_kit::upstream::Script::Stream(512 << 20))
        .await;
    let before = resident_kib(&world, "VmRSS");
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = raw::connect(&url).await;
        // SETTINGS_INITIAL_WINDOW_SIZE of 1.
        let mut bytes = [&PREFACE[..24], &frame(4, 0, 0, &[0, 4, 0, 0, 0, 1])].concat();
        let path = "/public/v0.2/acme/projects/X/streams";
        bytes.extend(frames::request(1, "POST", path, &authority, &token));
        stream.write_all(&bytes).await.unwrap();
        streams.push(stream);
    }
    assert_eq!(world.upstream.wait_for(4).await.len(), 4);
    for _ in 0..50 {
        for stream in &mut streams {
            stream
                .write_all(&frame(8, 0, 1, &1_u32.to_be_bytes()))
                .await
                .unwrap();
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    let grown = resident_kib(&world, "VmHWM").saturating_sub(before);
    assert!(grown <= 32 << 10, "{grown} KiB");
    // What left the upstream are socket buffers and a window, of 2 GiB that it would send.
    let left = world.upstream.streamed_bytes();
    assert!((1..64 << 20).contains(&left), "{left} bytes");
    drop(streams);
    world
        .upstream
        .script(stile_kit::upstream::Script::Well)
        .await;
    close(world, &[token]).await;
}

/// An answer without end passes at the pace of its reader, and memory stays where it was.
#[tokio::test]
async fn an_endless_answer_streams_in_flat_memory() {
    let world = world().await;
    let token = world.job_token(json!({}));
    let script = stile_kit::upstream::Script::Stream(256 << 20);
    world.upstream.script(script).await;
    let host = raw::authority(world.stile.url()).to_owned();
    let before = resident_kib(&world, "VmRSS");
    let mut stream = raw::connect(world.stile.url()).await;
    let request = format!(
        "POST /public/v0.2/acme/projects/X/streams HTTP/1.1\r\nhost: {host}\r\n\
         authorization: Bearer {token}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut size, mut buffer) = (0, vec![0; 1 << 16]);
    while let Ok(Ok(read @ 1..)) = timeout(PATIENCE, stream.read(&mut buffer)).await {
        size += read;
    }
    assert!(size > 256 << 20, "{size} bytes");
    let grown = resident_kib(&world, "VmHWM").saturating_sub(before);
    assert!(grown <= 32 << 10, "{grown} KiB");
    world
        .upstream
        .script(stile_kit::upstream::Script::Well)
        .await;
    close(world, &[token]).await;
}

/// Lets `VmHWM` begin anew from what is resident now: what an earlier flood took is not this one's.
pub(super) fn forget_the_peak(world: &World) {
    let pid = world.stile.pid().unwrap();
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}

pub(super) fn resident_kib(world: &World, line: &str) -> u64 {
    let pid = world.stile.pid().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with(line)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

const PATIENCE: Duration = Duration::from_secs(5);
