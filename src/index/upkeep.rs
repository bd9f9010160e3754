//! Keeps the index up with the journal while stile serves.
//!
//! In: the journal's folder and where the index is. Out: an index that is a little behind, and how
//! far.
//!
//! One thread of its own, at the lowest priority: it shares nothing with requests but the disk. When
//! the database is away it tries again, later and later; an index file that makes no sense is set
//! aside and made anew.
//!
//! Never: an end of serving, or a wait in it, because of the index.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::fill::Filler;
use super::index_error::IndexError;
use super::store::Store;
use crate::database::DatabaseSettings;
use crate::record::{Progress, segment};
use crate::setup_error::SetupError;

/// The thread that keeps the index.
#[derive(Debug)]
pub struct Upkeep {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

/// How the index stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpkeepState {
    /// The first record that is not in the index yet.
    pub next_seq: u64,
    /// Why it is not filled at the moment.
    pub fault: Option<String>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    next_seq: AtomicU64,
    fault: Mutex<Option<String>>,
}

impl Upkeep {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn start(
        settings: DatabaseSettings,
        folder: PathBuf,
        origin: String,
    ) -> Result<Upkeep, SetupError> {
        let shared = Arc::new(Shared::default());
        let inside = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("index".to_owned())
            .spawn(move || {
                // Without the right to be last in line it is one thread among others.
                let _ = rustix::process::nice(LAST);
                inside.keep(&settings, &folder, &origin);
            })
            .map_err(|e| SetupError::new(format!("the index has no thread: {e}")))?;
        Ok(Upkeep { shared, thread })
    }

    /// How the index stands.
    pub fn state(&self) -> UpkeepState {
        UpkeepState {
            next_seq: self.shared.next_seq.load(Ordering::Relaxed),
            fault: self.shared.fault().clone(),
        }
    }

    /// Asks it to take over what is there now, and to end.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
    }

    /// Whether it has ended.
    pub fn is_stopped(&self) -> bool {
        self.thread.is_finished()
    }
}

impl Shared {
    fn keep(&self, settings: &DatabaseSettings, folder: &Path, origin: &str) {
        let mut patience = SHORT;
        loop {
            let ended = self.fill_until_stopped(settings, folder, origin, &mut patience);
            match ended {
                Ok(()) => return,
                Err(IndexError::Moved) => {}
                Err(fault) => {
                    tracing::warn!("the index is not being filled: {fault}");
                    set_aside(settings, &fault);
                    *self.fault() = Some(fault.to_string());
                    patience = patience.saturating_mul(2).min(LONG);
                }
            }
            std::thread::park_timeout(patience);
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    fn fill_until_stopped(
        &self,
        settings: &DatabaseSettings,
        folder: &Path,
        origin: &str,
        patience: &mut Duration,
    ) -> Result<(), IndexError> {
        let mut filler = Filler::open(Store::make(settings)?, folder, origin)?;
        loop {
            // Looked at before the pass: what was there when it was set is taken over.
            let stops = self.stop.load(Ordering::Relaxed);
            let taken = filler.pass(AT_ONCE)?;
            self.next_seq.store(filler.next_seq(), Ordering::Relaxed);
            *self.fault() = None;
            *patience = SHORT;
            if stops && taken < AT_ONCE {
                return Ok(());
            }
            if !stops && taken < AT_ONCE {
                std::thread::park_timeout(BETWEEN);
            }
        }
    }

    fn fault(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets a new file be made in the place of one that makes no sense.
fn set_aside(settings: &DatabaseSettings, fault: &IndexError) {
    if let (DatabaseSettings::File(file), IndexError::Damaged { .. }) = (settings, fault) {
        let mut aside = file.clone().into_os_string();
        aside.push(".damaged");
        // When it cannot be moved, the next try says so again.
        let _ = std::fs::rename(file, aside);
        for suffix in ["-wal", "-shm"] {
            let mut beside = file.clone().into_os_string();
            beside.push(suffix);
            let _ = std::fs::remove_file(beside);
        }
    }
}

/// Fills an index in the foreground.
#[derive(Debug)]
pub struct Fill {
    filler: Filler,
    folder: PathBuf,
}

/// Opens the index of a journal to be filled, made if it is missing. `anew` forgets what it has.
///
/// # Errors
///
/// As opening the database and reading the journal.
pub fn fill(
    settings: &DatabaseSettings,
    folder: &Path,
    origin: &str,
    anew: bool,
) -> Result<Fill, IndexError> {
    let mut store = match Store::make(settings) {
        Err(fault @ IndexError::Damaged { .. }) if anew => {
            set_aside(settings, &fault);
            Store::make(settings)?
        }
        made => made?,
    };
    if anew {
        store.clear(origin)?;
    }
    Ok(Fill {
        filler: Filler::open(store, folder, origin)?,
        folder: folder.to_owned(),
    })
}

impl Fill {
    /// Takes some records over; how many: 0 when it has all.
    ///
    /// # Errors
    ///
    /// As reading the journal and writing the database.
    pub fn some(&mut self) -> Result<usize, IndexError> {
        self.filler.pass(MANY_AT_ONCE)
    }

    /// The first record that is not in the index yet.
    pub fn next_seq(&self) -> u64 {
        self.filler.next_seq()
    }

    /// How far it is, by the segments it has behind it.
    pub fn progress(&self) -> Progress {
        let next_seq = self.next_seq();
        let listed = segment::list(&self.folder).unwrap_or_default();
        let sizes = listed
            .iter()
            .map(|(first, path)| (*first, segment::size_bytes(path).unwrap_or(0)));
        let behind = sizes
            .clone()
            .skip(1)
            .zip(sizes.clone())
            .filter(|((next, _), _)| *next <= next_seq);
        Progress {
            records: next_seq,
            bytes: behind.map(|(_, (_, bytes))| bytes).sum(),
            total_bytes: sizes.map(|(_, bytes)| bytes).sum(),
        }
    }
}

/// The nicest there is (nice(2)).
const LAST: i32 = 19;
const AT_ONCE: usize = 8_192;
const MANY_AT_ONCE: usize = 65_536;
const BETWEEN: Duration = Duration::from_millis(400);
const SHORT: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(30);
