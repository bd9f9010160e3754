//! `stile-demo`: plays the demo. Exit 0 when every scene went as expected, 1 otherwise.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use stile_kit::demo::{Stage, play, program_beside};

/// See stile's main job on real input: no account, no file, no network, nothing left behind.
#[derive(Debug, Parser)]
#[command(name = "stile-demo", version)]
struct Args {
    /// End after the scenes instead of staying up.
    #[arg(long)]
    once: bool,
    /// The `stile` program (default: the one beside this program).
    #[arg(long)]
    stile: Option<PathBuf>,
    /// The policies folder.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies"))]
    policies: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let beside = || std::env::current_exe().and_then(|own| program_beside(&own));
    let program = match args.stile.map_or_else(beside, Ok) {
        Ok(program) => program,
        Err(e) => return failed(&e),
    };
    match play(
        &Stage {
            program,
            policies: args.policies,
        },
        !args.once,
    )
    .await
    {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => failed(&e),
    }
}

fn failed(error: &std::io::Error) -> ExitCode {
    eprintln!("UNEXPECTED: {error}");
    ExitCode::FAILURE
}
