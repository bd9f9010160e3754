//! Disks that fail: what was said to be stored is, what is not stored is not forwarded.

use std::collections::HashMap;
use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use stile::record::frame::Frame;
use stile::record::{End, Outcome, Verdict};

use super::*;

/// The calls of a disk that a plan can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Call {
    Write,
    SyncData,
    SyncAll,
    Allocate,
    Rename,
    SyncFolder,
    IsStill,
}

const CALLS: &[Call] = &[
    Call::Write,
    Call::SyncData,
    Call::SyncAll,
    Call::Allocate,
    Call::Rename,
    Call::SyncFolder,
    Call::IsStill,
];

/// What a planned call does instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Fail(io::ErrorKind),
    WriteHalf,
    Wait,
}

/// The kernel's disk, except where it is told otherwise.
#[derive(Debug)]
pub(super) struct Faulty {
    plan: Mutex<HashMap<Call, (u32, u32, Act)>>,
    seen: Mutex<HashMap<Call, u32>>,
    gate: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Faulty {
    pub(super) fn new() -> Arc<Faulty> {
        Arc::new(Faulty {
            plan: Mutex::default(),
            seen: Mutex::default(),
            gate: Mutex::default(),
        })
    }

    /// From now on the calls after the next `skip` do this, `times` times.
    fn plan(&self, call: Call, skip: u32, times: u32, act: Act) {
        self.plan.lock().unwrap().insert(call, (skip, times, act));
    }

    /// From now on the calls after the next `skip` fail.
    pub(super) fn fails(&self, call: Call, skip: u32) {
        self.plan(call, skip, u32::MAX, Act::Fail(io::ErrorKind::Other));
    }

    /// From now on this call waits, until what is returned is dropped.
    pub(super) fn hang(&self, call: Call) -> mpsc::Sender<()> {
        let (open, gate) = mpsc::channel();
        *self.gate.lock().unwrap() = Some(gate);
        self.plan(call, 0, u32::MAX, Act::Wait);
        open
    }

    fn heal(&self) {
        self.plan.lock().unwrap().clear();
    }

    fn seen(&self, call: Call) -> u32 {
        self.seen.lock().unwrap().get(&call).copied().unwrap_or(0)
    }

    fn now(&self, call: Call) -> io::Result<Option<Act>> {
        *self.seen.lock().unwrap().entry(call).or_default() += 1;
        let act = {
            let mut plan = self.plan.lock().unwrap();
            match plan.get_mut(&call) {
                Some((skip, _, _)) if *skip > 0 => {
                    *skip -= 1;
                    None
                }
                Some((_, times, act)) if *times > 0 => {
                    *times -= 1;
                    Some(*act)
                }
                _ => None,
            }
        };
        match act {
            Some(Act::Fail(kind)) => Err(io::Error::from(kind)),
            Some(Act::Wait) => {
                let gate = self.gate.lock().unwrap().take();
                if let Some(gate) = gate {
                    let _ = gate.recv();
                }
                Ok(None)
            }
            other => Ok(other),
        }
    }
}

impl Disk for Faulty {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        match self.now(Call::Write)? {
            Some(Act::WriteHalf) => RealDisk.write_at(file, &bytes[..bytes.len() / 2], offset),
            _ => RealDisk.write_at(file, bytes, offset),
        }
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        self.now(Call::SyncData)?;
        RealDisk.sync_data(file)
    }

    fn sync_all(&self, file: &File) -> io::Result<()> {
        self.now(Call::SyncAll)?;
        RealDisk.sync_all(file)
    }

    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.now(Call::Allocate)?;
        RealDisk.allocate(file, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.now(Call::Rename)?;
        RealDisk.rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.now(Call::SyncFolder)?;
        RealDisk.sync_folder(folder)
    }

    fn is_still(&self, file: &File, path: &Path, bytes: u64) -> io::Result<bool> {
        self.now(Call::IsStill)?;
        RealDisk.is_still(file, path, bytes)
    }
}

fn open_on(folder: &Path, disk: &Arc<Faulty>) -> Journal {
    let disk: Arc<dyn Disk> = disk.clone();
    try_open(folder, disk).unwrap().journal
}

/// After whatever happened: a healthy start recovers, and each allow has its outcome.
async fn assert_recovers(folder: &Path, committed: &[u64]) {
    let before = records(folder);
    for seq in committed {
        let record = before.iter().find(|record| record.seq == *seq);
        assert!(
            record.is_some(),
            "record {seq} was promised and is not there"
        );
    }
    open(folder).close().await.unwrap();
    let found = verified(folder);
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert_eq!(found.counts.allows, found.counts.outcomes);
}

