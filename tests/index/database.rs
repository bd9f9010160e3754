//! A real PostgreSQL server in a folder of its own, for one test.
//!
//! It listens on a socket in that folder only, belongs to a user without rights, and is stopped by
//! its process id when the test ends, however that ends.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use stile::database::{DatabaseSettings, PostgresSettings};

#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    folder: tempfile::TempDir,
    databases: u32,
}

impl Server {
    /// Starts one; none where PostgreSQL is not installed, which is said aloud.
    pub(crate) fn start() -> Option<Server> {
        let Some(programs) = programs() else {
            assert!(
                std::env::var_os("STILE_TEST_ALL").is_none(),
                "PostgreSQL is missing; scripts/install-test-tools.sh installs it"
            );
            eprintln!(
                "SKIPPED: PostgreSQL is not installed; scripts/install-test-tools.sh does that"
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("files");
        let (user, group) = nobody();
        if let (Some(user), Some(group)) = (user, group) {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let program = |name: &str| {
            let mut command = Command::new(programs.join(name));
            command.current_dir(folder.path()).stdin(Stdio::null());
            command.env("LC_ALL", "C").env_remove("PGDATA");
            if let (Some(user), Some(group)) = (user, group) {
                command.uid(user).gid(group);
            }
            command
        };
        let made = program("initdb")
            .args([
                "--auth=trust",
                "--no-sync",
                "--username=stile",
                "--encoding=UTF8",
            ])
            .args(["--no-locale", "--pgdata"])
            .arg(&files)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let said = fs::File::create(folder.path().join("said")).unwrap();
        let child = program("postgres")
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"])
            .arg(folder.path())
            .arg("-D")
            .arg(&files)
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .unwrap();
        let mut server = Server {
            child,
            folder,
            databases: 0,
        };
        server.wait();
        Some(server)
    }

    fn wait(&mut self) {
        for _ in 0..600 {
            if self.connect("postgres").is_ok() {
                return;
            }
            assert!(
                self.child.try_wait().unwrap().is_none(),
                "it ended: {}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL does not answer: {}", self.said());
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("said")).unwrap()
    }

    fn connect(&self, database: &str) -> Result<postgres::Client, postgres::Error> {
        postgres::Client::connect(&self.url(database), postgres::NoTls)
    }

    fn url(&self, database: &str) -> String {
        let folder = self.folder.path().display();
        format!("postgres://stile@/{database}?host={folder}")
    }

    /// Settings for a new, empty database.
    pub(crate) fn settings(&mut self) -> DatabaseSettings {
        DatabaseSettings::Postgres(PostgresSettings {
            url_file: self.url_file(),
            ca_file: None,
        })
    }

    /// The file with the URL of a new, empty database.
    pub(crate) fn url_file(&mut self) -> PathBuf {
        self.databases += 1;
        let name = format!("d{}", self.databases);
        let mut client = self.connect("postgres").unwrap();
        client
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .unwrap();
        let url_file = self.folder.path().join(format!("{name}.url"));
        fs::write(&url_file, self.url(&name) + "\n").unwrap();
        fs::set_permissions(&url_file, fs::Permissions::from_mode(0o600)).unwrap();
        url_file
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        }
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder with `initdb` and `postgres`: on the path, or where Debian keeps them.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let has_both =
        |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    on_path.into_iter().chain(debian).find(has_both)
}

/// Root may not run the server: `postgres` does, or `nobody`. Anybody else runs it themselves.
fn nobody() -> (Option<u32>, Option<u32>) {
    if !rustix::process::geteuid().is_root() {
        return (None, None);
    }
    let users = fs::read_to_string(Path::new("/etc/passwd")).unwrap();
    let ids = |name: &str| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(|n| n.parse::<u32>().unwrap());
        Some((numbers.next(), numbers.next()))
    };
    ids("postgres").or(ids("nobody")).unwrap()
}
