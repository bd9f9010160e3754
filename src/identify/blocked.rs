//! Reads which keys the operator blocks.
//!
//! In: the file that `keys.blocked_file` names. Out: [`BlockedKeys`], or a [`SetupError`] at the
//! line.
//!
//! A key is blocked by the name of its issuer and its key id: another issuer's key of the same id
//! is another key. Each entry says why and since when, for who finds it years later. The list is
//! written anew whole by `stile keys block`; by hand works too.
//!
//! Never: takes a missing file for an empty list, or passes over an issuer that is not set: a block
//! with a typo in it would protect nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::setup_error::SetupError;

/// One blocked key as written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockedKey {
    /// The name of its issuer in `stile.yaml`.
    pub issuer: String,
    /// Its key id.
    pub kid: String,
    /// Why, in a few words.
    pub why: String,
    /// Since when (RFC 3339).
    pub since: String,
}

/// All blocked keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockedKeys {
    list: Vec<BlockedKey>,
}

impl BlockedKeys {
    /// Reads the file; `issuers` are the names that may stand in it.
    ///
    /// # Errors
    /// What is wrong with it, first fault first.
    pub fn read<'i>(
        file: &Path,
        issuers: impl IntoIterator<Item = &'i str>,
    ) -> Result<BlockedKeys, SetupError> {
        let issuers: Vec<&str> = issuers.into_iter().collect();
        let text = read_text(file)?;
        let mut list = Vec::new();
        for entry in parsed(file, &text)? {
            let place = entry.referenced;
            let fault = |what: String| placed(SetupError::in_file(file, what), &place);
            let entry = entry.value;
            if !issuers.contains(&entry.issuer.as_str()) {
                let what = format!("no issuer is named `{}`", entry.issuer.escape_debug());
                return Err(fault(what).did_you_mean(&entry.issuer, issuers.iter().copied()));
            }
            if entry.kid.is_empty() {
                return Err(fault("the key id is empty".to_owned())
                    .hint("`stile keys` lists the key ids of each issuer"));
            }
            list.push(entry);
        }
        Ok(BlockedKeys { list })
    }

    /// The entries, in the order of the file.
    pub fn list(&self) -> &[BlockedKey] {
        &self.list
    }

    /// Blocks one more key; false when it is blocked already.
    pub fn add(&mut self, key: BlockedKey) -> bool {
        let there = self.holds(&key.issuer, &key.kid);
        if !there {
            self.list.push(key);
        }
        !there
    }

    /// Takes a block back; false when there was none.
    pub fn remove(&mut self, issuer: &str, kid: &str) -> bool {
        let there = self.holds(issuer, kid);
        self.list
            .retain(|key| key.issuer != issuer || key.kid != kid);
        there
    }

    /// The file's text, which reads back to the same list.
    pub fn to_yaml(&self) -> String {
        if self.list.is_empty() {
            return format!("{HEAD}[]\n");
        }
        // A text of JSON is a text of YAML, so that no key id is ever read as a number.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let entry = |key: &BlockedKey| {
            format!(
                "- issuer: {}\n  kid: {}\n  why: {}\n  since: {}\n",
                quoted(&key.issuer),
                quoted(&key.kid),
                quoted(&key.why),
                quoted(&key.since)
            )
        };
        let body: String = self.list.iter().map(entry).collect();
        format!("{HEAD}{body}")
    }

    /// The ids by issuer.
    pub(super) fn by_issuer(&self) -> BTreeMap<&str, Arc<BTreeSet<String>>> {
        let mut sets: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for key in &self.list {
            let set = sets.entry(key.issuer.as_str()).or_default();
            set.insert(key.kid.clone());
        }
        let shared = sets.into_iter().map(|(name, set)| (name, Arc::new(set)));
        shared.collect()
    }

    fn holds(&self, issuer: &str, kid: &str) -> bool {
        let same = |key: &BlockedKey| key.issuer == issuer && key.kid == kid;
        self.list.iter().any(same)
    }
}

fn read_text(file: &Path) -> Result<String, SetupError> {
    let mut text = String::new();
    let read = std::fs::File::open(file)
        .and_then(|open| open.take(LARGEST_BYTES + 1).read_to_string(&mut text));
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let fault = SetupError::in_file(file, "the list of blocked keys is not there");
            Err(fault.hint("write `[]` into it; whoever removed it took every block back"))
        }
        Err(error) => {
            let said = error.to_string().to_lowercase();
            let what = format!("the list of blocked keys cannot be read: {said}");
            Err(SetupError::in_file(file, what).hint("it must be YAML that this user may read"))
        }
        Ok(bytes) if bytes as u64 > LARGEST_BYTES => {
            let fault = SetupError::in_file(file, "the list of blocked keys is over 1 MiB");
            Err(fault.hint("is this the right file? remove keys that are long gone"))
        }
        Ok(_) => Ok(text),
    }
}

fn parsed(file: &Path, text: &str) -> Result<Vec<Spanned<BlockedKey>>, SetupError> {
    let spoken = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    if !text.lines().any(spoken) {
        // Cut off or emptied by accident looks like this, and would block nothing.
        let fault = SetupError::in_file(file, "the list of blocked keys is empty");
        return Err(fault.hint("write `[]` where nothing is blocked"));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 8, max_aliases: 0, max_nodes: 100_000 },
        with_snippet: false,
        strict_booleans: true,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|why| {
        let said = why.without_snippet().to_string();
        let said = said.lines().next().unwrap_or("not well-formed YAML");
        let fault = SetupError::in_file(file, format!("the list of blocked keys: {said}"))
            .hint("each entry has `issuer`, `kid`, `why` and `since`, all of them texts");
        match why.location() {
            Some(place) => placed(fault, &place),
            None => fault,
        }
    })
}

fn placed(fault: SetupError, place: &serde_saphyr::Location) -> SetupError {
    match (
        usize::try_from(place.line()),
        usize::try_from(place.column()),
    ) {
        (Ok(line), Ok(column)) if line > 0 => fault.at(line, column),
        _ => fault,
    }
}

const LARGEST_BYTES: u64 = 1 << 20;
const HEAD: &str = "\
# Keys that verify no token, whatever their issuer says. Written by `stile keys block`; obeyed within
# a second. The file must stay: where nothing is blocked it says `[]`.
";
