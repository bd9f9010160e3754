//! A newer description is compared with a catalogue that people have reviewed.

use std::fs;
use std::process::Output;

use serde_json::Value;

use super::boards;
use crate::cli::{run, text};
use crate::config::Site;

const CATALOGUE: &str = "policies/operations/boards.yaml";

/// A folder with the catalogue of the description as it is.
fn imported() -> (Site, String) {
    let site = Site::new();
    let description = fs::read_to_string(boards()).unwrap();
    fs::write(site.path("boards-api.yaml"), &description).unwrap();
    let words = [
        "operations",
        "import",
        "boards-api.yaml",
        "--upstream",
        "boards",
    ];
    let words = [
        &words[..],
        &["--out", CATALOGUE, "--skip", "GET /api/health"],
    ]
    .concat();
    let output = run(&site, &words);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    (site, description)
}

fn compare(site: &Site, description: &str) -> Output {
    fs::write(site.path("newer.yaml"), description).unwrap();
    let words = ["operations", "import", "newer.yaml", "--upstream", "boards"];
    run(
        site,
        &[&words[..], &["--check", "--format", "json"]].concat(),
    )
}

fn rows(output: &Output) -> Vec<(String, String, String)> {
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let word = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = rows.iter();
    rows.map(|row| (word(row, "change"), word(row, "request"), word(row, "what")))
        .collect()
}

#[test]
fn what_is_as_it_was_is_no_difference_also_after_a_review() {
    let (site, description) = imported();
    let output = compare(&site, &description);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let file = site.path(CATALOGUE);
    let made = fs::read_to_string(&file).unwrap();
    let reviewed = made
        .replace(
            "datasources.create\n    class: write",
            "sources.make\n    class: power",
        )
        .replace("owner: \"team\"", "owner: squad")
        .replace("{dashboard}", "{board}")
        .replace("dashboard: \"/", "board: \"/")
        .replace("id: dashboard", "id: board");
    assert_ne!(made, reviewed);
    fs::write(&file, reviewed).unwrap();
    let output = compare(&site, &description);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let gone = description.replace("/api/health", "/api/healthy");
    let output = compare(&site, &gone);
    let found = rows(&output);
    assert_eq!(found.len(), 1, "what was left out may go: {found:?}");
}

#[test]
fn what_was_left_out_on_purpose_stays_left_out_however_it_is_spelled() {
    let (site, description) = imported();
    let odd =
        "  /über/{a}.json:\n    get: { responses: {} }\n  /a – b:\n    get: { responses: {} }\n";
    let description = description.replacen("paths:\n", &format!("paths:\n{odd}"), 1);
    fs::write(site.path("boards-api.yaml"), &description).unwrap();
    let words = [
        "operations",
        "import",
        "boards-api.yaml",
        "--upstream",
        "boards",
    ];
    let skips = [
        "--skip",
        "GET /über/{a}.json",
        "--skip",
        "GET /a – b",
        "--force",
    ];
    let words = [&words[..], &skips, &["--out", CATALOGUE]].concat();
    let output = run(&site, &words);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = compare(&site, &description);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn what_the_api_gained_lost_or_changed_is_told() {
    let (site, description) = imported();
    let rules = "/api/v1/provisioning/alert-rules/{UID}";
    for (from, to, change, request, what) in [
        (
            "  /api/org/users:",
            "  /api/org/people:",
            "gained",
            "GET /api/org/people",
            "refuses",
        ),
        (
            "  /api/org/users:",
            "  /api/org/people:",
            "lost",
            "GET /api/org/users",
            "no more",
        ),
        (
            "    delete:\n      summary: Removes an alert rule\n      responses: { \"204\": { description: It is gone } }\n",
            "",
            "lost",
            "DELETE /api/v1/provisioning/alert-rules/{alert_rule}",
            "no more",
        ),
        (
            "        uid: { type: string }\n        title: { type: string }\n        folderUID",
            "        key: { type: string }\n        title: { type: string }\n        folderUID",
            "changed",
            "GET /api/v1/provisioning/alert-rules",
            "its items have no `/uid`",
        ),
        (
            "              schema: { type: array, items: { $ref: \"#/components/schemas/AlertRule\" } }",
            "              schema: { properties: { rules: { type: array, items: { $ref: \"#/components/schemas/AlertRule\" } } } }",
            "changed",
            "GET /api/v1/provisioning/alert-rules",
            "its list is not at ``",
        ),
        (
            "        ruleGroup: { type: string }\n        labels:",
            "        ruleGroup: { type: string }\n        marks:",
            "changed",
            &format!("PUT {rules}"),
            "its body has no `/labels`",
        ),
        (
            "        ruleGroup: { type: string }\n        labels:",
            "        ruleGroup: { type: string }\n        marks:",
            "changed",
            &format!("GET {rules}"),
            "its answer has no `/labels`",
        ),
    ] {
        assert!(description.contains(from), "{from}");
        let output = compare(&site, &description.replacen(from, to, 1));
        assert_eq!(output.status.code(), Some(1), "{to}: {output:?}");
        let found = rows(&output);
        let is = |row: &&(String, String, String)| {
            row.0 == change && row.1 == request && row.2.contains(what)
        };
        assert!(
            found.iter().any(|row| is(&row)),
            "{change} {request} {what}: {found:?}"
        );
    }
}

#[test]
fn a_catalogue_that_is_not_there_or_does_not_load_is_wrong_input() {
    let (site, description) = imported();
    fs::write(site.path(CATALOGUE), "speaks: problem\n").unwrap();
    let output = compare(&site, &description);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    fs::remove_file(site.path(CATALOGUE)).unwrap();
    let output = compare(&site, &description);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
