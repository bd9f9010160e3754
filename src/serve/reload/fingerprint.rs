//! Tells whether any of a set of files changed.
//!
//! In: paths of files and folders. Out: a [`Fingerprint`] of names, sizes, inodes and times.
//!
//! Links are followed, so the swap of a mounted volume's link is seen. A file that cannot be read
//! counts as absent; the load that follows says what is wrong with it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a set of files looked like. Two equal ones mean: nothing was touched.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::serve) struct Fingerprint(Vec<Seen>);

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    path: PathBuf,
    inode: u64,
    bytes: u64,
    changed_s: i64,
    changed_ns: i64,
}

impl Fingerprint {
    /// Looks at every file, and into folders.
    pub(in crate::serve) fn of(paths: &[PathBuf]) -> Fingerprint {
        let mut seen = Vec::new();
        for path in paths {
            look(path, DEEPEST, &mut seen);
        }
        Fingerprint(seen)
    }
}

fn look(path: &Path, depth: usize, seen: &mut Vec<Seen>) {
    let Ok(meta) = std::fs::metadata(path) else {
        return;
    };
    if meta.is_dir() && depth > 0 {
        let Ok(entries) = std::fs::read_dir(path) else {
            return;
        };
        let mut inside: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        inside.sort();
        for path in inside {
            look(&path, depth - 1, seen);
        }
    } else {
        let (path, inode, bytes) = (path.to_owned(), meta.ino(), meta.len());
        seen.push(Seen {
            path,
            inode,
            bytes,
            changed_s: meta.ctime(),
            changed_ns: meta.ctime_nsec(),
        });
    }
}

/// Folders in folders: `policies/tests` is two deep, more would be a loop of links.
const DEEPEST: usize = 4;
