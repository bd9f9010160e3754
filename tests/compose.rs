//! What `make up` would start: the settings of `docker-compose.yml` load and build.
//!
//! No container runs here. The files are laid out as the mounts say, the variables are those of the
//! image and of the Compose file, and ports are the only thing that a test has to change.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use stile::clock::Clock;
use stile::config::Settings;
use stile_kit::upstream::{API_KEY, INGEST_KEY, Upstream};
use stile_kit::{Call, Folder, Issuer, claims};

#[test]
fn the_settings_of_compose_load_and_build() {
    let folder = laid_out();
    let site = folder.path().join("etc/stile");
    let variables: Vec<(OsString, OsString)> = variables()
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let settings = Settings::load(&site.join("stile.yaml"), variables).unwrap();
    assert_eq!(
        settings.journal.folder,
        Path::new("/var/lib/stile/journal"),
        "where the volume is"
    );
    let listeners = &settings.listen.listeners;
    assert_eq!(listeners.len(), 1);
    assert!(listeners[0].tls.is_some(), "tokens travel there");
    let published = format!("127.0.0.1:{0}:{0}", listeners[0].address.port());
    assert_eq!(stile()["ports"], json!([published]));
    stile::identify::install_crypto();
    stile::serve::build(&settings, &Clock::machine(), None).unwrap();
}

#[test]
fn the_programs_of_compose_are_called_with_ports_that_stile_calls() {
    let variables = variables();
    for (name, variable) in [
        ("issuer", "STILE_ISSUERS__0__URL"),
        ("upstream", "STILE_UPSTREAMS__0__URL"),
        ("upstream", "STILE_UPSTREAMS__1__URL"),
    ] {
        let command = &compose()["services"][name]["command"];
        assert_eq!(command[0], format!("stile-kit-{name}"));
        assert_eq!(command[1], "--port");
        let url = format!("http://127.0.0.1:{}", command[2].as_str().unwrap());
        assert_eq!(variables[variable], url);
        let source = format!("tests/kit/src/bin/stile-kit-{name}.rs");
        assert!(root().join(source).exists(), "{name} is a program");
    }
}

#[tokio::test]
async fn the_call_that_the_compose_file_shows_is_allowed() {
    let (issuer, upstream) = (Issuer::start().await, Upstream::start().await);
    let folder = laid_out();
    let journal = folder.path().join("journal");
    let mut child = tokio::process::Command::new(crate::support::program())
        .args(["serve", "--log", "json", "--config"])
        .arg(folder.path().join("etc/stile/stile.yaml"))
        .envs(variables())
        .env("STILE_LISTEN__0__ADDRESS", "127.0.0.1:0")
        .env("STILE_ADMIN__ADDRESS", "127.0.0.1:0")
        .env("STILE_ISSUERS__0__URL", issuer.url())
        .env("STILE_UPSTREAMS__0__URL", upstream.url())
        .env("STILE_UPSTREAMS__1__URL", upstream.url())
        .env("STILE_JOURNAL__FOLDER", &journal)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let address = first_address(&mut child).await;
    let ca = std::fs::read(folder.path().join("etc/stile/certs/ca.pem")).unwrap();
    let token = issuer.mint(&claims::gitlab_job(
        issuer.url(),
        stile_kit::world::AUDIENCE,
    ));
    let (method, target, body) = shown();
    let call = Call::new(&method, format!("{address}{target}"))
        .token(&token)
        .trusting(&ca)
        .body("application/vnd.api+json", body);
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(upstream.seen()[0].mentions(API_KEY));
    let decided = crate::support::records(&journal);
    assert!(
        decided.iter().any(|r| r.word("decision") == "allow"),
        "{decided:?}"
    );
}

/// What the mounts make of the repository, below a folder: `etc/stile`.
fn laid_out() -> Folder {
    let folder = Folder::new().unwrap();
    let made = folder.path().join("made");
    let prepared = Command::new("bash")
        .arg(root().join("scripts/compose.sh"))
        .arg("prepare")
        .arg(&made)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&prepared.stderr);
    assert!(prepared.status.success(), "{said}");
    for (key, file) in [(API_KEY, "lightstep.key"), (INGEST_KEY, "ingest.key")] {
        let written = std::fs::read_to_string(made.join("secrets").join(file)).unwrap();
        assert_eq!(written.trim_end(), key);
    }
    for volume in stile()["volumes"].as_array().unwrap() {
        let word = |name: &str| volume[name].as_str().unwrap().to_owned();
        let (source, target) = (word("source"), word("target"));
        let source = match source.rsplit('/').next() {
            Some(name @ ("certs" | "secrets" | "journal")) => made.join(name),
            _ => root().join(source),
        };
        let name = target.trim_start_matches('/');
        if source.is_dir() {
            folder.copy(&source, name).unwrap();
        } else {
            let text = std::fs::read_to_string(source).unwrap();
            folder.write(name, &text).unwrap();
        }
    }
    folder
}

/// What the program in the container reads: the image's variables, the Compose file's over them.
fn variables() -> BTreeMap<String, String> {
    let image = read("Dockerfile");
    let words = image.split_whitespace().filter_map(|word| {
        let (name, value) = word.split_once('=')?;
        name.starts_with("STILE_")
            .then(|| (name.to_owned(), value.to_owned()))
    });
    let mut all: BTreeMap<String, String> = words.collect();
    assert!(all.contains_key("STILE_JOURNAL__FOLDER"), "{all:?}");
    for (name, value) in stile()["environment"].as_object().unwrap() {
        all.insert(name.clone(), value.as_str().unwrap().to_owned());
    }
    all
}

/// Method, target and body of the call in the Compose file's first comment.
fn shown() -> (String, String, String) {
    let text = read("docker-compose.yml");
    let comment: String = text
        .lines()
        .map_while(|line| line.strip_prefix('#'))
        .map(|line| line.trim_end_matches('\\').trim().to_owned() + " ")
        .collect();
    let call = comment.split_once("curl ").unwrap().1;
    let target = call.split_once("https://localhost:8443").unwrap().1;
    let target = target.split_whitespace().next().unwrap().to_owned();
    let body = call
        .split_once("-d '")
        .unwrap()
        .1
        .split_once('\'')
        .unwrap()
        .0;
    ("POST".to_owned(), target, body.to_owned())
}

async fn first_address(child: &mut tokio::process::Child) -> String {
    use tokio::io::AsyncBufReadExt;
    let stderr = tokio::io::BufReader::new(child.stderr.take().unwrap());
    let mut lines = stderr.lines();
    let mut address = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        match said["fields"]["message"].as_str() {
            Some("listening") => address = said["fields"]["address"].as_str().unwrap().to_owned(),
            Some("serving") => break,
            _ => {}
        }
    }
    // Read on, so that the program is never held up by a full pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    address
}

fn stile() -> Value {
    compose()["services"]["stile"].clone()
}

fn compose() -> Value {
    serde_saphyr::from_str(&read("docker-compose.yml")).unwrap()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
