//! Each shipped claim becomes false by a rule that breaks it, and what is found is a caller and a
//! request that the judge allows.

use std::fs;

use serde_json::Value;

use super::{Ended, prove};
use crate::callers::solver;
use crate::cli::stile;
use crate::config::Site;

/// A claim, what is changed in which file, and a rule that comes beside.
pub(super) type Hole = (
    &'static str,
    &'static [(&'static str, &'static str, &'static str)],
    &'static str,
);

#[rustfmt::skip] // a table reads as one
pub(super) const HOLES: &[Hole] = &[
    ("unprotected-jobs-delete-nothing",
        &[("guardrails/people.cedar", "context has break_glass }", "context has break_glass || principal is Job }")],
        "(principal is Job in Group::\"acme\", action in Action::\"delete\", resource)"),
    ("unprotected-jobs-change-nothing", &[],
        "(principal is Job in Group::\"acme\", action == Action::\"streams.update\", resource in Project::\"X\")"),
    ("only-production-deploys",
        &[("guardrails/jobs.cedar", " &&\n  principal has environment_protected && principal.environment_protected", "")],
        ""),
    ("only-payments-edits-its-dashboards", &[],
        "(principal is Person in Team::\"search\", action == Action::\"dashboards.update\", resource in Project::\"X\")"),
    ("only-administrators-delete",
        &[("guardrails/people.cedar", "principal in Team::\"sre-admins\" ||", "principal in Team::\"sre-admins\" || principal in Team::\"payments\" ||")],
        "(principal is Person in Team::\"payments\", action == Action::\"streams.delete\", resource)"),
    ("agents-only-read",
        &[("guardrails/agents.cedar", "action in Action::\"read\"", "action in Action::\"read\" || action == Action::\"notebooks.create\"")],
        "(principal is Agent, action == Action::\"notebooks.create\", resource)"),
    ("contractors-only-in-office-hours",
        &[("guardrails/people.cedar", "context.minute_of_day < 1080", "context.minute_of_day < 1140")],
        ""),
    ("forks-and-merge-requests-do-nothing",
        &[("guardrails/jobs.cedar", "principal.from_fork || ", "")],
        ""),
    ("only-jobs-of-acme",
        &[("directory.yaml", "  - {path: acme/payments", "  - other\n  - {path: acme/payments")],
        "(principal is Job in Group::\"other\", action in Action::\"read\", resource)"),
    ("powers-only-by-binding",
        &[("guardrails/powers.cedar", "context.org_admin", "context.org_admin || action == Action::\"access_tokens.list\"")],
        "(principal is Person, action == Action::\"access_tokens.list\", resource)"),
];

pub(super) fn site_with(hole: &Hole) -> Site {
    let site = Site::new();
    let (_, changes, rule) = hole;
    for (file, from, to) in *changes {
        let path = site.path("policies").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no `{from}`");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
    }
    if !rule.is_empty() {
        let text = format!("// planted\n@id(\"planted\")\npermit {rule};\n");
        fs::write(site.path("policies/rules/planted.cedar"), text).unwrap();
    }
    site
}

