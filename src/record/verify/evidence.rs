//! What an auditor brings along to hold a journal against.
//!
//! In: checkpoints that were kept elsewhere, keys that were written down, witnesses that are
//! trusted. Out: [`Evidence`].
//!
//! A policy of witnesses is a text of lines: `log VKEY`, `witness NAME VKEY`,
//! `group NAME any|all|K MEMBER...`, and one `quorum NAME` (or `quorum none`); `#` begins a comment.
//!
//! C2SP tlog-policy.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::record::checkpoint::Checkpoint;
use crate::record::signed_note::{KeyKind, SignedNote, Vkey};

/// What an auditor brings along.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Checkpoints that were kept elsewhere.
    pub held: Vec<Held>,
    /// Keys of the log that were written down.
    pub pinned: Vec<Vkey>,
    /// The witnesses that are trusted.
    pub policy: Option<Policy>,
    /// Where the tiles are; `tiles` in the journal's folder without.
    pub tiles: Option<PathBuf>,
}

/// A checkpoint that was kept elsewhere.
#[derive(Clone, Debug)]
pub struct Held {
    /// The file it is from.
    pub name: String,
    /// The note.
    pub note: SignedNote,
    /// What it says.
    pub checkpoint: Checkpoint,
}

/// Which witnesses must have cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The keys of the log.
    pub logs: Vec<Vkey>,
    members: Vec<(String, Member)>,
    quorum: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Member {
    Witness(Vkey),
    /// So many of those, which stand before it.
    Group(usize, Vec<usize>),
}

impl Held {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// A few words on what makes it no checkpoint.
    pub fn read(name: &str, text: &str) -> Result<Held, &'static str> {
        let (note, checkpoint) = Checkpoint::parse(text)?;
        Ok(Held {
            name: name.to_owned(),
            note,
            checkpoint,
        })
    }
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    ///
    /// The line and what is wrong with it.
    pub fn read(text: &str) -> Result<Policy, (usize, String)> {
        let mut policy = Policy {
            logs: Vec::new(),
            members: Vec::new(),
            quorum: None,
        };
        let mut is_said = false;
        let mut line = 0;
        for (at, written) in text.lines().enumerate() {
            line = at.saturating_add(1);
            let written = written.split('#').next().unwrap_or_default();
            let words: Vec<&str> = written.split_whitespace().collect();
            let read = match words.as_slice() {
                [] => Ok(()),
                ["log", vkey, ..] => Vkey::parse(vkey)
                    .map(|vkey| policy.logs.push(vkey))
                    .map_err(str::to_owned),
                ["witness", name, vkey, ..] => policy.witness(name, vkey),
                ["group", name, count, members @ ..] => policy.group(name, count, members),
                ["quorum", name] if !is_said => {
                    is_said = true;
                    policy.quorum(name)
                }
                _ => Err("neither log, witness, group nor the one quorum".to_owned()),
            };
            read.map_err(|what| (line, what))?;
        }
        match is_said {
            true => Ok(policy),
            false => Err((line, "no `quorum` says whose word is needed".to_owned())),
        }
    }

    /// The witnesses.
    pub fn witnesses(&self) -> impl Iterator<Item = &Vkey> {
        self.members.iter().filter_map(|(_, member)| match member {
            Member::Witness(vkey) => Some(vkey),
            Member::Group(..) => None,
        })
    }

    /// Whether these witnesses are enough.
    pub fn is_met_by(&self, signed: &[Vkey]) -> bool {
        let mut met: HashMap<usize, bool> = HashMap::new();
        for (at, (_, member)) in self.members.iter().enumerate() {
            let is_met = match member {
                Member::Witness(vkey) => signed.contains(vkey),
                Member::Group(count, of) => {
                    let have = of.iter().filter(|of| met.get(of) == Some(&true)).count();
                    have >= *count
                }
            };
            met.insert(at, is_met);
        }
        self.quorum
            .is_some_and(|quorum| met.get(&quorum) == Some(&true))
    }

    fn witness(&mut self, name: &str, vkey: &str) -> Result<(), String> {
        let vkey = Vkey::parse(vkey)?;
        if vkey.kind != KeyKind::Witness {
            return Err("this vkey is a log's, not a witness's".to_owned());
        }
        self.add(name, Member::Witness(vkey))
    }

    fn group(&mut self, name: &str, count: &str, members: &[&str]) -> Result<(), String> {
        let of = members
            .iter()
            .map(|member| self.find(member))
            .collect::<Result<Vec<_>, _>>()?;
        let count = match count {
            "all" => of.len(),
            "any" => 1,
            count => count.parse().unwrap_or(0),
        };
        if count == 0 || count > of.len() {
            return Err(format!(
                "`{name}` needs any, all or 1 to {} of its members",
                of.len()
            ));
        }
        self.add(name, Member::Group(count, of))
    }

    fn quorum(&mut self, name: &str) -> Result<(), String> {
        if name != "none" {
            self.quorum = Some(self.find(name)?);
        }
        Ok(())
    }

    fn add(&mut self, name: &str, member: Member) -> Result<(), String> {
        if name == "none" || self.find(name).is_ok() {
            return Err(format!("`{name}` is taken"));
        }
        self.members.push((name.to_owned(), member));
        Ok(())
    }

    fn find(&self, name: &str) -> Result<usize, String> {
        let found = self.members.iter().position(|(known, _)| known == name);
        found.ok_or_else(|| format!("no witness or group `{name}` stands before"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vkey(name: &str) -> Vkey {
        Vkey::new(name, KeyKind::Witness, [3; 32])
    }

    fn policy() -> String {
        format!(
            "log {}\nwitness a {}\nwitness b {}\nwitness c {}\n\
             group two 2 a b # of them\ngroup top all two c\nquorum top\n",
            Vkey::new("log", KeyKind::Log, [9; 32]),
            vkey("w.a"),
            vkey("w.b"),
            vkey("w.c")
        )
    }

    #[test]
    fn a_quorum_is_met_by_enough_of_the_right_ones() {
        let policy = Policy::read(&policy()).unwrap();
        let met = |names: &[&str]| {
            let signed: Vec<Vkey> = names.iter().map(|name| vkey(name)).collect();
            policy.is_met_by(&signed)
        };
        assert!(met(&["w.a", "w.b", "w.c"]));
        for few in [&["w.a", "w.b"][..], &["w.a", "w.c"], &["w.c"], &[]] {
            assert!(!met(few), "{few:?}");
        }
    }

    #[test]
    fn a_policy_that_cannot_be_meant_is_refused_with_its_line() {
        for (from, to, line) in [
            ("quorum top\n", "", 6),
            ("quorum top", "quorum tip", 7),
            ("group two 2 a b", "group two 3 a b", 5),
            ("group two 2 a b", "group two 0 a b", 5),
            ("group two 2 a b", "group two 2 a d", 5),
            ("witness b", "witness a", 3),
            ("witness c w", "witness c v", 4),
            ("quorum top\n", "quorum top\nquorum two\n", 8),
        ] {
            let changed = policy().replace(from, to);
            assert_eq!(Policy::read(&changed).unwrap_err().0, line, "{to}");
        }
    }
}
