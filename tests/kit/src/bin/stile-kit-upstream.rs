//! `stile-kit-upstream`: the kit's Lightstep- and OTLP-like upstream as a program, for compose.

use clap::Parser;
use stile_kit::upstream::Upstream;

/// Answers like Lightstep and like an OTLP receiver, on the loopback.
#[derive(Debug, Parser)]
struct Args {
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 8483)]
    port: u16,
}

#[tokio::main]
async fn main() {
    let upstream = Upstream::start_at(Args::parse().port).await;
    println!("{}", upstream.url());
    let _ = tokio::signal::ctrl_c().await;
}
