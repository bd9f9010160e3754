//! What `docs/objects.md` tells a stranger is what happens.

use std::path::Path;
use std::process::Command;

use crate::support::{ground, policies, program};

fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/objects.md");
    std::fs::read_to_string(page).unwrap()
}

#[test]
fn the_pages_catalogue_is_the_shipped_one() {
    let page = page();
    let shown = page.split("```yaml\n").nth(1).unwrap();
    let shown = shown.split("```").next().unwrap();
    let shipped = std::fs::read_to_string(policies().join("operations/lightstep.yaml")).unwrap();
    for piece in shown.split("\n\n") {
        assert!(
            shipped.contains(piece.trim_end()),
            "the catalogue lacks\n{piece}"
        );
    }
}

#[test]
fn every_word_of_the_page_for_how_an_owner_was_found_is_one_that_is_written() {
    let page = page();
    let code = concat!(
        include_str!("../../src/pipeline/objects.rs"),
        include_str!("../../src/resolve/object.rs")
    );
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let words: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| *word != "found").collect();
    assert_eq!(words.len(), 11, "{words:?}");
    for word in words {
        assert!(code.contains(&format!("\"{word}\"")), "no code says {word}");
    }
}

#[test]
fn the_pages_cases_are_among_the_shipped_ones() {
    let page = page();
    let cases = std::fs::read_to_string(policies().join("tests/people.yaml")).unwrap();
    let shipped: Vec<String> = cases.lines().map(words).collect();
    let shown = page.lines().filter(|line| line.starts_with("  - mira"));
    let shown: Vec<String> = shown.map(words).collect();
    assert!(!shown.is_empty());
    for case in shown {
        assert!(shipped.contains(&case), "{case}");
    }
}

fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn explain_decides_as_if_a_team_owned_it() {
    let ground = ground().await;
    let settings = ground.write().unwrap();
    for (name, code) in [("payments", 0), ("search", 1)] {
        let output = Command::new(program())
            .args(["explain", "--config"])
            .arg(&settings)
            .args([
                "PUT",
                "/public/v0.2/acme/projects/X/metric_dashboards/d9",
                "--user",
                "mira@acme",
                "--group",
                "lightstep-payments",
                "--owner",
                name,
                "--at",
                "2026-11-25T12:00:00Z",
            ])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{name}: {told}");
    }
}
