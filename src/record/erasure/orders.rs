//! Hands an erasure or a hold to the process that has the journal open.
//!
//! In: an [`Order`]. Out: a file in `orders/` beside the segments, which that process carries out
//! on a thread of its own and answers with another file; who asked takes the answer away.
//!
//! An order names records by number, so that no name of a person is left in the folder.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Eraser, Erasure, Lifting, Means};
use crate::record::disk::{RealDisk, put};
use crate::record::hold::Hold;
use crate::record::journal_error::JournalError;
use crate::record::prune::Pruning;
use crate::record::ranges::Ranges;
use crate::record::writer::Intake;

/// What the process is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// An erasure.
    Erase(Erasure),
    /// A hold.
    Hold(Hold),
    /// The end of one.
    Lift(Lifting),
    /// The oldest segments taken away.
    Prune(Pruning),
}

/// What came of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Done {
    /// How many records were erased or taken away.
    pub records: u64,
    /// The event that says that it is done.
    pub event: u64,
}

/// An order that was left for the process.
#[derive(Debug)]
pub struct Ordered {
    order: PathBuf,
    answer: PathBuf,
}

/// An order as it lies in its file.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Erase {
        seqs: String,
        records: u64,
        word: Word,
    },
    Hold {
        from_ms: u64,
        to_ms: Option<u64>,
        word: Word,
    },
    Lift {
        of: u64,
        word: Word,
    },
    Prune(Pruning),
}

#[derive(Deserialize, Serialize)]
struct Word {
    authority: String,
    by: String,
    reason: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(Done),
    Refused { fault: String },
}

impl Order {
    /// Does it, in a journal that is open. Waits: not for a thread that serves requests.
    ///
    /// # Errors
    ///
    /// As [`Eraser::erase`], [`Eraser::hold`], [`Eraser::lift`] and [`Eraser::prune`].
    pub fn carry_out(&self, eraser: &Eraser) -> Result<Done, JournalError> {
        let noted = |event| Done { records: 0, event };
        match self {
            Order::Erase(erasure) => eraser.erase(erasure).map(|erased| Done {
                records: erased.records,
                event: erased.done_at,
            }),
            Order::Hold(hold) => eraser.hold(hold).map(noted),
            Order::Lift(lifting) => eraser.lift(lifting).map(noted),
            Order::Prune(pruning) => eraser.prune(pruning).map(|pruned| Done {
                records: pruned.records,
                event: pruned.done_at,
            }),
        }
    }

    fn written(&self) -> Written {
        let word = |authority: &str, by: &str, reason: &str| Word {
            authority: authority.to_owned(),
            by: by.to_owned(),
            reason: reason.to_owned(),
        };
        match self {
            Order::Erase(of) => Written::Erase {
                seqs: of.seqs.to_string(),
                records: of.records,
                word: word(&of.authority, &of.by, &of.reason),
            },
            Order::Hold(of) => Written::Hold {
                from_ms: of.from_ms,
                to_ms: of.to_ms,
                word: word(&of.authority, &of.by, &of.reason),
            },
            Order::Lift(of) => Written::Lift {
                of: of.of,
                word: word(&of.authority, &of.by, &of.reason),
            },
            Order::Prune(pruning) => Written::Prune(pruning.clone()),
        }
    }

    fn read(text: &[u8]) -> Result<Order, String> {
        let written: Written = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        Ok(match written {
            Written::Erase {
                seqs,
                records,
                word,
            } => Order::Erase(Erasure {
                seqs: Ranges::parse(&seqs).ok_or("it does not say which records")?,
                records,
                reason: word.reason,
                authority: word.authority,
                by: word.by,
            }),
            Written::Hold {
                from_ms,
                to_ms,
                word,
            } => Order::Hold(Hold {
                id: 0,
                from_ms,
                to_ms,
                reason: word.reason,
                authority: word.authority,
                by: word.by,
            }),
            Written::Prune(pruning) => Order::Prune(pruning),
            Written::Lift { of, word } => Order::Lift(Lifting {
                of,
                reason: word.reason,
                authority: word.authority,
                by: word.by,
            }),
        })
    }
}

