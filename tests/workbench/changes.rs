//! What `stile diff` says of a change.

use std::fs;

use super::{change, git, run};
use crate::config::Site;

/// A site with its policies as they are in a commit.
fn committed() -> Site {
    let site = Site::new();
    git(&site, &["init", "--quiet"]);
    git(&site, &["add", "policies"]);
    let who = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    git(
        &site,
        &[&who[..], &["commit", "--quiet", "--message", "x"]].concat(),
    );
    site
}

#[test]
fn a_binding_for_what_others_own_widens_and_the_table_says_for_whom() {
    let site = committed();
    let (exit, out, _) = run(&site, &["diff", "HEAD"]);
    assert_eq!(exit, 0, "{out}");
    assert!(
        out.starts_with("who may do what is the same as in HEAD ("),
        "{out}"
    );

    change(&site, "policies/bindings.yaml", "  own: true\n", "");
    let (exit, out, err) = run(&site, &["diff", "HEAD"]);
    assert_eq!((exit, err.as_str()), (1, ""), "{out}");
    let row = out
        .lines()
        .find(|line| line.contains("dashboards.update"))
        .unwrap();
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words[..2], ["Team", "payments"]);
    assert!(
        row.contains("not own  deny    allow  payments-edit-own"),
        "{row}"
    );
    assert!(
        out.contains("newly allowed: ") && out.contains("\nWIDENS "),
        "{out}"
    );

    let (exit, json, _) = run(&site, &["diff", "HEAD", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((exit, &document["widens"]), (1, &true.into()));
    assert_eq!(document["no_longer_allowed"], 0);
    assert_eq!(document["example_of_more"]["after"], "allow");
}

#[test]
fn a_guardrail_more_narrows() {
    let site = committed();
    let guardrail = "@id(\"no-streams\") @deny(\"no\") @fix(\"none\")\n\
                     forbid (principal is Job, action == Action::\"streams.create\", resource);\n";
    fs::write(site.path("policies/guardrails/more.cedar"), guardrail).unwrap();
    let (exit, out, _) = run(&site, &["diff", "HEAD"]);
    assert_eq!(exit, 0, "{out}");
    assert!(out.contains("allow   forbid  no-streams"), "{out}");
    assert!(
        out.contains("\nNARROWS the set is contained in HEAD"),
        "{out}"
    );

    let (exit, page, _) = run(&site, &["diff", "HEAD", "--markdown"]);
    assert_eq!(exit, 0, "{page}");
    assert!(
        page.starts_with("### Who may do what narrows against `HEAD"),
        "{page}"
    );
    assert!(
        page.contains("| allow | forbid | no-streams (guardrails/more.cedar:1) |"),
        "{page}"
    );
}

#[test]
fn a_widening_that_no_row_shows_is_found_by_trying_all() {
    let site = committed();
    let rule = "@id(\"hidden\")\npermit (principal is Job, action in Action::\"read\", resource)\n\
                when { principal.ref == \"backdoor\" && principal.pipeline_source == \"api\" };\n";
    fs::write(site.path("policies/rules/hidden.cedar"), rule).unwrap();
    let (exit, json, _) = run(&site, &["diff", "HEAD", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(exit, 1, "{json}");
    assert_eq!(document["changes"], serde_json::json!([]));
    let job = &document["example_of_more"]["facts"];
    assert_eq!(
        (&job["git_ref"], &job["pipeline_source"]),
        (&"backdoor".into(), &"api".into())
    );
}

#[test]
fn what_is_no_revision_and_where_git_is_not_is_told() {
    let site = committed();
    let (exit, out, err) = run(&site, &["diff", "origin/nowhere"]);
    assert_eq!((exit, out.as_str()), (2, ""));
    assert!(err.contains("neither a folder nor a revision"), "{err}");
    let output = crate::cli::stile(&site)
        .args(["diff", "HEAD"])
        .env("PATH", "/nonexistent")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("git is not installed here"));
    let bare = Site::new();
    let (exit, _, err) = run(&bare, &["diff", "HEAD"]);
    assert_eq!(exit, 3, "{err}");
    assert!(err.contains("not a git repository"), "{err}");
}

#[test]
fn nothing_of_a_revision_is_left_behind() {
    let site = committed();
    let scratch = site.path("scratch");
    fs::create_dir(&scratch).unwrap();
    let output = crate::cli::stile(&site)
        .args(["diff", "HEAD"])
        .env("TMPDIR", &scratch)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
}
