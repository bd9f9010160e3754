//! Ends an epoch and begins the next.
//!
//! In: the age of the key, and how far the tree is. Out: the next of four steps, each of which may
//! be the last before a crash: [`Keys`](crate::record::epoch::Keys) says in which order.

use serde_json::Value;

use super::{Anchors, Beside, Fault, Note, Tree, said};

impl Tree {
    /// Does what is to do about the epoch now.
    pub(super) fn turn_epoch(&mut self, beside: &Beside, anchors: &Anchors) -> Result<(), Fault> {
        if self.keys.is_over() {
            self.named = None;
            self.keys.turn(&*self.disk).map_err(said)?;
            return self.sign(anchors);
        }
        let now = self.board.now();
        let is_old = now.ms_since(self.keys.born()) >= self.settings.epoch_ms;
        match self.named {
            None if is_old || self.keys.next_vkey().is_some() => self.name_next(beside),
            Some(seq) if seq < self.size() => {
                self.sign(anchors)?;
                let Some(last) = self.board.newest() else {
                    return Ok(());
                };
                let note = last.note.to_string();
                self.keys.keep_last(&*self.disk, &note).map_err(said)?;
                self.turn_epoch(beside, anchors)
            }
            _ => Ok(()),
        }
    }

    /// Makes the next key and names it in a record. A record that a crash kept us from hearing of
    /// was found while the tree was brought up to it.
    fn name_next(&mut self, beside: &Beside) -> Result<(), Fault> {
        if self.size() < beside.shared.durable_to() {
            return Ok(());
        }
        let now = self.board.now();
        self.keys.prepare(&*self.disk, now).map_err(said)?;
        let Some(vkey) = self.keys.next_vkey() else {
            return Ok(());
        };
        let detail = [
            ("epoch", Value::from(self.keys.number().saturating_add(1))),
            ("vkey", Value::from(vkey.to_string())),
        ];
        self.named = self.note(beside, Note::KeyRotate, &detail);
        Ok(())
    }
}

/// Whether a record is the one that names this key.
pub(super) fn names(payload: &[u8], vkey: Option<&str>) -> bool {
    vkey.is_some_and(|vkey| has(payload, Note::KeyRotate.word()) && has(payload, vkey))
}

fn has(payload: &[u8], word: &str) -> bool {
    let mut windows = payload.windows(word.len().max(1));
    windows.any(|window| window == word.as_bytes())
}
