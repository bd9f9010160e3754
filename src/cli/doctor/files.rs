//! Looks at the files that stile trusts: who may change them, and when certificates end.
//!
//! In: the settings. Out: findings.
//!
//! Who may write a key set or the settings may be anybody to stile, so others than the owner may
//! not. Keys that must stay secret were looked at when the settings were loaded.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Finding;
use crate::clock::Time;
use crate::config::Settings;
use crate::listen::certificate_ends;

/// All of them.
pub(super) fn look(file: &Path, settings: &Settings, now: Time) -> Vec<Finding> {
    let mut findings = vec![trusted_files(file, settings)];
    for listener in &settings.listen.listeners {
        for (place, files) in listener.tls.iter().flat_map(|tls| tls.pairs()).enumerate() {
            let check = match place {
                0 => format!("certificate of {}", listener.address),
                more => format!("certificate {} of {}", more + 1, listener.address),
            };
            findings.push(match certificate_ends(files, now) {
                Err(fault) => Finding::no(check, fault.fault, fault.hint.unwrap_or_default()),
                Ok(ends) => match ends.ms_since(now) / DAY_MS {
                    days @ ..FEW_DAYS => Finding::no(
                        check,
                        format!("it ends in {days} days"),
                        "renew it; stile takes the new one without a restart",
                    ),
                    days => Finding::yes(check, format!("it ends in {days} days")),
                },
            });
        }
    }
    findings
}

fn trusted_files(file: &Path, settings: &Settings) -> Finding {
    let key_sets = settings.issuers.iter();
    let key_sets = key_sets.filter_map(|issuer| issuer.keys_file.as_deref());
    let paths: Vec<&Path> = std::iter::once(file)
        .chain(key_sets)
        .chain(settings.blocked_file.as_deref())
        .collect();
    let open: Vec<String> = (paths.iter())
        .filter(|path| others_may_write(path))
        .map(|path| path.display().to_string())
        .collect();
    match open.is_empty() {
        true => Finding::yes(
            FILES,
            format!(
                "{} looked at; only their owner may change them",
                paths.len()
            ),
        ),
        false => Finding::no(
            FILES,
            format!("others than the owner may change {}", open.join(", ")),
            format!("chmod go-w {}", open.join(" ")),
        ),
    }
}

/// What cannot be looked at was told when it was read.
fn others_may_write(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|there| there.permissions().mode() & 0o022 != 0)
}

const FILES: &str = "settings and key files";
const DAY_MS: u64 = 86_400_000;
/// Time enough to mend a renewal that does not renew.
const FEW_DAYS: u64 = 14;
