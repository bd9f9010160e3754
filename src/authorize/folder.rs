//! Reads the policy folder into memory once, so that what is checked is what is loaded.
//!
//! In: the folder's path. Out: a [`Folder`]: every file that decides, and one digest over them all.
//!
//! The digest is SHA-256 over names and bytes in the order of names, each with its length before it,
//! so that no two folders share one by moving bytes between files. The catalogue below
//! `operations/` counts too: an action that means something else is another policy set.
//!
//! Never: a file left out because its name is misspelt. Names that begin with a dot are skipped,
//! because editors and mounted volumes keep theirs there; any other stranger refuses the load.
//!
//! Too large, not text, not readable: a [`SetupError`] with the file's name.

use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use super::statements::place;
use crate::setup_error::{Code, SetupError};

/// What the folder held when it was read.
#[derive(Debug)]
pub(super) struct Folder {
    files: Vec<File>,
    digest: String,
}

/// One file of the folder.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// Its name below the folder: `rules/jobs.cedar`.
    pub(super) name: String,
    /// Where it is, for messages.
    pub(super) path: PathBuf,
    /// What it says.
    pub(super) text: String,
}

impl Folder {
    /// Reads everything that decides.
    pub(super) fn read(root: &Path) -> Result<Folder, Vec<SetupError>> {
        let mut found = Found::default();
        found.top(root);
        for (part, ending) in PARTS {
            found.part(root, part, ending);
        }
        if found.bytes > LARGEST_FOLDER {
            let fault = format!("the policies are larger than {LARGEST_FOLDER} bytes together");
            found
                .faults
                .push(SetupError::in_file(root, fault).coded(Code::TooLarge));
        }
        if !found.faults.is_empty() {
            return Err(found.faults);
        }
        found.files.sort_by(|a, b| a.name.cmp(&b.name));
        let digest = digest_of(&found.files);
        Ok(Folder {
            files: found.files,
            digest,
        })
    }

    /// `sha256:` and 64 hex digits.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// The file of this name, where there is one.
    pub(super) fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Puts the line of a file into each fault that has a place in it.
    pub(super) fn show(&self, faults: &mut [SetupError]) {
        for fault in faults {
            let path = fault.file.as_deref();
            if let Some(file) = path.and_then(|path| self.by_path(path)) {
                fault.show(&file.text);
            }
        }
    }

    /// The file that was read from there.
    pub(super) fn by_path(&self, path: &Path) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The files of one part, such as `rules`, by name.
    pub(super) fn part<'a>(&'a self, part: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| {
            file.name
                .strip_prefix(part)
                .is_some_and(|rest| rest.starts_with('/'))
        })
    }
}

#[derive(Default)]
struct Found {
    files: Vec<File>,
    faults: Vec<SetupError>,
    bytes: u64,
}

impl Found {
    fn top(&mut self, root: &Path) {
        for (name, path) in self.names(root) {
            if TOP.contains(&name.as_str()) {
                self.take(name, path);
            } else if path.is_dir() {
                let known = PARTS.iter().map(|(part, _)| *part);
                if !known.clone().any(|part| part == name) {
                    let fault = format!("`{name}` is no part of a policy folder");
                    let fault = SetupError::in_file(&path, fault).coded(Code::Stray);
                    self.faults.push(fault.did_you_mean(&name, known));
                }
            } else if !BYSTANDERS.contains(&name.as_str()) {
                let fault = format!("`{name}` is no file of a policy folder");
                let fault = SetupError::in_file(&path, fault).coded(Code::Stray);
                self.faults
                    .push(fault.did_you_mean(&name, TOP.iter().copied()));
            }
        }
    }

    fn part(&mut self, root: &Path, part: &str, ending: &str) {
        let folder = root.join(part);
        if !folder.is_dir() {
            return; // an absent part allows nothing and forbids nothing
        }
        for (name, path) in self.names(&folder) {
            let known = [ending, ".golden", ".md"];
            if name.ends_with(ending) && !path.is_dir() {
                self.take(format!("{part}/{name}"), path);
            } else if path.is_dir() || !known.iter().any(|ending| name.ends_with(ending)) {
                let fault = format!("`{part}/{name}` would be left out");
                let hint = format!("{part}/ holds files that end in {ending}, side by side");
                let fault = SetupError::in_file(&path, fault).coded(Code::Stray);
                self.faults.push(fault.hint(hint));
            }
        }
    }

    fn names(&mut self, folder: &Path) -> Vec<(String, PathBuf)> {
        let listing = match fs::read_dir(folder) {
            Ok(listing) => listing,
            Err(why) => {
                let fault = format!("the policy folder cannot be read: {why}");
                let fault = SetupError::in_file(folder, fault).coded(Code::Unreadable);
                self.faults.push(fault);
                return Vec::new();
            }
        };
        let mut names = Vec::new();
        for line in listing {
            match line {
                Ok(line) => {
                    let name = line.file_name().to_string_lossy().into_owned();
                    if !name.starts_with('.') {
                        names.push((name, line.path()));
                    }
                }
                Err(why) => {
                    let fault = format!("the policy folder cannot be read: {why}");
                    let fault = SetupError::in_file(folder, fault).coded(Code::Unreadable);
                    self.faults.push(fault);
                }
            }
        }
        names
    }

    fn take(&mut self, name: String, path: PathBuf) {
        match content(&path) {
            Ok(text) => {
                let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
                self.bytes = self.bytes.saturating_add(bytes);
                self.files.push(File { name, path, text });
            }
            Err(fault) => self.faults.push(fault),
        }
    }
}

/// What a file says; a pipe in its place would keep the reader for ever.
fn content(path: &Path) -> Result<String, SetupError> {
    let fault = |code, fault: String| SetupError::in_file(path, fault).coded(code);
    let unreadable =
        |why: std::io::Error| fault(Code::Unreadable, format!("cannot be read: {why}"));
    let about = fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err(fault(Code::Unreadable, "is no file".to_owned()));
    }
    if about.len() > LARGEST_FILE {
        let large = format!("larger than {LARGEST_FILE} bytes");
        return Err(fault(Code::TooLarge, large).hint("split it into several files"));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|why| {
        let before = why.utf8_error().valid_up_to();
        let text = why.as_bytes().get(..before).unwrap_or_default();
        let text = String::from_utf8_lossy(text);
        let (line, column) = place(&text, before);
        fault(Code::Unreadable, "a byte here is not UTF-8".to_owned())
            .at(line, column)
            .hint("save the file as UTF-8")
    })
}

fn digest_of(files: &[File]) -> String {
    let mut sum = digest::Context::new(&digest::SHA256);
    for file in files {
        for bytes in [file.name.as_bytes(), file.text.as_bytes()] {
            sum.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            sum.update(bytes);
        }
    }
    let mut text = String::from("sha256:");
    for byte in sum.finish().as_ref() {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

const TOP: &[&str] = &[
    "directory.yaml",
    "roles.yaml",
    "bindings.yaml",
    "invariants.yaml",
];
const BYSTANDERS: &[&str] = &["README.md", "stile.cedarschema", "CODEOWNERS"];
const PARTS: &[(&str, &str)] = &[
    ("rules", ".cedar"),
    ("guardrails", ".cedar"),
    ("tests", ".yaml"),
    ("operations", ".yaml"),
];
const LARGEST_FILE: u64 = 1 << 20;
const LARGEST_FOLDER: u64 = 8 << 20;
