//! What `check` found, for programs: rows, and GitLab's code quality report.
//!
//! In: faults or findings. Out: a [`Table`], or the JSON that a merge request shows in the lines.
//!
//! A fingerprint is made of code, file and words and not of the line, so that GitLab takes a fault
//! that moved for the same one.

use std::path::Path;

use aws_lc_rs::digest;
use serde_json::{Value, json};

use crate::authorize::Finding;
use crate::cli::table::Table;
use crate::setup_error::SetupError;

/// One row for each fault or finding.
pub(super) fn rows(severity: &str, found: &[Finding]) -> Table {
    let mut table = Table::new(&[
        "severity", "code", "file", "line", "column", "what", "hint", "accepted",
    ]);
    for one in found {
        let told = &one.told;
        let severity = match one.accepted {
            Some(_) => "accepted",
            None => severity,
        };
        table.row(vec![
            severity.into(),
            told.code.map(|code| code.word()).into(),
            told.file.as_deref().map(shown).into(),
            told.line.into(),
            told.column.into(),
            told.fault.clone().into(),
            told.hint.clone().into(),
            one.accepted.clone().into(),
        ]);
    }
    table
}

/// The report; `otherwise` is the file of what stands in no file.
pub(super) fn codequality(severity: &str, found: &[Finding], otherwise: &Path) -> Value {
    let issue = |one: &Finding| {
        let told = &one.told;
        let file = shown(told.file.as_deref().unwrap_or(otherwise));
        let code = told.code.map_or("settings", |code| code.word());
        json!({
            "description": description(one),
            "check_name": code,
            "fingerprint": fingerprint(&[code, &file, &told.fault]),
            "severity": if one.accepted.is_some() { "info" } else { severity },
            "location": { "path": file, "lines": { "begin": told.line.unwrap_or(1) } },
        })
    };
    found.iter().map(issue).collect()
}

fn description(one: &Finding) -> String {
    let SetupError { fault, hint, .. } = &one.told;
    match (&one.accepted, hint) {
        (Some(why), _) => format!("{fault} (accepted: {why})"),
        (None, Some(hint)) => format!("{fault}: {hint}"),
        (None, None) => fault.clone(),
    }
}

/// The file as seen from here, which in a pipeline is the repository.
pub(super) fn shown(file: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let file = file.strip_prefix(here).unwrap_or(file);
    let file = file.strip_prefix(".").unwrap_or(file);
    file.display().to_string()
}

fn fingerprint(parts: &[&str]) -> String {
    let sum = digest::digest(&digest::SHA256, parts.join("\0").as_bytes());
    sum.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
