//! The documents say what the code says.

use std::fs;
use std::path::Path;

use stile::refusal::Reason;
use stile::setup_error::Code;

#[test]
fn the_table_of_reasons_is_the_list_of_reasons() {
    let documented: Vec<[String; 5]> = rows("docs/reasons.md", 6)
        .into_iter()
        .map(|row| {
            assert!(!row[5].is_empty(), "no advice for {}", row[0]);
            [0, 1, 2, 3, 4].map(|column| row[column].clone())
        })
        .collect();
    let coded: Vec<[String; 5]> = Reason::ALL
        .iter()
        .map(|reason| {
            [
                format!("`{}`", reason.word()),
                reason.status().as_u16().to_string(),
                reason.grpc().to_string(),
                reason.effect().word().to_owned(),
                reason.sentence().to_owned(),
            ]
        })
        .collect();
    for (documented, coded) in documented.iter().zip(&coded) {
        assert_eq!(documented, coded);
    }
    assert_eq!(
        documented.len(),
        coded.len(),
        "a reason is missing in the table"
    );
}

#[test]
fn the_sections_of_codes_are_the_list_of_codes_and_what_the_command_prints() {
    let document = read("docs/policy-codes.md");
    let headings: Vec<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let coded: Vec<String> = Code::ALL
        .iter()
        .map(|code| format!("{code}: {}", code.title()))
        .collect();
    assert_eq!(headings, coded);
    let mut bodies = document.split("\n### ").skip(1);
    for code in Code::ALL {
        let printed = std::process::Command::new(env!("CARGO_BIN_EXE_stile"))
            .args(["explain-code", code.word()])
            .output()
            .unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        let body = bodies.next().unwrap().split("\n## ").next().unwrap();
        assert_eq!(printed.trim(), body.trim(), "{code}");
    }
}

#[test]
fn each_promise_stands_in_the_manual_and_its_tests_exist() {
    let manual = read("docs/threats.md");
    let mut tests = String::new();
    for entry in walk(&root().join("tests")) {
        if entry.extension().is_some_and(|ending| ending == "rs") {
            tests += &fs::read_to_string(entry).expect("readable");
        }
    }
    for promise in ["P1", "P2", "P3", "P4", "P5"] {
        assert!(
            manual.contains(&format!("> {promise}. ")),
            "{promise} is there"
        );
        let row = format!("| {promise} | ");
        let row = manual.lines().find(|line| line.starts_with(&row));
        let names: Vec<&str> = row.expect(promise).split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{promise} has tests");
        for name in names {
            assert!(
                tests.contains(&format!("fn {name}()")),
                "{promise} names {name}, which is no test"
            );
        }
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        match path.is_dir() {
            true => found.extend(walk(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn the_table_of_modules_has_each_module_in_its_order() {
    let documented: Vec<String> = rows("docs/architecture.md", 2)
        .into_iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    let listed = read("src/lib.rs");
    let modules = listed
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let mut rest = documented.iter();
    for module in modules {
        assert!(
            rest.any(|row| row == module),
            "`{module}` is not in the table, or not in this order: {documented:?}"
        );
    }
}

#[test]
fn each_link_between_documents_leads_somewhere() {
    let documents = [
        "README.md",
        "CHANGELOG.md",
        "certs/README.md",
        "policies/README.md",
    ];
    let notes = fs::read_dir(root().join("docs"))
        .expect("docs")
        .map(|entry| {
            let name = entry.expect("readable").file_name();
            format!("docs/{}", name.to_string_lossy())
        });
    for document in documents.map(str::to_owned).into_iter().chain(notes) {
        if !root().join(&document).exists() {
            continue;
        }
        let text = read(&document);
        let folder = root().join(&document).with_file_name("");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|after| after.split(')').next())
        {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            assert!(folder.join(target).exists(), "{document} links to {target}");
        }
    }
}

/// The cells of every body row of tables with so many columns.
fn rows(document: &str, columns: usize) -> Vec<Vec<String>> {
    read(document)
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let inner = line.trim_matches('|').replace("\\|", "\u{1}");
            inner
                .split('|')
                .map(|cell| cell.trim().replace('\u{1}', "|"))
                .collect::<Vec<_>>()
        })
        .filter(|cells| cells.len() == columns)
        .collect()
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).expect(document)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Each row of the page names a test that there is.
#[test]
fn every_client_of_the_page_has_its_test() {
    let page = read("docs/clients.md");
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let tests = rows.filter_map(|row| row.rsplit('`').nth(1));
    let named: Vec<&str> = tests.filter(|test| test.contains("::")).collect();
    assert!(named.len() > 8, "{named:?}");
    for test in named {
        let (module, function) = test.rsplit_once("::").unwrap();
        let file = format!("tests/{}.rs", module.replace("::", "/"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("no {file}"));
        assert!(
            text.contains(&format!("fn {function}(")),
            "{file} has no {function}"
        );
    }
}

/// Each setting has its row, and each error that the page explains is one that is said.
#[test]
fn the_page_about_tls_has_each_setting_and_no_error_that_nobody_says() {
    let page = read("docs/tls.md");
    let printed = std::process::Command::new(env!("CARGO_BIN_EXE_stile"))
        .args(["schema", "config"])
        .output()
        .unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    let workloads = read("docs/workloads.md");
    let groups = [
        ("Listener", &page),
        ("Tls", &page),
        ("Pair", &page),
        ("Workload", &workloads),
    ];
    for (group, page) in groups {
        let keys = schema["$defs"][group]["properties"].as_object();
        for key in keys.unwrap_or_else(|| panic!("no {group}")).keys() {
            let row = format!("| `{key}` | ");
            assert!(page.contains(&row), "{group}.{key} has no row");
        }
    }
    let mut sources = String::new();
    for entry in walk(&root().join("src")) {
        let text = fs::read_to_string(entry).expect("readable");
        // A text may go on in the next line of its source.
        let lines = text.lines().map(|line| line.trim().trim_end_matches('\\'));
        sources += &lines.collect::<Vec<_>>().join("");
    }
    let errors = page
        .lines()
        .skip_while(|line| *line != "| said | what mends it |");
    let rows = errors.filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let mut said = 0;
    for text in rows.flat_map(|cell| cell.split("`, `")) {
        said += 1;
        for piece in text.trim_matches('`').split('…') {
            assert!(sources.contains(piece.trim()), "nobody says `{text}`");
        }
    }
    assert!(said > 8, "{said}");
}
