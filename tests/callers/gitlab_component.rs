//! The three lines of a job: what `contrib/gitlab` puts around its script, run by shells that images have.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use stile_kit::World;

use crate::support::{ask, close, world};

const COMPONENT: &str = include_str!("../../contrib/gitlab/templates/lightstep.yml");
const INCLUDE: &str = include_str!("../../contrib/gitlab/lightstep.gitlab-ci.yml");

/// The job of one of the files, its inputs filled in.
fn job(text: &str, address: &str) -> Value {
    let body = text.split_once("\n---\n").map_or(text, |(_, body)| body);
    let body = body.replace("$[[ inputs.address ]]", address);
    let read: Value = serde_saphyr::from_str(&body).unwrap();
    read[".stile"].clone()
}

fn after_script(job: &Value) -> String {
    let lines = job["after_script"].as_array().unwrap().iter();
    let lines: Vec<&str> = lines.map(|line| line.as_str().unwrap()).collect();
    lines.join("\n")
}

/// The shells of job images that this machine has.
fn shells() -> Vec<Vec<&'static str>> {
    let known: [&[&str]; 4] = [&["sh"], &["bash"], &["dash"], &["busybox", "sh"]];
    let is_here = |shell: &&&[&str]| {
        let looked = Command::new("sh")
            .args(["-c", "command -v \"$0\"", shell[0]])
            .output();
        looked.is_ok_and(|looked| looked.status.success())
    };
    known
        .iter()
        .filter(is_here)
        .map(|shell| shell.to_vec())
        .collect()
}

/// Runs the lines after a script as a runner does: a shell of its own, the job's variables, its folder.
fn run(shell: &[&str], folder: &Path, script: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(shell[0]);
    command
        .args(&shell[1..])
        .args(["-e", "-c", script])
        .current_dir(folder)
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    command.output().unwrap()
}

async fn works(world: &World, token: &str) {
    for project in ["X", "X", "Y"] {
        let body = json!({"data": {"type": "stream", "attributes": {"name": "n", "query": "q"}}});
        let call = world
            .api("POST", &format!("{project}/streams"))
            .token(token);
        ask(
            world,
            call.body("application/vnd.api+json", body.to_string()),
        )
        .await;
    }
}

#[test]
fn the_component_and_the_include_are_one_job() {
    let mut include = job(INCLUDE, "");
    let component = job(COMPONENT, "$STILE_ADDRESS");
    // The include says the address once for all jobs, the component for each.
    include["variables"]["STILE_ADDRESS"] = json!("$STILE_ADDRESS");
    assert_eq!(include, component);
    assert_eq!(
        component["id_tokens"]["LIGHTSTEP_API_KEY"]["aud"],
        "$STILE_ADDRESS"
    );
    let reports = &component["artifacts"]["reports"];
    assert_eq!(reports["annotations"], "stile.json");
    assert_eq!(component["artifacts"]["when"], "always");
}

/// A pipeline with one job, which has taken over what `extends: .stile` gives it: what GitLab's schema
/// says of jobs it does not say of templates.
fn pipeline(text: &str) -> String {
    let body = text.split_once("\n---\n").map_or(text, |(_, body)| body);
    let body = body.replace("$[[ inputs.address ]]", "https://stile.example.com");
    let job = body.replace(".stile:", "deploy:");
    format!("{job}  environment: production\n  script: [terraform apply -auto-approve]\n")
}

