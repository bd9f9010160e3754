//! With receivers that are not ours: the OpenTelemetry Collector's own, and rsyslog over TLS.
//!
//! Both are started on the loopback in a folder of their own, killed without a word in between, and
//! end with their test. Where they are not installed a test says so and passes, unless tools are
//! required.

mod collector;
mod rsyslog;

use std::path::PathBuf;
use std::process::{Child, Command};

use crate::callers::{must_be_there, tools};

/// A program of somebody else, running until it is dropped.
struct Foreign {
    child: Child,
}

impl Foreign {
    /// Kills it as a power cut would.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file of the tools, or a word about what is missing where nothing can make it.
fn installed(name: &str, made_with: &str) -> Option<PathBuf> {
    let path = tools().join(name);
    if path.exists() {
        return Some(path);
    }
    let could = Command::new(made_with).arg("--version").output().is_ok();
    let missing = "run scripts/install-test-tools.sh";
    assert!(!(must_be_there() && could), "{name} cannot run: {missing}");
    eprintln!("skipped {name}: {missing}");
    None
}
