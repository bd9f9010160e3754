//! What `check`, `test` and `schema` hand to other programs.

use std::fs;

use serde_json::Value;

use crate::cli::{run, text};
use crate::config::Site;

/// The shipped folder with one more rule, which is dangerous and loads.
fn dangerous() -> Site {
    let site = Site::new();
    let rule = "@id(\"own\")\npermit (\n  principal is Job in Group::\"acme\",\n  action == Action::\"alerts.create\",\n  resource\n);\n";
    fs::write(site.path("policies/rules/own.cedar"), rule).unwrap();
    site
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|why| panic!("{why}: {}", text(bytes)))
}

#[test]
fn a_danger_is_told_and_only_strict_ends_with_one() {
    let site = dangerous();
    let told = run(&site, &["check"]);
    assert_eq!(told.status.code(), Some(0));
    let said = text(&told.stderr);
    let warning = "warning[P102]: `own` lets jobs of refs that are not protected do `alerts.create`\n  --> policies/rules/own.cedar:1:1\n   |\n 1 | @id(\"own\")\n";
    assert!(said.contains(warning), "{said}");
    assert_eq!(run(&site, &["check", "--strict"]).status.code(), Some(1));
    let whole = Site::new();
    assert_eq!(run(&whole, &["check", "--strict"]).status.code(), Some(0));
}

#[test]
fn a_merge_request_gets_dangers_and_faults_in_its_lines() {
    let site = dangerous();
    let words = ["check", "--format", "gitlab-codequality"];
    let issues = |site: &Site, exit| {
        let output = run(site, &words);
        assert_eq!(output.status.code(), Some(exit));
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
        json(&output.stdout).as_array().unwrap().clone()
    };
    let own = |issues: &[Value]| {
        let mut own = issues.iter();
        own.find(|one| one["location"]["path"] == "policies/rules/own.cedar")
            .unwrap()
            .clone()
    };
    let all = issues(&site, 0);
    let danger = own(&all);
    assert_eq!(danger["check_name"], "P102");
    assert_eq!(danger["severity"], "major");
    assert_eq!(danger["location"]["lines"]["begin"], 1);
    let accepted = all.iter().filter(|one| one["severity"] == "info").count();
    assert_eq!(accepted, 6, "what is accepted is still shown");
    // The same danger elsewhere in the file is the same to GitLab, another one is not.
    let file = site.path("policies/rules/own.cedar");
    let rule = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("// moved\n\n{rule}")).unwrap();
    let moved = own(&issues(&site, 0));
    assert_eq!(moved["location"]["lines"]["begin"], 3);
    assert_eq!(moved["fingerprint"], danger["fingerprint"]);
    fs::write(&file, rule.replace("alerts.create", "alerts.crate")).unwrap();
    let fault = own(&issues(&site, 2));
    assert_eq!(fault["check_name"], "P030");
    assert_eq!(fault["severity"], "blocker");
    assert_eq!(fault["location"]["lines"]["begin"], 4);
    assert_ne!(fault["fingerprint"], danger["fingerprint"]);
}

#[test]
fn every_row_of_check_has_code_place_and_state() {
    let output = run(&dangerous(), &["check", "--format", "json"]);
    let rows = json(&output.stdout);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 7);
    let states: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["severity"].as_str())
        .collect();
    assert_eq!(states.iter().filter(|s| **s == "accepted").count(), 6);
    assert_eq!(states.iter().filter(|s| **s == "warning").count(), 1);
    for row in rows {
        assert_eq!(row["accepted"].is_string(), row["severity"] == "accepted");
        assert!(row["code"].is_string() && row["line"].is_u64(), "{row}");
    }
}

