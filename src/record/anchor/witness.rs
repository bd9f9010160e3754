//! Asks a witness to cosign, and shows it that nothing it saw before was changed.
//!
//! In: checkpoints. Out: the witness's cosignature, checked; or a conflict when it has seen more
//! than there is, or another past.
//!
//! The size that the witness saw last is what it took last; when it says another (409), it is asked
//! again from that one, once.
//!
//! C2SP tlog-witness; C2SP tlog-cosignature.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::post::Poster;
use super::{Anchor, Missed, Published};
use crate::record::merkle::consistency;
use crate::record::signed_note::{Signature, SignedNote, Vkey};
use crate::record::tiles::Tiles;

/// One witness.
#[derive(Debug)]
pub(super) struct WitnessAnchor {
    poster: Poster,
    vkey: Vkey,
    tiles: Tiles,
}

impl WitnessAnchor {
    pub(super) fn new(
        url: &str,
        vkey: Vkey,
        ca_file: Option<&Path>,
        tiles: Tiles,
    ) -> Result<WitnessAnchor, String> {
        Ok(WitnessAnchor {
            poster: Poster::new(&format!("{url}/add-checkpoint"), ca_file)?,
            vkey,
            tiles,
        })
    }

    /// What is posted: the size it saw, the proof from there, the checkpoint.
    fn body(&self, from: u64, newest: &Published) -> Result<String, Missed> {
        let proof = consistency(&self.tiles, from, newest.checkpoint.size)
            .map_err(|fault| Missed::Now(format!("the tiles cannot be read: {fault}")))?;
        let mut body = format!("old {from}\n");
        for hash in proof {
            body += &STANDARD.encode(hash);
            body.push('\n');
        }
        Ok(format!("{body}\n{}", newest.note))
    }

    /// The line of this witness in its answer, when it holds.
    fn cosignature(&self, text: &str, newest: &Published) -> Result<Signature, Missed> {
        let lines = text.lines().filter_map(|line| Signature::parse(line).ok());
        let note = SignedNote {
            text: newest.note.text.clone(),
            signatures: lines.collect(),
        };
        match note.signed_by(&self.vkey) {
            Ok(Some(_)) => {}
            Ok(None) => return now("its answer has no signature of the vkey in the settings"),
            Err(fault) => return now(fault),
        }
        let ours = note.signatures.into_iter();
        let mut ours = ours.filter(|line| self.vkey.made(line));
        ours.next().map_or_else(|| now("its answer is empty"), Ok)
    }
}

impl Anchor for WitnessAnchor {
    fn keep(&mut self, known: u64, newest: &Published) -> Result<Option<Signature>, Missed> {
        let size = newest.checkpoint.size;
        let mut from = known.min(size);
        for attempt in 0..2 {
            let body = self.body(from, newest)?;
            let (status, text) = self.poster.post(body).map_err(Missed::Now)?;
            match status {
                200 => return self.cosignature(&text, newest).map(Some),
                409 => {
                    let Ok(theirs) = text.trim().parse::<u64>() else {
                        return now("it answered 409 without the size it saw");
                    };
                    if theirs > size {
                        let why = format!(
                            "it has seen {theirs} records and there are {size}: an end is missing here"
                        );
                        return Err(Missed::Conflict(why));
                    }
                    if theirs == from && theirs == size {
                        let why = format!("it has seen another past of {size} records");
                        return Err(Missed::Conflict(why));
                    }
                    if attempt > 0 {
                        return now("somebody else shows it checkpoints of this log meanwhile");
                    }
                    from = theirs;
                }
                422 => {
                    let why = format!("its first {from} records are not ours");
                    return Err(Missed::Conflict(why));
                }
                404 => return now("it does not know this log: give it the origin and `log` vkey"),
                403 => return now("it knows other keys of this log: give it the `log` vkey"),
                other => return now(&format!("it answered {other}")),
            }
        }
        now("it did not say from where")
    }

    fn says_the_time(&self) -> bool {
        true
    }
}

fn now<T>(why: &str) -> Result<T, Missed> {
    Err(Missed::Now(why.to_owned()))
}
