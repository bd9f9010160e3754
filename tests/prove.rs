//! `stile prove` by the real program: the shipped claims, the rules that break them, and what it says
//! when it cannot know.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::callers::solver;
use crate::cli::stile;
use crate::config::Site;

mod broken;
mod served;
mod written;

/// How a run of the program ended.
struct Ended {
    exit: i32,
    out: String,
    err: String,
}

impl Ended {
    fn findings(&self) -> Vec<Value> {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}\n{}", self.out, self.err))
    }
}

fn prove(site: &Site, solver: Option<&Path>, words: &[&str]) -> Ended {
    let mut command = stile(site);
    command.arg("prove").args(words);
    match solver {
        Some(program) => command.env("CVC5", program),
        None => command.env_remove("CVC5").env("PATH", "/nowhere"),
    };
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        exit: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A program that does what a shell script says.
fn pretender(site: &Site, script: &str) -> PathBuf {
    let program = site.path("pretender");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn each_shipped_claim_is_proved_for_all_requests() {
    let site = Site::new();
    let Some(solver) = solver(&site.path("")) else {
        return;
    };
    let words = ["--solver", "required", "--format", "json"];
    let ended = prove(&site, Some(&solver), &words);
    assert_eq!(ended.exit, 0, "{}\n{}", ended.out, ended.err);
    let findings = ended.findings();
    assert!(findings.len() >= 5);
    for finding in &findings {
        assert_eq!(finding["outcome"], "holds", "{finding}");
        assert_eq!(finding["by"], "proof", "{finding}");
        assert!(finding["covered"].as_u64().unwrap() > 0, "{finding}");
    }
}

#[test]
fn without_a_solver_it_is_a_search_and_says_so() {
    let site = Site::new();
    let ended = prove(&site, None, &["agents-only-read"]);
    assert_eq!(ended.exit, 0, "{}", ended.out);
    assert!(ended.out.starts_with("NOT BROKEN agents-only-read: "));
    assert!(ended.out.contains("representatives, which is no proof"));
    assert!(!ended.out.contains("PROVED"), "{}", ended.out);
    assert!(
        ended
            .err
            .contains("no solver, so this is a search and no proof")
    );
    assert!(ended.err.contains("install cvc5"), "{}", ended.err);
}

#[test]
fn a_solver_that_is_required_and_missing_leaves_the_question_open() {
    let site = Site::new();
    let ended = prove(&site, None, &["--solver", "required"]);
    assert_eq!((ended.exit, ended.out.as_str()), (3, ""));
    assert!(
        ended.err.contains("`cvc5` cannot be started"),
        "{}",
        ended.err
    );
    // A solver that was named and is not there is never passed over.
    let ended = prove(&site, Some(Path::new("/nowhere/cvc5")), &[]);
    assert_eq!((ended.exit, ended.out.as_str()), (3, ""));
    assert!(ended.err.contains("`/nowhere/cvc5` cannot be started"));
}

#[test]
fn a_program_that_is_no_solver_proves_nothing() {
    let site = Site::new();
    for script in [
        "exit 0",
        "echo unsat; cat >/dev/null",
        "echo hello; cat >/dev/null",
    ] {
        let program = pretender(&site, script);
        let ended = prove(&site, Some(&program), &["agents-only-read"]);
        assert_eq!((ended.exit, ended.out.as_str()), (3, ""), "{script}");
        assert!(
            ended.err.contains("is no solver"),
            "{script}: {}",
            ended.err
        );
    }
}

#[test]
fn a_solver_that_does_not_know_or_does_not_end_proves_nothing() {
    let site = Site::new();
    let doubts = "while read -r line; do case $line in *check-sat*)
        if [ -z \"$greeted\" ]; then greeted=1; echo sat; else echo unknown; fi;; esac; done";
    let sleeps = "while read -r line; do case $line in *check-sat*)
        if [ -z \"$greeted\" ]; then greeted=1; echo sat; else exec sleep 60; fi;; esac; done";
    for (script, why) in [
        (doubts, "did not know within"),
        (sleeps, "no answer within"),
    ] {
        let program = pretender(&site, script);
        let words = ["only-production-deploys", "--timeout", "1"];
        let ended = prove(&site, Some(&program), &words);
        assert_eq!(ended.exit, 3, "{}{}", ended.out, ended.err);
        assert!(ended.out.starts_with("UNKNOWN "), "{}", ended.out);
        assert!(ended.out.contains(why), "{}", ended.out);
        assert!(!ended.out.contains("PROVED"), "{}", ended.out);
    }
}

#[test]
fn what_the_solver_finds_and_the_judge_does_not_allow_breaks_nothing() {
    let site = Site::new();
    // It says that there is a request, and shows none.
    let program = pretender(
        &site,
        "while read -r line; do case $line in *check-sat*) echo sat;;
         *get-model*) echo '('; echo ')';; esac; done",
    );
    let ended = prove(&site, Some(&program), &["only-production-deploys"]);
    assert_eq!(ended.exit, 3, "{}{}", ended.out, ended.err);
    assert!(ended.out.starts_with("UNKNOWN "), "{}", ended.out);
}

#[test]
fn an_unknown_claim_is_wrong_input() {
    let site = Site::new();
    let ended = prove(&site, None, &["agents-only-reed"]);
    assert_eq!(ended.exit, 2);
    assert!(
        ended
            .err
            .contains("there is no invariant `agents-only-reed`")
    );
    assert!(ended.err.contains("did you mean `agents-only-read`?"));
    fs::write(site.path("policies/invariants.yaml"), "").unwrap();
    let ended = prove(&site, None, &[]);
    assert_eq!(ended.exit, 2);
    assert!(
        ended.err.contains("no invariant is written"),
        "{}",
        ended.err
    );
}