#[tokio::test]
async fn a_fault_of_the_running_journal_poisons_it() {
    let faults = [
        (Call::Write, Act::Fail(io::ErrorKind::Other)),
        (Call::Write, Act::Fail(io::ErrorKind::WouldBlock)),
        (Call::Write, Act::Fail(io::ErrorKind::StorageFull)),
        (Call::Write, Act::WriteHalf),
        (Call::SyncData, Act::Fail(io::ErrorKind::Other)),
        (Call::SyncData, Act::Fail(io::ErrorKind::StorageFull)),
        (Call::IsStill, Act::Fail(io::ErrorKind::Other)),
    ];
    for (call, act) in faults {
        let folder = tempfile::tempdir().unwrap();
        let disk = Faulty::new();
        let journal = open_on(folder.path(), &disk);
        let (seq, pending) = allow(&journal, Level::Sync).await.unwrap();
        disk.plan(call, 0, 1, act);
        let refused = allow(&journal, Level::Sync).await;
        let reason = refused.map(|(seq, _)| seq).unwrap_err();
        assert_eq!(reason, Reason::AuditUnavailable, "{call:?} {act:?}");
        let said = tokio::time::timeout(Duration::from_secs(5), journal.poisoned()).await;
        assert!(!said.unwrap().is_empty());
        // The disk is well again, and that is not believed.
        let syncs = disk.seen(Call::SyncData);
        let writes = disk.seen(Call::Write);
        assert!(allow(&journal, Level::Write).await.is_err());
        pending.close(Outcome::of(End::Complete));
        assert!(journal.close().await.is_err());
        assert_eq!(disk.seen(Call::SyncData), syncs, "no second sync");
        assert_eq!(disk.seen(Call::Write), writes, "nothing more written");
        assert!(journal.state().poisoned && !journal.is_ready());
        drop(journal);
        assert_recovers(folder.path(), &[seq]).await;
    }
}

#[tokio::test]
async fn an_interrupted_write_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let journal = open_on(folder.path(), &disk);
    disk.plan(Call::Write, 0, 3, Act::Fail(io::ErrorKind::Interrupted));
    let (seq, pending) = allow(&journal, Level::Sync).await.unwrap();
    drop(pending);
    journal.close().await.unwrap();
    assert_recovers(folder.path(), &[seq]).await;
}

#[tokio::test]
async fn every_call_that_fails_in_turn_leaves_the_promises_whole() {
    for call in CALLS {
        for skip in 0..12 {
            let folder = tempfile::tempdir().unwrap();
            let disk = Faulty::new();
            disk.plan(*call, skip, 1, Act::Fail(io::ErrorKind::Other));
            let mut committed = Vec::new();
            let opened: Result<Opened, JournalError> = {
                let disk: Arc<dyn Disk> = disk.clone();
                try_open(folder.path(), disk)
            };
            if let Ok(Opened { journal, .. }) = opened {
                for index in 0..500 {
                    let level = if index % 100 == 0 {
                        Level::Sync
                    } else {
                        Level::Write
                    };
                    match allow(&journal, level).await {
                        Ok((seq, _)) => committed.push(seq),
                        Err(_) => break,
                    }
                }
                let _ = journal.close().await;
            }
            assert_recovers(folder.path(), &committed).await;
        }
    }
}

#[tokio::test]
async fn a_full_disk_refuses_requests_takes_outcomes_and_heals_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let journal = open_on(folder.path(), &disk);
    disk.plan(
        Call::Allocate,
        0,
        u32::MAX,
        Act::Fail(io::ErrorKind::StorageFull),
    );
    let (first, kept) = allow(&journal, Level::Write).await.unwrap();
    let mut committed = vec![first];
    let reason = loop {
        match allow(&journal, Level::Write).await {
            Ok((seq, _)) => committed.push(seq),
            Err(reason) => break reason,
        }
        assert!(committed.len() < 10_000, "never full");
    };
    assert_eq!(reason, Reason::AuditUnavailable);
    assert!(journal.state().full && !journal.is_ready());
    assert!(!journal.state().poisoned, "a full disk is no fault");
    let before = journal.state().next_seq;
    kept.close(Outcome::of(End::Complete));
    until(|| journal.state().next_seq > before).await;
    disk.heal();
    until(|| journal.is_ready()).await;
    let (seq, pending) = allow(&journal, Level::Sync).await.unwrap();
    drop(pending);
    committed.push(seq);
    journal.close().await.unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified, "{found:?}");
    assert!(found.unrecorded >= 1, "the refused are counted");
    assert_recovers(folder.path(), &committed).await;
}

#[tokio::test]
async fn a_full_queue_is_backpressure_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let mut small = settings(folder.path());
    small.queue = 4;
    let on: Arc<dyn Disk> = disk.clone();
    let opened = Journal::open_on(small, Clock::machine(), identity(), on).unwrap();
    let journal = opened.journal;
    let gate = disk.hang(Call::SyncData);
    let mut tasks = tokio::task::JoinSet::new();
    let first = journal.clone();
    tasks.spawn(async move { allow(&first, Level::Sync).await.map(|(seq, _)| seq) });
    until(|| journal.state().next_seq == 2).await;
    for _ in 0..4 {
        let journal = journal.clone();
        tasks.spawn(async move { allow(&journal, Level::Sync).await.map(|(seq, _)| seq) });
    }
    until(|| journal.state().waiting == 4).await;
    let refused = allow(&journal, Level::Sync).await.map(|(seq, _)| seq);
    assert_eq!(refused.unwrap_err(), Reason::AuditBackpressure);
    drop(gate);
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    journal.close().await.unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified);
    assert_eq!(found.unrecorded, 1);
}

