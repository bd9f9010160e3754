//! Sums the records up behind the requests' backs, and signs the sums.
//!
//! In: records that are on the disk already. Out: tiles, and a checkpoint over them: each second or
//! each 4096 records while there is something new, each minute when there is not, at the end.
//!
//! A thread of its own reads back from the segments what the writer says is synced, so that nothing
//! of it is on the way of a request. When it falls behind, checkpoints come later; nothing waits.
//! When its files cannot be written it says so and tries again: the records are safe without it.
//!
//! At the start the last checkpoint is held against the journal and the tiles: a journal with fewer
//! records than were signed is refused, tiles that do not sum up to what was signed are made again,
//! and when they still do not, nothing is signed any more.
//!
//! Never: signs a record that a power cut could take back; signs a past other than the one signed.
//!
//! C2SP tlog-checkpoint; C2SP tlog-tiles.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::anchor::Anchors;
use super::audit_record::Note;
use super::checkpoint::Checkpoint;
use super::disk::{Disk, put};
use super::epoch::Keys;
use super::frame::Digest;
use super::journal_error::JournalError;
use super::settings::{JournalSettings, TreeSettings};
use super::signed_note::SignedNote;
use super::tiles::TileWriter;
use super::writer::{Intake, Shared};

pub(super) mod board;
mod follow;
mod opening;
mod turning;

pub(super) use board::{Board, Published};
use follow::{Follow, Unread};

/// The one who sums up.
#[derive(Debug)]
pub(super) struct Tree {
    disk: Arc<dyn Disk>,
    journal: PathBuf,
    tiles: PathBuf,
    origin: String,
    settings: TreeSettings,
    keys: Keys,
    writer: TileWriter,
    follow: Follow,
    /// What was signed before, while the tiles have not reached it again.
    expected: Option<(u64, Digest)>,
    signed_at: Option<Instant>,
    /// The record that names the next key.
    named: Option<u64>,
    board: Arc<Board>,
}

/// The running thread.
#[derive(Debug)]
pub(super) struct Running {
    end: Sender<End>,
    thread: JoinHandle<()>,
}

/// How it should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With a last checkpoint.
    Signed,
    /// At once: the disk is not to be believed.
    Now,
}

/// What it needs of the journal that runs.
#[derive(Debug)]
struct Beside {
    shared: Arc<Shared>,
    intake: Weak<Intake>,
}

impl Tree {
    /// What others may look at.
    pub(super) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Sets it going beside an open journal.
    pub(super) fn start(
        self,
        shared: Arc<Shared>,
        intake: &Arc<Intake>,
    ) -> Result<Running, JournalError> {
        let beside = Beside {
            shared,
            intake: Arc::downgrade(intake),
        };
        let path = self.journal.clone();
        let (end, ends) = channel();
        let thread = std::thread::Builder::new()
            .name("tree".to_owned())
            .spawn(move || self.run(&beside, &ends))
            .map_err(|e| JournalError::io("start a thread for", &path, e))?;
        Ok(Running { end, thread })
    }

    fn run(mut self, beside: &Beside, ends: &Receiver<End>) {
        let anchors = Anchors::start(&self.settings, &self.tiles, &self.origin, &self.board);
        let mut failed: Option<Instant> = None;
        loop {
            let end = match ends.recv_timeout(LOOK_EVERY) {
                Ok(end) => Some(end),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(End::Now),
            };
            if end == Some(End::Now) {
                return;
            }
            let waits = failed.is_some_and(|at| at.elapsed() < TRY_AGAIN_AFTER);
            if end.is_none() && waits {
                continue;
            }
            let done = self.go_on(beside, end.is_some(), &anchors);
            failed = done.is_err().then(Instant::now);
            self.board.fault(done.err());
            if end.is_some() {
                anchors.finish();
                self.remember();
                return;
            }
        }
    }

    /// One look at what is new.
    fn go_on(&mut self, beside: &Beside, last: bool, anchors: &Anchors) -> Result<(), Fault> {
        let durable = beside.shared.durable_to();
        if last && durable.saturating_sub(self.size()) > MOST_AT_THE_END {
            return Err("it was stopped far behind; the next start goes on".to_owned());
        }
        self.integrate(durable, &beside.shared)?;
        if self.expected.is_some() {
            return Ok(());
        }
        if self.is_due(last) {
            self.sign(anchors)?;
        }
        if !last {
            self.turn_epoch(beside, anchors)?;
        }
        self.note_anchors(beside);
        self.remember();
        Ok(())
    }

    /// Takes in what is on the disk.
    fn integrate(&mut self, durable: u64, shared: &Shared) -> Result<(), Fault> {
        while self.size() < durable {
            let most = match self.expected {
                Some((size, _)) => durable.min(size),
                None => durable,
            };
            let next_vkey = self.keys.next_vkey().map(ToString::to_string);
            let (writer, named) = (&mut self.writer, &mut self.named);
            let fed = self.follow.feed(most, MOST_AT_ONCE, &mut |seq, payload| {
                writer.push(payload);
                if turning::names(payload, next_vkey.as_deref()) {
                    *named = Some(seq);
                }
            });
            match fed {
                Ok(()) => {}
                Err(Unread::Fault(fault)) => return Err(fault),
                Err(Unread::Lost(seq, fault)) => {
                    shared.is_lost(seq);
                    return Err(fault);
                }
            }
            if self.writer.waiting() >= MOST_WAITING {
                self.writer.flush(&*self.disk, false).map_err(said)?;
            }
            self.board.integrated(self.size());
            self.meet_expected()?;
        }
        Ok(())
    }