#[test]
fn gitlab_takes_the_component_and_the_include_as_it_publishes() {
    let folder = tempfile::tempdir().unwrap();
    let lay = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let whole = pipeline(INCLUDE);
    let mut files = vec![
        lay("component.yml", &pipeline(COMPONENT)),
        lay("include.yml", &whole),
    ];
    let (header, _) = COMPONENT.split_once("\n---\n").unwrap();
    files.push(lay("header.yml", header));
    let good = files.len();
    for (name, piece, other) in [
        ("aud.yml", "aud:", "aud: 7 #"),
        ("reports.yml", "reports:", "reported:"),
        ("when.yml", "when: always", "when: mostly"),
    ] {
        assert!(whole.contains(piece), "{piece}");
        files.push(lay(name, &whole.replace(piece, other)));
    }
    let Some(mut checker) = super::command("venv/bin/python", "check_gitlab_ci.py") else {
        return;
    };
    let ended = checker.args(&files).output().unwrap();
    let said: Value = serde_json::from_slice(&ended.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ended.stderr)));
    for (at, file) in files.iter().enumerate() {
        let faults = said[file.to_str().unwrap()].as_array().unwrap();
        assert_eq!(
            faults.is_empty(),
            at < good,
            "{}: {faults:?}",
            file.display()
        );
    }
}

#[tokio::test]
async fn after_its_script_a_job_says_what_was_refused_in_every_shell() {
    let world = world().await;
    let token = world.job_token(json!({}));
    works(&world, &token).await;
    let shells = shells();
    assert!(!shells.is_empty());
    for text in [COMPONENT, INCLUDE] {
        let script = after_script(&job(text, world.stile.url()));
        for shell in &shells {
            let folder = tempfile::tempdir().unwrap();
            let variables = [
                ("LIGHTSTEP_API_KEY", token.as_str()),
                ("STILE_ADDRESS", world.stile.url()),
            ];
            let (path, script, shell) = (folder.path().to_owned(), script.clone(), shell.clone());
            let owned: Vec<(String, String)> = variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            let ended = tokio::task::spawn_blocking(move || {
                let variables: Vec<(&str, &str)> = owned
                    .iter()
                    .map(|(n, v)| (n.as_str(), v.as_str()))
                    .collect();
                run(&shell, &path, &script, &variables)
            });
            let ended = ended.await.unwrap();
            let said = String::from_utf8(ended.stdout).unwrap();
            assert!(ended.status.success(), "{said}");
            assert!(
                said.starts_with("stile: 3 requests by this job, 2 came through, 1 DID NOT"),
                "{said}"
            );
            assert!(said.contains("DENIED  POST streams.create in Y"), "{said}");
            let links = std::fs::read(folder.path().join("stile.json")).unwrap();
            let links: Value = serde_json::from_slice(&links).unwrap();
            assert_eq!(links["stile"].as_array().unwrap().len(), 1, "{links}");
        }
    }
    close(world, &[token]).await;
}

#[tokio::test]
async fn a_job_is_never_failed_by_its_report() {
    let world = world().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let stile = world.stile.url().to_owned();
    for (address, key, said) in [
        (nobody.as_str(), "a.b.c", ""),
        (stile.as_str(), "an-api-key-of-1999", "malformed_token"),
        (stile.as_str(), "", "no_credential"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let script = after_script(&job(COMPONENT, address));
        let (path, address, key) = (folder.path().to_owned(), address.to_owned(), key.to_owned());
        let ended = tokio::task::spawn_blocking(move || {
            run(
                &["sh"],
                &path,
                &script,
                &[("LIGHTSTEP_API_KEY", &key), ("STILE_ADDRESS", &address)],
            )
        });
        let ended = ended.await.unwrap();
        assert!(ended.status.success(), "{ended:?}");
        let stdout = String::from_utf8(ended.stdout).unwrap();
        assert!(stdout.contains(said), "{stdout}");
        assert!(
            !folder.path().join("stile.json").exists(),
            "no link of something else"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let script = after_script(&job(COMPONENT, &stile));
    let mut command = Command::new("/bin/sh");
    let without_curl = command
        .args(["-e", "-c", &script])
        .current_dir(folder.path())
        .env_clear();
    let ended = without_curl
        .env("PATH", folder.path())
        .env("STILE_ADDRESS", &stile)
        .output()
        .unwrap();
    let stdout = String::from_utf8(ended.stdout).unwrap();
    assert!(
        ended.status.success() && stdout.contains("has no curl"),
        "{stdout}"
    );
    close(world, &[]).await;
}
