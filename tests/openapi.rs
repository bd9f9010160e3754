//! An API's description becomes a catalogue that loads, and what it does not tell is `power`.
//!
//! The command is run as people run it, in a folder with the shipped settings and policies.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::cli::{run, text};
use crate::config::Site;

mod compared;
mod documented;
mod made;
mod refused;
mod served;

/// A description of ours in the shape of Grafana's API.
pub(crate) fn boards() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/openapi/boards.yaml"
    ))
}

/// A small description with these paths.
fn small(paths: &str) -> String {
    format!("openapi: 3.0.3\ninfo: {{title: t, version: '1'}}\npaths:\n{paths}")
}

/// The command with a description in a file of that name, and more words.
fn import(site: &Site, name: &str, description: &str, more: &[&str]) -> Output {
    fs::write(site.path(name), description).unwrap();
    let mut words = vec!["operations", "import", name, "--upstream", "api"];
    words.extend(more);
    run(site, &words)
}

/// The catalogue of a description.
fn catalogue(description: &str) -> String {
    let output = import(&Site::new(), "api.yaml", description, &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    text(&output.stdout)
}

/// What a catalogue says of the operation with this request.
fn entry<'c>(catalogue: &'c str, request: &str) -> &'c str {
    let wanted = format!("do: [\"{request}\"]");
    catalogue
        .split("\n\n")
        .find(|piece| piece.contains(&wanted))
        .unwrap_or_else(|| panic!("no {request} in {catalogue}"))
}
