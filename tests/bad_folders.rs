//! A policy folder with one thing wrong is refused whole: nothing starts with it, and what runs goes
//! on with the set that it had.
//!
//! One world runs. Its folder is broken in one way after another; each time the reload is refused,
//! the answer of the set before is still given, and the folder is mended.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use stile_kit::World;

use crate::support;

/// One way to break a folder, and what is told.
struct Break {
    what: &'static str,
    by: fn(&Path),
    told: &'static [&'static str],
}

const BREAKS: &[Break] = &[
    Break {
        what: "a missing directory",
        by: |folder| fs::remove_file(folder.join("directory.yaml")).unwrap(),
        told: &["`directory.yaml` is missing"],
    },
    Break {
        what: "a missing guardrail, which cases name",
        by: |folder| fs::remove_file(folder.join("guardrails/agents.cedar")).unwrap(),
        told: &["tests/people.yaml:", "unknown policy `agents-read-only`"],
    },
    Break {
        what: "a file that cannot be opened",
        by: |folder| {
            std::os::unix::fs::symlink("nowhere", folder.join("rules/gone.cedar")).unwrap()
        },
        told: &["rules/gone.cedar", "cannot be read"],
    },
    Break {
        what: "a socket in a file's place",
        by: |folder| {
            drop(std::os::unix::net::UnixListener::bind(
                folder.join("rules/s.cedar"),
            ))
        },
        told: &["rules/s.cedar", "is no file"],
    },
    Break {
        what: "two policies of one id",
        by: |folder| {
            let text = fs::read_to_string(folder.join("rules/agents.cedar")).unwrap();
            fs::write(folder.join("rules/twice.cedar"), text).unwrap();
        },
        told: &["twice.cedar:2:1", "two policies are called `agents-read`"],
    },
    Break {
        what: "a template that nothing links",
        by: |folder| {
            let text = "@id(\"open\")\npermit (principal in ?principal, action, resource);\n";
            fs::write(folder.join("rules/open.cedar"), text).unwrap();
        },
        told: &["open.cedar:2:22", "`?principal`"],
    },
    Break {
        what: "a byte that is no UTF-8",
        by: |folder| {
            fs::write(folder.join("rules/latin.cedar"), b"// ok\n// M\xfcller\n").unwrap();
        },
        told: &["latin.cedar:2:5", "UTF-8"],
    },
    Break {
        what: "ten megabytes",
        by: |folder| {
            fs::write(folder.join("rules/large.cedar"), "// x\n".repeat(2 << 20)).unwrap();
        },
        told: &["large.cedar", "larger than"],
    },
    Break {
        what: "brackets without an end in sight",
        by: |folder| {
            let deep = format!("{}true{}", "(".repeat(5_000), ")".repeat(5_000));
            let text =
                format!("@id(\"deep\")\npermit (principal, action, resource) when {{ {deep} }};");
            fs::write(folder.join("rules/deep.cedar"), text).unwrap();
        },
        told: &["deep.cedar:2:", "nested deeper than 32"],
    },
    Break {
        what: "YAML without an end in sight",
        by: |folder| fs::write(folder.join("bindings.yaml"), "[".repeat(100_000)).unwrap(),
        told: &["bindings.yaml"],
    },
    Break {
        what: "a folder that is a file",
        by: |folder| {
            fs::remove_dir_all(folder.join("guardrails")).unwrap();
            fs::write(folder.join("guardrails"), "").unwrap();
        },
        told: &["guardrails"],
    },
];

#[tokio::test]
async fn each_broken_folder_is_refused_whole_and_the_old_set_stays() {
    let world = support::world().await;
    let folder = world.stile.folder().path().join("policies");
    let whole = copy_of(&folder);
    let mut refused = 0;
    for Break { what, by, told } in BREAKS {
        by(&folder);
        world.stile.signal("HUP").unwrap();
        refused += 1;
        let said = told_times(&world, "new settings are refused", refused).await;
        let last = said.rsplit("new settings are refused").next().unwrap();
        for part in *told {
            assert!(last.contains(part), "{what}: no `{part}` in\n{last}");
        }
        decides_as_before(&world, what).await;
        fs::remove_dir_all(&folder).unwrap();
        copy(whole.path(), &folder);
    }
    world.stile.signal("HUP").unwrap();
    told_times(&world, "new settings are in force", 1).await;
    decides_as_before(&world, "the mended folder").await;
    support::close(world, &[]).await;
}

#[tokio::test]
async fn nothing_starts_with_a_broken_folder() {
    for Break { what, by, told } in BREAKS {
        let ground = support::ground().await;
        ground.write().unwrap();
        by(&ground.folder().path().join("policies"));
        let ended = tokio::process::Command::new(support::program())
            .args(["check", "--config"])
            .arg(ground.folder().path().join("stile.yaml"))
            .output()
            .await
            .unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{what}: {said}");
        assert!(ended.stdout.is_empty(), "{what}");
        assert!(said.contains("error[P0"), "{what}: no code in\n{said}");
        for part in *told {
            assert!(said.contains(part), "{what}: no `{part}` in\n{said}");
        }
    }
}

/// A job of main creates a stream, one of a branch does not.
async fn decides_as_before(world: &World, what: &str) {
    for (token, status) in [
        (world.job_token(json!({})), 200),
        (world.feature_token(), 403),
    ] {
        let call = world.api("POST", "X/streams").token(&token);
        let call = call.body("application/vnd.api+json", "{}");
        let answer = support::ask(world, call).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
    }
}

/// What was said, once it has these words so many times.
async fn told_times(world: &World, words: &str, times: usize) -> String {
    for _ in 0..600 {
        let said = world.stile.said();
        if said.matches(words).count() >= times {
            return said;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!(
        "`{words}` was not said {times} times:\n{}",
        world.stile.said()
    );
}

fn copy_of(folder: &Path) -> tempfile::TempDir {
    let whole = tempfile::tempdir().unwrap();
    copy(folder, whole.path());
    whole
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target: PathBuf = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
