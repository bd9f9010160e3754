//! Holds checkpoints of a bundle against keys.
//!
//! In: a checkpoint, the keys that the bundle lists, what its reader knows from elsewhere. Out: who
//! signed it, and who vouches for it.

use std::io;

use super::files::text;
use super::journal::Journal;
use super::{Bundle, Checked};
use crate::export::bundle::{checkpoint_of, vkeys_of};
use crate::record::checkpoint::Checkpoint;
use crate::record::signed_note::SignedNote;
use crate::record::{Evidence, Vkey};

/// Whether the keys of the bundle signed the checkpoint.
pub(super) fn signed(
    bundle: &Bundle<'_>,
    journal: &Journal,
    note: &SignedNote,
    found: &mut Checked,
) -> io::Result<()> {
    let (name, of_keys) = (checkpoint_of(journal.number), vkeys_of(journal.number));
    let text = text(bundle, &of_keys, found)?;
    let mut epochs = Vec::new();
    let mut log = None;
    for (at, line) in text.lines().enumerate() {
        let next = format!("epoch {} ", epochs.len().saturating_add(1));
        let key = match (line.strip_prefix("log "), line.strip_prefix(&next)) {
            (Some(vkey), _) if at == 0 => Vkey::parse(vkey).map(|vkey| log = Some(vkey)),
            (_, Some(vkey)) => Vkey::parse(vkey).map(|vkey| epochs.push(vkey)),
            _ => Err("neither `log VKEY` nor the next `epoch N VKEY`"),
        };
        if let Err(fault) = key {
            found.fault(&of_keys, format!("line {}: {fault}", at.saturating_add(1)));
        }
    }
    let listed = epochs.iter().enumerate();
    let listed = listed.map(|(at, vkey)| format!("epoch {} {vkey}\n", at.saturating_add(1)));
    let listed: String = listed.collect();
    let written = log.iter().map(|vkey| format!("log {vkey}\n{listed}"));
    if !written.into_iter().any(|written| written == text) {
        found.fault(&of_keys, "it is not written as stile writes it");
    }
    let made = |vkey: &Vkey| note.signed_by(vkey);
    match log.as_ref().map(made) {
        Some(Ok(Some(_))) => {}
        Some(Err(fault)) => found.fault(&name, fault),
        _ => found.fault(
            &name,
            format!("the log's key in `{of_keys}` did not sign it"),
        ),
    }
    let by = epochs
        .iter()
        .rposition(|vkey| matches!(made(vkey), Ok(Some(_))));
    let Some(by) = by else {
        found.fault(&name, format!("no epoch's key in `{of_keys}` signed it"));
        return Ok(());
    };
    let epoch = by.saturating_add(1);
    let named = |vkey: &Vkey| {
        let vkey = vkey.to_string();
        journal.rotations.iter().any(|(_, named)| *named == vkey)
    };
    if epoch > 1 && !epochs.get(by).is_some_and(named) {
        found.unproved(format!(
            "that the key of epoch {epoch} was named by the one before"
        ));
    }
    Ok(())
}

/// Whether somebody outside vouches for the checkpoint.
pub(super) fn vouched(
    journal: &Journal,
    note: &SignedNote,
    checkpoint: &Checkpoint,
    evidence: &Evidence,
    found: &mut Checked,
) {
    let name = checkpoint_of(journal.number);
    let by = |vkey: &&Vkey| matches!(note.signed_by(vkey), Ok(Some(_)));
    match evidence.pinned.iter().find(by) {
        Some(vkey) => found.proved(format!(
            "the tree of `{}` is signed by the key that you know: {vkey}",
            journal.origin
        )),
        None if evidence.pinned.is_empty() => found.unproved(format!(
            "who signed the tree of `{}`: no key was brought from outside (--vkey)",
            journal.origin
        )),
        None => found.fault(&name, "no key that was given with --vkey signed it"),
    }
    for held in evidence
        .held
        .iter()
        .filter(|h| h.checkpoint.origin == journal.origin)
    {
        let of_held = &held.checkpoint;
        match (of_held.size == checkpoint.size, of_held.root == checkpoint.root) {
            (true, true) => found.proved(format!("`{}` is the same tree", held.name)),
            (true, false) => found.fault(&name, format!("`{}` is of another tree", held.name)),
            (false, _) => found.unproved(format!(
                "that the tree of `{}` and this one are of one log: they have other sizes, and a bundle proves no growth",
                held.name
            )),
        }
    }
    if let Some(policy) = &evidence.policy {
        let cosigned: Vec<Vkey> = policy.witnesses().filter(|v| by(v)).cloned().collect();
        match policy.is_met_by(&cosigned) {
            true => found.proved("enough of the trusted witnesses cosigned it"),
            false => found.fault(&name, "too few of the trusted witnesses cosigned it"),
        }
    }
}