/// The words of `stile explain` for what was found.
fn described(refutation: &Value) -> Vec<String> {
    let facts = &refutation["facts"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let request = text(&refutation["request"]);
    let (method, path) = request.split_once(' ').unwrap();
    let mut words = vec!["explain".to_owned(), method.to_owned(), path.to_owned()];
    let mut add = |name: &str, value: &Value| {
        if let Some(value) = value.as_str() {
            words.push(format!("--{name}={value}"));
        }
    };
    add("issuer", &facts["issuer"]);
    match facts["kind"].as_str().unwrap() {
        "job" => {
            add("ci", &facts["repository"]);
            add("project-id", &facts["repository_id"]);
            add("namespace-id", &facts["namespace_id"]);
            add("ref", &facts["git_ref"]);
            add("source", &facts["pipeline_source"]);
            add("env", &facts["environment"]);
            add("tier", &facts["deployment_tier"]);
        }
        "person" => add("user", &facts["name"]),
        _ => add("agent", &facts["name"]),
    }
    for (fact, flag) in [
        ("ref_protected", "--protected"),
        ("from_fork", "--fork"),
        ("environment_protected", "--env-protected"),
        ("mfa", "--mfa"),
    ] {
        if facts[fact] == true {
            words.push(flag.to_owned());
        }
    }
    for group in facts["groups"].as_array().into_iter().flatten() {
        words.push(format!("--group={}", group.as_str().unwrap()));
    }
    let moment = &refutation["moment"];
    let date = moment[2].as_i64().unwrap();
    let local = format!(
        "{:04}-{:02}-{:02}T{}[Europe/Berlin]",
        date / 10_000,
        date / 100 % 100,
        date % 100,
        moment[1].as_str().unwrap()
    );
    let at: jiff::ZonedDateTime = local.parse().unwrap();
    words.push(format!("--at={}", at.timestamp()));
    words
}

/// The one refutation of a run that found one.
pub(super) fn refutation(ended: &Ended) -> Value {
    assert_eq!(ended.exit, 1, "{}\n{}", ended.out, ended.err);
    let findings = ended.findings();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0]["outcome"], "broken");
    findings[0]["refutation"].clone()
}

fn the_judge_allows(site: &Site, refutation: &Value) {
    // The cases of the shipped folder notice each of these holes too, and would end it there.
    fs::remove_dir_all(site.path("policies/tests")).unwrap();
    if refutation["ticket"].is_null() {
        let explained = stile(site).args(described(refutation)).output().unwrap();
        let said = String::from_utf8_lossy(&explained.stdout);
        assert!(explained.status.success(), "{refutation}\n{said}");
        assert!(said.starts_with("ALLOW"), "{refutation}\n{said}");
    }
    // No request carries a ticket yet, but cases do.
    let said = checked_with(site, &case(refutation).replace(" deny\n", " allow\n"));
    assert_eq!(said, "", "{refutation}");
}

/// What was found, as a file of cases that wishes it denied.
fn case(refutation: &Value) -> String {
    format!(
        "tokens:\n  found: {}\ncases:\n  - found {}\n",
        refutation["case"]["token"].as_str().unwrap(),
        refutation["case"]["line"].as_str().unwrap()
    )
}

/// What `stile check` has to say when these are the only cases; nothing when all is well.
fn checked_with(site: &Site, cases: &str) -> String {
    let folder = site.path("policies/tests");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("found.yaml"), cases).unwrap();
    let check = stile(site).arg("check").output().unwrap();
    match check.status.success() {
        true => String::new(), // with warnings, since what is planted is dangerous
        false => String::from_utf8(check.stderr).unwrap(),
    }
}

#[test]
fn each_shipped_claim_becomes_false_by_the_rule_that_breaks_it() {
    let shipped = fs::read_to_string("policies/invariants.yaml").unwrap();
    let names = shipped
        .lines()
        .filter_map(|line| line.strip_prefix("- name: "));
    let planted: Vec<&str> = HOLES.iter().map(|(name, _, _)| *name).collect();
    assert_eq!(names.collect::<Vec<_>>(), planted);
    for hole in HOLES {
        let site = site_with(hole);
        let Some(solver) = solver(&site.path("")) else {
            return;
        };
        let words = [hole.0, "--solver", "required", "--format", "json"];
        let ended = prove(&site, Some(&solver), &words);
        let found = refutation(&ended);
        assert_eq!(ended.findings()[0]["by"], "proof", "{}", hole.0);
        the_judge_allows(&site, &found);
    }
}

