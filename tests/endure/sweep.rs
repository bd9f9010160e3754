//! Every file system call of the journal fails once, or is the last one before the end.
//!
//! A run under strace lists the calls; then each is made to fail with EIO or ENOSPC, or to be where
//! the process is killed. After each: nothing was forwarded or answered without its record, the
//! process ended as documented, and the next start recovers. A sample in the suite, all of them with
//! `STILE_SWEEP=all`. The first run also proves by the kernel's own order that the record of each
//! request was synced before its first byte went upstream.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use stile_kit::Ground;
use tokio::task::JoinSet;

use super::run::{Run, decided, token, violations};
use super::{Dice, told};
use crate::support;

/// By these the journal changes its folder.
const CALLS: &[&str] = &[
    "pwrite64",
    "fdatasync",
    "fsync",
    "fallocate",
    "rename",
    "fchmod",
    "ftruncate",
    "unlink",
];
const SENDS: &str = "sendto,writev,write";
const REQUESTS: usize = 60;

/// Whether processes may be traced here; a word, where not.
fn may_trace() -> bool {
    let traced = Command::new("strace")
        .args(["-f", "-e", "trace=none", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let may = traced.is_ok_and(|status| status.success());
    if !may {
        let required = told("STILE_TEST_TOOLS").is_some_and(|value| value == "required");
        assert!(!required, "strace is missing or may not trace here");
        eprintln!("skipped: strace is missing or may not trace here");
    }
    may
}

/// A world whose journal turns its first segment within the run; the index writes files of its own.
async fn ground() -> Ground {
    let small = "index:\n  enabled: false\njournal:\n  folder: journal\n  compress: false\n  segment_bytes: 131072\n";
    let ground = support::ground().await;
    ground.with("journal:\n  folder: journal\n", small)
}

fn strace(log: &Path, more: &[String]) -> Vec<String> {
    let mut words: Vec<String> = ["strace", "-D", "-f", "-q", "-o"]
        .map(str::to_owned)
        .to_vec();
    words.push(log.to_string_lossy().into_owned());
    words.extend_from_slice(more);
    words
}

/// Sends the requests, four at a time; the answers that came.
async fn load(run: &Run, token: &str) -> Vec<std::io::Result<stile_kit::Answer>> {
    let mut answers = Vec::new();
    for _ in 0..REQUESTS / 4 {
        let mut four = JoinSet::new();
        (0..4).for_each(|_| drop(four.spawn(run.call(token).send())));
        answers.extend(four.join_all().await);
    }
    answers
}

fn seen(ground: &Ground) -> Vec<String> {
    let seen = ground.upstream.seen();
    seen.iter()
        .filter_map(|s| s.value("stile-decision"))
        .collect()
}

/// One run with every call listed. How often each thread made which call at most.
async fn listed() -> BTreeMap<&'static str, u64> {
    let ground = ground().await;
    let config = ground.write().unwrap();
    let log = ground.folder().path().join("trace");
    let trace = format!("trace={},{SENDS}", CALLS.join(","));
    let wrapper = strace(&log, &["-s", "200000", "-e", &trace].map(str::to_owned));
    let run = Run::start(&wrapper, &config).await.unwrap();
    let answers = load(&run, &token(&ground)).await;
    assert!(
        answers
            .iter()
            .all(|a| a.as_ref().is_ok_and(|a| a.status == 200))
    );
    assert!(run.end().await.status.success());
    let text = String::from_utf8_lossy(&std::fs::read(&log).unwrap()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let forwarded = seen(&ground);
    assert_eq!(forwarded.len(), REQUESTS / 4 * 4);
    for id in &forwarded {
        synced_before_sent(&lines, id);
    }
    let mut of_thread: BTreeMap<(&str, &'static str), u64> = BTreeMap::new();
    for line in &lines {
        let mut words = line.split_whitespace();
        let (thread, rest) = (words.next().unwrap(), words.next().unwrap_or_default());
        let call = CALLS.iter().find(|call| {
            rest.strip_prefix(**call)
                .is_some_and(|r| r.starts_with('('))
        });
        if let Some(call) = call {
            *of_thread.entry((thread, call)).or_default() += 1;
        }
    }
    let mut most = BTreeMap::new();
    for ((_, call), times) in of_thread {
        let known = most.entry(call).or_insert(0);
        *known = times.max(*known);
    }
    most
}

/// By the order in which the kernel was called: record written, synced, then sent.
fn synced_before_sent(lines: &[&str], id: &str) {
    let at = |from: usize, holds: &dyn Fn(&str) -> bool| {
        lines[from..]
            .iter()
            .position(|line| holds(line))
            .map(|at| from + at)
    };
    let written = at(0, &|l| l.contains("pwrite64(") && l.contains(id)).expect("a write");
    let thread = lines[written].split_whitespace().next().unwrap();
    let synced = at(written, &|l| {
        l.starts_with(thread) && l.contains("fdatasync") && l.ends_with("= 0")
    });
    let sent = at(0, &|l| {
        let is_send = ["sendto(", "writev(", " write("]
            .iter()
            .any(|call| l.contains(call));
        is_send && l.contains("stile-decision") && l.contains(id) && l.contains("POST ")
    });
    let (synced, sent) = (synced.expect("a sync"), sent.expect("a send"));
    assert!(
        written < synced && synced < sent,
        "{id}: {written} {synced} {sent}"
    );
}

/// One call that does something else.
#[derive(Clone, Debug)]
struct Fault {
    call: &'static str,
    what: &'static str,
    when: u64,
}

/// What went wrong with one fault.
async fn endured(fault: &Fault) -> Vec<String> {
    let ground = ground().await;
    let config = ground.write().unwrap();
    let log = ground.folder().path().join("trace");
    let Fault { call, what, when } = fault;
    let wrapper = strace(
        &log,
        &[
            "-e".to_owned(),
            format!("trace={call}"),
            "-e".to_owned(),
            format!("inject={call}:{what}:when={when}"),
        ],
    );
    let token = token(&ground);
    let (ended, answers) = match Run::start(&wrapper, &config).await {
        Err(ended) => (ended, Vec::new()),
        Ok(run) => {
            let answers = load(&run, &token).await;
            (run.end().await, answers)
        }
    };
    let journal: PathBuf = ground.folder().path().join("journal");
    let mut wrong = violations(&journal, &seen(&ground), &decided(&answers));
    let is_documented = match (ended.status.code(), *what) {
        (Some(0 | 74 | 78), _) => true,
        // Killed.
        (None, "signal=SIGKILL") => true,
        _ => false,
    };
    if !is_documented {
        wrong.push(format!("it ended with {:?}: {}", ended.status, ended.said));
    }
    // The disk is well again.
    match Run::start(&[], &config).await {
        Err(ended) => wrong.push(format!("no start after it: {}", ended.said)),
        Ok(run) => {
            let ended = run.end().await;
            let found = stile::record::verify(&journal, |_| {}).unwrap();
            if !ended.status.success() || found.verdict != stile::record::Verdict::Verified {
                wrong.push(format!("after a start: {found:?} {}", ended.said));
            }
        }
    }
    let named = |wrong: String| format!("{call} number {when}, {what}: {wrong}");
    wrong.into_iter().map(named).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_that_fails_or_is_the_last_breaks_a_promise() {
    if !may_trace() {
        return;
    }
    let calls = listed().await;
    for call in ["pwrite64", "fdatasync", "fsync", "fallocate", "rename"] {
        assert!(
            calls.contains_key(call),
            "the run made no {call}: {calls:?}"
        );
    }
    let mut faults = Vec::new();
    for (call, times) in &calls {
        for what in ["error=EIO", "error=ENOSPC", "signal=SIGKILL"] {
            faults.extend((1..=*times).map(|when| Fault { call, what, when }));
        }
    }
    let all = faults.len();
    if told("STILE_SWEEP").is_none_or(|how| how != "all") {
        let mut dice = Dice::cast("sweep");
        while faults.len() > SAMPLE {
            let at = dice.between(0, faults.len() as u64);
            faults.swap_remove(usize::try_from(at).unwrap());
        }
    }
    let chosen = faults.len();
    let (mut running, mut wrong, mut done) = (JoinSet::new(), Vec::new(), 0);
    let mut left = faults.into_iter();
    loop {
        while running.len() < 3
            && let Some(fault) = left.next()
        {
            running.spawn(async move { endured(&fault).await });
        }
        let Some(one) = running.join_next().await else {
            break;
        };
        wrong.extend(one.unwrap());
        done += 1;
        if done % 20 == 0 {
            eprintln!("{done} of {chosen} faults, {} violations", wrong.len());
        }
    }
    eprintln!(
        "{done} of {all} faults at {calls:?}, {} violations",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// So many faults in the suite, drawn anew each time.
const SAMPLE: usize = 16;