impl Ordered {
    /// Leaves an order.
    ///
    /// # Errors
    ///
    /// As writing the folder.
    pub fn leave(folder: &Path, order: &Order) -> Result<Ordered, JournalError> {
        let orders = folder.join(FOLDER);
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&orders);
        made.map_err(|e| JournalError::io("make", &orders, e))?;
        let name = Uuid::now_v7();
        let path = orders.join(format!("{name}.{ORDER}"));
        let text = serde_json::to_vec(&order.written()).unwrap_or_default();
        put(&RealDisk, &path, &text, 0o600).map_err(|e| JournalError::io("write", &path, e))?;
        Ok(Ordered {
            answer: orders.join(format!("{name}.{ANSWER}")),
            order: path,
        })
    }

    /// The answer, where it is there.
    ///
    /// # Errors
    ///
    /// What the process said instead, or why its answer cannot be read.
    pub fn answered(&self) -> Result<Option<Done>, JournalError> {
        let text = match fs::read(&self.answer) {
            Ok(text) => text,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(fault) => return Err(JournalError::io("read", &self.answer, fault)),
        };
        let _ = fs::remove_file(&self.answer);
        match serde_json::from_slice(&text) {
            Ok(Answer::Done(done)) => Ok(Some(done)),
            Ok(Answer::Refused { fault }) => Err(JournalError::refused(&self.order, fault)),
            Err(fault) => Err(JournalError::refused(&self.answer, fault.to_string())),
        }
    }

    /// Takes the order back; `false` where the process has it already.
    pub fn take_back(&self) -> bool {
        fs::remove_file(&self.order).is_ok()
    }
}

/// Carries orders out until the journal is closed.
pub(in crate::record) fn serve(intake: &Arc<Intake>, means: Means) -> io::Result<()> {
    let intake = Arc::downgrade(intake);
    std::thread::Builder::new()
        .name("erasures".to_owned())
        .spawn(move || {
            while look(&intake, &means) {
                std::thread::sleep(BETWEEN_LOOKS);
            }
        })
        .map(drop)
}

/// Carries out what is there; whether to go on.
fn look(intake: &Weak<Intake>, means: &Means) -> bool {
    let Some(intake) = intake.upgrade().filter(|intake| intake.is_open()) else {
        return false;
    };
    let listed = fs::read_dir(means.folder.join(FOLDER))
        .into_iter()
        .flatten();
    let mut orders: Vec<PathBuf> = listed
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == ORDER))
        .collect();
    orders.sort();
    if orders.is_empty() {
        return true;
    }
    let means = means.clone();
    let eraser = Eraser { intake, means };
    for path in orders {
        let answer = match carry_out(&eraser, &path) {
            Ok(done) => Answer::Done(done),
            Err(fault) => Answer::Refused {
                fault: fault.to_string(),
            },
        };
        let text = serde_json::to_vec(&answer).unwrap_or_default();
        // Where it cannot be written, who asked sees that the order is gone and finds the events.
        let _ = put(&RealDisk, &path.with_extension(ANSWER), &text, 0o600);
    }
    true
}

fn carry_out(eraser: &Eraser, path: &Path) -> Result<Done, JournalError> {
    let text = fs::read(path).map_err(|e| JournalError::io("read", path, e))?;
    // Gone before it is begun: what it announces is completed by the next start, not by it.
    fs::remove_file(path).map_err(|e| JournalError::io("take", path, e))?;
    let order = Order::read(&text).map_err(|fault| JournalError::refused(path, fault))?;
    order.carry_out(eraser)
}

const FOLDER: &str = "orders";
const ORDER: &str = "order";
const ANSWER: &str = "answer";
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
