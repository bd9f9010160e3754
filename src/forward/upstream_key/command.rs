//! Asks a program for a key.
//!
//! In: the program with its arguments. Out: what it printed, or in words why that is no key.
//!
//! No shell: each argument reaches the program as it is written. It has its time; then it is
//! killed. What it says on standard error stands in the fault, so it must not print secrets there.
//!
//! Never: what it printed on standard output in a fault.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::MOST_BYTES;

/// Runs it to its end.
///
/// # Errors
///
/// It cannot be started, does not end in time, fails, or prints what is no text.
pub(super) fn printed(command: &[String], limit: Duration) -> Result<Zeroizing<String>, String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("no program is named".to_owned());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("it cannot be started: {}", error.kind()))?;
    let said = read(child.stdout.take(), MOST_BYTES + 2);
    let complained = read(child.stderr.take(), MOST_COMPLAINT);
    let until = Instant::now() + limit;
    let ended = end(&mut child, until);
    let complaint = complained.recv_timeout(AFTER_END).unwrap_or_default();
    let complaint = visible(&complaint);
    match ended {
        Some(status) if status.success() => {}
        Some(status) => return Err(format!("it ended with {status}: {complaint}")),
        None => {
            return Err(format!("it did not end within {limit:?}: {complaint}"));
        }
    }
    // A program that it left behind may keep the pipe open; nobody waits for that one.
    let said = said.recv_timeout(AFTER_END);
    let said = said.map_err(|_| "its output did not end with it".to_owned())?;
    let text = std::str::from_utf8(&said).map_err(|_| "it printed what is no text".to_owned())?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Waits for it; kills it where it takes too long.
fn end(child: &mut Child, until: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(BETWEEN_LOOKS),
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

/// Reads on a thread of its own, so that neither pipe holds the program up.
fn read(from: Option<impl Read + Send + 'static>, most: u64) -> Receiver<Zeroizing<Vec<u8>>> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::new());
        if let Some(from) = from {
            let _ = from.take(most).read_to_end(&mut bytes);
        }
        let _ = tell.send(bytes);
    });
    told
}

/// For one line of a log.
fn visible(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    let plain = text.trim().chars();
    plain
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

const AFTER_END: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
const MOST_COMPLAINT: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(3);

    fn sh(script: &str) -> Result<String, String> {
        let command = ["sh", "-c", script].map(str::to_owned);
        printed(&command, LIMIT).map(|text| text.to_string())
    }

    #[test]
    fn what_it_prints_is_the_key() {
        assert_eq!(sh("echo a-key-of-mine"), Ok("a-key-of-mine\n".to_owned()));
        let apart = ["printf", "%s", "$HOME `id`; x"].map(str::to_owned);
        assert_eq!(printed(&apart, LIMIT).unwrap().as_str(), "$HOME `id`; x");
    }

    #[test]
    fn one_that_fails_is_told_with_its_own_words_and_without_its_output() {
        let fault = sh("echo a-key-of-mine; echo 'permission\ndenied' >&2; exit 3").unwrap_err();
        assert_eq!(fault, "it ended with exit status: 3: permission denied");
        let fault = sh("kill -9 $$").unwrap_err();
        assert!(fault.contains("signal"), "{fault}");
        let missing = ["/nowhere/at/all".to_owned()];
        assert!(
            printed(&missing, LIMIT)
                .unwrap_err()
                .contains("cannot be started")
        );
        assert!(sh("printf '\\377\\376'").unwrap_err().contains("no text"));
    }

    #[test]
    fn one_that_prints_without_end_is_cut_and_one_that_stays_is_killed() {
        let cut = sh("yes 2>/dev/null | head -c 1000000").map(|text| text.len());
        assert!(cut.is_err() || cut == Ok(usize::try_from(MOST_BYTES).unwrap() + 2));
        let begun = Instant::now();
        let fault = sh("echo waiting >&2; exec sleep 60").unwrap_err();
        assert_eq!(fault, "it did not end within 3s: waiting");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
