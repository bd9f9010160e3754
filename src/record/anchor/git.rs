//! Keeps checkpoints in a branch of a git repository, pushed where a remote is named.
//!
//! In: checkpoints. Out: one commit each, with the file `<origin, slashes as _>.checkpoint`.
//!
//! The branch is written without a working tree, by git's own plumbing, so that it does not matter
//! what else the clone is used for. What the branch holds, here and at the remote, must be of our
//! past first; a push is never forced, so a remote that went elsewhere refuses it.
//!
//! Never: waits for a password or longer than half a minute for git.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::held::is_ours;
use super::{Anchor, Missed, Published};
use crate::record::signed_note::Signature;
use crate::record::tiles::Tiles;

/// A branch of checkpoints.
#[derive(Debug)]
pub(super) struct GitAnchor {
    folder: PathBuf,
    branch: String,
    remote: Option<String>,
    file: String,
    tiles: Tiles,
}

impl GitAnchor {
    pub(super) fn new(
        folder: &Path,
        branch: &str,
        remote: Option<&str>,
        origin: &str,
        tiles: Tiles,
    ) -> GitAnchor {
        GitAnchor {
            folder: folder.to_owned(),
            branch: branch.to_owned(),
            remote: remote.map(str::to_owned),
            file: format!("{}.checkpoint", origin.replace('/', "_")),
            tiles,
        }
    }

    fn git(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut child = Command::new("git")
            .arg("-C")
            .arg(&self.folder)
            .args(arguments)
            .envs(ALONE.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|fault| format!("git cannot be started: {fault}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(input.as_bytes());
        }
        let begun = Instant::now();
        let status = loop {
            match child.try_wait().map_err(|fault| fault.to_string())? {
                Some(status) => break status,
                None if begun.elapsed() > PATIENCE => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!("git {} did not end", first(arguments)));
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let mut said = String::new();
        let read = match status.success() {
            true => child
                .stdout
                .take()
                .map(|mut out| out.read_to_string(&mut said)),
            false => child
                .stderr
                .take()
                .map(|mut err| err.read_to_string(&mut said)),
        };
        match read {
            Some(Ok(_)) if status.success() => Ok(said.trim_end_matches('\n').to_owned()),
            _ => Err(format!("git {}: {}", first(arguments), said.trim())),
        }
    }

    /// The commit a name leads to, where there is one.
    fn commit_of(&self, name: &str) -> Option<String> {
        let name = format!("{name}^{{commit}}");
        let found = self.git(&["rev-parse", "--verify", "--quiet", &name], "");
        found.ok().filter(|commit| !commit.is_empty())
    }

    /// What a commit holds must be where we were once.
    fn check(&self, commit: &str, newest: &Published) -> Result<(), Missed> {
        let file = format!("{commit}:{}", self.file);
        match self.git(&["cat-file", "blob", &file], "") {
            Ok(text) => is_ours(&format!("{text}\n"), newest, &self.tiles),
            // The branch may hold other logs only.
            Err(_) => Ok(()),
        }
    }

    fn commit(&self, parent: Option<&str>, newest: &Published) -> Result<(), String> {
        let blob = self.git(&["hash-object", "-w", "--stdin"], &newest.note.to_string())?;
        let mut tree = match parent {
            Some(parent) => self.git(&["ls-tree", parent], "")?,
            None => String::new(),
        };
        let ours = format!("\t{}", self.file);
        tree = tree
            .lines()
            .filter(|line| !line.ends_with(&ours))
            .fold(String::new(), |tree, line| tree + line + "\n");
        tree += &format!("100644 blob {blob}{ours}\n");
        let tree = self.git(&["mktree"], &tree)?;
        let message = format!("Checkpoint at {} records", newest.checkpoint.size);
        let mut arguments = vec!["commit-tree", &tree, "-m", &message];
        arguments.extend(parent.iter().flat_map(|parent| ["-p", parent]));
        let commit = self.git(&arguments, "")?;
        let branch = self.reference();
        let old = parent.unwrap_or("");
        self.git(&["update-ref", &branch, &commit, old], "")
            .map(|_| ())
    }

    fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }
}

impl Anchor for GitAnchor {
    fn keep(&mut self, _: u64, newest: &Published) -> Result<Option<Signature>, Missed> {
        let branch = self.reference();
        let parent = self.commit_of(&branch);
        if let Some(parent) = &parent {
            self.check(parent, newest)?;
        }
        self.commit(parent.as_deref(), newest)
            .map_err(Missed::Now)?;
        let Some(remote) = &self.remote else {
            return Ok(None);
        };
        let spec = format!("{branch}:{branch}");
        let Err(refused) = self.git(&["push", "--quiet", remote, &spec], "") else {
            return Ok(None);
        };
        // Either it cannot be reached, or it went elsewhere: its own head says which.
        let fetched = self.git(&["fetch", "--quiet", remote, &branch], "");
        if let (Ok(_), Some(theirs)) = (fetched, self.commit_of("FETCH_HEAD")) {
            self.check(&theirs, newest)?;
        }
        Err(Missed::Now(refused))
    }
}

fn first<'a>(arguments: &[&'a str]) -> &'a str {
    arguments.first().copied().unwrap_or_default()
}

/// Commits need a name even where nobody set one, and nobody is there to answer a question.
const ALONE: &[(&str, &str)] = &[
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_AUTHOR_NAME", "stile"),
    ("GIT_AUTHOR_EMAIL", "stile@localhost"),
    ("GIT_COMMITTER_NAME", "stile"),
    ("GIT_COMMITTER_EMAIL", "stile@localhost"),
];
const PATIENCE: Duration = Duration::from_secs(30);
