//! Whatever is changed in a bundle is found and named, also by who makes the digests anew.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use stile::record::frame::{hex, sha256};

use super::bundle::{by_python, files};
use super::{Stand, checked};

type Files = BTreeMap<String, Vec<u8>>;

/// Writes a tar as stile does.
fn packed(files: &Files, path: &Path) {
    let mut out = Vec::new();
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        out.extend(header.as_bytes());
        out.extend(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.extend([0; 1024]);
    std::fs::write(path, out).unwrap();
}

/// The same files with all digests made anew, as a forger would.
fn digested(mut files: Files) -> Files {
    let text = files.get("MANIFEST.json").cloned().unwrap_or_default();
    if let Ok(mut manifest) = serde_json::from_slice::<Value>(&text) {
        let listed = files
            .iter()
            .filter(|(name, _)| *name != "MANIFEST.json" && *name != "SHA256SUMS");
        let said = listed.map(|(name, bytes)| {
            let digest = hex(&sha256(&[bytes]));
            let said = serde_json::json!({"bytes": bytes.len(), "sha256": digest});
            (name.clone(), said)
        });
        manifest["files"] = Value::Object(said.collect());
        let text = serde_json::to_string_pretty(&manifest).unwrap() + "\n";
        files.insert("MANIFEST.json".to_owned(), text.into_bytes());
    }
    if files.contains_key("SHA256SUMS") {
        let listed = files.iter().filter(|(name, _)| *name != "SHA256SUMS");
        let sums = listed.map(|(name, bytes)| format!("{}  {name}\n", hex(&sha256(&[bytes]))));
        files.insert(
            "SHA256SUMS".to_owned(),
            sums.collect::<String>().into_bytes(),
        );
    }
    files
}

/// One change of one file: what it is called, and the files after it.
fn changes(files: &Files, name: &str) -> Vec<(String, Files)> {
    let bytes = &files[name];
    let mut made: Vec<(String, Option<Vec<u8>>)> = Vec::new();
    let last = bytes.len() - 1;
    for at in [0, last / 7, last / 3, last / 2, last * 4 / 5, last] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        made.push((format!("byte {at} flipped"), Some(flipped)));
    }
    made.push(("removed".to_owned(), None));
    made.push(("emptied".to_owned(), Some(Vec::new())));
    made.push(("cut".to_owned(), Some(bytes[..last / 2].to_vec())));
    made.push(("its last byte cut".to_owned(), Some(bytes[..last].to_vec())));
    made.push((
        "doubled".to_owned(),
        Some([bytes.as_slice(), bytes].concat()),
    ));
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    if lines.len() > 3 && lines[1] != lines[2] {
        let fewer = [&lines[..1], &lines[2..]].concat().concat();
        made.push(("a line removed".to_owned(), Some(fewer)));
        let more = [&lines[..2], &lines[1..]].concat().concat();
        made.push(("a line doubled".to_owned(), Some(more)));
        lines.swap(1, 2);
        made.push(("lines swapped".to_owned(), Some(lines.concat())));
    }
    let after = |what: (String, Option<Vec<u8>>)| {
        let mut files = files.clone();
        files.remove(name);
        files.extend(what.1.map(|bytes| (name.to_owned(), bytes)));
        (format!("{name}: {}", what.0), files)
    };
    let mut all: Vec<(String, Files)> = made.into_iter().map(after).collect();
    let mut renamed = files.clone();
    let content = renamed.remove(name).unwrap();
    renamed.insert(format!("{name}.txt"), content);
    all.push((format!("{name}: renamed"), renamed));
    all
}

#[tokio::test]
async fn every_change_of_every_file_is_found_and_named() {
    let stand = Stand::of(21, 40).await;
    let (path, _) = stand.bundle("record:request", "q.tar").unwrap();
    let whole = files(&path);
    let changed = stand.path("changed.tar");
    packed(&whole, &changed);
    assert!(std::fs::read(&path).unwrap() == std::fs::read(&changed).unwrap());
    assert_eq!(checked(&changed, &[stand.key()]).fault_count, 0);
    let mut count = 0;
    for name in whole.keys() {
        for (what, files) in changes(&whole, name) {
            packed(&files, &changed);
            let found = checked(&changed, &[stand.key()]);
            let is_named = found.faults.iter().any(|fault| fault.starts_with(name));
            let of_sums = name == "SHA256SUMS" && found.fault_count > 0;
            assert!(is_named || of_sums, "{what}: {:?}", found.faults);
            count += 1;
        }
    }
    assert!(count > 150, "{count}");
}

#[tokio::test]
async fn a_forger_who_makes_the_digests_anew_is_found_too() {
    let stand = Stand::of(22, 40).await;
    let (path, _) = stand.bundle("record:request", "q.tar").unwrap();
    let whole = files(&path);
    let changed = stand.path("changed.tar");
    packed(&digested(whole.clone()), &changed);
    assert_eq!(
        checked(&changed, &[stand.key()]).faults,
        Vec::<String>::new()
    );
    for name in whole
        .keys()
        .filter(|name| *name != "SHA256SUMS" && *name != "MANIFEST.json")
    {
        for (what, files) in changes(&whole, name) {
            packed(&digested(files), &changed);
            let found = checked(&changed, &[stand.key()]);
            assert!(found.fault_count > 0, "{what}: {found:?}");
        }
    }
    let mut more = whole.clone();
    more.insert("zz-more.txt".to_owned(), b"more".to_vec());
    packed(&more, &changed);
    assert!(checked(&changed, &[]).faults[0].starts_with("zz-more.txt"));
}

