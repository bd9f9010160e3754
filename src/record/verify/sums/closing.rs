//! Says what the records sum up to when all were read: keys, roots, witnesses, pinned keys.
//!
//! In: everything that was summed. Out: [`Sums`], and each break that they show.

use super::{Summing, Wanted, Whose, as_u64};
use crate::record::frame::{Digest, hex};
use crate::record::merkle::frontier_of;
use crate::record::signed_note::{SignedNote, Vkey};
use crate::record::verify::verification::{Break, HeldCheckpoint, Sums, Verification, Witnessed};

impl Summing<'_> {
    /// Everything was read.
    pub(in crate::record::verify) fn close(mut self, found: &mut Verification) {
        let mut sums = Sums {
            log_vkey: self.vkeys.log.as_ref().map(ToString::to_string),
            epochs: self.vkeys.epochs.len(),
            ..Sums::default()
        };
        if let Some(tree) = &self.tree {
            sums.size = tree.size();
            sums.root = hex(&tree.root());
        }
        if self.tree.is_none() && found.first_seq > 0 && found.break_count == 0 {
            let why = "the tiles that stand in for the records before these are not here";
            sums.missing.push(why.to_owned());
        }
        self.check_keys(&mut sums, found);
        self.check_roots(&mut sums, found);
        self.check_witnesses(&mut sums, found);
        self.check_pins(found);
        for fault in std::mem::take(&mut self.faults) {
            found.add_break(Break::of_signature(fault));
        }
        found.sums = sums;
    }

    /// Who signed which checkpoint, and whether each epoch ended as it should.
    fn check_keys(&mut self, sums: &mut Sums, found: &Verification) {
        let log = self.vkeys.log.clone();
        for wanted in &self.wanted {
            let (whose, checkpoint) = (wanted.whose.words(), &wanted.checkpoint);
            if checkpoint.origin != found.origin && !found.origin.is_empty() {
                self.faults.push(format!("{whose} is of another log"));
                continue;
            }
            if let Some(vkey) = &log
                && !matches!(wanted.note.signed_by(vkey), Ok(Some(_)))
                && !matches!(wanted.whose, Whose::Held(_))
            {
                self.faults
                    .push(format!("{whose} is not signed by the log's key"));
            }
            let by = self.epoch_of(&wanted.note);
            match wanted.whose {
                Whose::Own => sums.signed_in_epoch = by,
                Whose::Epoch(epoch) if by != Some(epoch) => {
                    let fault = format!("{whose} is not signed by that epoch's key");
                    self.faults.push(fault);
                }
                _ => {}
            }
        }
        let own = self.find(&Whose::Own).map(|own| own.checkpoint.size);
        let known = u64::try_from(self.vkeys.epochs.len()).unwrap_or(u64::MAX);
        if let (Some(size), Some(last)) = (own, known.checked_sub(1)) {
            sums.signed = Some(size);
            let by = sums.signed_in_epoch;
            let ended = self
                .find(&Whose::Epoch(last))
                .map(|end| end.checkpoint.size);
            if by != Some(known) && !(by == Some(last) && ended.is_some_and(|end| size <= end)) {
                let fault = "the newest checkpoint is not signed by the newest epoch's key";
                self.faults.push(fault.to_owned());
            }
        }
        if let Some(fault) = self.chain_fault(found.first_seq, sums) {
            self.faults.push(fault);
        }
    }

    /// Each epoch's key but the first is named by a record that the key before it signed for.
    fn chain_fault(&self, first_seq: u64, sums: &mut Sums) -> Option<String> {
        for (at, vkey) in self.vkeys.epochs.iter().enumerate().skip(1) {
            let (epoch, before) = (as_u64(at).saturating_add(1), as_u64(at));
            let Some(end) = self.find(&Whose::Epoch(before)) else {
                sums.missing
                    .push(format!("the last checkpoint of epoch {before} is not here"));
                continue;
            };
            let named = self.named.iter().find(|(_, of, _)| *of == epoch);
            match named {
                Some((_, _, named)) if *named != vkey.to_string() => {
                    return Some(format!(
                        "the key of epoch {epoch} is not the one that was named"
                    ));
                }
                Some((seq, ..)) if *seq >= end.checkpoint.size => {
                    return Some(format!(
                        "the key of epoch {epoch} was named behind the end of the one before"
                    ));
                }
                None if first_seq == 0 && sums.size >= end.checkpoint.size => {
                    return Some(format!("no record names the key of epoch {epoch}"));
                }
                _ => {}
            }
        }
        let known = as_u64(self.vkeys.epochs.len());
        // One key may be named already and not be in use yet.
        let stray = self
            .named
            .iter()
            .find(|(_, of, _)| *of > known.saturating_add(1));
        stray.map(|(seq, of, _)| {
            format!("record {seq} names a key of epoch {of}, which is not listed")
        })
    }

    fn check_roots(&mut self, sums: &mut Sums, found: &mut Verification) {
        let mut good = found.first_seq;
        let mut told = false;
        // Behind a break in the segments a sum that differs proves nothing of its own.
        let is_broken = found.break_count > 0;
        for wanted in &self.wanted {
            let size = wanted.checkpoint.size;
            let root = wanted.checkpoint.root;
            let is_held = matches!(wanted.whose, Whose::Held(_));
            let holds = wanted.computed.map(|computed| computed == root);
            if is_held {
                let is_listed = wanted.note.signatures.iter().any(|line| {
                    let listed = self.vkeys.log.iter().chain(&self.vkeys.epochs);
                    let mut known = listed.chain(&self.evidence.pinned);
                    known.any(|vkey| vkey.made(line))
                });
                let fault = match holds {
                    _ if wanted.checkpoint.origin != found.origin => Some("it is of another log"),
                    _ if !is_listed => Some("no key that is listed here signed it"),
                    Some(true) => None,
                    Some(false) => Some("the records are not the ones that it sums up"),
                    None if size > found.next_seq => Some("it covers records that are not here"),
                    None => Some("the records up to it cannot be summed up"),
                };
                let contradicts = fault.is_some() && !(holds.is_none() && self.tree.is_none());
                sums.held.push(HeldCheckpoint {
                    name: wanted.whose.words(),
                    size,
                    fault: fault.map(str::to_owned),
                    contradicts,
                });
            } else if holds.is_none() && size > found.next_seq {
                let last = size.saturating_sub(1);
                sums.missing.push(format!(
                    "records {} to {last} were signed ({}) and are not here",
                    found.next_seq,
                    wanted.whose.words()
                ));
            }
            match holds {
                Some(true) => {
                    good = size;
                    if is_held && self.vkeys_signed(&wanted.note) {
                        sums.outside(size, wanted.time, self.last_time);
                    }
                }
                // Where records are missing at the end, others may have been changed before.
                Some(false) | None if !told => {
                    let changed = self.first_changed(size, root);
                    told = holds == Some(false) || changed.is_some();
                    sums.first_changed = sums.first_changed.or(changed);
                    let fault = match changed {
                        Some(seq) => format!("record {seq} is not the one that was signed"),
                        None if holds.is_none() => continue,
                        None => {
                            let last = size.saturating_sub(1);
                            format!("one of the records {good} to {last} is not what was signed")
                        }
                    };
                    let seq = changed.unwrap_or(good);
                    let hashes = wanted.computed.map(|computed| (root, computed));
                    if !is_held && !is_broken {
                        found.add_break(Break::of_sum(seq, &wanted.whose.file(), fault, hashes));
                    }
                }
                _ => {}
            }
        }
    }

    /// The first record that is not what the tiles say, when the tiles say what was signed.
    fn first_changed(&self, size: u64, root: Digest) -> Option<u64> {
        let signed = frontier_of(&self.tiles, size).ok()?;
        let first = self.of_tiles.first_other?;
        (signed.root() == root && first < size).then_some(first)
    }

    fn check_witnesses(&mut self, sums: &mut Sums, found: &mut Verification) {
        let Some(policy) = &self.evidence.policy else {
            return;
        };
        for wanted in &self.wanted {
            if wanted.computed != Some(wanted.checkpoint.root) {
                continue;
            }
            let mut signed = Vec::new();
            let mut oldest = u64::MAX;
            for vkey in policy.witnesses() {
                match wanted.note.signed_by(vkey) {
                    Ok(Some(by)) => {
                        oldest = oldest.min(by.time_s.unwrap_or(0));
                        signed.push(vkey.clone());
                    }
                    Ok(None) => {}
                    Err(fault) => {
                        let whose = wanted.whose.words();
                        self.faults
                            .push(format!("{whose}, witness {}: {fault}", vkey.name));
                    }
                }
            }
            if policy.is_met_by(&signed)
                && sums
                    .witnessed
                    .as_ref()
                    .is_none_or(|w| w.size < wanted.checkpoint.size)
            {
                sums.outside(wanted.checkpoint.size, wanted.time, self.last_time);
                sums.witnessed = Some(Witnessed {
                    size: wanted.checkpoint.size,
                    time_s: oldest,
                    by: signed.iter().map(|vkey| vkey.name.clone()).collect(),
                });
            }
        }
        if sums.witnessed.is_none() {
            found.policy_unmet = true;
        }
    }

    /// The keys that the auditor wrote down must be in use here.
    fn check_pins(&mut self, found: &Verification) {
        let of_policy = self.evidence.policy.iter().flat_map(|policy| &policy.logs);
        for pinned in self.evidence.pinned.iter().chain(of_policy) {
            let mut listed = self.vkeys.log.iter().chain(&self.vkeys.epochs);
            if !listed.any(|vkey| vkey == pinned) {
                let fault = format!("the key {pinned} does not sign `{}`", found.origin);
                self.faults.push(fault);
            }
        }
    }

    fn vkeys_signed(&self, note: &SignedNote) -> bool {
        let listed = self.vkeys.log.iter().chain(&self.vkeys.epochs);
        let mut known = listed.chain(&self.evidence.pinned);
        known.any(|vkey| matches!(note.signed_by(vkey), Ok(Some(_))))
    }

    fn epoch_of(&self, note: &SignedNote) -> Option<u64> {
        let signed = |vkey: &Vkey| matches!(note.signed_by(vkey), Ok(Some(_)));
        let at = self.vkeys.epochs.iter().position(signed)?;
        Some(as_u64(at).saturating_add(1))
    }

    fn find(&self, whose: &Whose) -> Option<&Wanted> {
        self.wanted.iter().find(|wanted| wanted.whose == *whose)
    }
}
