//! Writes a large journal, or asks one many questions and says how long answers took.
//!
//! In: arguments. Out: a folder; or a table of times of the real program, its start included.

#![allow(
    clippy::print_stdout,
    reason = "a program of the tests talks to whoever runs it"
)]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use clap::{Parser, Subcommand};
use stile_kit::history::{Plan, write};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write a journal.
    Write {
        folder: PathBuf,
        #[arg(long, default_value_t = 10_000_000)]
        records: u64,
        /// When the last record was, ms since 1970.
        #[arg(long, default_value_t = 1_795_434_000_000)]
        until_ms: u64,
    },
    /// Ask the index of a settings file, each question so many times.
    Ask {
        stile: PathBuf,
        config: PathBuf,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
}

fn main() -> std::io::Result<()> {
    match Arguments::parse().what {
        What::Write {
            folder,
            records,
            until_ms,
        } => write(&Plan {
            folder,
            origin: "stile.example.com/main".to_owned(),
            records,
            until_ms,
            days: 90,
        }),
        What::Ask {
            stile,
            config,
            rounds,
        } => ask(&stile, &config, rounds),
    }
}

fn ask(stile: &PathBuf, config: &PathBuf, rounds: usize) -> std::io::Result<()> {
    let mut all = Vec::new();
    for flags in [&["--limit", "100"][..], &["--count"][..]] {
        for question in QUESTIONS {
            let mut times = Vec::new();
            for _ in 0..rounds {
                let began = Instant::now();
                let ended = Command::new(stile)
                    .arg("--config")
                    .arg(config)
                    .args(["audit", "query", question])
                    .args(flags)
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()?;
                assert!(ended.success(), "{question}");
                times.push(began.elapsed().as_millis());
            }
            times.sort_unstable();
            println!(
                "{:>6} ms median {:>6} ms worst  {} {question}",
                at(&times, 50),
                at(&times, 100),
                flags.join(" ")
            );
            all.extend(times);
        }
    }
    all.sort_unstable();
    println!("{:>6} ms p95 of {}", at(&all, 95), all.len());
    Ok(())
}

/// The time that so many per cent do not exceed.
fn at(times: &[u128], percent: usize) -> u128 {
    let last = times.len().saturating_sub(1);
    times
        .get((times.len() * percent / 100).min(last))
        .copied()
        .unwrap_or(0)
}

/// What auditors and people on call ask, narrow and wide.
const QUESTIONS: &[&str] = &[
    "group:lightstep-team-3 action:*.delete since:2026-10-24T11:40:00Z",
    "decision:deny",
    "decision:deny since:2026-11-22T11:40:00Z",
    "project:acme/g3/* status:>=500",
    "person:u7@acme not class:read",
    "commit:0000000000000000000000000000000000001a2b",
    "ref:feat/* environment:production action:*.create",
    "resource:17 type:dashboards where:X",
    "since:2026-09-05T03:04:05Z until:2026-09-05T04:04:05Z",
    "rule:no-fork (kind:person or project:acme/g1/p1)",
    "policy:sha256:* not decision:allow",
    "path:*/streams/17 status:404",
    "pipeline:123456",
    "group:acme/g5 (action:alerts.* or action:snapshots.*) not status:200",
    "reason:policy_denied kind:job environment:staging",
    "",
];
