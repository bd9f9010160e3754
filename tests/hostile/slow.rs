//! Slow clients: a thousand connections of each kind, a byte at a time. Others are served meanwhile, the
//! slow ones end within the limits, and memory stays bounded.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use stile_kit::World;
use stile_kit::upstream::Script;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinSet;

use super::floods::{forget_the_peak, resident_kib};
use super::{creates, forwarded_as_decided, page, raw};
use crate::support::{close, ground, program, records};

/// A world whose limits run out while a test waits.
async fn impatient(seconds: u32) -> World {
    let limits =
        format!("limits: {{ head_timeout: {seconds}s, body_idle_timeout: {seconds}s }}\njournal:");
    let ground = ground().await.with("journal:", &limits);
    ground.serve(program()).await.unwrap()
}

/// Tests of thousands of connections measure each other where they run at once; and a shell's soft
/// limit of open files, which the program inherits, is often 1,024.
pub(crate) async fn alone_with_many_files() -> MutexGuard<'static, ()> {
    let alone = ALONE.lock().await;
    let limit = getrlimit(Resource::Nofile);
    let soft = limit.maximum.map_or(20_000, |hard| hard.min(20_000));
    let raised = Rlimit {
        current: limit.current.map(|now| now.max(soft)),
        ..limit
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    alone
}

static ALONE: Mutex<()> = Mutex::const_new(());

/// The job of another project: what one caller holds, another must not miss.
fn another(world: &World) -> String {
    world.job_token(json!({
        "project_path": "acme/shop/web", "project_id": "32",
        "job_project_path": "acme/shop/web", "job_project_id": "32",
        "sub": "project_path:acme/shop/web:ref_type:branch:ref:main",
    }))
}

/// What the others saw while the slow ones were there.
#[derive(Default)]
struct Others {
    served: usize,
    waited: Vec<Duration>,
}

/// Serves others until all slow ones have ended, and longer if that was quick.
async fn others(world: &World, slow: &mut JoinSet<()>) -> Others {
    let token = another(world);
    let mut others = Others::default();
    let began = Instant::now();
    while others.served < FEWEST_OTHERS || !slow.is_empty() {
        let sent = Instant::now();
        let answer = creates(world, &token, "other").send().await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        others.waited.push(sent.elapsed());
        others.served += 1;
        while let Some(ended) = slow.try_join_next() {
            ended.unwrap();
        }
        assert!(began.elapsed() < ENDED_WITHIN, "{} are left", slow.len());
    }
    others
}

/// Waits until nothing more goes out: the first megabytes of each answer are no slow client's yet.
async fn sockets_are_full(world: &World) {
    let (mut before, mut still) = (0, 0);
    while still < 10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = world.upstream.streamed_bytes();
        still = if now > 0 && now == before {
            still + 1
        } else {
            0
        };
        before = now;
    }
}

