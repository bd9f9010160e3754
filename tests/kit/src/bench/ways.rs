//! The ways that are measured, in turn, round after round.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::load::{Seen, load};
use super::{Pinned, Plan, processor_us, resident_kib};
use crate::issuer::claims;
use crate::proxy::Folder;
use crate::world::{AUDIENCE, Ground, World};

/// One measurement of one way.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Which way.
    pub way: &'static str,
    /// What the load saw.
    pub seen: Seen,
    /// Processor time of the proxy per answer, in microseconds; none for the straight way.
    pub cpu_us: Option<f64>,
    /// Memory of the proxy afterwards, in KiB.
    pub resident_kib: Option<u64>,
    /// Records per fdatasync while it was measured.
    pub records_per_sync: Option<f64>,
    /// What 99 of 100 decisions stayed under, in microseconds: the bound of a bucket.
    pub decision_p99_us: Option<f64>,
}

/// Everything that runs while it is measured.
#[derive(Debug)]
pub struct Ways {
    upstream: (Pinned, String),
    relay: (Pinned, String),
    write: Served,
    sync: Served,
}

/// A stile at one commit level, with requests that it allows.
#[derive(Debug)]
struct Served {
    world: World,
    hot: Arc<Vec<Vec<u8>>>,
    many: Arc<Vec<Vec<u8>>>,
}

impl Ways {
    /// Starts upstream, relay and one stile per commit level.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn open(plan: &Plan) -> io::Result<Ways> {
        let own = plan.own.display().to_string();
        let mut upstream = Pinned::start(1, &[own.clone(), "upstream".to_owned()])?;
        let upstream_at = upstream.first_line()?;
        let mut relay = Pinned::start(0, &[own, "relay".to_owned(), upstream_at.clone()])?;
        let relay_at = relay.first_line()?;
        let write = Served::open(plan, &upstream_at, "write").await?;
        let sync = Served::open(plan, &upstream_at, "sync").await?;
        Ok(Ways {
            upstream: (upstream, upstream_at),
            relay: (relay, relay_at),
            write,
            sync,
        })
    }
}

/// One round over all ways.
///
/// # Errors
/// When a load ends with anything but answers.
pub async fn measure(ways: &Ways, plan: &Plan) -> io::Result<Vec<Measured>> {
    let (lasts, n) = (plan.lasts, plan.connections);
    let straight = load(&ways.upstream.1, Arc::clone(&ways.write.hot), n, lasts).await?;
    let mut measured = vec![Measured {
        way: "straight to the upstream",
        seen: straight,
        cpu_us: None,
        resident_kib: None,
        records_per_sync: None,
        decision_p99_us: None,
    }];
    let relay = &ways.relay;
    let bare = Proxied {
        pid: relay.0.pid(),
        address: &relay.1,
        admin: None,
    };
    measured.push(one("bare hyper pass-through", bare, &ways.write.hot, n, lasts).await?);
    for (way, served, requests) in [
        ("stile write, hot token", &ways.write, &ways.write.hot),
        ("stile write, 1,000 tokens", &ways.write, &ways.write.many),
        ("stile sync, hot token", &ways.sync, &ways.sync.hot),
        ("stile sync, 1,000 tokens", &ways.sync, &ways.sync.many),
    ] {
        measured.push(one(way, served.proxied(), requests, n, lasts).await?);
    }
    Ok(measured)
}

/// A proxy to measure.
#[derive(Clone, Copy)]
struct Proxied<'a> {
    pid: u32,
    address: &'a str,
    admin: Option<&'a str>,
}

async fn one(
    way: &'static str,
    proxy: Proxied<'_>,
    requests: &Arc<Vec<Vec<u8>>>,
    connections: usize,
    lasts: Duration,
) -> io::Result<Measured> {
    let Proxied {
        pid,
        address,
        admin,
    } = proxy;
    // A first second warms pools and caches; it is not counted.
    load(
        address,
        Arc::clone(requests),
        connections,
        Duration::from_secs(1),
    )
    .await?;
    let (cpu, before) = (processor_us(pid)?, Counters::read(admin).await?);
    let seen = load(address, Arc::clone(requests), connections, lasts).await?;
    let (cpu_after, after) = (processor_us(pid)?, Counters::read(admin).await?);
    let cpu_us = (cpu_after - cpu) as f64 / seen.answers.max(1) as f64;
    let journal = before.zip(after);
    Ok(Measured {
        way,
        seen,
        cpu_us: Some(cpu_us),
        resident_kib: Some(resident_kib(pid)?),
        records_per_sync: journal
            .as_ref()
            .map(|(before, after)| after.per_sync_since(before)),
        decision_p99_us: journal.map(|(before, after)| after.decision_p99_us_since(&before)),
    })
}

