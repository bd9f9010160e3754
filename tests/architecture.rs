//! Imports point backwards along the way of a request, and every file says what it is.

use std::fs;
use std::path::{Path, PathBuf};

/// A module may import only from modules to its left.
const ORDER: &[&str] = &[
    "clock",
    "secret",
    "reach",
    "setup_error",
    "refusal",
    "database",
    "listen",
    "identify",
    "resolve",
    "authorize",
    "record",
    "stamp",
    "deploy",
    "hook",
    "forward",
    "index",
    "export",
    "leave",
    "timeline",
    "people",
    "own",
    "pipeline",
    "workbench",
    "openapi",
    "admin",
    "console",
    "config",
    "serve",
    "cli",
    "main",
];

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    found.sort();
    assert!(found.len() > 40, "the sources were found");
    found
}

fn module_of(path: &Path) -> String {
    let inside = path
        .strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .unwrap();
    inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap()
        .replace(".rs", "")
}

/// The modules of ours that a text names, in code and not in comments.
fn named(text: &str) -> Vec<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut names = Vec::new();
    for line in code {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let name: String = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            names.push(name);
        }
    }
    names
}

fn forward_imports(module: &str, text: &str) -> Vec<String> {
    let place = |name: &str| ORDER.iter().position(|m| *m == name);
    let own = place(module).unwrap_or_else(|| panic!("`{module}` has no place in the order"));
    named(text)
        .into_iter()
        .filter(|name| place(name).is_some_and(|p| p > own))
        .collect()
}

#[test]
fn imports_point_backwards() {
    for path in sources() {
        let module = module_of(&path);
        if module == "lib" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let forward = forward_imports(&module, &text);
        assert!(
            forward.is_empty(),
            "{} imports forwards: {forward:?}",
            path.display()
        );
        assert!(
            !text.contains("super::super"),
            "{} climbs two steps",
            path.display()
        );
    }
}

#[test]
fn a_planted_forward_import_is_found() {
    assert_eq!(
        forward_imports("listen", "use crate::record::Journal;"),
        ["record"]
    );
    assert!(forward_imports("record", "use crate::listen::Arrival;").is_empty());
}

#[test]
fn every_module_of_the_order_exists_and_stands_in_that_order() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let listed: Vec<&str> = map
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert_eq!(
        listed,
        ORDER[..ORDER.len() - 1],
        "src/lib.rs tells the same order"
    );
}

#[test]
fn every_file_opens_with_what_it_says() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} has no header", path.display());
    }
}
