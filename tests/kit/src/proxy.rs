//! Runs the real `stile` as a process of its own, in a folder of its own.
//!
//! In: the program, and what its settings should say. Out: a running [`Proxy`] with its addresses,
//! its journal and everything it said.
//!
//! Ports are the system's choice, the folder is temporary, and the process ends with its [`Proxy`]:
//! nothing is left behind.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// A folder with everything that a `stile serve` reads, before it runs.
#[derive(Debug)]
pub struct Folder {
    folder: TempDir,
}

/// A running `stile serve`.
#[derive(Debug)]
pub struct Proxy {
    /// Where callers reach it, in the order of `listen`: `http://127.0.0.1:PORT`.
    pub urls: Vec<String>,
    /// Where the operator reaches it.
    pub admin: String,
    folder: Folder,
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Folder {
    /// An empty folder.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn new() -> io::Result<Folder> {
        Ok(Folder {
            folder: tempfile::Builder::new().prefix("stile-").tempdir()?,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, and the folders above it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Writes a file that only its owner may read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_secret(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.write(name, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(path)
    }

    /// Copies a folder into this one.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn copy(&self, from: &Path, name: &str) -> io::Result<PathBuf> {
        let to = self.path().join(name);
        copy_folder(from, &to)?;
        Ok(to)
    }

    /// Starts `stile serve` in it and waits until it serves.
    ///
    /// # Errors
    /// When it ends before it serves: the error holds what it said.
    pub async fn serve(self, program: &Path) -> io::Result<Proxy> {
        let mut command = Command::new(program);
        command
            .args(["serve", "--log", "json", "--config"])
            .arg(self.path().join("stile.yaml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let (tell, mut told) = watch::channel(Start::default());
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(listen_to(stderr, Arc::clone(&said), tell));
        }
        let serving = told.wait_for(|start| start.serving);
        let serving = tokio::time::timeout(PATIENCE, serving).await;
        let start = match serving {
            Ok(Ok(start)) => start.clone(),
            _ => {
                let _ = child.start_kill();
                return Err(io::Error::other(format!(
                    "stile did not start:\n{}",
                    all(&said)
                )));
            }
        };
        Ok(Proxy {
            urls: start.urls,
            admin: start.admin,
            folder: self,
            child,
            said,
        })
    }
}

impl Proxy {
    /// Where callers reach it first.
    pub fn url(&self) -> &str {
        self.urls.first().map_or("", String::as_str)
    }

    /// Its folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Its journal.
    pub fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// Everything it said so far.
    pub fn said(&self) -> String {
        all(&self.said)
    }

    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it has said a line with this text.
    ///
    /// # Errors
    /// When it has not within the patience of a test.
    pub async fn waits_for(&self, text: &str) -> io::Result<()> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < deadline {
            if self.said().contains(text) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(io::Error::other(format!(
            "stile never said `{text}`:\n{}",
            self.said()
        )))
    }

    /// Asks it to drain and waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(mut self) -> io::Result<(ExitStatus, Folder, String)> {
        self.signal("TERM")?;
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .map_err(|_| io::Error::other("stile did not end after SIGTERM"))??;
        let said = self.said();
        Ok((status, self.folder, said))
    }

    /// Kills it without a word and waits for its end.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(mut self) -> io::Result<Folder> {
        self.child.kill().await?;
        Ok(self.folder)
    }

    /// Sends a signal by its name, such as `HUP`.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        let Some(pid) = self.child.id() else {
            return Err(io::Error::other("stile has ended"));
        };
        let sent = std::process::Command::new("kill")
            .args([format!("-{name}"), pid.to_string()])
            .status()?;
        if sent.success() {
            Ok(())
        } else {
            Err(io::Error::other("the signal was not sent"))
        }
    }
}

/// What a starting stile told so far.
#[derive(Clone, Debug, Default)]
struct Start {
    urls: Vec<String>,
    admin: String,
    serving: bool,
}

async fn listen_to(
    stderr: tokio::process::ChildStderr,
    said: Arc<Mutex<Vec<String>>>,
    tell: watch::Sender<Start>,
) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(value) = serde_json::from_str::<Value>(&line) {
            let field = |name: &str| {
                value
                    .pointer(&format!("/fields/{name}"))
                    .and_then(Value::as_str)
                    .unwrap_or("")
                    .to_owned()
            };
            tell.send_modify(|start| match field("message").as_str() {
                "listening" => start.urls.push(field("address")),
                "admin listening" => start.admin = field("address"),
                "serving" => start.serving = true,
                _ => {}
            });
        }
        if let Ok(mut said) = said.lock() {
            said.push(line);
        }
    }
}

fn all(said: &Mutex<Vec<String>>) -> String {
    said.lock()
        .map(|lines| lines.join("\n"))
        .unwrap_or_default()
}

/// Copies a folder with everything in it.
///
/// # Errors
/// When it cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(60);
