//! The ways that are measured, in turn, round after round.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::load::{Seen, load};
use super::{Pinned, Plan, processor_us, resident_kib};
use crate::issuer::claims;
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
    let mut measured = vec![entry(
        "straight to the upstream",
        straight,
        (None, None, None),
    )];
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
    let (cpu, journal) = (processor_us(pid)?, counters(admin).await?);
    let seen = load(address, Arc::clone(requests), connections, lasts).await?;
    let (cpu_after, journal_after) = (processor_us(pid)?, counters(admin).await?);
    let cpu_us = (cpu_after - cpu) as f64 / seen.answers.max(1) as f64;
    let per_sync = journal
        .zip(journal_after)
        .map(|(before, after)| (after.0 - before.0) / (after.1 - before.1).max(1.0));
    Ok(entry(
        way,
        seen,
        (Some(cpu_us), Some(resident_kib(pid)?), per_sync),
    ))
}

fn entry(
    way: &'static str,
    seen: Seen,
    of_proxy: (Option<f64>, Option<u64>, Option<f64>),
) -> Measured {
    let (cpu_us, resident_kib, records_per_sync) = of_proxy;
    Measured {
        way,
        seen,
        cpu_us,
        resident_kib,
        records_per_sync,
    }
}

/// Records and syncs so far, from the metrics page.
async fn counters(admin: Option<&str>) -> io::Result<Option<(f64, f64)>> {
    let Some(admin) = admin else { return Ok(None) };
    let page = crate::caller::Call::new("GET", format!("{admin}/metrics"))
        .send()
        .await?
        .text();
    let gauge = |name: &str| {
        page.lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok())
    };
    Ok(gauge("stile_journal_records ").zip(gauge("stile_journal_syncs ")))
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
        let world = ground.serve(&pinned_program(&plan.stile)?).await?;
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

/// A little script that starts stile on processor 0, since a [`Proxy`] starts a program by its path.
fn pinned_program(stile: &std::path::Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("stile-pinned-{}", std::process::id()));
    std::fs::write(
        &path,
        format!("#!/bin/sh\nexec taskset -c 0 {} \"$@\"\n", stile.display()),
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