#[test]
fn an_unprotected_job_that_may_delete_is_shown_with_its_request_and_a_case() {
    let site = site_with(&HOLES[0]);
    let Some(solver) = solver(&site.path("")) else {
        return;
    };
    let name = HOLES[0].0;
    let ended = prove(&site, Some(&solver), &[name, "--format", "json"]);
    let found = refutation(&ended);
    assert_eq!(found["facts"]["kind"], "job");
    assert_eq!(found["facts"]["repository"], "acme/api");
    assert_eq!(found["facts"]["ref_protected"], false);
    assert_eq!(found["facts"]["from_fork"], false);
    assert_eq!(found["allowed_by"], serde_json::json!(["planted"]));
    let request = found["request"].as_str().unwrap();
    assert!(
        request.starts_with("DELETE /public/v0.2/acme/projects/X/"),
        "{request}"
    );
    // As a case it fails for as long as the hole is there, and passes when it is gone.
    fs::remove_dir_all(site.path("policies/tests")).unwrap();
    let said = checked_with(&site, &case(&found));
    assert!(
        said.contains("expected deny, got allow by `planted`"),
        "{said}"
    );
    fs::remove_file(site.path("policies/rules/planted.cedar")).unwrap();
    assert_eq!(checked_with(&site, &case(&found)), "");
    // For people the same in sentences.
    let site = site_with(&HOLES[0]);
    let told = prove(&site, Some(&solver), &[name]).out;
    assert!(told.contains("\n  request   DELETE /"), "{told}");
    assert!(told.contains("the judge of `serve` agrees"), "{told}");
}

#[test]
fn a_search_finds_the_same_holes() {
    for hole in [&HOLES[0], &HOLES[2], &HOLES[5], &HOLES[9]] {
        let site = site_with(hole);
        let ended = prove(
            &site,
            None,
            &[hole.0, "--solver", "never", "--format", "json"],
        );
        let found = refutation(&ended);
        assert_eq!(ended.findings()[0]["by"], "search");
        the_judge_allows(&site, &found);
    }
}

#[test]
fn a_change_that_grants_nothing_new_is_proved_and_one_that_does_is_shown() {
    let site = Site::new();
    let Some(solver) = solver(&site.path("")) else {
        return;
    };
    let before = site.path("before");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args([site.path("policies"), before.clone()])
        .status();
    assert!(copied.unwrap().success());
    let words = ["--against", "before", "--format", "json"];
    let ended = prove(&site, Some(&solver), &words);
    assert_eq!(ended.exit, 0, "{}{}", ended.out, ended.err);
    let finding = &ended.findings()[0];
    assert_eq!(
        (&finding["by"], &finding["outcome"]),
        (&"proof".into(), &"holds".into())
    );

    let bindings = site.path("policies/bindings.yaml");
    let text = fs::read_to_string(&bindings).unwrap();
    fs::write(&bindings, text.replacen("  own: true\n", "", 1)).unwrap();
    let found = refutation(&prove(&site, Some(&solver), &words));
    assert_eq!(
        found["allowed_by"],
        serde_json::json!(["payments-edit-own"])
    );
    the_judge_allows(&site, &found);
    let by_search = prove(&site, None, &[&words[..], &["--solver", "never"]].concat());
    assert_eq!(refutation(&by_search)["allowed_by"], found["allowed_by"]);

    // Whoever is in a team now was not before: names say nothing of that, so it is no proof.
    fs::write(&bindings, text).unwrap();
    let directory = site.path("policies/directory.yaml");
    let text = fs::read_to_string(&directory).unwrap();
    let wider = text.replace(
        "payments: {groups: okta:lightstep-payments}",
        "payments: {groups: [okta:lightstep-payments, okta:everyone]}",
    );
    fs::write(&directory, wider).unwrap();
    let ended = prove(&site, Some(&solver), &words);
    assert_eq!(ended.findings()[0]["by"], "search", "{}", ended.out);
    let found = refutation(&ended);
    assert_eq!(found["facts"]["groups"], serde_json::json!(["everyone"]));

    // The same in the file.
    fs::write(&directory, text).unwrap();
    let claim = "- name: as-before\n  says: nothing new\n  nothing_beyond: before\n";
    fs::write(site.path("policies/invariants.yaml"), claim).unwrap();
    let ended = prove(&site, Some(&solver), &["--format", "json"]);
    assert_eq!(
        (ended.exit, &ended.findings()[0]["by"]),
        (0, &"proof".into())
    );
}
