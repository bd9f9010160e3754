//! Checks where the policies are and in which zone they read the clock.
//!
//! In: `policies` as written. Out: its settings; what is in the folder is `authorize`'s to check.

use super::Checks;
use crate::authorize::PolicySettings;
use crate::config::file::{File, Policies};
use crate::config::origin::Place;
use crate::config::tree::shortened;
use crate::setup_error::{Code, nearest};

/// The folder and the time zone.
pub(super) fn policies(file: &File, root: &Place, checks: &mut Checks) -> Option<PolicySettings> {
    let policies = file
        .policies
        .required("policies", root, &mut checks.faults)?;
    let place = file.policies.place();
    let zone = policies.time_zone.get();
    if let Some(zone) = zone.filter(|zone| jiff::tz::TimeZone::get(zone).is_err()) {
        let what = format!("`{}` is not a time zone", shortened(zone));
        let known: Vec<String> = jiff::tz::db()
            .available()
            .map(|name| name.to_string())
            .collect();
        let hint = match nearest(zone, known.iter().map(String::as_str)) {
            Some(word) => format!("did you mean `{word}`?"),
            None => "an IANA name: UTC, Europe/Berlin, America/New_York".to_owned(),
        };
        checks.refuse(policies.time_zone.place(), what, &hint);
    }
    let shared_audience = accepted(policies, checks);
    let folder = policies
        .folder
        .required("folder", place, &mut checks.faults)?;
    let folder = checks.resolved(folder);
    if !folder.is_dir() {
        let what = format!("there is no folder `{}`", folder.display());
        let hint = "relative paths start at the folder of the settings file";
        checks.refuse(policies.folder.place(), what, hint);
        return None;
    }
    checks.watched.push(folder.clone());
    Some(PolicySettings {
        folder,
        time_zone: zone?.clone(),
        shared_audience,
        explain: policies.explain.get().copied().unwrap_or_default(),
        mode: file.mode.get()?.0,
    })
}

/// The why of the one lint that is about this file.
fn accepted(policies: &Policies, checks: &mut Checks) -> Option<String> {
    let mut accepted = None;
    for (word, why) in policies.accept.get().into_iter().flatten() {
        let text = why.get()?;
        if Code::of(word) != Some(Code::SharedAudience) {
            let what = format!("`{}` is not about this file", shortened(word));
            let hint = "only `P111` is accepted here; others stand beside the rule or binding";
            checks.refuse(why.place(), what, hint);
        } else if text.split_whitespace().count() < 2 {
            let hint = "say in a few words why the issuers may share it";
            checks.refuse(why.place(), "it is accepted without a why", hint);
        } else {
            accepted = Some(text.clone());
        }
    }
    accepted
}