#[tokio::test]
async fn an_answer_to_a_fault_of_ours_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_on(folder.path(), &Faulty::new());
    let refusal = journal.answer_to_a_fault();
    assert_eq!(refusal.reason(), Reason::AuditUnavailable);
    allow(&journal, Level::Sync).await.unwrap();
    journal.close().await.unwrap();
    let found = verified(folder.path());
    assert_eq!(found.verdict, Verdict::Verified);
    assert_eq!(found.unrecorded, 1);
}

#[tokio::test]
async fn only_the_first_frame_after_a_sync_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let journal = open_on(folder.path(), &disk);
    let gate = disk.hang(Call::SyncData);
    let mut tasks = tokio::task::JoinSet::new();
    for waiting in 0..4_usize {
        let journal = journal.clone();
        tasks.spawn(async move { deny(&journal, Level::Sync).await.unwrap() });
        if waiting == 0 {
            // The first is written and hangs in its sync; the others make the next batch.
            until(|| disk.seen(Call::Write) == 3).await;
        }
    }
    until(|| journal.state().waiting == 3).await;
    drop(gate);
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let bytes = std::fs::read(&segments(folder.path())[0]).unwrap();
    let flags: Vec<bool> = frames(&bytes)
        .into_iter()
        .map(|place| Frame::read(&bytes[place]).unwrap().after_sync)
        .collect();
    // The start, the one that hung, then one batch of three.
    assert_eq!(flags, [true, true, true, false, false]);
}

#[tokio::test]
async fn storage_that_hangs_ends_the_wait_and_the_late_record_is_not_forwarded() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Faulty::new();
    let mut hasty = settings(folder.path());
    hasty.commit_ms = 50;
    let on: Arc<dyn Disk> = disk.clone();
    let opened = Journal::open_on(hasty, Clock::machine(), identity(), on).unwrap();
    let journal = opened.journal;
    let gate = disk.hang(Call::SyncData);
    let refused = allow(&journal, Level::Sync).await.map(|(seq, _)| seq);
    assert_eq!(refused.unwrap_err(), Reason::AuditUnavailable);
    until(|| !journal.is_ready()).await;
    drop(gate);
    until(|| journal.is_ready()).await;
    journal.close().await.unwrap();
    let ends: Vec<_> = records(folder.path()).iter().map(json).collect();
    assert!(ends.iter().any(|record| record["end"] == "not_forwarded"));
    assert_eq!(verified(folder.path()).verdict, Verdict::Verified);
}

#[tokio::test]
async fn a_segment_taken_away_underneath_poisons() {
    type Theft = fn(&Path);
    let thefts: &[Theft] = &[
        |path| std::fs::remove_file(path).unwrap(),
        |path| std::fs::rename(path, path.with_extension("away")).unwrap(),
        |path| {
            let copy = path.with_extension("copy");
            std::fs::copy(path, &copy).unwrap();
            std::fs::rename(copy, path).unwrap();
        },
        |path| {
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(600)
                .unwrap()
        },
    ];
    for theft in thefts {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        theft(&segments(folder.path())[0]);
        assert!(allow(&journal, Level::Sync).await.is_err());
        tokio::time::timeout(Duration::from_secs(5), journal.poisoned())
            .await
            .unwrap();
    }
}

/// A file system of so many bytes, where this process may mount one.
struct TinyDisk(tempfile::TempDir);

impl TinyDisk {
    fn of(bytes: u64) -> Option<TinyDisk> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={bytes}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(TinyDisk(folder))
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_disk_that_is_really_full_forwards_nothing_and_heals_by_itself() {
    let Some(disk) = TinyDisk::of(1 << 20) else {
        eprintln!("skipped: this process may not mount a file system");
        return;
    };
    let folder = disk.0.path().join("journal");
    let journal = open(&folder);
    // Somebody else takes all but 200 kB: one more segment fits, no third.
    let filler = disk.0.path().join("filler");
    std::fs::write(&filler, vec![1; (1 << 20) - 128 * 1024 - 200_000]).unwrap();
    let mut committed = Vec::new();
    while let Ok((seq, _)) = allow(&journal, Level::Write).await {
        committed.push(seq);
        assert!(committed.len() < 10_000, "never full");
    }
    assert!(journal.state().full && !journal.state().poisoned);
    assert_eq!(segments(&folder).len(), 2);
    std::fs::remove_file(&filler).unwrap();
    until(|| journal.is_ready()).await;
    let (seq, pending) = allow(&journal, Level::Sync).await.unwrap();
    drop(pending);
    committed.push(seq);
    journal.close().await.unwrap();
    drop(journal);
    assert_recovers(&folder, &committed).await;
}

pub(super) async fn until(holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never came true");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
