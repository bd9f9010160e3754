//! Measures how fast webhooks are taken in, and how fast a queue of them leaves after an outage.
//!
//! In: the release build of `stile`, pinned to one processor, between the kit's issuer and upstream.
//! Out: webhooks per second and processor time of each; seconds until 10,000 queued events have left.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_precision_loss,
    reason = "a measurement that breaks should stop"
)]

use std::time::{Duration, Instant};

use stile_kit::gitlab::{self, Run, SIGNING_KEY, Webhook};
use stile_kit::upstream::Script;
use stile_kit::{Ground, World};

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    let policies = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut ground = Ground::lay(&policies).await.expect("a ground");
    let key = format!("{SIGNING_KEY}\n");
    ground
        .folder()
        .write_secret("secrets/hook.key", &key)
        .expect("a key");
    ground.settings += &gitlab::settings();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_stile"));
    let world = ground.serve(program).await.expect("stile serves");
    let pid = world.stile.pid().expect("it runs");
    pin(pid);

    send(&world, 0, 500).await;
    let (began, before) = (Instant::now(), cpu_ticks(pid));
    send(&world, 1_000, COUNT).await;
    let (took, ticks) = (began.elapsed(), cpu_ticks(pid) - before);
    let per_second = COUNT as f64 / took.as_secs_f64();
    let us_each = ticks as f64 * 10_000.0 / COUNT as f64;
    println!(
        "taken in: {per_second:.0} webhooks/s, {us_each:.0} us of processor each ({AT_ONCE} at once)"
    );

    arrived(&world, 500 + COUNT).await;
    world.upstream.script(Script::Refuse).await;
    send(&world, 100_000, QUEUED).await;
    world.upstream.script(Script::Well).await;
    let began = Instant::now();
    arrived(&world, 500 + COUNT + QUEUED).await;
    println!(
        "after an outage: {QUEUED} queued events left in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let order: Vec<u64> = roots(&world)
        .into_iter()
        .filter(|id| *id >= 100_000)
        .collect();
    // Those that were sent at once were recorded in any order; behind them nothing overtakes.
    let near = order
        .iter()
        .enumerate()
        .all(|(at, id)| id.abs_diff(100_000 + at as u64) < 2 * AT_ONCE as u64);
    println!("in order: {near}");
    let (status, _, said) = world.stile.stop().await.expect("it stops");
    assert!(status.success(), "{said}");
}

/// So many webhooks of pipelines that ended, from this id on.
async fn send(world: &World, from: u64, count: usize) {
    let url = world.stile.url().to_owned();
    let next = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(from));
    let senders: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (url, next, end) = (url.clone(), next.clone(), from + count as u64);
            tokio::spawn(async move {
                loop {
                    let id = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if id >= end {
                        return;
                    }
                    let mut run = Run::of(
                        "acme/shop/api",
                        id,
                        &"3b1c9e0".repeat(6)[..40],
                        1_795_434_000,
                    );
                    run.jobs.truncate(1);
                    let hook = Webhook::of(&url, "Pipeline Hook", &run.pipeline("success"));
                    let answer = hook.signed().send().await.expect("an answer");
                    assert_eq!(answer.status, 200, "{}", answer.text());
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.expect("it sends");
    }
}

/// Waits until so many pipelines are at the upstream.
async fn arrived(world: &World, count: usize) {
    let began = Instant::now();
    while roots(world).len() < count {
        assert!(
            began.elapsed() < Duration::from_secs(300),
            "they do not arrive"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The pipelines whose roots arrived, in their order.
fn roots(world: &World) -> Vec<u64> {
    let mut all = Vec::new();
    for seen in world.upstream.seen() {
        let body: serde_json::Value = serde_json::from_slice(&seen.body).expect("JSON");
        for one in body["resourceSpans"].as_array().into_iter().flatten() {
            let span = &one["scopeSpans"][0]["spans"][0];
            if span.get("parentSpanId").is_some() {
                continue;
            }
            let attributes = one["resource"]["attributes"].as_array().expect("a list");
            let id = attributes
                .iter()
                .find(|a| a["key"] == "cicd.pipeline.run.id");
            let id = id
                .and_then(|a| a["value"]["stringValue"].as_str())
                .expect("an id");
            all.push(id.parse().expect("a number"));
        }
    }
    all
}

fn pin(pid: u32) {
    let pinned = std::process::Command::new("taskset")
        .args(["-a", "-pc", "0", &pid.to_string()])
        .output();
    if !pinned.is_ok_and(|ended| ended.status.success()) {
        println!("not pinned: `taskset` is missing");
    }
}

/// Processor time of a process so far, in hundredths of a second.
fn cpu_ticks(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields = text.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<u64>().expect("a number");
    ticks(11) + ticks(12)
}

const COUNT: usize = 4_000;
const QUEUED: usize = 10_000;
const AT_ONCE: usize = 16;
