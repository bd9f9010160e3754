//! OpenTelemetry's own SDKs export through a stamping stile, unchanged, and claim in vain.

use serde_json::json;

use super::program::{commit_of, read_traces, stamping};
use crate::callers::{Called, node_otlp, python_otlp};

#[tokio::test]
async fn what_the_sdks_claim_is_replaced_by_what_the_token_says() {
    let world = stamping("commit").await;
    let called = Called {
        address: world.stile.urls[0].clone(),
        token: world.job_token(json!({})),
        ca_file: None,
    };
    let claim = ["--attribute", "vcs.ref.head.revision=forged"];
    let python: [&[&str]; 3] = [
        &["--compression", "gzip"],
        &["--compression", "none"],
        &["--protocol", "grpc"],
    ];
    let node: [&[&str]; 3] = [
        &["--exporter", "json", "--compression", "gzip"],
        &["--exporter", "json", "--compression", "none"],
        &["--exporter", "proto", "--compression", "gzip"],
    ];
    let mut arrived = 0;
    for (flags, python) in python
        .iter()
        .map(|f| (f, true))
        .chain(node.iter().map(|f| (f, false)))
    {
        let before = world.upstream.seen().len();
        let said = match python {
            true => python_otlp(&called, &[flags, &claim[..]].concat()).await,
            false => node_otlp(&called, flags).await,
        };
        let Some(said) = said else {
            return;
        };
        assert_eq!(said["exported"], true, "{flags:?}: {said}");
        let seen = world.upstream.seen_since(before);
        assert_eq!(seen.len(), 1, "{flags:?}");
        let all = read_traces(&seen[0]);
        let shown = format!("{all:?}");
        assert!(
            !shown.contains("forged") && shown.contains(&commit_of(&world)),
            "{shown}"
        );
        assert!(shown.contains("service.version"), "{shown}");
        arrived += 1;
    }
    assert_eq!(arrived, 6);
}