    /// The past that is read must be the past that was signed.
    fn meet_expected(&mut self) -> Result<(), Fault> {
        let Some((size, root)) = self.expected.filter(|(size, _)| *size == self.size()) else {
            return Ok(());
        };
        if self.writer.tree().root() != root {
            self.board.contradicted();
            return Err(format!(
                "the first {size} records are not those that were signed: see `stile audit verify`"
            ));
        }
        self.expected = None;
        Ok(())
    }

    fn is_due(&self, last: bool) -> bool {
        let signed = self.board.newest().map_or(0, |p| p.checkpoint.size);
        let new = self.size().saturating_sub(signed);
        let since = self.signed_at.map(|at| at.elapsed());
        let passed = |span| since.is_none_or(|since| since >= span);
        match new {
            0 => self.size() > 0 && passed(IDLE_EVERY),
            NEW_RECORDS.. => true,
            _ => last || passed(SIGN_EVERY),
        }
    }

    /// Signs the tree as it is now.
    fn sign(&mut self, anchors: &Anchors) -> Result<(), Fault> {
        self.writer.flush(&*self.disk, true).map_err(said)?;
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: self.size(),
            root: self.writer.tree().root(),
        };
        let text = checkpoint.text();
        let note = SignedNote {
            signatures: self.keys.sign(&text),
            text,
        };
        let written = note.to_string();
        for folder in [&self.journal, &self.tiles] {
            put(
                &*self.disk,
                &folder.join(CHECKPOINT),
                written.as_bytes(),
                0o644,
            )
            .map_err(said)?;
        }
        self.signed_at = Some(Instant::now());
        let published = Arc::new(Published {
            made: self.board.now(),
            checkpoint,
            note,
        });
        self.board.publish(&published);
        anchors.tell(&published);
        Ok(())
    }

    /// Writes down what the anchors came upon.
    fn note_anchors(&self, beside: &Beside) {
        for (note, name, why) in self.board.take_notes() {
            let detail = [("anchor", Value::from(name)), ("why", Value::from(why))];
            self.note(beside, note, &detail);
        }
    }

    /// Stores an event; `None` where the journal takes none now.
    fn note(&self, beside: &Beside, note: Note, detail: &[(&str, Value)]) -> Option<u64> {
        beside.intake.upgrade()?.note_blocking(note, detail)
    }

    /// Keeps on the disk who has taken what, and the newest checkpoint with its cosignatures; while
    /// it is the newest of all, it is the published one.
    fn remember(&self) {
        if let Some(note) = self.board.take_witnessed() {
            let newest = self.board.newest();
            let is_newest = newest.is_some_and(|newest| newest.note.text == note.text);
            let mut paths = vec![self.journal.join(WITNESSED)];
            if is_newest {
                paths.push(self.journal.join(CHECKPOINT));
                paths.push(self.tiles.join(CHECKPOINT));
            }
            let text = note.to_string();
            for path in paths {
                if let Err(fault) = put(&*self.disk, &path, text.as_bytes(), 0o644) {
                    tracing::warn!("{} cannot be written: {fault}", path.display());
                }
            }
        }
        let Some(text) = self.board.to_remember() else {
            return;
        };
        let path = self.journal.join(ANCHORED);
        if let Err(fault) = put(&*self.disk, &path, text.as_bytes(), 0o644) {
            tracing::warn!("{} cannot be written: {fault}", path.display());
        }
    }

    fn size(&self) -> u64 {
        self.writer.tree().size()
    }
}

impl Running {
    /// Ends it after a last checkpoint, or at once when the disk failed.
    pub(super) fn finish(self, poisoned: bool) {
        let end = if poisoned { End::Now } else { End::Signed };
        let _ = self.end.send(end);
        if self.thread.join().is_err() {
            tracing::error!("the tree's thread ended in a fault of ours");
        }
    }
}

/// The folder of the tiles.
pub(super) fn tiles_of(settings: &JournalSettings) -> PathBuf {
    match &settings.tree.tiles {
        Some(folder) => folder.clone(),
        None => settings.folder.join(TILES),
    }
}

/// Why it cannot go on at the moment, in words.
type Fault = String;

fn said(fault: impl std::fmt::Display) -> Fault {
    fault.to_string()
}

/// The newest checkpoint, in the journal's folder and in that of the tiles.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// The newest checkpoint that a witness cosigned.
pub(super) const WITNESSED: &str = "witnessed";
/// Who has taken what.
pub(super) const ANCHORED: &str = "anchored";
/// Where tiles are unless the settings say otherwise.
pub(super) const TILES: &str = "tiles";

const LOOK_EVERY: Duration = Duration::from_millis(100);
const SIGN_EVERY: Duration = Duration::from_secs(1);
const IDLE_EVERY: Duration = Duration::from_secs(60);
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
const NEW_RECORDS: u64 = 4096;
const MOST_AT_ONCE: usize = 4096;
/// Full tiles and bundles, about 100 KiB each pair.
const MOST_WAITING: usize = 128;
const MOST_AT_THE_END: u64 = 200_000;
