//! Another policy set than the one in the settings: of a folder, or of a revision in git.
//!
//! In: what was typed. Out: its [`Policies`], with the settings' catalogues and time zone.
//!
//! A word that is a folder is a folder; any other is a revision: `origin/main`, `HEAD~3`, a commit.
//! Git is asked what the policy folder held then, and its files are laid into a folder of their own
//! that is gone afterwards.
//!
//! Never: a change of the working tree or of git's index; a word that git would take for an option.

use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output};

use super::scratch::Scratch;
use super::trouble::Trouble;
use crate::authorize::Policies;
use crate::clock::Time;
use crate::config::Settings;
use crate::resolve::Catalogue;
use crate::setup_error::SetupError;

/// A set to compare with.
#[derive(Debug)]
pub(super) struct OtherSet {
    /// What decides in it; its cases are not run.
    pub(super) policies: Policies,
    /// The folder that its places lie in.
    pub(super) folder: PathBuf,
    /// What to call it.
    pub(super) name: String,
}

/// Loads what was typed: a folder or a revision.
pub(super) fn load(typed: &str, settings: &Settings, now: Time) -> Result<OtherSet, Trouble> {
    if Path::new(typed).is_dir() {
        let folder = PathBuf::from(typed);
        let policies = loaded(&folder, settings, now)?;
        return Ok(OtherSet {
            policies,
            folder,
            name: typed.to_owned(),
        });
    }
    let here = &settings.policies.folder;
    let commit = commit(typed, here)?;
    let scratch = laid_out(&commit, typed, here)?;
    let policies = loaded(scratch.path(), settings, now)?;
    let short = commit.get(..7).unwrap_or(&commit);
    Ok(OtherSet {
        policies,
        folder: scratch.path().to_owned(),
        name: format!("{typed} ({short})"),
    })
}

/// The commit that a revision is.
fn commit(typed: &str, here: &Path) -> Result<String, Trouble> {
    let peeled = format!("{typed}^{{commit}}");
    let asked = [
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &peeled,
    ];
    let output = git(here, &asked)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if let Some(line) = said.lines().find(|line| !line.trim().is_empty()) {
        let what = format!("git cannot read the repository: {}", line.trim());
        return Err(Trouble::Unknown(SetupError::in_file(here, what)));
    }
    let what = format!("`{typed}` is neither a folder nor a revision that git knows");
    let hint = "a branch of a remote must have been fetched: git fetch origin";
    Err(Trouble::input(SetupError::new(what).hint(hint)))
}

fn git(here: &Path, arguments: &[&str]) -> Result<Output, Trouble> {
    let mut command = Command::new("git");
    command.arg("-C").arg(here).args(arguments);
    command.env("LC_ALL", "C");
    command.output().map_err(|error| {
        let what = match error.kind() {
            std::io::ErrorKind::NotFound => "git is not installed here".to_owned(),
            _ => format!("git cannot be started: {error}"),
        };
        let hint = "compare with a folder instead: stile diff /path/to/policies";
        Trouble::Unknown(SetupError::new(what).hint(hint))
    })
}

/// The policy folder as it was at a commit.
fn laid_out(commit: &str, typed: &str, here: &Path) -> Result<Scratch, Trouble> {
    let listed = git(here, &["ls-tree", "-r", "-z", commit, "--", "."])?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let lines: Vec<&str> = listed.split('\0').filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        let what = format!("`{typed}` has no policy folder at this place");
        let hint = "compare with a folder instead: stile diff /path/to/policies";
        return Err(Trouble::input(SetupError::in_file(here, what).hint(hint)));
    }
    let scratch = Scratch::new()?;
    for line in lines {
        lay(&scratch, line, typed, here)?;
    }
    Ok(scratch)
}

/// One line of git's: mode, type, object, path.
fn lay(scratch: &Scratch, line: &str, typed: &str, here: &Path) -> Result<(), Trouble> {
    let (head, name) = line.split_once('\t').unwrap_or((line, ""));
    let mut words = head.split(' ');
    let (mode, _, object) = (words.next(), words.next(), words.next());
    let path = Path::new(name);
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let (Some("100644" | "100755"), Some(object), true) = (mode, object, plain) else {
        let what = format!("`{name}` of `{typed}` is no plain file");
        return Err(Trouble::input(SetupError::new(what)));
    };
    let output = git(here, &["cat-file", "blob", object])?;
    if !output.status.success() {
        let what = format!("git cannot read `{name}` of `{typed}`");
        return Err(Trouble::Unknown(SetupError::new(what)));
    }
    scratch.lay(path, &output.stdout)
}

/// A policy folder with the settings' catalogues and time zone; its cases are not run.
pub(super) fn loaded(folder: &Path, settings: &Settings, now: Time) -> Result<Policies, Trouble> {
    let mut of_policies = settings.policies.clone();
    let mut of_catalogue = settings.catalogue.clone();
    if let Ok(below) = of_catalogue.folder.strip_prefix(&of_policies.folder) {
        of_catalogue.folder = folder.join(below);
    }
    of_policies.folder = folder.to_owned();
    let catalogue = Catalogue::load(&of_catalogue)?;
    Ok(Policies::load_untested(
        &of_policies,
        catalogue.entries(),
        now,
    )?)
}
