//! Brings checkpoints to those who keep them outside.
//!
//! In: each checkpoint that was signed. Out: word on the [`Board`] of who has taken which, who did
//! not answer, and who holds another past.
//!
//! Each anchor has a thread of its own, so that one that hangs holds nobody up, and gets the newest
//! checkpoint there is, no more often than its settings say: only an anchor that lacks none of the
//! last is worth telling again, because a witness says with it that the log still lives.
//!
//! Never: a checkpoint taken back or replaced; a conflict that heals by itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::settings::{AnchorPlace, AnchorSettings, TreeSettings};
use super::signed_note::Signature;
use super::tiles::Tiles;
use super::tree::{Board, Published};

mod folder;
mod git;
mod held;
mod post;
mod witness;

use folder::FolderAnchor;
pub(super) use folder::held_in_folder;
use git::GitAnchor;
use witness::WitnessAnchor;

/// The threads of all anchors.
#[derive(Debug)]
pub(super) struct Anchors {
    lines: Vec<Sender<Arc<Published>>>,
    ended: Receiver<()>,
}

/// Somebody outside who keeps checkpoints.
trait Anchor: Send {
    /// Hands it a checkpoint; `known` is the size that it took last. Gives back its cosignature,
    /// where it makes one.
    fn keep(&mut self, known: u64, newest: &Published) -> Result<Option<Signature>, Missed>;

    /// Whether the same checkpoint is worth handing over again.
    fn says_the_time(&self) -> bool {
        false
    }
}

/// Why a checkpoint was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Missed {
    /// For now: it did not answer, or did not want it.
    Now(String),
    /// It holds a past that is not ours.
    Conflict(String),
}

impl Anchors {
    /// Sets a thread going for each.
    pub(super) fn start(
        settings: &TreeSettings,
        tiles: &Path,
        origin: &str,
        board: &Arc<Board>,
    ) -> Anchors {
        let (end, ended) = channel();
        let mut lines = Vec::new();
        for one in &settings.anchors {
            let (line, told) = channel();
            let thread = Line {
                name: one.name.clone(),
                every: Duration::from_millis(one.every_ms),
                anchor: made(one, tiles, origin),
                board: Arc::clone(board),
                tried: None,
                last: None,
            };
            let end = end.clone();
            let started = std::thread::Builder::new()
                .name(format!("anchor {}", one.name))
                .spawn(move || {
                    thread.run(&told);
                    drop(end);
                });
            match started {
                Ok(_) => lines.push(line),
                Err(fault) => board.missed(&one.name, format!("no thread can be had: {fault}")),
            }
        }
        Anchors { lines, ended }
    }

    /// There is a new checkpoint.
    pub(super) fn tell(&self, published: &Arc<Published>) {
        for line in &self.lines {
            // An anchor's thread that is gone has said why.
            let _ = line.send(Arc::clone(published));
        }
    }

    /// Lets each take the last one, for a few seconds.
    pub(super) fn finish(self) {
        drop(self.lines);
        // Every thread holds one end and never sends; when the last one is gone, this returns.
        let _ = self.ended.recv_timeout(LAST_ROUND);
    }
}

/// One anchor's thread.
struct Line {
    name: String,
    every: Duration,
    anchor: Result<Box<dyn Anchor>, String>,
    board: Arc<Board>,
    tried: Option<Instant>,
    last: Option<Arc<Published>>,
}

impl Line {
    fn run(mut self, told: &Receiver<Arc<Published>>) {
        let mut waiting: Option<Arc<Published>> = None;
        loop {
            let patience = match (&waiting, self.tried) {
                (Some(_), Some(tried)) => self.every.saturating_sub(tried.elapsed()),
                (Some(_), None) => Duration::ZERO,
                (None, _) => Duration::from_secs(3600),
            };
            let gone = match told.recv_timeout(patience) {
                Ok(newest) => {
                    waiting = Some(told.try_iter().last().unwrap_or(newest));
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            let due = self.tried.is_none_or(|tried| tried.elapsed() >= self.every);
            if let Some(newest) = waiting.take_if(|_| due || gone)
                && !self.hand_over(&newest)
            {
                waiting = Some(newest);
            }
            if gone {
                return;
            }
        }
    }

    /// Whether it needs not be tried again.
    fn hand_over(&mut self, newest: &Arc<Published>) -> bool {
        self.tried = Some(Instant::now());
        let anchor = match &mut self.anchor {
            Ok(anchor) => anchor,
            Err(fault) => {
                self.board.missed(&self.name, fault.clone());
                return false;
            }
        };
        let is_same = |last: &Arc<Published>| last.checkpoint == newest.checkpoint;
        if self.last.as_ref().is_some_and(is_same) && !anchor.says_the_time() {
            self.board.took(&self.name, newest);
            return true;
        }
        match anchor.keep(self.board.size_with(&self.name), newest) {
            Ok(cosignature) => {
                if let Some(cosignature) = cosignature {
                    self.board.cosigned(newest, cosignature);
                }
                self.board.took(&self.name, newest);
                self.last = Some(Arc::clone(newest));
                true
            }
            Err(Missed::Now(why)) => {
                self.board.missed(&self.name, why);
                false
            }
            Err(Missed::Conflict(why)) => {
                self.board.conflicts(&self.name, why);
                true
            }
        }
    }
}

fn made(one: &AnchorSettings, tiles: &Path, origin: &str) -> Result<Box<dyn Anchor>, String> {
    let tiles = Tiles::at(tiles);
    Ok(match &one.place {
        AnchorPlace::Witness { url, vkey, ca_file } => Box::new(WitnessAnchor::new(
            url,
            vkey.clone(),
            ca_file.as_deref(),
            tiles,
        )?),
        AnchorPlace::Git {
            folder,
            branch,
            remote,
        } => Box::new(GitAnchor::new(
            folder,
            branch,
            remote.as_deref(),
            origin,
            tiles,
        )),
        AnchorPlace::Folder { folder } => Box::new(FolderAnchor::new(folder, origin, tiles)),
    })
}

/// How long a stop waits for the last round.
const LAST_ROUND: Duration = Duration::from_secs(5);