/// What has to hold whatever the kind; `before` is what was resident.
async fn unharmed(world: &World, kind: &str, before: u64, others: &Others) {
    let mut waited = others.waited.clone();
    waited.sort();
    let (usual, slowest) = (waited[waited.len() / 2], waited[waited.len() - 1]);
    let grown = resident_kib(world, "VmHWM").saturating_sub(before);
    eprintln!(
        "{kind}: {SLOW} slow ones, {} others served in {} ms, the slowest in {} ms; {} MiB more",
        others.served,
        usual.as_millis(),
        slowest.as_millis(),
        grown >> 10
    );
    assert!(usual < USUALLY_WITHIN, "{usual:?}");
    assert!(slowest < AT_WORST, "{slowest:?}");
    assert!(grown <= MOST_KIB, "{grown} KiB");
    let until = Instant::now() + ENDED_WITHIN;
    while gauge(world, "stile_requests_in_flight").await > 0 {
        assert!(Instant::now() < until, "some are still in flight");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn gauge(world: &World, name: &str) -> u64 {
    let page = page(world, "/metrics").await.text();
    let line = page.lines().find(|line| line.starts_with(name)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Sends the rest a byte at a time until the other end has enough, and says what that was told.
async fn dribble(mut stream: TcpStream, begin: &[u8], rest: &[u8]) -> Vec<u8> {
    let _ = stream.write_all(begin).await;
    let (mut reader, mut writer) = stream.split();
    let mut said = Vec::new();
    let writing = async {
        for byte in rest {
            tokio::time::sleep(A_BYTE_EACH).await;
            if writer.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await
    };
    tokio::select! {
        () = writing => {}
        _ = reader.read_to_end(&mut said) => {}
    }
    said
}

#[tokio::test]
async fn a_thousand_slow_heads_end_and_delay_nobody() {
    let _alone = alone_with_many_files().await;
    let world = impatient(3).await;
    let url = world.stile.url().to_owned();
    forget_the_peak(&world);
    let before = resident_kib(&world, "VmRSS");
    let mut slow = JoinSet::new();
    for n in 0..SLOW {
        let url = url.clone();
        slow.spawn(async move {
            let head = format!(
                "GET /slow-{n} HTTP/1.1\r\nhost: a\r\nx: {}",
                "y".repeat(2000)
            );
            let stream = raw::connect(&url).await;
            let said = dribble(stream, b"G", &head.as_bytes()[1..]).await;
            let statuses: Vec<u16> = raw::answers(&said)
                .iter()
                .map(|a| a.status.as_u16())
                .collect();
            assert_eq!(statuses, [408]);
        });
    }
    let others = others(&world, &mut slow).await;
    unharmed(&world, "slow heads", before, &others).await;
    let recorded = records(&world.stile.journal());
    let timed_out = recorded
        .iter()
        .filter(|r| r.word("reason") == "client_timeout");
    assert_eq!(timed_out.count(), SLOW, "each has its record");
    forwarded_as_decided(&world);
    close(world, &[]).await;
}

#[tokio::test]
async fn a_thousand_slow_bodies_end_and_delay_nobody() {
    let _alone = alone_with_many_files().await;
    let world = impatient(3).await;
    let url = world.stile.url().to_owned();
    let token = world.job_token(json!({}));
    let host = raw::authority(&url).to_owned();
    forget_the_peak(&world);
    let before = resident_kib(&world, "VmRSS");
    let mut slow = JoinSet::new();
    let (told, mut statuses) = tokio::sync::mpsc::unbounded_channel();
    for n in 0..SLOW {
        let framing = [
            "content-length: 100000\r\n\r\n{",
            "transfer-encoding: chunked\r\n\r\n186a0\r\n{",
        ];
        let head = format!(
            "POST {STREAMS} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\n{}",
            framing[n % 2]
        );
        let (url, told) = (url.clone(), told.clone());
        slow.spawn(async move {
            let stream = raw::connect(&url).await;
            let said = dribble(stream, head.as_bytes(), &[b' '; 2_000]).await;
            let answers = raw::answers(&said);
            assert_eq!(answers.len(), 1, "{}", String::from_utf8_lossy(&said));
            told.send(answers[0].status.as_u16()).unwrap();
        });
    }
    let others = others(&world, &mut slow).await;
    unharmed(&world, "slow bodies", before, &others).await;
    let (mut timed_out, mut turned_away) = (0, 0);
    while let Ok(status) = statuses.try_recv() {
        match status {
            408 => timed_out += 1,
            503 => turned_away += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(timed_out + turned_away, SLOW);
    // One caller has half of the 512 places, and what others need is not among them.
    assert!((200..=256).contains(&timed_out), "{timed_out}");
    let half = world.upstream.seen();
    assert!(
        half.iter()
            .all(|seen| seen.complete || seen.body_bytes < 2_000)
    );
    forwarded_as_decided(&world);
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_thousand_slow_readers_end_and_delay_nobody() {
    let _alone = alone_with_many_files().await;
    let world = impatient(8).await;
    let token = world.job_token(json!({}));
    let address = raw::authority(world.stile.url()).parse().unwrap();
    world.upstream.script(Script::Stream(LARGE)).await;
    forget_the_peak(&world);
    let before = resident_kib(&world, "VmRSS");
    let mut slow = JoinSet::new();
    for _ in 0..SLOW {
        let head = format!(
            "POST {STREAMS} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-length: 0\r\n\r\n"
        );
        slow.spawn(async move {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(4 << 10).unwrap();
            let mut stream = socket.connect(address).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut byte = [0];
            // The end is in the journal: what lies in the buffers hides it from a reader so slow.
            for _ in 0..READ_BYTES {
                tokio::time::sleep(A_BYTE_EACH).await;
                if !matches!(stream.read(&mut byte).await, Ok(1)) {
                    break;
                }
            }
        });
    }
    sockets_are_full(&world).await;
    let others = others(&world, &mut slow).await;
    unharmed(&world, "slow readers", before, &others).await;
    let all = records(&world.stile.journal());
    let allowed = all.iter().filter(|r| r.word("decision") == "allow").count();
    assert_eq!(allowed, SLOW + others.served);
    let with_end = |end: &str| all.iter().filter(|r| r.word("end") == end).count();
    let (cut, turned_away) = (with_end("client_abort"), with_end("not_forwarded"));
    assert!((200..=256).contains(&cut), "{cut}");
    assert_eq!(cut + turned_away, SLOW, "each has its outcome");
    world.upstream.script(Script::Well).await;
    close(world, &[token]).await;
}

const SLOW: usize = 1_000;
const FEWEST_OTHERS: usize = 20;
pub(crate) const STREAMS: &str = "/public/v0.2/acme/projects/X/streams";
const A_BYTE_EACH: Duration = Duration::from_millis(100);
/// Longer than their limit of eight seconds.
const READ_BYTES: usize = 150;
/// More than sockets hold.
pub(crate) const LARGE: u64 = 6 << 20;
/// The limits are seconds; the rest is for a machine with other things to do.
const ENDED_WITHIN: Duration = Duration::from_secs(120);
const USUALLY_WITHIN: Duration = Duration::from_secs(1);
const AT_WORST: Duration = Duration::from_secs(15);
/// A quarter of a mebibyte each.
const MOST_KIB: u64 = 256 << 10;
