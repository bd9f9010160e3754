//! What is wrong in the operator's files is told once, where it stands, and nothing is started.
//!
//! Each test lays a world that works, changes one thing, and starts the real program in it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use stile_kit::Ground;
use stile_kit::tls::DevCa;

use crate::support::{ground, program};

/// What a start that failed left behind.
struct Failed {
    code: Option<i32>,
    said: String,
}

/// Starts stile, which must end by itself.
async fn start(folder: &Path) -> Failed {
    let child = tokio::process::Command::new(program())
        .args(["serve", "--config"])
        .arg(folder.join("stile.yaml"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let ended = ended.expect("stile serves what it should refuse").unwrap();
    assert!(ended.stdout.is_empty(), "talk is on standard error only");
    Failed {
        code: ended.status.code(),
        said: String::from_utf8(ended.stderr).unwrap(),
    }
}

/// The start ends with this code and one error, which has all of these parts; nothing was started.
async fn ends(folder: &Path, code: i32, parts: &[&str]) {
    let Failed { code: ended, said } = start(folder).await;
    assert_eq!(ended, Some(code), "{said}");
    let errors = said.lines().filter(|line| is_error(line));
    assert_eq!(errors.count(), 1, "not one error:\n{said}");
    assert!(is_error(&said), "talk before it:\n{said}");
    let mends = said.contains("\n   = ") || said.contains(": wanted ");
    assert!(mends, "no hint:\n{said}");
    for part in parts {
        assert!(said.contains(part), "no `{part}`:\n{said}");
    }
}

fn is_error(line: &str) -> bool {
    line.starts_with("error: ") || line.starts_with("error[P")
}

/// As [`ends`] with exit code 2, and no journal was begun.
async fn refused(ground: Ground, parts: &[&str]) {
    ground.write().unwrap();
    let folder = ground.folder().path();
    ends(folder, 2, parts).await;
    assert!(!folder.join("journal").exists(), "a journal was begun");
}

/// `stile.yaml:LINE:`, where this text stands first.
fn place(ground: &Ground, text: &str) -> String {
    place_in("stile.yaml", &ground.settings, text)
}

fn place_in(file: &str, text: &str, piece: &str) -> String {
    let before = text.split_once(piece).expect(piece).0;
    format!("{file}:{}:", before.matches('\n').count() + 1)
}

/// Changes a file of the policies; returns its new text.
fn edit(ground: &Ground, name: &str, change: impl Fn(&str) -> String) -> String {
    let path = ground.folder().path().join("policies").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed, "the test changes something");
    std::fs::write(path, &changed).unwrap();
    changed
}

/// Adds to a file of the policies; returns its new text.
fn append(ground: &Ground, name: &str, more: &str) -> String {
    edit(ground, name, |text| format!("{text}{more}"))
}

fn open_to_others(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
}

#[tokio::test]
async fn the_world_that_is_changed_here_starts() {
    crate::support::close(crate::support::world().await, &[]).await;
}

#[tokio::test]
async fn an_unknown_key_is_told_with_the_one_meant() {
    let ground = ground().await.with("dialect: okta", "dialekt: okta");
    let at = place(&ground, "dialekt");
    refused(ground, &["dialekt", &at, "`dialect`"]).await;
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_told_with_the_right_one() {
    let ground = ground().await;
    let ground = ground.with("deployments: true", "deployments: maybe");
    let at = place(&ground, "deployments: maybe");
    refused(ground, &["deployments", "maybe", &at, "true"]).await;
}

#[tokio::test]
async fn a_settings_file_that_is_not_there_is_named() {
    let ground = ground().await;
    let folder = ground.folder().path();
    ends(folder, 2, &["stile.yaml", "--config"]).await;
    assert!(!folder.join("journal").exists());
}

#[tokio::test]
async fn a_settings_file_that_is_not_yaml_is_told_at_its_line() {
    let ground = ground().await.with("issuers:\n", "issuers: [\n");
    refused(ground, &["stile.yaml:"]).await;
}

#[tokio::test]
async fn without_an_issuer_nothing_starts() {
    for (listed, at) in [("", "stile.yaml"), ("issuers: []\n", "stile.yaml:9:")] {
        let mut ground = ground().await;
        let (before, rest) = ground.settings.split_once("issuers:\n").unwrap();
        let after = rest.split_once("upstreams:\n").unwrap().1;
        ground.settings = format!("{before}{listed}upstreams:\n{after}");
        refused(ground, &["issuers", at]).await;
    }
}

#[tokio::test]
async fn an_issuer_without_an_audience_is_refused() {
    let ground = ground().await;
    let ground = ground.with("dialect: gitlab", "dialect: gitlab\n    audiences: []");
    let at = place(&ground, "audiences");
    refused(ground, &["audience", &at]).await;
}

#[tokio::test]
async fn two_operations_for_one_path_are_both_named() {
    let ground = ground().await;
    let text = append(
        &ground,
        "operations/otlp.yaml",
        "\n  - action: traces.twice\n    class: write\n    resource: Telemetry\n    do: [\"POST /v1/traces\"]\n",
    );
    let at = place_in("otlp.yaml", &text, "do: [\"POST /v1/traces\"]");
    refused(ground, &["/v1/traces", "traces.write", "traces.twice", &at]).await;
}

#[tokio::test]
async fn a_typo_in_a_policy_is_told_at_its_line() {
    let ground = ground().await;
    let text = append(
        &ground,
        "rules/jobs.cedar",
        "\n@id(\"typo\")\npermit (principal is Job, action, resource)\nwhen { principal.ref_protcted };\n",
    );
    let at = place_in("jobs.cedar", &text, "principal.ref_protcted");
    refused(ground, &["ref_protcted", &at, "ref_protected"]).await;
}

#[tokio::test]
async fn a_policy_that_cannot_be_parsed_is_told_at_its_line() {
    let ground = ground().await;
    let text = append(
        &ground,
        "rules/jobs.cedar",
        "\n@id(\"typo\")\npermit (principal is Job, action, resuorce);\n",
    );
    let at = place_in("jobs.cedar", &text, "resuorce");
    refused(ground, &["resuorce", &at]).await;
}

#[tokio::test]
async fn a_failing_policy_case_is_told_at_its_line() {
    let ground = ground().await;
    let text = edit(&ground, "tests/people.yaml", |text| {
        text.replace(
            "- nora           projects.read       Z                      deny",
            "- nora           projects.read       Z                      allow by everyone-reads",
        )
    });
    let line = place_in("people.yaml", &text, "projects.read       Z");
    refused(ground, &["projects.read", &line]).await;
}

#[tokio::test]
async fn a_missing_key_file_is_told_where_it_is_named() {
    let ground = ground().await;
    std::fs::remove_file(ground.folder().path().join("secrets/ingest.key")).unwrap();
    let at = place(&ground, "secrets/ingest.key");
    refused(ground, &["ingest.key", &at]).await;
}

#[tokio::test]
async fn a_key_file_that_others_may_read_is_refused() {
    for file in ["secrets/lightstep.key", "stile.key"] {
        let ground = ground().await;
        open_to_others(&ground.folder().path().join(file));
        let at = place(&ground, file);
        refused(ground, &[file, &at, "0644", "chmod 600"]).await;
    }
}

#[tokio::test]
async fn a_port_in_use_is_told_and_leaves_no_journal() {
    for section in ["listen:\n  - address: ", "admin:\n  address: "] {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let ground = ground().await;
        let ground = ground.with(
            &format!("{section}127.0.0.1:0"),
            &format!("{section}{address}"),
        );
        refused(ground, &[&address, "in use", "another program"]).await;
    }
}

#[tokio::test]
async fn no_port_is_taken_before_everything_else_is_right() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("listen:\n  - address: {}", taken.local_addr().unwrap());
    // The port is found in use only by who takes it: the fault told is the one found before.
    let busy = async || {
        let ground = ground().await;
        ground.with("listen:\n  - address: 127.0.0.1:0", &address)
    };
    let typo = busy().await;
    append(
        &typo,
        "rules/jobs.cedar",
        "\npermit (principle, action, resource);\n",
    );
    refused(typo, &["jobs.cedar"]).await;
    let expired = busy().await;
    expired
        .ca
        .expired(&["localhost"])
        .write_to(expired.folder().path(), "stile");
    guard(&expired);
    refused(expired, &["stile.pem", "expired"]).await;
}

fn guard(ground: &Ground) {
    let key = ground.folder().path().join("stile.key");
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_certificate_that_is_missing_is_told_where_it_is_named() {
    let ground = ground().await;
    std::fs::remove_file(ground.folder().path().join("stile.pem")).unwrap();
    let at = place(&ground, "stile.pem");
    refused(ground, &["stile.pem", &at]).await;
}

#[tokio::test]
async fn a_certificate_and_a_key_that_do_not_fit_are_refused() {
    let ground = ground().await;
    let folder = ground.folder().path();
    let certificate = std::fs::read(folder.join("stile.pem")).unwrap();
    DevCa::new()
        .server(&["localhost"])
        .write_to(folder, "stile");
    std::fs::write(folder.join("stile.pem"), certificate).unwrap();
    guard(&ground);
    refused(ground, &["stile.key", "stile.pem"]).await;
}

#[tokio::test]
async fn an_unknown_catalogue_is_told_with_the_ones_there_are() {
    let ground = ground()
        .await
        .with("operations: lightstep", "operations: lightsteps");
    let at = place(&ground, "operations: lightsteps");
    refused(ground, &["lightsteps", &at, "`lightstep`"]).await;
}

#[tokio::test]
async fn unknown_names_in_bindings_are_told_with_the_ones_meant() {
    let binding = |team: &str, role: &str, project: &str| {
        format!("\n- {{ name: extra, team: {team}, role: {role}, on: {project} }}\n")
    };
    for (text, wrong, meant) in [
        (
            binding("paymets", "dashboard-editor", "X"),
            "paymets",
            "payments",
        ),
        (
            binding("payments", "dashbord-editor", "X"),
            "dashbord-editor",
            "dashboard-editor",
        ),
        (
            binding("payments", "dashboard-editor", "Z"),
            "`Z`",
            "projects",
        ),
    ] {
        let ground = ground().await;
        let all = append(&ground, "bindings.yaml", &text);
        let at = place_in("bindings.yaml", &all, "name: extra");
        refused(ground, &[wrong, meant, &at]).await;
    }
}

#[tokio::test]
async fn a_journal_that_another_process_holds_ends_with_75() {
    let world = crate::support::world().await;
    let folder = world.stile.folder().path();
    let pid = format!("pid {}", world.stile.pid().unwrap());
    ends(folder, 75, &["LOCK", &pid]).await;
    crate::support::close(world, &[]).await;
}

#[tokio::test]
async fn a_damaged_journal_ends_with_78_and_is_left_as_it_is() {
    let world = crate::support::world().await;
    let (status, folder, said) = world.stile.stop().await.unwrap();
    assert!(status.success(), "{said}");
    let segment = folder.path().join("journal/00000000000000000000.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[600] ^= 1; // inside the first record
    std::fs::write(&segment, &bytes).unwrap();
    ends(
        folder.path(),
        78,
        &["00000000000000000000.seg", "damaged at byte 512"],
    )
    .await;
    assert_eq!(
        std::fs::read(&segment).unwrap(),
        bytes,
        "the evidence was changed"
    );
}

#[tokio::test]
async fn several_faults_are_each_told_once_in_one_start() {
    let ground = ground().await.with("dialect: okta", "dialect: octa");
    let ground = ground.with("deployments: true", "deployments: maybe");
    ground.write().unwrap();
    let Failed { code, said } = start(ground.folder().path()).await;
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(said.matches("error: ").count(), 2, "{said}");
    assert!(said.ends_with("2 errors\n"), "{said}");
}

#[tokio::test]
async fn a_reload_that_would_need_a_restart_says_so_and_changes_nothing() {
    let whole = "    tls: { certificate: stile.pem, key: stile.key }\n";
    for (piece, other, named) in [
        (whole, "", "`listen`"),
        ("admin:\n", "limits: { requests: 7 }\nadmin:\n", "`limits`"),
        ("  folder: journal\n", "  folder: elsewhere\n", "`journal`"),
        (
            "  folder: journal\n",
            "  folder: journal\n  commit: { read: write }\n",
            "`journal`",
        ),
    ] {
        let world = crate::support::world().await;
        let file = world.stile.folder().path().join("stile.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(piece));
        std::fs::write(&file, text.replace(piece, other)).unwrap();
        world.stile.signal("HUP").unwrap();
        let refused = world.stile.waits_for("new settings are refused").await;
        refused.unwrap();
        let said = world.stile.said();
        assert!(
            said.contains(named) && said.contains("restart stile"),
            "{said}"
        );
        crate::support::close(world, &[]).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
