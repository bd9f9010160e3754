//! The real program under load, killed at any moment, again and again.
//!
//! After each kill and the next start: whatever the upstream saw has an allow in the journal,
//! whatever a caller was answered has its decision there, nothing in the journal is broken, and each
//! allow has exactly one outcome. `scripts/crash-loop.sh` runs it for longer.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use stile::record::{Verdict, verify};
use stile_kit::{Call, World};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{Dice, program, told};
use crate::support;

/// What all rounds together came to.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    forwarded: usize,
    answered: usize,
    records: u64,
    violations: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_forwards_without_a_record_or_answers_without_one() {
    let kills = told("STILE_KILLS").and_then(|text| text.parse().ok());
    let is_long = kills.is_some();
    let kills = kills.unwrap_or(25);
    let mut dice = Dice::cast("crash loop");
    let mut tally = Tally::default();
    let begun = Instant::now();
    while tally.kills < kills {
        // A journal of its own for each few, so that reading it again stays cheap.
        let rounds = (kills - tally.kills).min(10);
        of_one_journal(rounds, is_long, &mut dice, &mut tally).await;
        eprintln!(
            "{} of {kills} kills, {} forwarded, {} answered, {} records, {} violations, {} s",
            tally.kills,
            tally.forwarded,
            tally.answered,
            tally.records,
            tally.violations.len(),
            begun.elapsed().as_secs(),
        );
    }
    assert!(tally.forwarded > kills, "there was no load: {tally:?}");
    assert!(tally.violations.is_empty(), "{:#?}", tally.violations);
}

async fn of_one_journal(rounds: usize, is_long: bool, dice: &mut Dice, tally: &mut Tally) {
    let ground = support::ground().await;
    let small = "  folder: journal\n  segment_bytes: 1048576\n";
    let mut world = ground
        .with("  folder: journal\n", small)
        .serve(&program())
        .await
        .unwrap();
    let mut seen_before = 0;
    for _ in 0..rounds {
        let (rate, lives_ms) = match is_long {
            true => (dice.between(500, 1_500), dice.between(200, 3_000)),
            false => (dice.between(500, 900), dice.between(50, 500)),
        };
        let load = Load::of(&world, rate);
        tokio::time::sleep(Duration::from_millis(lives_ms)).await;
        let World {
            stile,
            upstream,
            gitlab,
            okta,
            ca,
        } = world;
        let folder = stile.kill().await.unwrap();
        let answered = load.end();
        // What the kernel still holds for the upstream arrives after the kill.
        let mut seen = upstream.seen_since(seen_before);
        loop {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let now = upstream.seen_since(seen_before);
            if now.len() == seen.len() {
                break;
            }
            seen = now;
        }
        seen_before += seen.len();
        let forwarded: Vec<String> = seen
            .iter()
            .map(|s| s.value("stile-decision").unwrap())
            .collect();
        tally.kills += 1;
        tally.forwarded += forwarded.len();
        tally.answered += answered.len();
        let journal = folder.path().join("journal");
        after_the_kill(&journal, &forwarded, &answered, tally);
        let stile = folder.serve(&program()).await.unwrap();
        world = World {
            stile,
            upstream,
            gitlab,
            okta,
            ca,
        };
        after_the_start(&world.stile.journal(), tally);
    }
    let metrics = Call::new("GET", format!("{}/metrics", world.stile.admin));
    let metrics = metrics.send().await.unwrap().text();
    assert!(
        metrics.contains("\nstile_audit_records_lost_total 0\n"),
        "{metrics}"
    );
    let (status, folder, said) = world.stile.stop().await.unwrap();
    assert!(status.success(), "{said}");
    support::whole(&folder);
    tally.records += stile::record::extent(&folder.path().join("journal")).unwrap();
}

