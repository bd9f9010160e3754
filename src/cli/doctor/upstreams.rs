//! Looks at the upstreams: whether each can be reached, by TCP and TLS alone.
//!
//! In: the settings. Out: one finding for each.

use super::Finding;
use crate::config::Settings;
use crate::forward::{Unreached, reach};

/// All of them, at the same time.
pub(super) async fn look(settings: &Settings) -> Vec<Finding> {
    let mut running = Vec::new();
    for upstream in settings.upstreams.clone() {
        let check = format!("upstream {}", upstream.name);
        let url = upstream.url.to_string();
        let reached = tokio::spawn(async move { reach(&upstream).await });
        running.push((check, url, reached));
    }
    let mut findings = Vec::with_capacity(running.len());
    for (check, url, reached) in running {
        findings.push(match reached.await {
            Ok(Ok(address)) => Finding::yes(
                check,
                format!("{url} reached at {address}; no key was sent"),
            ),
            Ok(Err(Unreached::Network(why))) => Finding::unknown(
                check,
                format!("{url} cannot be reached: {why}"),
                "check its name, its port and the firewall from here",
            ),
            Ok(Err(Unreached::Refused(why))) => Finding::no(
                check,
                format!("{url} is not gone on with: {why}"),
                "check the upstream's `url`, `ca_file` and `addresses`",
            ),
            Err(_) => {
                Finding::unknown(check, "looking at it ended in a fault of ours", "report it")
            }
        });
    }
    findings
}