#[tokio::test]
async fn every_member_of_the_manifest_is_held_against_the_rest() {
    let stand = Stand::of(23, 30).await;
    let (path, _) = stand.bundle("record:request", "q.tar").unwrap();
    let whole = files(&path);
    let manifest: Value = serde_json::from_slice(&whole["MANIFEST.json"]).unwrap();
    let changed = stand.path("changed.tar");
    let mut pointers = Vec::new();
    leaves(&manifest, String::new(), &mut pointers);
    let counted = pointers.iter().filter(|p| !p.starts_with("/files/"));
    // By another version's word its derived files are checked by digest alone, and that is said.
    for pointer in counted.filter(|p| *p != "/version") {
        let mut other = manifest.clone();
        let value = other.pointer_mut(pointer).unwrap();
        *value = match &value {
            Value::Number(number) => (number.as_u64().unwrap() + 1).into(),
            Value::String(text) => format!("{text}x").into(),
            other => panic!("{other}"),
        };
        let mut files = whole.clone();
        let text = serde_json::to_string_pretty(&other).unwrap() + "\n";
        files.insert("MANIFEST.json".to_owned(), text.into_bytes());
        packed(&digested(files), &changed);
        let found = checked(&changed, &[stand.key()]);
        assert!(found.fault_count > 0, "{pointer}");
    }
    assert!(pointers.len() > 30, "{pointers:?}");
}

fn leaves(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(inner, format!("{at}/{name}"), found);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                leaves(inner, format!("{at}/{index}"), found);
            }
        }
        _ => found.push(at),
    }
}

#[tokio::test]
async fn every_byte_of_a_head_in_the_tar_is_as_stile_writes_it() {
    let stand = Stand::of(24, 4).await;
    let (path, _) = stand.bundle("record:request", "q.tar").unwrap();
    let whole = std::fs::read(&path).unwrap();
    let changed = stand.path("changed.tar");
    for at in (0..512)
        .step_by(3)
        .chain((whole.len() - 1024..whole.len()).step_by(101))
    {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&changed, bytes).unwrap();
        assert!(
            checked(&changed, &[stand.key()]).fault_count > 0,
            "byte {at}"
        );
    }
    for cut in [1, 512, 700, 1024, 3000, whole.len()] {
        std::fs::write(&changed, &whole[..whole.len() - cut]).unwrap();
        assert!(checked(&changed, &[]).fault_count > 0, "{cut} cut");
    }
    std::fs::write(&changed, [whole.as_slice(), &[0]].concat()).unwrap();
    assert!(checked(&changed, &[]).fault_count > 0);
}

#[tokio::test]
async fn a_byte_changed_anywhere_is_found() {
    let stand = Stand::of(27, 12).await;
    let (path, _) = stand.bundle("record:request", "q.tar").unwrap();
    let whole = std::fs::read(&path).unwrap();
    let changed = stand.path("changed.tar");
    let mut dice = super::Dice::new(27);
    for _ in 0..150 {
        let at = usize::try_from(dice.below(whole.len() as u64)).unwrap();
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << dice.below(8);
        std::fs::write(&changed, bytes).unwrap();
        assert!(
            checked(&changed, &[stand.key()]).fault_count > 0,
            "byte {at}"
        );
    }
}

#[tokio::test]
async fn a_tree_signed_anew_by_another_key_is_found_by_who_knows_the_key() {
    use stile::record::signed_note::SigningKey;
    let stand = Stand::of(25, 40).await;
    let (path, _) = stand.bundle("record:request", "q.tar").unwrap();
    let mut files = files(&path);
    let note = String::from_utf8(files["keys/1.checkpoint"].clone()).unwrap();
    let text = &note[..note.rfind("\n\n").unwrap() + 1];
    let keys = [1, 2].map(|seed| SigningKey::of_seed(super::ORIGIN, [seed; 32].into()).unwrap());
    let signed = format!("{text}\n{}\n{}\n", keys[0].sign(text), keys[1].sign(text));
    let vkeys = format!("log {}\nepoch 1 {}\n", keys[0].vkey(), keys[1].vkey());
    files.insert("keys/1.checkpoint".to_owned(), signed.into_bytes());
    files.insert("keys/1.vkeys".to_owned(), vkeys.into_bytes());
    let changed = stand.path("changed.tar");
    packed(&digested(files), &changed);
    let found = checked(&changed, &[stand.key()]);
    assert_eq!(
        found.faults,
        ["keys/1.checkpoint: no key that was given with --vkey signed it"]
    );
    let found = checked(&changed, &[]);
    assert!(
        found
            .unproved
            .iter()
            .any(|what| what.contains("who signed the tree"))
    );
}

#[tokio::test]
async fn the_program_without_stile_finds_changes_too() {
    let stand = Stand::of(26, 50).await;
    let (path, _) = stand.bundle("record:request", "q.tar").unwrap();
    let whole = files(&path);
    let changed = stand.path("changed.tar");
    for name in [
        "data.jsonl",
        "leaves/1.txt",
        "proofs/1.txt",
        "keys/1.checkpoint",
    ] {
        for (what, files) in changes(&whole, name).into_iter().step_by(3) {
            packed(&digested(files), &changed);
            let Some((yes, said)) = by_python(&changed, Some(&stand.key().to_string())) else {
                return;
            };
            assert!(!yes, "{what}: {said}");
        }
    }
}
