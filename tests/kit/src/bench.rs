//! Measures what stile costs, beside a bare pass-through and the straight way, in one run.
//!
//! In: a release build. Out: a table of medians: requests per second, p50 and p99 latency, processor
//! time per request.
//!
//! The proxy under test has processor 0 to itself; load and upstream share processor 1. The ways are
//! measured in turn, round after round, so that a machine that slows down slows all of them: compare
//! figures within one table only.

use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub mod forward;
pub mod load;
pub mod relay;
pub mod table;
mod ways;

pub use ways::{Ways, measure};

/// What to measure and for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// This program, for its other roles.
    pub own: PathBuf,
    /// The `stile` program, release build.
    pub stile: PathBuf,
    /// The shipped policies.
    pub policies: PathBuf,
    /// Rounds; the median of them counts.
    pub rounds: usize,
    /// How long one way is measured in one round.
    pub lasts: Duration,
    /// Connections that the load holds open.
    pub connections: usize,
}

/// A process pinned to one processor; ends with its value.
#[derive(Debug)]
pub struct Pinned {
    child: Child,
}

impl Pinned {
    /// Starts a program on this processor.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(processor: usize, command: &[String]) -> io::Result<Pinned> {
        let child = Command::new("taskset")
            .args(["-c", &processor.to_string()])
            .args(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        Ok(Pinned { child })
    }

    /// Its first line on standard output.
    ///
    /// # Errors
    /// When it ends before it says one.
    pub fn first_line(&mut self) -> io::Result<String> {
        use std::io::BufRead;
        let stdout = self
            .child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no output"))?;
        let mut line = String::new();
        io::BufReader::new(stdout).read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time that a process used so far, in microseconds (proc(5), fields 14 and 15).
///
/// # Errors
/// When the process is gone.
pub fn processor_us(pid: u32) -> io::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(ticks * 10_000)
}

/// Memory that a process holds, in KiB (`VmRSS`).
///
/// # Errors
/// When the process is gone.
pub fn resident_kib(pid: u32) -> io::Result<u64> {
    memory_kib(pid, "VmRSS:")
}

/// One line of what proc(5) says of a process's memory, in KiB.
fn memory_kib(pid: u32, name: &str) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    Ok(line
        .and_then(|l| l.split_whitespace().next()?.parse().ok())
        .unwrap_or(0))
}