/// What the metrics page counted so far.
#[derive(Clone, Debug)]
struct Counters {
    records: f64,
    syncs: f64,
    /// Decisions by upper bound in seconds, each count with all below it.
    decisions: Vec<(f64, f64)>,
}

impl Counters {
    async fn read(admin: Option<&str>) -> io::Result<Option<Counters>> {
        let Some(admin) = admin else { return Ok(None) };
        let page = crate::caller::Call::new("GET", format!("{admin}/metrics"))
            .send()
            .await?
            .text();
        let gauge = |name: &str| {
            page.lines()
                .find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok())
        };
        let bucket = |line: &str| {
            let (bound, count) = line
                .strip_prefix("stile_decision_seconds_bucket{le=\"")?
                .split_once("\"} ")?;
            Some((bound.parse().ok()?, count.parse().ok()?))
        };
        let decisions = page.lines().filter_map(bucket).collect();
        let counts = gauge("stile_journal_records ").zip(gauge("stile_journal_syncs "));
        Ok(counts.map(|(records, syncs)| Counters {
            records,
            syncs,
            decisions,
        }))
    }

    fn per_sync_since(&self, before: &Counters) -> f64 {
        (self.records - before.records) / (self.syncs - before.syncs).max(1.0)
    }

    /// The bound that 99 of 100 decisions since then stayed under, in microseconds.
    fn decision_p99_us_since(&self, before: &Counters) -> f64 {
        let new = |(after, before): (&(f64, f64), &(f64, f64))| (after.0, after.1 - before.1);
        let counts: Vec<_> = self
            .decisions
            .iter()
            .zip(&before.decisions)
            .map(new)
            .collect();
        let all = counts.last().map_or(0.0, |(_, count)| *count);
        let within = counts.iter().find(|(_, count)| *count >= all * 0.99);
        within.map_or(f64::NAN, |(bound, _)| bound * 1e6)
    }
}

impl Served {
    async fn open(plan: &Plan, upstream: &str, level: &str) -> io::Result<Served> {
        let ground = Ground::lay(&plan.policies).await?;
        let kit = ground.upstream.url();
        let mut ground = ground.with(
            "  origin: stile.example.com/world\n",
            &format!(
                "  origin: stile.example.com/bench\n  commit: {{ read: {level}, write: {level} }}\n"
            ),
        );
        ground.settings = ground.settings.replace(&kit, &format!("http://{upstream}"));
        // The load decides how many requests are in flight, not the bound that protects upstreams.
        let mut ground = ground.with(
            "operations: lightstep\n",
            "operations: lightstep\n    requests: 4096\n",
        );
        ground.settings.push_str("limits: { requests: 8192 }\n");
        let program = pinned_program(ground.folder(), &plan.stile)?;
        let world = ground.serve(&program).await?;
        let tokens: Vec<String> = (0..1000).map(|number| token(&world, number)).collect();
        let (hot, many) = (
            Arc::new(requests(&tokens, 1)),
            Arc::new(requests(&tokens, 1000)),
        );
        Ok(Served { world, hot, many })
    }

    fn proxied(&self) -> Proxied<'_> {
        let stile = &self.world.stile;
        Proxied {
            pid: stile.pid().unwrap_or(0),
            address: stile.url().trim_start_matches("http://"),
            admin: Some(stile.admin.as_str()),
        }
    }
}

fn token(world: &World, number: usize) -> String {
    let (url, groups) = (world.okta.url(), ["lightstep-payments"]);
    let mut claims = claims::okta_person(url, AUDIENCE, "mira@acme.example", &groups);
    claims::put(&mut claims, json!({"jti": format!("AT.{number}")}));
    world.okta.mint(&claims)
}

/// A little script that starts stile on processor 0, since a [`Proxy`](crate::Proxy) starts a program
/// by its path.
pub(super) fn pinned_program(folder: &Folder, stile: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let stile = stile.display();
    let path = folder.write(
        "pinned",
        &format!("#!/bin/sh\nexec taskset -c 0 {stile} \"$@\"\n"),
    )?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
    Ok(path)
}

fn requests(tokens: &[String], count: usize) -> Vec<Vec<u8>> {
    tokens
        .iter()
        .take(count)
        .map(|token| {
            format!(
                "GET /public/v0.2/acme/projects/X/metric_dashboards/checkout-latency HTTP/1.1\r\n\
                 host: stile.example.com\r\nauthorization: Bearer {token}\r\n\
                 accept: application/vnd.api+json\r\nuser-agent: bench\r\n\r\n"
            )
            .into_bytes()
        })
        .collect()
}
