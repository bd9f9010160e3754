//! The gRPC server of grpcio's makers, running until dropped, and what it noted of each call.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::callers::{command, next_line};

/// `grpc_server.py`.
#[derive(Debug)]
pub(super) struct Server {
    process: Child,
    asking: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Where it listens, in clear text.
    pub(super) url: String,
}

/// One call as the server saw it.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    method: String,
    metadata: BTreeMap<String, Vec<String>>,
    /// Seconds that were left when it arrived.
    pub(super) deadline: Option<f64>,
    /// `open`, `ended` or `cancelled`.
    pub(super) end: String,
}

impl Server {
    /// `None` where the tools are missing.
    pub(super) fn start() -> Option<Server> {
        let mut process = command("venv/bin/python", "grpc_server.py")?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let asking = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().expect("was asked for"));
        let first = next_line(&mut answers);
        Some(Server {
            process,
            asking,
            answers,
            url: first["address"].as_str().expect("an address").to_owned(),
        })
    }

    /// The calls so far.
    pub(super) fn calls(&mut self) -> Vec<Noted> {
        let asking = self.asking.as_mut().expect("open until dropped");
        writeln!(asking).expect("the server reads");
        let said = next_line(&mut self.answers);
        let calls = said["calls"].as_array().expect("a list");
        calls.iter().map(Noted::read).collect()
    }

    /// The same, once none of them is open any more.
    pub(super) fn ended(&mut self) -> Vec<Noted> {
        let until = Instant::now() + PATIENCE;
        loop {
            let calls = self.calls();
            let open = calls.iter().find(|call| call.end == "open");
            match open {
                None => return calls,
                Some(open) => assert!(Instant::now() < until, "{open:?} did not end"),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.asking.take(); // it ends when nobody can ask any more
        let _ = self.process.wait();
    }
}

impl Noted {
    fn read(call: &Value) -> Noted {
        Noted {
            method: call["method"].as_str().expect("a path").to_owned(),
            metadata: serde_json::from_value(call["metadata"].clone()).expect("names and values"),
            deadline: call["deadline"].as_f64(),
            end: call["end"].as_str().expect("a word").to_owned(),
        }
    }

    /// Whether its caller sends more than one message.
    pub(super) fn is_stream(&self) -> bool {
        ["StreamingInputCall", "FullDuplexCall"]
            .iter()
            .any(|name| self.method.ends_with(name))
    }

    /// All values of a name.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        self.metadata.get(name).cloned().unwrap_or_default()
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
