//! What others notice of a thousand slow clients: those who send heads a byte at a time, those who send
//! bodies so, and those who take answers so.
//!
//! Another project asks meanwhile, one request after the other.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::Plan;
use super::caller::{Caller, Way, whole};
use super::figures::{Figure, spread};
use super::sink::Poured;
use super::stand::{STREAMS, Stand};

/// Measures each kind.
///
/// # Errors
/// When another one's request fails.
pub(super) async fn measure(plan: &Plan) -> io::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for kind in [Kind::Nobody, Kind::Heads, Kind::Bodies, Kind::Readers] {
        eprintln!("{SLOW} slow clients: {}", kind.words());
        let limits = "head_timeout: 15s, body_idle_timeout: 15s";
        let stand = Stand::open(plan, ANSWER_BYTES, limits).await?;
        stand.forget_the_peak()?;
        let before = stand.resident_kib()?;
        let mut slow = JoinSet::new();
        let many = if kind == Kind::Nobody { 0 } else { SLOW };
        let head = Arc::new(kind.head(&stand.token));
        for _ in 0..many {
            slow.spawn(kind.dribble(stand.through[0], Arc::clone(&head)));
        }
        // Straight to the sink as well, at the same time: it is busy with the slow ones, too.
        let (waited, straight) = tokio::try_join!(
            others(&stand, stand.through[0]),
            others(&stand, stand.straight[0]),
        )?;
        let more = stand.peak_kib()?.saturating_sub(before) as f64 / 1024.0;
        slow.shutdown().await;
        let (served, (_, half, slowest)) = (waited.len(), spread(waited));
        let (_, half_straight, slowest_straight) = spread(straight);
        let figure = format!(
            "{half:.1} ms in the middle, {slowest:.0} ms the slowest of {served} (straight to the \
             upstream: {half_straight:.1} and {slowest_straight:.0}); {more:.0} MiB more"
        );
        figures.push(Figure::of(
            format!("others beside {many} {}", kind.words()),
            figure,
            "slowest <= 1 s",
            slowest <= 1_000.0,
        ));
    }
    Ok(figures)
}

/// Milliseconds of each request of another project, from the first slow client on.
async fn others(stand: &Stand, to: SocketAddr) -> io::Result<Vec<f64>> {
    let token = stand.world.job_token(json!({
        "project_path": "acme/shop/web", "project_id": "32",
        "job_project_path": "acme/shop/web", "job_project_id": "32",
        "sub": "project_path:acme/shop/web:ref_type:branch:ref:main",
    }));
    let way = Way::default();
    let (began, mut waited) = (Instant::now(), Vec::new());
    while began.elapsed() < LASTS {
        let sent = Instant::now();
        // A connection of its own each time: room for it is asked for as well.
        let mut caller = Caller::of(to, way, &stand.world.ca).await?;
        let body = Poured::Text("{}".into());
        let answer = caller.ask("POST", STREAMS, &token, body).await?;
        whole(answer).await?;
        waited.push(sent.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(waited)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nobody,
    Heads,
    Bodies,
    Readers,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Kind::Nobody => "slow clients",
            Kind::Heads => "slow heads",
            Kind::Bodies => "slow bodies",
            Kind::Readers => "slow readers",
        }
    }

    /// What is sent at once.
    fn head(self, token: &str) -> String {
        let head = format!(
            "POST {STREAMS} HTTP/1.1\r\nhost: stile.example.com\r\nauthorization: Bearer {token}\r\n"
        );
        match self {
            Kind::Nobody | Kind::Heads => "G".to_owned(),
            Kind::Bodies => {
                head + "content-type: application/json\r\ncontent-length: 100000\r\n\r\n{"
            }
            Kind::Readers => head + "content-length: 0\r\n\r\n",
        }
    }

    /// One client: a byte every tenth of a second, until stile has enough of it.
    async fn dribble(self, to: SocketAddr, head: Arc<String>) {
        let Ok(mut stream) = connected(to, self).await else {
            return;
        };
        if stream.write_all(head.as_bytes()).await.is_err() {
            return;
        }
        let rest = "ET / HTTP/1.1\r\nhost: a\r\nx: "
            .bytes()
            .chain(std::iter::repeat(b'y'));
        for byte in rest {
            tokio::time::sleep(A_BYTE_EACH).await;
            let went = match self {
                Kind::Readers => stream.read(&mut [0]).await.is_ok_and(|read| read == 1),
                _ => stream.write_all(&[byte]).await.is_ok(),
            };
            if !went {
                return;
            }
        }
    }
}

async fn connected(to: SocketAddr, kind: Kind) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if kind == Kind::Readers {
        socket.set_recv_buffer_size(4 << 10)?;
    }
    socket.connect(to).await
}

const SLOW: usize = 1_000;
const A_BYTE_EACH: Duration = Duration::from_millis(100);
/// Past the time at which the slow ones are cut off.
const LASTS: Duration = Duration::from_secs(25);
/// More than sockets hold.
const ANSWER_BYTES: u64 = 6 << 20;
