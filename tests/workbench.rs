//! The workbench by the real program: the table of who may do what, what a change changes, why a
//! decision was made.

use std::fs;
use std::process::Command;

use crate::cli::stile;
use crate::config::Site;

mod changes;
mod journal;

fn run(site: &Site, words: &[&str]) -> (i32, String, String) {
    let output = stile(site).args(words).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The file with the first `from` in it changed.
fn change(site: &Site, name: &str, from: &str, to: &str) {
    let path = site.path(name);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{name} has no `{from}`");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
}

/// A change of what anybody may do is a change of this file, which reviewers see.
#[test]
fn the_table_of_the_shipped_policies_is_the_committed_one() {
    let site = Site::new();
    let (exit, out, err) = run(&site, &["who"]);
    assert_eq!((exit, err.as_str()), (0, ""));
    let golden = fs::read_to_string("tests/data/who.golden").unwrap();
    assert!(
        out == golden,
        "`stile who > tests/data/who.golden` says now:\n{out}"
    );
}

#[test]
fn programs_get_each_cell_with_the_policies_behind_it() {
    let site = Site::new();
    let (_, csv, _) = run(&site, &["who", "--format", "csv"]);
    let (_, json, _) = run(&site, &["who", "--format", "json"]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(rows.len(), csv.lines().count() - 1);
    assert!(rows.len() > 100, "{}", rows.len());
    for row in rows.iter().filter(|row| row["decision"] != "deny") {
        assert!(row["by"].is_string() && row["at"].is_string(), "{row}");
    }
}

fn git(site: &Site, words: &[&str]) {
    let mut command = Command::new("git");
    command.arg("-C").arg(site.path("")).args(words);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
}
