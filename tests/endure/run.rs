//! Runs the real program under a wrapper, such as strace, and says how it ended.

use std::fs::{File, read_to_string};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use stile_kit::{Answer, Call, Ground, claims};
use tokio::process::{Child, Command};

use super::program;

/// The running program.
pub(super) struct Run {
    child: Child,
    /// Where callers reach it.
    pub(super) url: String,
    said: PathBuf,
}

/// It ended before it served.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) said: String,
}

impl Run {
    /// Starts it behind a wrapper's words, which may be none.
    pub(super) async fn start(wrapper: &[String], config: &Path) -> Result<Run, Ended> {
        let said = config.with_extension("said");
        let mut words = wrapper.to_vec();
        words.push(program().to_string_lossy().into_owned());
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .args(["serve", "--log", "json", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        for _ in 0..6_000 {
            let text = read_to_string(&said).unwrap();
            if let Some(url) = serves_at(&text) {
                return Ok(Run { child, url, said });
            }
            if let Some(status) = child.try_wait().unwrap() {
                let said = read_to_string(&said).unwrap();
                return Err(Ended { status, said });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "neither served nor ended: {}",
            read_to_string(&said).unwrap()
        );
    }

    /// Asks it to end, if it has not, and waits.
    pub(super) async fn end(mut self) -> Ended {
        if let Some(pid) = self.child.id() {
            let _ = std::process::Command::new("kill")
                .args(["-TERM", &pid.to_string()])
                .stderr(Stdio::null())
                .status();
        }
        self.wait(Duration::from_secs(60)).await.expect("it ends")
    }

    /// Waits for its end; nothing where it does not come in time.
    pub(super) async fn wait(&mut self, at_most: Duration) -> Option<Ended> {
        let status = tokio::time::timeout(at_most, self.child.wait()).await;
        let status = status.ok()?.unwrap();
        let said = read_to_string(&self.said).unwrap();
        Some(Ended { status, said })
    }

    /// Kills it.
    pub(super) async fn kill(&mut self) {
        let _ = self.child.kill().await;
    }

    /// A request that is allowed.
    pub(super) fn call(&self, token: &str) -> Call {
        let body = json!({"data": {"type": "stream", "attributes": {"query": "q"}}});
        let path = "/public/v0.2/acme/projects/X/streams";
        Call::new("POST", format!("{}{path}", self.url))
            .token(token)
            .body("application/json", body.to_string())
    }
}

fn serves_at(said: &str) -> Option<String> {
    let lines = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let fields: Vec<Value> = lines.map(|line| line["fields"].clone()).collect();
    fields.iter().find(|f| f["message"] == "serving")?;
    let listening = fields.iter().find(|f| f["message"] == "listening")?;
    Some(listening["address"].as_str()?.to_owned())
}

/// A token that is allowed to create streams.
pub(super) fn token(ground: &Ground) -> String {
    let (gitlab, to) = (&ground.gitlab, stile_kit::world::AUDIENCE);
    gitlab.mint(&claims::gitlab_job_of(
        gitlab.url(),
        to,
        "acme/shop/api",
        "31",
    ))
}

/// The decisions that answers name, of those that are not `audit_unavailable` and its like.
pub(super) fn decided(answers: &[io::Result<Answer>]) -> Vec<String> {
    let answered = answers.iter().filter_map(|answer| answer.as_ref().ok());
    let kept = answered.filter(|answer| answer.status != 503);
    kept.map(|answer| answer.field("stile-decision").to_owned())
        .collect()
}

/// What is forwarded or answered without its record.
pub(super) fn violations(journal: &Path, forwarded: &[String], answered: &[String]) -> Vec<String> {
    let mut written = Vec::new();
    if let Ok(read) = stile::record::read(journal) {
        written.extend(read.map_while(Result::ok).filter_map(|record| {
            let json: Value = serde_json::from_slice(&record.payload).ok()?;
            Some((json["id"].as_str()?.to_owned(), json["decision"] == "allow"))
        }));
    }
    let allows = |id: &String| written.iter().any(|(known, allow)| known == id && *allow);
    let knows = |id: &String| written.iter().any(|(known, _)| known == id);
    let unallowed = forwarded.iter().filter(|id| !allows(id));
    let unallowed = unallowed.map(|id| format!("{id} went upstream without an allow"));
    let unknown = answered.iter().filter(|id| !knows(id));
    let unknown = unknown.map(|id| format!("{id} was answered without a decision"));
    unallowed.chain(unknown).collect()
}
