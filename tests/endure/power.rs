//! The power fails: what had not reached the disk is gone, and nothing that was forwarded is.
//!
//! The journal lies on an ext4 of its own in a file, mounted by a loop device. The file system is shut
//! down at a random moment without its log being written (FS_IOC_SHUTDOWN), unmounted and mounted
//! again: that is what a disk holds after the power came back. The upstream's memory lies elsewhere.
//!
//! Unlike in a real cut the program lives on for a moment, and a sync that is under way may be told that
//! it succeeded: `scripts/sync-under-a-cut.py`, which has nothing of stile, loses some of those and none
//! that had returned before. So what counts is what had been forwarded and answered before the switch
//! was thrown; afterwards nobody would be there.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;

use super::run::{Run, decided, token, violations};
use super::{Dice, told};
use crate::support;

/// An ext4 in a file.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// Made and mounted, where this process may do so.
    fn made() -> Option<Disk> {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk { folder };
        let image = std::fs::File::create(disk.image()).unwrap();
        image.set_len(96 << 20).unwrap();
        std::fs::create_dir(disk.mounted()).unwrap();
        let made = ran("mkfs.ext4", &["-q", "-F"], &[&disk.image()]);
        (made && disk.mount() && ran("python3", &["--version"], &[])).then_some(disk)
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn mounted(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    fn mount(&self) -> bool {
        ran("mount", &["-o", "loop"], &[&self.image(), &self.mounted()])
    }

    /// Who will cut the power off, ready to do it at once.
    fn cutter(&self) -> Cutter {
        let shut = "import fcntl, os, struct, sys\n\
            disk = os.open(sys.argv[1], os.O_RDONLY)\n\
            print(flush=True)\n\
            sys.stdin.readline()\n\
            fcntl.ioctl(disk, 0x8004587D, struct.pack('I', 2))";
        let python = Command::new("python3")
            .args(["-c", shut])
            .arg(self.mounted())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut python = python.unwrap();
        let mut ready = [0];
        let said = python.stdout.as_mut().unwrap().read_exact(&mut ready);
        said.unwrap();
        Cutter(python)
    }

    fn come_back(&self) {
        for _ in 0..100 {
            if ran("umount", &[], &[&self.mounted()]) {
                assert!(self.mount(), "not mounted again");
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("still in use");
    }
}

/// A process with its hand on the switch.
struct Cutter(Child);

impl Cutter {
    /// From now on nothing reaches the image any more, the file system's own log included.
    fn cut(mut self) {
        self.0.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(self.0.wait().unwrap().success(), "no shutdown");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        ran("umount", &["-l"], &[&self.mounted()]);
    }
}

fn ran(program: &str, words: &[&str], paths: &[&Path]) -> bool {
    let status = Command::new(program)
        .args(words)
        .args(paths)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_power_cut_takes_a_record_of_what_was_forwarded() {
    let Some(disk) = Disk::made() else {
        eprintln!("skipped: this process may not mount an ext4 in a file (root, loop devices)");
        return;
    };
    let cuts: usize = told("STILE_CUTS").map_or(10, |text| text.parse().unwrap());
    let mut dice = Dice::cast("power cuts");
    let journal = disk.mounted().join("journal");
    let there = format!(
        "index:\n  enabled: false\njournal:\n  folder: {}\n  segment_bytes: 1048576\n",
        journal.display()
    );
    let ground = support::ground()
        .await
        .with("journal:\n  folder: journal\n", &there);
    let config = ground.write().unwrap();
    let token = token(&ground);
    let (mut poisoned, mut without_power) = (0, BTreeSet::new());
    let decisions = || -> BTreeSet<String> {
        let seen = ground.upstream.seen();
        seen.iter()
            .filter_map(|s| s.value("stile-decision"))
            .collect()
    };
    for cut in 1..=cuts {
        let mut run = Run::start(&[], &config).await.unwrap();
        let (mut callers, answered) = (JoinSet::new(), Arc::new(Mutex::new(Vec::new())));
        for _ in 0..16 {
            let (call, answered) = (run.call(&token), Arc::clone(&answered));
            callers.spawn(async move {
                loop {
                    let answer = call.clone().send().await;
                    let decision = decided(std::slice::from_ref(&answer));
                    answered.lock().unwrap().extend(decision);
                    if !matches!(answer, Ok(answer) if answer.status == 200) {
                        return;
                    }
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(dice.between(30, 700))).await;
        let cutter = disk.cutter();
        let (answers, before) = (answered.lock().unwrap().clone(), decisions());
        cutter.cut();
        // It finds out by itself, and says so by its code; else it is cut off like everything.
        match run.wait(Duration::from_secs(20)).await {
            Some(ended) => {
                assert_eq!(ended.status.code(), Some(74), "{}", ended.said);
                poisoned += 1;
            }
            None => run.kill().await,
        }
        callers.join_all().await;
        disk.come_back();
        let forwarded: Vec<String> = before.difference(&without_power).cloned().collect();
        without_power.extend(decisions().difference(&before).cloned());
        let wrong = violations(&journal, &forwarded, &answers);
        assert!(wrong.is_empty(), "after cut {cut}: {wrong:#?}");
        eprintln!(
            "{cut} of {cuts} cuts, {} forwarded, {poisoned} ended with 74",
            forwarded.len()
        );
    }
    assert!(ground.upstream.seen().len() > cuts, "there was no load");
    let run = Run::start(&[], &config).await.unwrap();
    assert!(run.end().await.status.success());
    let found = stile::record::verify(&journal, |_| {}).unwrap();
    assert_eq!(found.verdict, stile::record::Verdict::Verified, "{found:?}");
    assert_eq!(found.counts.allows, found.counts.outcomes);
}