#[test]
fn all_faults_of_all_files_come_in_one_run() {
    let site = Site::new();
    let add = |name: &str, more: &str| {
        let path = site.path(&format!("policies/{name}"));
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, before + more).unwrap();
    };
    add(
        "rules/own.cedar",
        "@id(\"own\")\npermit (principal is Jop, action, resource);\n",
    );
    add(
        "guardrails/own.cedar",
        "forbid (principal, action, resource);\n",
    );
    add(
        "bindings.yaml",
        "\n- {team: paymants, role: viewer, on: X}\n",
    );
    let output = run(&site, &["check"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    for part in ["error[P015]", "error[P008]", "error[P011]", "error[P031]"] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn a_failed_case_is_a_failure_of_its_suite() {
    let site = Site::new();
    let file = site.path("policies/tests/jobs.yaml");
    let cases = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        format!("{cases}  - ci-main  streams.create  Y  allow\n"),
    )
    .unwrap();
    let output = run(&site, &["test", "--format", "junit"]);
    assert_eq!(output.status.code(), Some(1));
    let xml = text(&output.stdout);
    assert!(
        xml.contains("name=\"ci-main streams.create Y allow\""),
        "{xml}"
    );
    assert_eq!(
        xml.matches("<failure message=\"expected allow, got deny\"/>")
            .count(),
        1
    );
    let whole = run(&Site::new(), &["test", "--format", "junit", "--coverage"]);
    let xml = text(&whole.stdout);
    assert_eq!(whole.status.code(), Some(0), "{xml}");
    assert!(!xml.contains("<failure"), "{xml}");
    let counted: usize = xml
        .split("tests=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().parse::<usize>().unwrap())
        .sum();
    assert_eq!(counted, xml.matches("<testcase").count());
}

#[test]
fn an_operation_that_is_not_tried_both_ways_fails_coverage_alone() {
    let site = Site::new();
    let file = site.path("policies/operations/otlp.yaml");
    let catalogue = fs::read_to_string(&file).unwrap();
    let more = "\n  - action: profiles.write\n    class: write\n    resource: Telemetry\n    do: [POST /v1/profiles]\n";
    fs::write(&file, catalogue + more).unwrap();
    assert_eq!(run(&site, &["test"]).status.code(), Some(0));
    let output = run(&site, &["test", "--coverage"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(
        said.contains("FAIL action `profiles.write` is never tried"),
        "{said}"
    );
}

#[test]
fn a_guardrail_that_no_case_would_miss_fails_and_a_rule_is_told() {
    let site = Site::new();
    let guard = "@id(\"idle\") @deny(\"no\") @fix(\"do not\")\nforbid (principal is Agent, action in Action::\"delete\", resource);\n";
    fs::write(site.path("policies/guardrails/idle.cedar"), guard).unwrap();
    let output = run(&site, &["test"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("guardrail `idle`"));
    let site = Site::new();
    let rule =
        "@id(\"idle\")\npermit (principal is Person, action in Action::\"read\", resource);\n";
    fs::write(site.path("policies/rules/idle.cedar"), rule).unwrap();
    let output = run(&site, &["test"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("LOOK policies/rules/idle.cedar:1  `idle`"));
}

#[test]
fn a_change_of_rights_is_one_line_of_the_golden_matrix() {
    let site = Site::new();
    let golden = || fs::read_to_string(site.path("policies/tests/who.golden")).unwrap();
    let shipped = golden();
    let rewritten = run(&site, &["test", "--accept-matrix"]);
    assert_eq!(rewritten.status.code(), Some(0));
    assert!(
        shipped == golden(),
        "stale: run `stile test --accept-matrix`"
    );

    let bindings = site.path("policies/bindings.yaml");
    let before = fs::read_to_string(&bindings).unwrap();
    let more = "\n- {name: more, team: search, role: dashboard-editor, on: Y}\n";
    fs::write(&bindings, before + more).unwrap();
    let output = run(&site, &["test"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    // Sam stands in the cases of two files, and each says so once.
    for file in ["people", "console"] {
        let changed = format!("\n  + {file}/sam  Y  write: dashboards.create dashboards.update\n");
        assert!(said.contains(&changed), "{said}");
    }
    let lines = said
        .lines()
        .filter(|line| line.starts_with("  + ") || line.starts_with("  - "));
    assert_eq!(lines.count(), 2, "{said}");
    let xml = text(&run(&site, &["test", "--format", "junit"]).stdout);
    assert!(xml.contains("name=\"+ people/sam  Y  write:"), "{xml}");

    assert_eq!(
        run(&site, &["test", "--accept-matrix"]).status.code(),
        Some(0)
    );
    assert_eq!(run(&site, &["test"]).status.code(), Some(0));
    fs::remove_file(site.path("policies/tests/who.golden")).unwrap();
    assert_eq!(run(&site, &["test"]).status.code(), Some(0), "not compared");
}

#[test]
fn the_schemas_that_are_written_are_the_committed_ones_and_files_point_at_them() {
    let site = Site::new();
    let folder = site.path("policies/.schema");
    let _ = fs::remove_dir_all(&folder);
    let output = run(&site, &["schema", "--write"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let written = text(&output.stdout);
    let committed = crate::support::policies();
    for line in written.lines() {
        let name = line.strip_prefix("policies/").unwrap();
        let fresh = fs::read_to_string(site.path(line)).unwrap();
        let old = fs::read_to_string(committed.join(name)).unwrap_or_default();
        assert!(fresh == old, "stale: {name}; run `stile schema --write`");
    }
    for file in [
        "bindings",
        "directory",
        "roles",
        "tests/jobs",
        "tests/people",
        "operations/otlp",
    ] {
        let file = committed.join(format!("{file}.yaml"));
        let text = fs::read_to_string(&file).unwrap();
        let header = text.lines().next().unwrap();
        let schema = header
            .strip_prefix("# yaml-language-server: $schema=")
            .unwrap();
        assert!(file.with_file_name("").join(schema).is_file(), "{header}");
    }
}

#[test]
fn two_issuers_of_jobs_with_one_audience_are_told_until_that_is_accepted() {
    let site = Site::new();
    let file = fs::read_to_string(site.file()).unwrap();
    let more = "issuers:\n  - { name: hub, url: \"https://token.actions.githubusercontent.com\", dialect: github }\n";
    let both = file.replacen("issuers:\n", more, 1);
    fs::write(site.file(), &both).unwrap();
    let told = run(&site, &["check"]);
    assert_eq!(told.status.code(), Some(0), "{}", text(&told.stderr));
    let said = text(&told.stderr);
    assert!(
        said.contains("warning[P111]") && said.contains("`hub` and `gitlab`"),
        "{said}"
    );
    let accepted = both.replacen("accept: {} ", "accept: {P111: both are ours} ", 1);
    fs::write(site.file(), accepted).unwrap();
    let told = run(&site, &["check"]);
    assert!(told.stderr.is_empty(), "{}", text(&told.stderr));
    assert!(text(&told.stdout).contains("because both are ours"));
    for wrong in ["{P111: x}", "{P102: they are ours}"] {
        let accepted = both.replacen("accept: {} ", &format!("accept: {wrong} "), 1);
        fs::write(site.file(), accepted).unwrap();
        assert_eq!(run(&site, &["check"]).status.code(), Some(2), "{wrong}");
    }
}
