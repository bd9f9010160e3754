//! Every block of the README is true: its commands run, its policy and cases are the shipped ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{policies, program};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let text = readme();
    let found: Vec<String> = text
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect();
    assert!(!found.is_empty(), "the README has a {language} block");
    found
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn everything_below(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            everything_below(&path, text);
        } else if let Ok(content) = fs::read_to_string(&path) {
            text.push_str(&content);
            text.push('\n');
        }
    }
}

#[test]
fn its_policy_and_its_cases_are_the_shipped_ones() {
    let mut shipped = String::new();
    everything_below(&policies(), &mut shipped);
    let shipped = squeezed(&shipped);
    for policy in blocks("cedar") {
        assert!(
            shipped.contains(&squeezed(&policy)),
            "not shipped:\n{policy}"
        );
    }
    let cases = blocks("yaml")
        .into_iter()
        .find(|block| block.contains("ci-main"))
        .unwrap();
    for case in cases.lines().filter(|line| !line.trim().is_empty()) {
        assert!(shipped.contains(&squeezed(case)), "not shipped: {case}");
    }
}

#[test]
fn its_make_targets_exist() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    for block in blocks("console") {
        for line in block
            .lines()
            .filter_map(|line| line.strip_prefix("$ make "))
        {
            let target = line.split_whitespace().next().unwrap();
            assert!(
                makefile.contains(&format!("\n{target}:")),
                "no target `{target}`"
            );
        }
    }
}

#[test]
fn its_commands_exist() {
    let text = readme();
    let mut found = 0;
    for cell in text
        .lines()
        .filter_map(|line| line.strip_prefix("| `stile "))
    {
        let command = cell.split('`').next().unwrap();
        let words: Vec<&str> = command.split_whitespace().collect();
        let (first, rest) = words.split_first().unwrap();
        let subcommands = rest.first().map_or(vec![""], |r| r.split("\\|").collect());
        for subcommand in subcommands {
            let mut help = Command::new(program());
            help.arg(first.trim_end_matches(','));
            if !subcommand.is_empty() {
                help.arg(subcommand);
            }
            let output = help.arg("--help").output().unwrap();
            assert!(
                output.status.success(),
                "`stile {command}` has no help for `{subcommand}`"
            );
            found += 1;
        }
    }
    assert!(found >= 10, "the table of commands was read: {found}");
}

#[test]
fn its_files_exist() {
    let text = readme();
    for piece in text.split("`src/").skip(1) {
        let file = format!("src/{}", piece.split('`').next().unwrap());
        assert!(root().join(&file).exists(), "{file}");
    }
    for piece in text.split("](").skip(1) {
        let link = piece.split(')').next().unwrap();
        assert!(
            link.starts_with("http") || root().join(link).exists(),
            "{link}"
        );
    }
}

#[test]
fn its_words_of_refusal_are_reasons() {
    let words: Vec<&str> = stile::refusal::Reason::ALL
        .iter()
        .map(|r| r.word())
        .collect();
    let text = readme();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("`src/"));
    for row in rows {
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap();
        for word in cell.split('`').skip(1).step_by(2) {
            assert!(words.contains(&word), "`{word}` is no reason");
        }
    }
}
