//! `stile-kit-issuer`: the kit's issuer as a program, for compose. Prints its URL, then one token
//! of each kind, a line each: kind, tab, token.

use clap::Parser;
use serde_json::{Map, Value};
use stile_kit::{Issuer, claims};

/// Publishes keys and mints tokens, on the loopback.
#[derive(Debug, Parser)]
struct Args {
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 8482)]
    port: u16,
    /// Whom the tokens are made for.
    #[arg(long, default_value = stile_kit::world::AUDIENCE)]
    audience: String,
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let issuer = Issuer::start_at(args.port).await;
    println!("{}", issuer.url());
    let kinds: [(&str, Map<String, Value>); 3] = [
        ("job", claims::gitlab_job(issuer.url(), &args.audience)),
        (
            "feature-branch",
            claims::gitlab_feature_branch(issuer.url(), &args.audience),
        ),
        ("fork", claims::gitlab_fork_mr(issuer.url(), &args.audience)),
    ];
    for (kind, claims) in kinds {
        println!("{kind}\t{}", issuer.mint(&claims));
    }
    let _ = tokio::signal::ctrl_c().await;
}
