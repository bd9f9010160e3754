//! `stile-bench`: measures stile beside a bare pass-through and the straight way. See `make bench`, and
//! `make bench-forward` for bodies, connections and keys.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use stile_kit::bench::{Plan, Ways, forward, measure, relay, table};
use stile_kit::demo::program_beside;

/// Measures requests per second, latency and processor time per request.
#[derive(Debug, Parser)]
#[command(name = "stile-bench", version)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds per way and round.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Connections of the load.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// The policies folder.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies"))]
    policies: PathBuf,
}

/// The roles that this program plays for itself.
#[derive(Debug, Subcommand)]
enum Role {
    /// Answers with 1 KiB of JSON.
    Upstream,
    /// Passes everything on.
    Relay {
        /// The upstream's host and port.
        to: String,
    },
    /// Measures large bodies, idle connections, new keys, lists and slow clients.
    Forward {
        /// Those alone.
        #[arg(value_enum)]
        parts: Vec<forward::Part>,
    },
    /// Takes bodies and pours them.
    Sink {
        /// Bytes that it pours where it was sent none.
        pours: u64,
        /// Where its certificate is.
        folder: PathBuf,
    },
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> io::Result<()> {
    let args = Args::parse();
    match &args.role {
        Some(Role::Upstream) => relay::answer().await,
        Some(Role::Relay { to }) => relay::relay(to.clone()).await,
        Some(Role::Sink { pours, folder }) => forward::sink(*pours, folder).await,
        Some(Role::Forward { parts }) => forward(&args, parts).await,
        None => run(args).await,
    }
}

async fn forward(args: &Args, parts: &[forward::Part]) -> io::Result<()> {
    let parts = match parts {
        [] => forward::Part::value_variants(),
        some => some,
    };
    let figures = forward::measure(&plan(args)?, parts).await?;
    forward::print(&figures);
    Ok(())
}

fn plan(args: &Args) -> io::Result<Plan> {
    let own = std::env::current_exe()?;
    Ok(Plan {
        stile: program_beside(&own)?,
        own,
        policies: args.policies.clone(),
        rounds: args.rounds,
        lasts: Duration::from_secs(args.seconds),
        connections: args.connections,
    })
}

async fn run(args: Args) -> io::Result<()> {
    let plan = plan(&args)?;
    let ways = Ways::open(&plan).await?;
    let mut rounds = Vec::new();
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        rounds.push(measure(&ways, &plan).await?);
    }
    table::print(&rounds);
    Ok(())
}
