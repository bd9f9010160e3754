//! The upstream's key is replaced while a thousand requests a second pass.
//!
//! Each request has its time, whether those before were answered or not, and its latency counts from
//! then. Three seconds after each change the upstream takes the old key no more.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::Plan;
use super::figures::Figure;
use crate::bench::load::one_answer;
use crate::bench::ways::pinned_program;
use crate::upstream::{INGEST_KEY, Upstream};
use crate::world::Ground;

/// Measures it.
///
/// # Errors
/// When stile does not start, or a key file cannot be replaced.
pub(super) async fn measure(plan: &Plan) -> io::Result<Vec<Figure>> {
    eprintln!("{PER_S} requests a second, {CHANGES} new keys");
    let ground = Ground::lay(&plan.policies).await?;
    let program = pinned_program(ground.folder(), &plan.stile)?;
    let world = ground.serve(&program).await?;
    let address = world.stile.url().trim_start_matches("http://").to_owned();
    let token = world.job_token(json!({}));
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: stile.example.com\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 20\r\n\r\n{{\"resourceSpans\":[]}}"
    );
    let seen = Arc::new(Mutex::new(Vec::new()));
    let began = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..CALLERS {
        callers.spawn(call(address.clone(), head.clone(), number, began));
    }
    let changes = change(world.stile.folder().path(), &world.upstream, began);
    let looking = look(&world.upstream, &seen, began);
    let (changed, ()) = tokio::join!(changes, looking);
    let changed = changed?;
    let (mut failed, mut faults, mut waited) = (0, Vec::new(), Vec::new());
    while let Some(said) = callers.join_next().await {
        let told = said.map_err(io::Error::other)?;
        failed += told.faults.len();
        faults.extend(told.faults);
        waited.extend(told.waited_ms);
    }
    faults.sort_unstable();
    faults.dedup();
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    let (strange, settled) = judged(&seen, &changed);
    let (_, half, slowest) = super::figures::spread(waited);
    let answered = CALLERS * ROUNDS - failed;
    Ok(vec![
        Figure::of(
            format!("{CHANGES} keys replaced at {PER_S} requests/s: failed"),
            format!("{failed} of {} {}", CALLERS * ROUNDS, faults.join("; ")),
            "0",
            failed == 0,
        ),
        Figure::of(
            "requests with neither the old key nor the new",
            format!("{strange} of {} that the upstream had", seen.len()),
            "0",
            strange == 0 && seen.len() >= answered,
        ),
        Figure::of(
            "last request with the old key, after the change",
            settled.map_or("the old key stayed".to_owned(), |s| {
                format!("{s:.2} s at most")
            }),
            "<= 3 s",
            settled.is_some_and(|s| s <= OLD_ENDS.as_secs_f64()),
        ),
        Figure::plain(
            "latency meanwhile",
            format!("{half:.1} ms in the middle, {slowest:.0} ms the slowest"),
        ),
    ])
}

/// What one caller saw.
#[derive(Debug, Default)]
struct Told {
    faults: Vec<String>,
    waited_ms: Vec<f64>,
}

async fn call(address: String, head: String, number: usize, began: Instant) -> Told {
    let mut told = Told::default();
    let mut stream = None;
    for round in 0..ROUNDS {
        let at_ms = (round * CALLERS + number) * 1_000 / PER_S;
        let at = began + Duration::from_millis(at_ms as u64);
        tokio::time::sleep_until(at.into()).await;
        match ask(&mut stream, &address, &head).await {
            Ok(()) => told.waited_ms.push(at.elapsed().as_secs_f64() * 1e3),
            Err(fault) => {
                stream = None;
                told.faults.push(fault.to_string());
            }
        }
    }
    told
}

async fn ask(stream: &mut Option<TcpStream>, address: &str, head: &str) -> io::Result<()> {
    let mut taken = match stream.take() {
        Some(kept) => kept,
        None => TcpStream::connect(address).await?,
    };
    taken.write_all(head.as_bytes()).await?;
    one_answer(&mut taken, &mut [0; 4096]).await?;
    *stream = Some(taken);
    Ok(())
}

/// When each key came, and which it is; the first was there from the beginning.
type Changed = Vec<(Duration, String)>;

async fn change(folder: &Path, upstream: &Upstream, began: Instant) -> io::Result<Changed> {
    use std::os::unix::fs::PermissionsExt;
    let (file, new) = (
        folder.join("secrets/ingest.key"),
        folder.join("secrets/new"),
    );
    let mut changed = vec![(Duration::ZERO, INGEST_KEY.to_owned())];
    for number in 1..=CHANGES {
        tokio::time::sleep(BETWEEN - OLD_ENDS).await;
        let key = format!("ls-ingest-key-{number}-of-many-5d1c0ffee5d1c0ffee");
        let old = changed.last().map_or(INGEST_KEY, |(_, key)| key).to_owned();
        upstream.take_ingest_keys(&[&old, &key]);
        std::fs::write(&new, format!("{key}\n"))?;
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&new, &file)?;
        changed.push((began.elapsed(), key.clone()));
        tokio::time::sleep(OLD_ENDS).await;
        upstream.take_ingest_keys(&[&key]);
    }
    Ok(changed)
}

/// Which key the upstream saw, and when: to a hundredth of a second.
async fn look(upstream: &Upstream, seen: &Mutex<Vec<(Duration, String)>>, began: Instant) {
    let mut known = 0;
    while began.elapsed() < LASTS + Duration::from_secs(1) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let (news, now) = (upstream.seen_since(known), began.elapsed());
        known += news.len();
        let keys = news
            .iter()
            .map(|one| one.values("lightstep-access-token").concat());
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(keys.map(|key| (now, key)));
    }
}

/// How many had a key that was not one of the newest two then; how long the old one of two went on, in
/// seconds, unless it never ended.
fn judged(seen: &[(Duration, String)], changed: &Changed) -> (usize, Option<f64>) {
    let (mut strange, mut longest) = (0, Some(0.0_f64));
    for (at, key) in seen {
        let newest = changed
            .iter()
            .rposition(|(since, _)| since <= at)
            .unwrap_or(0);
        let place = changed.iter().position(|(_, known)| known == key);
        match place {
            Some(place) if place == newest => {}
            Some(place) if place + 1 == newest => {
                let since = changed
                    .get(newest)
                    .map_or(Duration::ZERO, |(since, _)| *since);
                longest = longest.map(|most| most.max((*at - since).as_secs_f64()));
            }
            _ => strange += 1,
        }
    }
    let last = changed.last().map(|(_, key)| key);
    let ended = seen.last().map(|(_, key)| key) == last;
    (strange, longest.filter(|_| ended))
}

const PER_S: usize = 1_000;
const CALLERS: usize = 50;
const LASTS: Duration = Duration::from_secs(30);
const ROUNDS: usize = 30 * PER_S / CALLERS;
const CHANGES: u32 = 4;
/// From one change to the next.
const BETWEEN: Duration = Duration::from_secs(7);
/// From a change to the end of the old key at the upstream.
const OLD_ENDS: Duration = Duration::from_secs(3);
