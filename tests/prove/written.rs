//! Mistakes in `invariants.yaml` are told at their place, by every command that loads the folder.

use std::fs;

use crate::cli::stile;
use crate::config::Site;

fn checked(text: &str) -> (i32, String) {
    let site = Site::new();
    fs::write(site.path("policies/invariants.yaml"), text).unwrap();
    let output = stile(&site).arg("check").output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), err)
}

const VALID: &str = "- name: a\n  says: b\n  never: delete\n  who: job\n  on: X\n  \
                     when: principal.from_fork\n";

#[test]
fn each_mistake_is_told_where_it_was_made() {
    let (exit, err) = checked(VALID);
    assert_eq!(exit, 0, "{err}");
    let mistakes = [
        ("delete", "delet", "3:10", "did you mean `delete`?"),
        (
            "delete",
            "dashboards.updat",
            "3:10",
            "did you mean `dashboards.update`?",
        ),
        ("who: job", "who: jobs", "4:8", "did you mean `job`?"),
        (
            "on: X",
            "on: Z",
            "5:7",
            "project `Z` is not in directory.yaml",
        ),
        ("from_fork", "form_fork", "6:9", "from_fork"),
        (
            "principal.from_fork",
            "'principal.form_fork'",
            "6:10",
            "from_fork",
        ),
        (
            "principal.from_fork",
            "principal in Team::\"paymants\"",
            "6:22",
            "did you mean `payments`?",
        ),
        ("principal.from_fork", "principal.from_fork &&", "6:", ""),
        ("principal.from_fork", "principal.sha == \"1\"", "6:9", ""),
        // About nothing, so it would always hold.
        (
            "principal.from_fork",
            "false",
            "",
            "the claim would always hold",
        ),
        ("never: delete", "never: []", "3:10", "names no action"),
        ("name: a", "name: a b", "1:9", "no plain name"),
        ("says: b", "says: ''", "2:9", "says nothing"),
        ("  never: delete\n", "", "1:9", "exactly one of"),
        ("never:", "nevr:", "3:", "nevr"),
        ("who: job", "nothing_beyond: policies", "", "exactly one of"),
    ];
    for (from, to, place, told) in mistakes {
        let text = VALID.replacen(from, to, 1);
        let (exit, err) = checked(&text);
        assert_eq!(exit, 2, "{text}{err}");
        assert!(
            err.contains(&format!("invariants.yaml:{place}")),
            "{text}{err}"
        );
        assert!(err.contains(told), "{text}{err}");
    }
    let twice = VALID.to_owned() + VALID;
    assert!(checked(&twice).1.contains("two invariants are called `a`"));
}

#[test]
fn a_condition_cannot_exhaust_the_stack() {
    let deep = format!("{}true{}", "(".repeat(5_000), ")".repeat(5_000));
    let (exit, err) = checked(&VALID.replace("principal.from_fork", &deep));
    assert_eq!(exit, 2, "{err}");
    assert!(err.contains("invariants.yaml:6:"), "{err}");
}

#[test]
fn the_schema_for_editors_is_of_this_file() {
    let site = Site::new();
    let output = stile(&site)
        .args(["schema", "invariants"])
        .output()
        .unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = schema.to_string();
    for key in ["never", "who", "on", "when", "unless", "nothing_beyond"] {
        assert!(text.contains(&format!("\"{key}\"")), "{key}");
    }
}
