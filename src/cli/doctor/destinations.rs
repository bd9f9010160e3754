//! Looks at the places that records leave for: whether each can be reached, by TCP and TLS alone, and
//! how far it is.
//!
//! In: the settings. Out: one finding for each.

use super::Finding;
use crate::config::Settings;
use crate::leave::reached::{Unreached, next_seq, reach};
use crate::record::extent;

/// All of them, at the same time.
pub(super) async fn look(settings: &Settings) -> Vec<Finding> {
    let mut running = Vec::new();
    for destination in settings.leave.clone() {
        let check = format!("leave {}", destination.name);
        let behind = behind(settings, &destination.name);
        let reached = tokio::spawn(async move { reach(&destination).await });
        running.push((check, behind, reached));
    }
    let mut findings = Vec::with_capacity(running.len());
    for (check, behind, reached) in running {
        findings.push(match (reached.await, behind) {
            (Ok(Ok(_)), Err(why)) => {
                Finding::no(check, why, "look at the folder `leave` of the journal")
            }
            (Ok(Ok(found)), Ok(behind)) => {
                Finding::yes(check, format!("{found}; {behind}; nothing was sent"))
            }
            (Ok(Err(Unreached::Network(why))), _) => Finding::unknown(
                check,
                format!("it cannot be reached: {why}"),
                "check its name, its port and the firewall from here; records wait meanwhile",
            ),
            (Ok(Err(Unreached::Refused(why))), _) => Finding::no(
                check,
                format!("it is not gone on with: {why}"),
                "check its `url` or `address`, and `ca_file`",
            ),
            (Err(_), _) => {
                Finding::unknown(check, "looking at it ended in a fault of ours", "report it")
            }
        });
    }
    findings
}

/// How many records wait, as its file and the journal say. A journal that is not there has none.
fn behind(settings: &Settings, name: &str) -> Result<String, String> {
    let journal = &settings.journal.folder;
    let next = next_seq(journal, name)?;
    let records = match journal.is_dir() {
        true => extent(journal).map_err(|fault| fault.to_string())?,
        false => 0,
    };
    let waiting = records.saturating_sub(next);
    Ok(format!("{waiting} records wait for it"))
}
