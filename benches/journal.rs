//! Measures what the journal costs: committing, packing, verifying.
//! `cargo bench --locked --bench journal`, or `make bench-journal`; with a number behind `--`, over so
//! many records in place of a million.
//!
//! In: nothing; the kit writes the history that is verified. Out: a table on standard output.
//!
//! Commits are of 64 tasks that each store an allow, wait until it is synced, then hand its outcome in:
//! two records. Once on this machine's disk, once on one that syncs 250 times a second and no more.
//! The tree's thread runs beside, as always; what it has not taken in at the end is told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that breaks should stop"
)]

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stile::clock::Clock;
use stile::record::disk::{Disk, RealDisk};
use stile::record::frame::Kind;
use stile::record::{
    End, Identity, Journal, JournalSettings, Level, Levels, Outcome, TreeSettings, read, sealed,
    segment, verify,
};
use stile_kit::history::{Plan, write};
use uuid::Uuid;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ORIGIN: &str = "stile.example.com/main";
const WAITERS: usize = 64;
const LASTS: Duration = Duration::from_secs(10);

fn main() {
    let told = std::env::args().skip(1).find_map(|text| text.parse().ok());
    let records: u64 = told.unwrap_or(1_000_000);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let history = folder.path().join("history");
    write(&Plan {
        folder: history.clone(),
        origin: ORIGIN.to_owned(),
        records,
        until_ms: 1_795_434_000_000,
        days: 90,
    })
    .unwrap();
    println!("{records} records of a made-up history, verified, a second of one processor:");
    verifies(&history, "plain");
    let cpu = cpu_s();
    sealed::pack_all(&RealDisk, &history).unwrap();
    let packed_in = cpu_s() - cpu;
    verifies(&history, "packed");
    println!("  packing took {packed_in:.1} s of one, reading back included");

    let pattern = a_decision(&history);
    println!("Durable commits, {WAITERS} waiting at a time, an allow and its outcome each:");
    commits(
        &folder.path().join("disk"),
        "this disk",
        Arc::new(RealDisk),
        &pattern,
    );
    let slow = Arc::new(SlowDisk(Duration::from_millis(4)));
    commits(&folder.path().join("slow"), "250 syncs/s", slow, &pattern);
}

fn verifies(folder: &Path, what: &str) {
    // 5: the peak of the memory is counted from here on (proc(5), clear_refs).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = memory_kb("VmRSS:");
    let cpu = cpu_s();
    let found = verify(folder, |_| {}).unwrap();
    // Of one processor, whoever else wants it.
    let took = cpu_s() - cpu;
    let grown = memory_kb("VmHWM:").saturating_sub(before);
    assert_eq!(found.break_count, 0);
    let bytes = bytes_of(folder);
    println!(
        "  {what:8} {:>9.0} records     {:>7.1} bytes on disk a record   {:>6.1} MiB of memory more",
        found.records as f64 / took,
        bytes as f64 / found.records as f64,
        grown as f64 / 1024.0,
    );
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn commits(folder: &Path, what: &str, disk: Arc<dyn Disk>, pattern: &str) {
    let settings = JournalSettings {
        folder: folder.to_owned(),
        origin: ORIGIN.to_owned(),
        levels: Levels::default(),
        segment_bytes: 64 << 20,
        queue: 8_192,
        flood_threshold: 2_000,
        compress: false,
        commit_ms: 5_000,
        retention: Default::default(),
        tree: TreeSettings::default(),
    };
    let identity = Identity {
        version: "bench".to_owned(),
        config_digest: "sha256:00".to_owned(),
    };
    let opened = Journal::open_on(settings, Clock::machine(), identity, disk).unwrap();
    let journal = opened.journal;
    let (begun, cpu) = (Instant::now(), cpu_s());
    let mut waiters = tokio::task::JoinSet::new();
    for _ in 0..WAITERS {
        let (journal, pattern) = (journal.clone(), pattern.to_owned());
        waiters.spawn(async move {
            while begun.elapsed() < LASTS {
                let id = Uuid::now_v7();
                let payload = pattern.replace(ID, &id.to_string()).into_bytes();
                let stored = journal.submit_allow(id, payload, Level::Sync).await;
                stored.unwrap().1.close(Outcome::of(End::Complete));
            }
        });
    }
    waiters.join_all().await;
    let (state, tree) = (journal.state(), journal.tree());
    let took = begun.elapsed().as_secs_f64();
    println!(
        "  {what:11} {:>7.0} records/s   {:>5.0} syncs/s   {:>5.1} records a sync   \
         {:>6} behind in the tree   {:.2} processors",
        state.records as f64 / took,
        state.syncs as f64 / took,
        state.records as f64 / state.syncs as f64,
        state.next_seq - tree.signed,
        (cpu_s() - cpu) / took,
    );
    journal.close().await.unwrap();
}

/// The first decision of a history, its id put in by whoever uses it.
fn a_decision(folder: &Path) -> String {
    let mut records = read(folder).unwrap().map(Result::unwrap);
    let first = records.find(|record| {
        record.kind == Kind::Decision && contains(&record.payload, b"\"decision\":\"allow\"")
    });
    let text = String::from_utf8(first.unwrap().payload).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    text.replace(json["id"].as_str().unwrap(), ID)
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

fn bytes_of(folder: &Path) -> u64 {
    let listed = segment::list(folder).unwrap();
    listed
        .iter()
        .map(|(_, path)| path.metadata().unwrap().len())
        .sum()
}

fn memory_kb(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn cpu_s() -> f64 {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    at.tv_sec as f64 + at.tv_nsec as f64 / 1e9
}

const ID: &str = "00000000-0000-0000-0000-000000000000";

/// The kernel's disk, but that no sync returns sooner than so.
#[derive(Debug)]
struct SlowDisk(Duration);

impl Disk for SlowDisk {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        RealDisk.write_at(file, bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        let begun = Instant::now();
        RealDisk.sync_data(file)?;
        std::thread::sleep(self.0.saturating_sub(begun.elapsed()));
        Ok(())
    }

    fn sync_all(&self, file: &File) -> io::Result<()> {
        RealDisk.sync_all(file)
    }

    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        RealDisk.allocate(file, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.sync_folder(folder)
    }

    fn is_still(&self, file: &File, path: &Path, bytes: u64) -> io::Result<bool> {
        RealDisk.is_still(file, path, bytes)
    }
}
