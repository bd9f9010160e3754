//! Ten thousand connections that had an answer each, and then say nothing.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::Plan;
use super::caller::{Stream, connect};
use super::figures::Figure;
use super::stand::{STREAMS, Stand};
use crate::bench::load::one_answer;
use crate::tls::DevCa;

/// Measures it, clear and over TLS.
///
/// # Errors
/// When a connection is not taken, or not kept.
pub(super) async fn measure(plan: &Plan) -> io::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for tls in [false, true] {
        let limits = format!("connections: {}, head_timeout: 300s", MANY + 1_000);
        let stand = Arc::new(Stand::open(plan, 1, &limits).await?);
        let how = if tls { "over TLS" } else { "clear" };
        eprintln!("{MANY} idle connections, {how}");
        // Pools and caches are there before anything is counted.
        drop(open(&stand, tls, AT_ONCE).await?);
        tokio::time::sleep(SETTLES).await;
        let before = stand.resident_kib()?;
        let mut held = open(&stand, tls, MANY).await?;
        tokio::time::sleep(SETTLES).await;
        let with_all = stand.resident_kib()?;
        // Each of them is still one: it gets another answer.
        for stream in &mut held {
            ask(stream, &stand.token).await?;
        }
        let each = with_all.saturating_sub(before) as f64 / MANY as f64;
        let (wanted, most) = if tls {
            ("<= 20 KiB", 20.0)
        } else {
            ("<= 8 KiB", 8.0)
        };
        let total = with_all as f64 * 1024.0 / 1e6;
        figures.extend([
            Figure::of(
                format!("{MANY} idle connections, {how}: memory of stile"),
                format!(
                    "{total:.0} MB ({:.0} MB without them)",
                    before as f64 * 1024.0 / 1e6
                ),
                "<= 200 MB",
                total <= 200.0,
            ),
            Figure::of(
                format!("one idle connection, {how}"),
                format!("{each:.1} KiB"),
                wanted,
                each <= most,
            ),
        ]);
    }
    Ok(figures)
}

/// So many connections, each with one answer behind it.
async fn open(stand: &Arc<Stand>, tls: bool, many: usize) -> io::Result<Vec<Box<dyn Stream>>> {
    let mut openers = tokio::task::JoinSet::new();
    for first in 0..AT_ONCE.min(many) {
        let stand = Arc::clone(stand);
        openers.spawn(async move {
            let mut held = Vec::new();
            for number in (first..many).step_by(AT_ONCE) {
                held.push(opened(&stand, tls, number).await?);
            }
            io::Result::Ok(held)
        });
    }
    let mut all = Vec::with_capacity(many);
    while let Some(held) = openers.join_next().await {
        all.extend(held.map_err(io::Error::other)??);
    }
    Ok(all)
}

async fn opened(stand: &Stand, tls: bool, number: usize) -> io::Result<Box<dyn Stream>> {
    let [clear, secure] = stand.through;
    let ca: &DevCa = &stand.world.ca;
    let mut stream = match tls {
        false => connect(clear, number, None).await?,
        true => connect(secure, number, Some((ca, "http/1.1"))).await?,
    };
    ask(&mut stream, &stand.token).await?;
    Ok(stream)
}

async fn ask(stream: &mut Box<dyn Stream>, token: &str) -> io::Result<()> {
    use tokio::io::AsyncWriteExt;
    let head = format!(
        "POST {STREAMS} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    one_answer(stream, &mut [0; 4096]).await
}

const MANY: usize = 10_000;
const AT_ONCE: usize = 64;
const SETTLES: Duration = Duration::from_secs(3);
