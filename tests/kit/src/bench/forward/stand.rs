//! What stands for every part: a sink in a process of its own, and a stile in front of it.
//!
//! stile has processor 0 to itself; sink and callers share processor 1, straight or through stile. So
//! what a straight way takes is what stile may take of its own.

use std::io;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::json;

use super::Plan;
use crate::bench::ways::pinned_program;
use crate::bench::{Pinned, memory_kib};
use crate::world::{Ground, World};

/// All of it.
#[derive(Debug)]
pub(super) struct Stand {
    /// stile, and who signs.
    pub(super) world: World,
    /// A job's token, that may do what is asked here.
    pub(super) token: String,
    /// Where the sink is, clear and over TLS.
    pub(super) straight: [SocketAddr; 2],
    /// Where stile is, clear and over TLS.
    pub(super) through: [SocketAddr; 2],
    _sink: Pinned,
}

impl Stand {
    /// Starts both; the sink pours so much, and these are settings of stile's section `limits`.
    ///
    /// # Errors
    /// When one of them does not start.
    pub(super) async fn open(plan: &Plan, pours: u64, limits: &str) -> io::Result<Stand> {
        let ground = Ground::lay(&plan.policies).await?;
        let own = plan.own.display().to_string();
        let folder = ground.folder().path().display().to_string();
        let role = ["sink".to_owned(), pours.to_string(), folder];
        let mut sink = Pinned::start(1, &[&[own][..], &role].concat())?;
        let said = sink.first_line()?;
        let straight: Vec<SocketAddr> = said.split(' ').flat_map(str::parse).collect();
        let &[clear, tls] = straight.as_slice() else {
            return Err(io::Error::other(format!("the sink said `{said}`")));
        };
        // The shipped catalogue takes a mebibyte; what is measured is the way, not that limit.
        let catalogue = ground
            .folder()
            .path()
            .join("policies/operations/lightstep.yaml");
        let text = std::fs::read_to_string(&catalogue)?;
        std::fs::write(&catalogue, text.replace(SHIPPED_LIMIT, LARGE_LIMIT))?;
        let kit = ground.upstream.url();
        let mut ground = ground;
        ground.settings = ground.settings.replace(&kit, &format!("http://{clear}"));
        ground
            .settings
            .push_str(&format!("limits: {{ {limits} }}\n"));
        let program = pinned_program(ground.folder(), &plan.stile)?;
        let world = ground.serve(&program).await?;
        let urls = world.stile.urls.iter();
        let through: Vec<SocketAddr> = urls
            .filter_map(|url| url.rsplit('/').next()?.parse().ok())
            .collect();
        let &[first, second] = through.as_slice() else {
            return Err(io::Error::other(format!("stile is at {through:?}")));
        };
        Ok(Stand {
            token: world.job_token(json!({})),
            world,
            straight: [clear, tls],
            through: [first, second],
            _sink: sink,
        })
    }

    /// stile's process.
    pub(super) fn pid(&self) -> u32 {
        self.world.stile.pid().unwrap_or(0)
    }

    /// What stile holds now, in KiB.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn resident_kib(&self) -> io::Result<u64> {
        memory_kib(self.pid(), "VmRSS:")
    }

    /// The most that it held since [`Stand::forget_the_peak`], in KiB.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn peak_kib(&self) -> io::Result<u64> {
        memory_kib(self.pid(), "VmHWM:")
    }

    /// Counts the peak from here on (proc(5), clear_refs).
    ///
    /// # Errors
    /// When it may not be.
    pub(super) fn forget_the_peak(&self) -> io::Result<()> {
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5")
    }
}

/// Puts this process on processor 1, with the sink.
///
/// # Errors
/// When there is no `taskset`.
pub(super) fn beside_the_sink() -> io::Result<()> {
    let own = std::process::id().to_string();
    let said = Command::new("taskset")
        .args(["-a", "-p", "-c", "1", &own])
        .output()?;
    match said.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(
            String::from_utf8_lossy(&said.stderr).into_owned(),
        )),
    }
}

/// What the sink takes and pours by: a path that jobs may post to.
pub(super) const STREAMS: &str = "/public/v0.2/acme/projects/X/streams";
const SHIPPED_LIMIT: &str = "\nbody_bytes: 1048576\n";
const LARGE_LIMIT: &str = "\nbody_bytes: 2147483648\n";