fn after_the_kill(journal: &Path, forwarded: &[String], answered: &[String], tally: &mut Tally) {
    let (mut allows, mut decisions) = (HashSet::new(), HashSet::new());
    for record in support::records(journal) {
        if record.is("decision") {
            let id = record.word("id").to_owned();
            if record.word("decision") == "allow" {
                allows.insert(id.clone());
            }
            decisions.insert(id);
        }
    }
    let unallowed = forwarded.iter().filter(|id| !allows.contains(*id));
    let unallowed = unallowed.map(|id| format!("{id} went upstream without an allow"));
    let undecided = answered.iter().filter(|id| !decisions.contains(*id));
    let undecided = undecided.map(|id| format!("{id} was answered without a decision"));
    tally.violations.extend(unallowed.chain(undecided));
    let found = verify(journal, |_| {}).unwrap();
    if !matches!(found.verdict, Verdict::Incomplete | Verdict::Verified) {
        tally.violations.push(format!("after a kill: {found:?}"));
    }
}

fn after_the_start(journal: &Path, tally: &mut Tally) {
    let found = verify(journal, |_| {}).unwrap();
    let is_settled = found.open_count == 0 && found.counts.allows == found.counts.outcomes;
    if found.verdict != Verdict::Verified || !is_settled {
        tally.violations.push(format!("after a start: {found:?}"));
    }
}

/// Requests that come whether those before are answered or not, over both protocols.
struct Load {
    answered: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Load {
    fn of(world: &World, rate: u64) -> Load {
        let answered = Arc::new(Mutex::new(Vec::new()));
        let tokens = [world.job_token(json!({})), world.feature_token()];
        let authority = world.stile.url().trim_start_matches("http://").to_owned();
        let path = "/public/v0.2/acme/projects/X/streams";
        assert!(!authority.contains('/'));
        let heard = Arc::clone(&answered);
        let task = tokio::spawn(async move {
            let _ = pour(&authority, path, &tokens, rate, &heard).await;
        });
        Load { answered, task }
    }

    /// The decisions that were answered, in whole.
    fn end(self) -> Vec<String> {
        self.task.abort();
        self.answered.lock().unwrap().clone()
    }
}

async fn pour(
    authority: &str,
    path: &str,
    tokens: &[String],
    rate: u64,
    heard: &Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let stream = TcpStream::connect(authority).await?;
    let shaken = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (two, connection) = shaken.map_err(std::io::Error::other)?;
    tokio::spawn(connection);
    let idle: Arc<Mutex<Vec<http1::SendRequest<Full<Bytes>>>>> = Arc::default();
    let mut asked = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / rate));
    let body =
        Bytes::from(json!({"data": {"type": "stream", "attributes": {"query": "q"}}}).to_string());
    for number in 0_u64.. {
        ticks.tick().await;
        let is_two = number % 2 == 0;
        let uri = match is_two {
            true => format!("http://{authority}{path}"),
            false => path.to_owned(),
        };
        let token = &tokens[usize::from(number % 5 == 0)];
        let mut request = Request::post(uri)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        if !is_two {
            request = request.header("host", authority);
        }
        let request = request.body(Full::new(body.clone())).unwrap();
        let (heard, idle, mut two) = (Arc::clone(heard), Arc::clone(&idle), two.clone());
        let authority = authority.to_owned();
        asked.spawn(async move {
            let response = if is_two {
                two.send_request(request).await.ok()?
            } else {
                let ready = idle.lock().unwrap().pop();
                let mut one = match ready {
                    Some(one) => one,
                    None => {
                        let stream = TcpStream::connect(authority).await.ok()?;
                        let (one, connection) =
                            http1::handshake(TokioIo::new(stream)).await.ok()?;
                        tokio::spawn(connection);
                        one
                    }
                };
                let response = one.send_request(request).await.ok()?;
                let (head, body) = response.into_parts();
                let whole = body.collect().await.ok()?;
                if one.ready().await.is_ok() {
                    idle.lock().unwrap().push(one);
                }
                let decision = head.headers.get("stile-decision")?.to_str().ok()?;
                if head.status != 503 {
                    heard.lock().unwrap().push(decision.to_owned());
                }
                drop(whole);
                return Some(());
            };
            let decision = response.headers().get("stile-decision")?.to_str().ok()?;
            if response.status() != 503 {
                heard.lock().unwrap().push(decision.to_owned());
            }
            Some(())
        });
        while asked.try_join_next().is_some() {}
    }
    Ok(())
}
